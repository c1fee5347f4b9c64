"""``archsmith convert``: pickled weights, formats of packages, and what of both is refused."""

import collections
import json
import os
import zipfile
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from archsmith.registry import registry
from archsmith_cli import pickled

CONFIG = {"model_type": "toy", "architectures": ["ToyModel"], "dim": 3}
WEIGHTS = {"inner.weight": torch.arange(9.0).reshape(3, 3) / 7, "inner.bias": torch.ones(3)}


@pytest.fixture
def source(tmp_path):
    folder = tmp_path / "source"
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps(CONFIG))
    return folder


def write(source, weights=WEIGHTS, name="pytorch_model.bin", **options):
    torch.save(weights, source / name, **options)
    return source / name


def test_a_pickle(archsmith, toy, source, tmp_path):
    (source / "generation_config.json").write_text("{}")
    out = tmp_path / "new" / "out"
    result = archsmith("convert", write(source), out)
    assert (result.code, result.err) == (0, "")
    assert result.out == (
        f"Converted {source}/pytorch_model.bin (torch) to ToyModel in {out}\n"
        "12 parameters, float32, 48 bytes: config.json, generation_config.json, model.safetensors\n"
    )
    assert sorted(each.name for each in out.iterdir()) == ["config.json", "generation_config.json", "model.safetensors"]
    found = load_file(out / "model.safetensors")
    assert all(torch.equal(found[name], tensor) for name, tensor in WEIGHTS.items())
    assert found.keys() == WEIGHTS.keys()
    config = json.loads((out / "config.json").read_text())
    assert config | CONFIG == config
    assert config["dtype"] == "float32"
    inspected = archsmith("inspect", out, "--json")
    assert (inspected.code, inspected.data["loading"]["loads"]) == (0, True)


def test_what_is_not_taken_along_is_said(archsmith, toy, source, tmp_path):
    (source / "processor_config.json").write_text("{}")
    (source / "additional_chat_templates").mkdir()
    result = archsmith("convert", write(source), tmp_path / "out")
    assert result.code == 0
    assert (tmp_path / "out" / "processor_config.json").read_text() == "{}"
    assert "additional_chat_templates. Copy it if the model needs it." in result.err


def test_shards_types_and_json(archsmith, toy, source, tmp_path):
    write(source, {"inner.weight": WEIGHTS["inner.weight"]}, "a.bin")
    write(source, {"inner.bias": WEIGHTS["inner.bias"]}, "b.bin")
    weight_map = {"inner.weight": "a.bin", "inner.bias": "b.bin"}
    (source / "pytorch_model.bin.index.json").write_text(json.dumps({"weight_map": weight_map}))
    options = ("--dtype", "bfloat16", "--max-shard-size", "18B", "--json")
    result = archsmith("convert", source, tmp_path / "out", *options)
    assert result.code == 0
    assert result.data == {
        "path": str(tmp_path / "out"),
        "source": str(source / "pytorch_model.bin.index.json"),
        "format": "torch",
        "model_type": "toy",
        "class": "ToyModel",
        "dtype": "bfloat16",
        "tensors": 2,
        "parameters": 12,
        "bytes": 24,
        "files": [
            "config.json", "model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors",
            "model.safetensors.index.json",
        ],
    }  # fmt: skip
    found = load_file(tmp_path / "out" / "model-00001-of-00002.safetensors")
    assert torch.equal(found["inner.weight"], WEIGHTS["inner.weight"].bfloat16())


def test_what_programs_that_train_write(archsmith, toy, source, tmp_path):
    module = torch.nn.Linear(3, 3)
    weights = collections.OrderedDict((f"inner.{name}", each) for name, each in module.named_parameters())
    for options in ({}, {"_use_new_zipfile_serialization": False}):
        file = write(source, {"state_dict": weights, "epoch": 3}, **options)
        result = archsmith("convert", file, tmp_path / "out", "--force")
        assert result.code == 0, result.err
        assert "note: '" in result.err
        assert "the weights under 'state_dict' are taken; left out: epoch." in " ".join(result.err.split())
        assert torch.equal(load_file(tmp_path / "out" / "model.safetensors")["inner.weight"], module.weight)


