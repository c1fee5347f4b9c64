"""The versions that the core allows: with the lowest it works, with the newest tokenizers it keeps every token."""

import json
import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement

pytestmark = pytest.mark.long

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "core/pyproject.toml").read_text())["project"]
RANGE = Requirement(PROJECT["optional-dependencies"]["text"][0])
EXCLUDED = sorted(bound.version for bound in RANGE.specifier if bound.operator == "!=")


def lowest(requirement):
    """Return the requirement of the lowest version of a range."""
    return f"{requirement.name}=={next(it.version for it in requirement.specifier if it.operator == '>=')}"


#: What runs without compiled parts of its own beside torch's.
OTHERS = [
    lowest(requirement)
    for requirement in map(Requirement, PROJECT["dependencies"] + PROJECT["optional-dependencies"]["vision"])
    if requirement.name not in ("numpy", "torch")
]

PROGRAM = """
import json, pathlib, sys, tempfile, warnings
from archsmith import BertTokenizer, BertTokenizerFast
from archsmith.errors import MissingDependency

folder = pathlib.Path(tempfile.mkdtemp())
(folder / "vocab.txt").write_text("\\n".join(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "a", "b", "##b", "", "c"]))
slow = BertTokenizer(folder / "vocab.txt")
try:
    fast = BertTokenizerFast(folder / "vocab.txt")
except MissingDependency as error:
    sys.exit(str(error))
for tokenizer in (slow, fast):
    tokenizer.add_tokens(["new"])
    tokenizer.add_special_tokens({"additional_special_tokens": ["<x>"], "cls_token": "<cls>"})
    tokenizer.save_pretrained(folder / type(tokenizer).__name__)
calls = [
    {"text": "a bb c new <x> [MASK] q a"},
    {"text": "a bb c a bb c a", "truncation": True, "max_length": 4, "stride": 1, "return_overflowing_tokens": True},
    {"text": "a b", "text_pair": "a bb c a bb", "truncation": True, "max_length": 7, "return_overflowing_tokens": True},
    {"text": ["a", "bb c"], "padding": True, "return_special_tokens_mask": True},
]
again = [kind.from_pretrained(folder / name) for kind in (BertTokenizer, BertTokenizerFast)
         for name in ("BertTokenizer", "BertTokenizerFast")]
rows = [[dict(tokenizer(**call)) for call in calls] for tokenizer in (slow, fast, *again)]
assert all(row == rows[0] for row in rows), rows
fast.train_new_from_iterator(["a few words"], 40)
offsets = fast("a bb", return_offsets_mapping=True).offset_mapping
print(json.dumps([rows[0], offsets, fast.decode(rows[0][0]["input_ids"])]))
"""


OTHER_PROGRAM = """
import tempfile
import numpy, torch
from archsmith import AutoModel, BertConfig, BertModel, ViTImageProcessor
from archsmith.errors import ConfigError
from archsmith.registry import registry

assert "bert" in registry.names()
try:
    BertConfig(hidden_size="x")
except ConfigError as error:
    assert str(error) == "BertConfig: hidden_size must be an integer from 1 to 2147483647, but is 'x'.", error
model = BertModel(BertConfig(hidden_size=4, num_hidden_layers=1, num_attention_heads=1, intermediate_size=4))
model.save_pretrained(folder := tempfile.mkdtemp())
again = AutoModel.from_pretrained(folder).state_dict()
assert all(torch.equal(value, again[name]) for name, value in model.state_dict().items())
assert ViTImageProcessor()(numpy.zeros((50, 40, 3), numpy.uint8)).pixel_values[0].shape == (3, 224, 224)
"""


def run_with(folder, requirement, program=PROGRAM):
    """Run a program with a version of a dependency that is installed into a folder."""
    pip = [sys.executable, "-m", "pip", "install", "--disable-pip-version-check", "-q", "--no-deps", "--target", folder]
    subprocess.run([*pip, requirement], check=True, timeout=300)
    return subprocess.run(
        [sys.executable, "-W", "ignore", "-c", program],
        env=os.environ | {"PYTHONPATH": str(folder)},
        capture_output=True,
        text=True,
        timeout=300,
    )


@pytest.mark.parametrize("requirement", [lowest(RANGE), str(RANGE)], ids=["lowest", "newest"])
def test_what_is_allowed_keeps_every_token(tmp_path, requirement):
    done = run_with(tmp_path, requirement)
    assert done.returncode == 0, done.stderr
    (mixed, pieces, pair, padded), offsets, text = json.loads(done.stdout.splitlines()[-1])  # training prints too
    assert mixed["input_ids"] == [11, 5, 6, 7, 9, 10, 12, 4, 1, 5, 3]
    assert [row[1:-1] for row in pieces["input_ids"]] == [
        [5, 6],
        [6, 7],
        [7, 9],
        [9, 5],
        [5, 6],
        [6, 7],
        [7, 9],
        [9, 5],
    ]
    assert sum(len(row) - 3 for row in pair["input_ids"]) >= 8
    assert padded["special_tokens_mask"] == [[1, 0, 1, 1, 1], [1, 0, 0, 0, 1]]
    assert offsets == [[0, 0], [0, 1], [2, 3], [3, 4], [0, 0]]
    assert text == "<cls> a bb c new <x> [MASK] [UNK] a [SEP]"


@pytest.mark.parametrize("version", EXCLUDED)
def test_what_is_excluded_is_refused(tmp_path, version):
    done = run_with(tmp_path, f"tokenizers=={version}")
    assert done.returncode == 1
    assert done.stderr.startswith(f"tokenizers {version} is installed, which drops rows"), done.stderr
    assert str(RANGE.specifier).count("!=") == len(EXCLUDED) == 2


@pytest.mark.parametrize("requirement", OTHERS)
def test_the_lowest_of_the_others_works(tmp_path, requirement):
    done = run_with(tmp_path, requirement, OTHER_PROGRAM)
    assert done.returncode == 0, done.stderr
