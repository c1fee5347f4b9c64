"""What the tests of ``archsmith run`` share: a tiny classifier, and the verb in this process or in one of its own."""

import json
import os
import random
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from archsmith import DistilBertConfig, DistilBertForSequenceClassification, DistilBertTokenizerFast
from archsmith_cli.main import run

TASK = "text-classification"
WORDS = [*"abcdefg", "hello", "world", "good", "bad", "film", "very", "the", "is"]


def make_classifier(folder, seed=0, tokenizer=True):
    folder.mkdir(parents=True, exist_ok=True)
    vocabulary = folder.parent / f"{folder.name}-vocab.txt"
    vocabulary.write_text("\n".join(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *WORDS]), encoding="utf-8")
    found = DistilBertTokenizerFast(vocab_file=str(vocabulary))
    if tokenizer:
        found.save_pretrained(folder)
    torch.manual_seed(seed)
    sizes = {"dim": 16, "n_heads": 2, "hidden_dim": 32, "n_layers": 1, "max_position_embeddings": 64}
    labels = {"id2label": {0: "NEG", 1: "POS"}, "label2id": {"NEG": 0, "POS": 1}}
    config = DistilBertConfig(vocab_size=len(found), **sizes, **labels)
    model = DistilBertForSequenceClassification(config)
    model.classifier.weight.data.mul_(20)  # answers that differ
    model.save_pretrained(folder)
    return folder


def texts(count, seed=0):
    draw = random.Random(seed)
    return [" ".join(draw.choices(WORDS, k=draw.randint(1, 30))) for _ in range(count)]


@dataclass
class Result:
    """How a run ended and what it wrote."""

    code: int
    out: str
    err: str

    @property
    def data(self) -> Any:
        return json.loads(self.out)


def called(capsys, *args):
    """Run the verb in this process."""
    capsys.readouterr()
    code = run(["run", *map(str, args)])
    written = capsys.readouterr()
    return Result(code, written.out, written.err)


def command(*args):
    return [sys.executable, "-m", "archsmith_cli", "run", *map(str, args)]


def process(*args, folder, given=b"", **variables):
    """Run the verb in a process of its own."""
    done = subprocess.run(
        command(*args),
        cwd=folder,
        input=given,
        capture_output=True,
        timeout=120,
        env={**os.environ, "PYTHONUTF8": "1", **variables},
    )
    return Result(done.returncode, done.stdout.decode(), done.stderr.decode())


def rows_of(path):
    """Return the rows of a file of answers, whatever its format, with the same values."""
    path = Path(path)
    if path.suffix == ".parquet":
        import pyarrow.parquet

        return pyarrow.parquet.read_table(path).to_pylist()
    if path.suffix == ".csv":
        import csv

        with path.open(newline="", encoding="utf-8") as file:
            found = list(csv.DictReader(file))
        for row in found:
            row |= {name: json.loads(row[name]) for name in ("index", "score", "labels") if row.get(name)}
            row |= {name: None for name, value in row.items() if value == ""}
        return found
    return [json.loads(line) for line in path.read_bytes().splitlines()]


def assert_same_rows(found, wanted):
    """Every row once, in its place, with the same answer; of another batch a score may differ in its last digits."""
    assert [row["index"] for row in found] == list(range(len(wanted)))
    for one, other in zip(found, wanted, strict=True):
        assert (one["id"], one["error"], one.get("label")) == (other["id"], other["error"], other.get("label"))
        if one.get("score") is not None:
            assert abs(one["score"] - other["score"]) < 1e-5