def test_views_and_shared_memory(archsmith, toy, source, tmp_path):
    whole = torch.arange(40.0)
    weights = {"inner.weight": whole[2:11].view(3, 3).T, "inner.bias": whole[2:5]}
    assert archsmith("convert", write(source, weights), tmp_path / "out").code == 0
    found = load_file(tmp_path / "out" / "model.safetensors")
    assert all(torch.equal(found[name], tensor) for name, tensor in weights.items())


def refused(archsmith, tmp_path, *args):
    result = archsmith("convert", *args)
    assert result.code in (1, 2)
    assert [each.name for each in tmp_path.iterdir() if each.name not in ("source", "site", "toy")] == []
    return " ".join(result.err.split())


class Harmful:
    def __reduce__(self):
        return os.system, ("touch /tmp/harmed",)


@pytest.mark.parametrize(
    ("weights", "said"),
    [
        ({"a": Harmful()}, "it is a pickle that holds more than tensors, and could run code: it names posix.system."),
        ([torch.ones(1)], "ValueError: it holds a list; expected a dictionary of names and tensors."),
        ({}, "ValueError: it holds a dict; expected a dictionary of names and tensors."),
        ({"a": 1}, "ValueError: 'a' is a int; expected names and tensors alone."),
        ({1: torch.ones(1)}, "ValueError: 1 is a Tensor; expected names and tensors alone."),
        ({"a": torch.ones(2, 2).to_sparse()}, "ValueError: 'a' is no dense tensor with values of its own."),
        ({"a": torch.ones(1).expand(2**40)}, "ValueError: its tensors are more than 4 times as large as the file."),
        (WEIGHTS | {"inner.bias": torch.ones(4)}, "would not load as ToyModel: "),
        ({"inner.bias": torch.ones(3)}, "would not load as ToyModel: "),
    ],
)
def test_pickles_that_are_refused(archsmith, toy, source, tmp_path, weights, said):
    assert said in refused(archsmith, tmp_path, write(source, weights), tmp_path / "out")
    assert not Path("/tmp/harmed").exists()


