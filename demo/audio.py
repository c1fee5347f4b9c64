"""A speech model learns to read Morse code, is saved, and writes down a WAV file. Run it with ``make demo``."""

import morse
import numpy as np
import soundfile
import torch
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.rule import Rule
from tour import OUTPUT, archsmith, work_folder

from archsmith import AutoModelForCTC, AutoProcessor

LETTERS = "ETAOINSR"
SENTENCES = ("ART IN A STATION", "NO SONATA IN ASIA", "TRAINS ARE NOISES")
STEPS = 350

console = Console(highlight=False)


def main() -> None:
    """Build, train, save, load, transcribe."""
    console.print(Rule("A speech model that learns"))
    torch.set_num_threads(1)  # tensors this small are not worth the wait for another
    torch.manual_seed(0)
    random = np.random.default_rng(0)
    folder = work_folder("morse")
    model, processor = morse.build(LETTERS, folder)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console) as progress:
        task = progress.add_task("learning Morse code", total=STEPS)

        def report(loss: float) -> None:
            progress.update(task, advance=1, description=f"learning Morse code, loss {loss:.2f}")

        morse.train(model, processor, LETTERS, random, steps=STEPS, report=report)
    model.save_pretrained(folder / "model")
    processor.save_pretrained(folder / "model")
    model, processor = (
        AutoModelForCTC.from_pretrained(folder / "model"),
        AutoProcessor.from_pretrained(folder / "model"),
    )
    console.print(f"{type(model).__name__}, {model.num_parameters():,} parameters, loaded back with its processor\n")
    wrong, recordings = 0, folder / "recordings"
    recordings.mkdir()
    for number, sentence in enumerate(SENTENCES):
        path = recordings / f"message{number}.wav"
        soundfile.write(path, morse.tone(sentence, random), morse.RATE)
        heard = morse.transcribe(model, processor, path)[0]
        wrong += morse.errors(heard, sentence)
        console.print(f"  sent  {sentence}\n  heard [bold]{heard}[/bold]\n")
    console.print(f"wrong letters: {wrong} of {sum(map(len, SENTENCES))}")
    command = ("run", "automatic-speech-recognition", "--model", folder / "model", recordings)
    archsmith(*command, "--set", "word_times=true", "--draw", OUTPUT / "morse")


if __name__ == "__main__":
    main()
