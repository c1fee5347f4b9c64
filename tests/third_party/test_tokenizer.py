"""A stranger's tokenizers, which use public names alone: what their hooks say holds, and type checkers agree."""

import ast
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from archsmith.errors import CheckpointNotFound, OptionError

from . import toy_tokenizer
from .toy_tokenizer import ToyTokenizer, ToyTokenizerFast

ROOT = Path(__file__).parents[2]


@pytest.fixture
def words(tmp_path):
    path = tmp_path / "some.words"
    path.write_text("<pad> <unk> <s> <de> hello world", encoding="utf-8")
    return path


@pytest.fixture(params=[ToyTokenizer, ToyTokenizerFast])
def kind(request):
    return request.param


def test_calls(kind, words):
    tokenizer = kind(words, lang_token="<de>")
    assert tokenizer("hello new world").input_ids == [2, 4, 1, 5]
    assert tokenizer(["hello"], ["world"], padding="max_length", max_length=5).input_ids == [[2, 4, 5, 0, 0]]
    assert tokenizer("hello world", truncation=True, max_length=2).input_ids == [2, 4]
    assert tokenizer.decode([2, 4, 5], skip_special_tokens=True) == "hello world"
    assert (tokenizer.lang_token, tokenizer.lang_token_id) == ("<de>", 3)
    assert tokenizer.tokenize("hello<de>world") == ["hello", "<de>", "world"]


def test_a_flag_may_end_in_token(kind, words):
    tokenizer = kind(words, add_bos_token=False)
    assert tokenizer("hello").input_ids == [4]
    assert "add_bos_token" not in tokenizer.special_tokens_map
    with pytest.raises(OptionError, match="add_bos_token must be true or false, but is '<s>'"):
        kind(words, add_bos_token="<s>")
    with pytest.raises(OptionError, match=r"'ad_bos_token' is not an option\. Did you mean 'add_bos_token'\?"):
        kind(words, ad_bos_token=True)


def test_files(kind, words, tmp_path):
    tokenizer = kind(words, add_bos_token=False, lang_token="<de>", model_max_length=9)
    tokenizer.add_tokens(["new"])
    written = tokenizer.save_pretrained(tmp_path / "saved")
    assert {Path(path).name for path in written} == {"toy.words", "tokenizer_config.json", "special_tokens_map.json"}
    config = json.loads((tmp_path / "saved/tokenizer_config.json").read_text())
    assert config["tokenizer_class"] == "ToyWords"
    assert (config["add_bos_token"], config["lang_token"], config["model_max_length"]) == (False, "<de>", 9)
    again = kind.from_pretrained(tmp_path / "saved")
    assert again("hello new world").input_ids == tokenizer("hello new world").input_ids == [4, 6, 5]
    assert again.get_vocab() == tokenizer.get_vocab()
    assert (again.add_bos_token, again.lang_token) == (False, "<de>")
    assert kind.from_pretrained(tmp_path / "saved", add_bos_token=True)("hello").input_ids == [2, 4]
    (tmp_path / "saved/toy.words").unlink()
    with pytest.raises(CheckpointNotFound, match=r"has no file 'toy\.words'"):
        kind.from_pretrained(tmp_path / "saved")


def test_any_length_is_written_as_the_field_writes_it(kind, words, tmp_path):
    kind(words).save_pretrained(tmp_path)
    assert json.loads((tmp_path / "tokenizer_config.json").read_text())["model_max_length"] == int(1e30)
    assert kind.from_pretrained(tmp_path).model_max_length == 2**31


def test_public_names_alone():
    source = ast.parse(Path(toy_tokenizer.__file__).read_text(encoding="utf-8"))
    modules = {node.module for node in ast.walk(source) if isinstance(node, ast.ImportFrom)}
    assert {name for name in modules if name.startswith("archsmith")} == {"archsmith", "archsmith.tokenizer"}
    attributes = {node.attr for node in ast.walk(source) if isinstance(node, ast.Attribute)}
    assert not [name for name in attributes if name.startswith("_") and name not in ("__init__", "__getitem__")]


@pytest.mark.long
def test_mypy_strict(tmp_path):
    program = tmp_path / "toy_tokenizer.py"
    program.write_text(Path(toy_tokenizer.__file__).read_text(encoding="utf-8"))
    sources = [str(source) for source in [ROOT / "core/src", *ROOT.glob("plugins/*/src")]]
    command = [sys.executable, "-m", "mypy", "--strict", "--config-file", str(ROOT / "pyproject.toml"), str(program)]
    variables = {"MYPYPATH": os.pathsep.join(sources), "PATH": ""}
    done = subprocess.run(command, cwd=tmp_path, env=variables, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