def test_damaged_files(archsmith, toy, source, tmp_path):
    file = write(source)
    whole = file.read_bytes()
    for content in (whole[: len(whole) // 2], b"PK\x03\x04" + b"\0" * 99, b"\x80\x02" + b"\xff" * 50):
        file.write_bytes(content)
        assert "cannot be converted: " in refused(archsmith, tmp_path, file, tmp_path / "out")
    file.write_bytes(b"nothing known")
    said = refused(archsmith, tmp_path, file, tmp_path / "out")
    assert f"no format knows '{file}'; there are: torch. Name one with --format." in said
    assert "cannot be converted: " in refused(archsmith, tmp_path, file, tmp_path / "out", "--format", "torch")
    file.write_bytes(b"GGUF" + bytes(99))
    assert "It is a GGUF file. Run: pip install archsmith-llama" in refused(archsmith, tmp_path, file, tmp_path / "out")


def test_a_folder_that_needs_no_conversion(archsmith, toy, tmp_path):
    archsmith("create", "toy", tmp_path / "it")
    result = archsmith("convert", tmp_path / "it", tmp_path / "out")
    assert result.code == 1
    assert "Its safetensors file needs no conversion: it loads as it is, beside a config.json." in result.err
    result = archsmith("convert", tmp_path / "it", tmp_path / "out", "--format", "torch")
    assert f"'{tmp_path / 'it'}' holds nothing that the format torch knows. Its safetensors" in result.err


def test_a_pickle_that_becomes_far_larger(archsmith, toy, source, tmp_path):
    file = source / "pytorch_model.bin"
    torch.save({"inner.weight": torch.zeros(2**29)}, tmp_path / "source" / "large.bin")
    with zipfile.ZipFile(source / "large.bin") as plain, zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as packed:
        for name in plain.namelist():
            with plain.open(name) as content, packed.open(name, "w", force_zip64=True) as target:
                while block := content.read(2**24):
                    target.write(block)
    (source / "large.bin").unlink()
    assert "cannot be converted: " in refused(archsmith, tmp_path, file, tmp_path / "out")


def test_a_pickle_that_takes_too_long(archsmith, toy, source, tmp_path, monkeypatch):
    monkeypatch.setattr(pickled, "_SECONDS", 0.01)
    assert "is not read after 0 seconds, which is too long." in refused(
        archsmith, tmp_path, write(source), tmp_path / "out"
    )


@pytest.mark.parametrize(
    ("weight_map", "said"),
    [
        ({"inner.weight": "pytorch_model.bin"}, "the tensor 'inner.bias' is there, but not by the index."),
        (dict.fromkeys([*WEIGHTS, "more"], "pytorch_model.bin"),
         "the tensor 'more' is named by the index, but is not there."),
        ({"inner.weight": "../pytorch_model.bin"},
         "refers to a file '../pytorch_model.bin'; expected a plain file name"),
        ({"inner.weight": "other.bin"}, "has no file 'other.bin'."),
        ({"inner.weight": 5}, "must map tensors to files under 'weight_map', but has {'inner.weight': 5}."),
        ({}, "names 0 files; expected 1 to 10,000."),
    ],
)  # fmt: skip
def test_indices_that_lie(archsmith, toy, source, tmp_path, weight_map, said):
    write(source)
    (source / "pytorch_model.bin.index.json").write_text(json.dumps({"weight_map": weight_map}))
    assert said in refused(archsmith, tmp_path, source, tmp_path / "out")


def test_wrong_arguments(archsmith, toy, source, tmp_path):
    file = write(source)
    out = tmp_path / "out"
    assert "'float61' is none of auto, float32, float16, bfloat16. Did you mean 'float16'?" in refused(
        archsmith, tmp_path, file, out, "--dtype", "float61"
    )
    assert "'x' is no size; expected a number of bytes, as 300000000, 5GB or 200MiB." in refused(
        archsmith, tmp_path, file, out, "--max-shard-size", "x"
    )
    assert "there is no format 'troch'; there are: torch. Did you mean 'torch'?" in refused(
        archsmith, tmp_path, file, out, "--format", "troch"
    )
    assert "cannot be read: No such file or directory." in refused(archsmith, tmp_path, tmp_path / "nothing", out)
    (source / "config.json").unlink()
    assert "there is no config.json beside" in refused(archsmith, tmp_path, file, out)
    (source / "config.json").write_text("{}")
    assert "returns the configuration {}; expected a model_type in it." in refused(archsmith, tmp_path, file, out)


def test_what_is_not_a_file(archsmith, toy, source, tmp_path):
    os.mkfifo(source / "pipe.bin")
    said = refused(archsmith, tmp_path, source / "pipe.bin", tmp_path / "out")
    assert "pipe.bin' is neither a regular file nor a folder, and is not read." in said
    write(source, WEIGHTS | {"more": torch.ones(1)})
    said = refused(archsmith, tmp_path, source, tmp_path / "out")  # the pipe beside it is left alone
    assert f"ToyModel cannot be loaded from '{source}'" in said
    assert "unexpected key 'more': not a parameter of the model" in said


def test_values_that_a_type_cannot_hold(archsmith, toy, source, tmp_path):
    weights = WEIGHTS | {"inner.bias": torch.tensor([1.0, 7e4, 2.0])}
    said = refused(archsmith, tmp_path, write(source, weights), tmp_path / "out", "--dtype", "float16")
    assert "'inner.bias' has values up to 7e+04, which float16 cannot hold. Choose another --dtype" in said
    result = archsmith(
        "convert", write(source, WEIGHTS | {"inner.bias": torch.tensor([1.0, torch.nan, 2.0])}), tmp_path / "o"
    )
    assert result.code == 0
    assert "'inner.bias' holds NaN or infinity." in result.err


def test_a_folder_that_is_not_empty(archsmith, toy, source, tmp_path):
    out, file = tmp_path / "out", write(source)
    assert archsmith("convert", file, out, "--max-shard-size", "20B").code == 0
    (out / "notes.txt").write_text("mine")
    (out / "tokenizer.json").write_text("{}")
    before = sorted(each.name for each in out.iterdir())
    result = archsmith("convert", file, out)
    assert result.code == 1
    assert "is not empty" in result.err
    file.write_bytes(file.read_bytes()[:-50])
    assert archsmith("convert", file, out, "--force").code == 1
    assert sorted(each.name for each in out.iterdir()) == before
    write(source)
    assert archsmith("convert", file, out, "--force").code == 0
    assert sorted(each.name for each in out.iterdir()) == ["config.json", "model.safetensors", "notes.txt"]


def test_a_model_that_no_plugin_provides(archsmith, site, source, tmp_path):
    (source / "config.json").write_text(json.dumps({"model_type": "never_heard_of", "torch_dtype": "float64"}))
    result = archsmith("convert", write(source, {"a": torch.ones(2, dtype=torch.float16)}), tmp_path / "out")
    assert result.code == 0
    assert "it cannot be told whether the result loads" in result.err
    config = json.loads((tmp_path / "out" / "config.json").read_text())
    assert (config["dtype"], "torch_dtype" in config) == ("float16", False)


# ---- formats of packages --------------------------------------------------------------------------------------------

WORDS = """
    from types import SimpleNamespace
    import torch

    class Words:
        @staticmethod
        def knows(name, start):
            return start.startswith(b"WORDS")

        @staticmethod
        def read(path, scratch):
            config = {"model_type": "toy", "architectures": ["ToyModel"], "dim": 3}
            tensors = ((name, torch.ones(shape)) for name, shape in (("inner.weight", (3, 3)), ("inner.bias", 3)))
            return SimpleNamespace(config=config, tensors=tensors, files={"vocab.txt": path.read_bytes()[5:]})

    class Broken(Words):
        @staticmethod
        def knows(name, start):
            raise KeyError(name)

        @staticmethod
        def read(path, scratch):
            raise KeyError("no reason")

    class Hostile(Words):
        @staticmethod
        def read(path, scratch):
            found = Words.read(path, scratch)
            found.files = {"../outside.txt": b""}
            return found

    class Lying(Words):
        @staticmethod
        def read(path, scratch):
            found = Words.read(path, scratch)
            found.tensors = [("inner.weight", torch.ones(3, 3)), ("inner.weight", torch.ones(3, 3))]
            return found

    class Failing(Words):
        @staticmethod
        def read(path, scratch):
            found = Words.read(path, scratch)
            found.tensors = (1 / 0 for _ in range(3))
            return found

    nothing = 5
"""


@pytest.fixture
def words(toy, site, tmp_path):
    site.write("toy_words.py", WORDS)

    def declare(name="toy-words", **formats):
        site.declare(name, formats={name: f"toy_words:{kind}" for name, kind in formats.items()})

    (tmp_path / "source").mkdir(exist_ok=True)
    (tmp_path / "source" / "a.words").write_bytes(b"WORDSone\ntwo\n")
    return declare


def test_a_format_of_a_package(archsmith, words, tmp_path):
    words(words="Words")
    result = archsmith("convert", tmp_path / "source", tmp_path / "out", "--json")
    assert result.code == 0, result.err
    assert result.data["format"] == "words"
    assert result.data["files"] == ["config.json", "model.safetensors", "vocab.txt"]
    assert (tmp_path / "out" / "vocab.txt").read_bytes() == b"one\ntwo\n"
    written = json.loads((tmp_path / "out" / "config.json").read_text())["archsmith"]
    assert written["plugin"] == "toy-words"


def test_formats_that_are_broken(archsmith, words, tmp_path):
    words(broken="Broken", words="Words", nothing="nothing", missing="Missing")
    file = tmp_path / "source" / "a.words"
    result = archsmith("convert", file, tmp_path / "out")
    assert result.code == 0
    assert "the format 'broken' is not asked about a.words: KeyError: 'a.words'." in " ".join(result.err.split())
    registry.refresh()
    words(name="toy-more", hostile="Hostile", lying="Lying", failing="Failing")
    result = archsmith("convert", file, tmp_path / "several")
    assert f"several formats know '{file}': failing, hostile, lying, words. Name one with" in result.err
    for name, said in {
        "broken": "the format 'broken' fails on",
        "hostile": "the format 'hostile' returns the file '../outside.txt' with b''; expected bytes.",
        "lying": "the tensor 'inner.weight' comes twice.",
        "failing": "the format fails on a tensor: ZeroDivisionError: division by zero. Tell its author.",
        "nothing": "the format 'nothing' has no functions knows and read.",
        "missing": "Missing",
    }.items():
        result = archsmith("convert", file, tmp_path / name, "--format", name)
        assert result.code == 1
        assert said in " ".join(result.err.split())
        assert not (tmp_path / name).exists()
