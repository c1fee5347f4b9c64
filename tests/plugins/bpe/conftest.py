"""A vocabulary that the library ``tokenizers`` has learned from real text, as files of each kind."""

import json
import pydoc_data.topics
from pathlib import Path

import pytest
from tokenizers import Tokenizer, models, pre_tokenizers, trainers

ROOT = Path(pydoc_data.topics.__file__)
SPECIAL = ["<|endoftext|>", "<s>", "</s>", "<pad>", "<unk>", "<mask>"]


@pytest.fixture(scope="session")
def trained():
    """The library's tokenizer, with 1,500 tokens learned from Python's own documentation."""
    rust = Tokenizer(models.BPE())
    rust.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    trainer = trainers.BpeTrainer(
        vocab_size=1500,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        special_tokens=SPECIAL,
        show_progress=False,
    )
    texts = [text for _, text in sorted(pydoc_data.topics.topics.items())]
    rust.train_from_iterator([*texts, "naïve café — 東京 Ελλάδα привет 🙂 12345 don't"] * 2, trainer)
    return rust


@pytest.fixture(scope="session")
def plain(trained, tmp_path_factory):
    """A folder with vocab.json and merges.txt."""
    folder = tmp_path_factory.mktemp("plain")
    model = json.loads(trained.to_str())["model"]
    (folder / "vocab.json").write_text(json.dumps(model["vocab"]))
    lines = [pair if isinstance(pair, str) else " ".join(pair) for pair in model["merges"]]
    (folder / "merges.txt").write_text("\n".join(["#version: 0.2", *lines]) + "\n")
    return folder
