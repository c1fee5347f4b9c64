"""Weights files: every kind of damage is told, by the headers alone, before anything is built."""

import json
import os
import struct
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from archsmith import AutoConfig, DistilBertConfig, DistilBertModel
from archsmith.errors import ArchsmithError, CheckpointCorrupt, CheckpointNotFound, OptionError
from archsmith.files.checkpoint import Checkpoint
from archsmith.files.weights import find_weights, read_weights

CONFIG = {"vocab_size": 30, "dim": 8, "n_heads": 2, "n_layers": 1, "hidden_dim": 16, "max_position_embeddings": 12}


@pytest.fixture
def folder(tmp_path) -> Path:
    DistilBertModel(DistilBertConfig(**CONFIG)).save_pretrained(tmp_path / "model")
    return tmp_path / "model"


@pytest.fixture
def shards(tmp_path) -> Path:
    DistilBertModel(DistilBertConfig(**CONFIG)).save_pretrained(tmp_path / "shards", max_shard_size=1200)
    return tmp_path / "shards"


def with_header(header, data=b"", length=None) -> bytes:
    raw = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(raw) if length is None else length) + raw + data


def entry(dtype="F32", shape=(2,), offsets=(0, 8)) -> dict:
    return {"dtype": dtype, "shape": shape, "data_offsets": offsets}


DATA = bytes(8)
DAMAGED = {
    "empty": b"",
    "seven bytes": b"1234567",
    "length only": struct.pack("<Q", 0),
    "length beyond the end": with_header({"a": entry()}, DATA, length=10_000),
    "huge length": with_header({"a": entry()}, DATA, length=2**64 - 1),
    "no data": with_header({"a": entry()}),
    "data cut": with_header({"a": entry()}, DATA[:-1]),
    "data too long": with_header({"a": entry()}, DATA + b"x"),
    "not JSON": with_header(b"{" + b"x" * 20, DATA),
    "not UTF-8": with_header(b'{"\xff": 1}', DATA),
    "half a character": with_header(b'{"\\ud800": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}}', DATA),
    "a list": with_header([], DATA),
    "deep": with_header(b'{"a": ' + b"[" * 100_000 + b"]" * 100_000 + b"}"),
    "twice": with_header(b'{"a": %s, "a": %s}' % ((json.dumps(entry()).encode(),) * 2), DATA),
    "NaN": with_header(b'{"a": NaN}', DATA),
    "entry is null": with_header({"a": None}, DATA),
    "entry is a list": with_header({"a": [1]}, DATA),
    "entry without dtype": with_header({"a": {"shape": [2], "data_offsets": [0, 8]}}, DATA),
    "entry with more": with_header({"a": {**entry(), "x": 1}}, DATA),
    "unknown dtype": with_header({"a": entry("F33")}, DATA),
    "dtype is a number": with_header({"a": entry(4)}, DATA),
    "dtype is a list": with_header({"a": entry(["F32"])}, DATA),
    "shape is a number": with_header({"a": entry(shape=2)}, DATA),
    "shape is negative": with_header({"a": entry(shape=[-2])}, DATA),
    "shape is true": with_header({"a": entry(shape=[True, 2])}, DATA),
    "shape is a fraction": with_header({"a": entry(shape=[2.0])}, DATA),
    "shape is text": with_header({"a": entry(shape=["2"])}, DATA),
    "shape of 2^63": with_header({"a": entry(shape=[2**63])}, DATA),
    "product overflows to fit": with_header({"a": entry(shape=[2**62, 8, 2])}, DATA),
    "product overflows far": with_header({"a": entry(shape=[2**62] * 60)}, DATA),
    "many dimensions": with_header({"a": entry(shape=[1] * 100 + [2])}, DATA),
    "offsets reversed": with_header({"a": entry(offsets=[8, 0])}, DATA),
    "offsets negative": with_header({"a": entry(offsets=[-8, 0])}, DATA),
    "offsets of three": with_header({"a": entry(offsets=[0, 8, 8])}, DATA),
    "offsets are null": with_header({"a": entry(offsets=None)}, DATA),
    "offsets beyond the end": with_header({"a": entry(offsets=[8, 16])}, DATA),
    "offsets huge": with_header({"a": entry(offsets=[2**70, 2**70 + 8])}, DATA),
    "overlap": with_header({"a": entry(), "b": entry(shape=[1], offsets=[4, 8])}, DATA),
    "the same bytes": with_header({"a": entry(), "b": entry()}, DATA),
    "gap": with_header({"a": entry(), "b": entry(offsets=[12, 20])}, bytes(20)),
    "metadata is a list": with_header({"__metadata__": [], "a": entry()}, DATA),
    "metadata holds a number": with_header({"__metadata__": {"a": 1}, "a": entry()}, DATA),
    "metadata is null": with_header({"__metadata__": None, "a": entry()}, DATA),
    "pickle": b"\x80\x04\x95" + b"x" * 100,
    "zip": b"PK\x03\x04" + b"x" * 100,
    "web page": b"<!DOCTYPE html><html><body>404</body></html>" * 3,
    "LFS pointer": b"version https://git-lfs.github.com/spec/v1\noid sha256:ab\nsize 12345\n",
    "zeros": bytes(1000),
    "empty of 2^63": with_header({"a": entry(shape=[0, 2**62, 2], offsets=[0, 0])}),
    "very many dimensions": with_header({"a": entry(shape=[1] * 10**5)}, DATA),
    "very many offsets": with_header({"a": entry(offsets=[1] * 10**5)}, DATA),
    "an entry that is long": with_header({"a": {"x" * 10**5: 1}}, DATA),
    "GGUF": b"GGUF\x03\0\0\0" + bytes(100),
    "a very long name": with_header({"n" * 100_000: entry("F33")}, DATA),
}
CUT = "it is not a safetensors file, or it is cut short"
GGUF = " It is a GGUF file. Make a checkpoint of it: archsmith convert FILE OUT"
AGAIN = " It may be broken or half downloaded: fetch it again."


@pytest.mark.parametrize("damage", DAMAGED)
def test_a_damaged_file_is_refused(folder, damage):
    (folder / "model.safetensors").write_bytes(DAMAGED[damage])
    with pytest.raises(CheckpointCorrupt) as caught:
        DistilBertModel.from_pretrained(folder)
    assert str(folder / "model.safetensors") in str(caught.value)
    assert len(str(caught.value)) < 1500


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        ("empty", f"{CUT} (0 bytes).{AGAIN}"),
        ("LFS pointer", f"{CUT} (68 bytes). It is a Git LFS pointer; fetch the real file with: git lfs pull"),
        ("web page", f"{CUT} (132 bytes). It is a web page; the download went wrong."),
        ("pickle", f"{CUT} (103 bytes). It is a pickle or a zip archive, which archsmith does not read."),
        (
            "GGUF",
            f"{CUT} (108 bytes).{GGUF}",
        ),
        (
            "empty of 2^63",
            f"'a' has the shape [0, 4611686018427387904, 2]; expected a list of sizes, together below 2**63.{AGAIN}",
        ),
        ("overlap", f"the tensors overlap or leave a gap at byte 4 of the data.{AGAIN}"),
        ("data cut", f"the header describes 8 bytes of data, but the file holds 7.{AGAIN}"),
    ],
)
def test_what_a_damaged_file_is_told(folder, damage, message):
    file = folder / "model.safetensors"
    file.write_bytes(DAMAGED[damage])
    with pytest.raises(CheckpointCorrupt) as caught:
        find_weights(Checkpoint.open(folder))
    assert str(caught.value) == f"{str(file)!r}: {message}"


def test_every_cut_and_every_changed_byte_of_the_header_is_an_error_or_harmless(folder):
    file = folder / "model.safetensors"
    sound = file.read_bytes()
    length = 8 + int.from_bytes(sound[:8], "little")
    for cut in {*range(0, length, 97), length, len(sound) - 1}:
        file.write_bytes(sound[:cut])
        with pytest.raises(CheckpointCorrupt):
            DistilBertModel.from_pretrained(folder)
    generator = torch.Generator().manual_seed(0)
    for place in torch.randint(length, (300,), generator=generator).tolist():
        changed = bytearray(sound)
        changed[place] = int(torch.randint(256, (1,), generator=generator))
        file.write_bytes(changed)
        try:
            DistilBertModel.from_pretrained(folder)
        except ArchsmithError:
            continue


def test_what_the_header_says(tmp_path):
    tensors = {
        "a": torch.zeros(2, 3, dtype=torch.float16),
        "b": torch.zeros((), dtype=torch.int64),
        "c": torch.zeros(0, 4),
    }
    save_file(tensors, tmp_path / "x.safetensors", metadata={"format": "pt"})
    weights = read_weights(tmp_path / "x.safetensors", source="x")
    assert {name: (info.dtype, info.shape, info.nbytes, info.kind) for name, info in weights.tensors.items()} == {
        "a": ("F16", (2, 3), 12, "float"),
        "b": ("I64", (), 8, "integer"),
        "c": ("F32", (0, 4), 0, "float"),
    }
    assert weights.metadata == {"format": "pt"}


DTYPES = [
    torch.bool, torch.uint8, torch.int8, torch.float8_e4m3fn, torch.float8_e5m2, torch.uint16, torch.int16,
    torch.float16, torch.bfloat16, torch.uint32, torch.int32, torch.float32, torch.uint64, torch.int64, torch.float64,
    torch.complex64,
]  # fmt: skip


@pytest.mark.parametrize("mmap", [True, False])
def test_tensors_of_every_type_are_read_as_safetensors_reads_them(tmp_path, mmap):
    generator = torch.Generator().manual_seed(0)
    tensors = {"empty": torch.zeros(0, 4), "number": torch.tensor(3.5)}
    for dtype in DTYPES:
        raw = torch.randint(2 if dtype == torch.bool else 100, (3, 5, 8), dtype=torch.uint8, generator=generator)
        tensors[str(dtype)] = raw.view(dtype)
    save_file(tensors, tmp_path / "x.safetensors")
    found = read_weights(tmp_path / "x.safetensors", source="x").load(tensors, mmap=mmap)
    assert list(found) == list(tensors)
    for name, tensor in tensors.items():
        assert (found[name].dtype, found[name].shape) == (tensor.dtype, tensor.shape)
        assert found[name].contiguous().view(-1).tolist() == tensor.view(-1).tolist()
        assert found[name].untyped_storage().nbytes() == tensor.nbytes  # so that a copy of one does not copy the file


def test_data_that_does_not_begin_at_a_multiple_of_eight(tmp_path):
    header = json.dumps({"a": entry()}).encode()
    header += b" " * (4 - len(header) % 8 + 5)
    (tmp_path / "x.safetensors").write_bytes(with_header(header, struct.pack("<2f", 1.5, -2.0)))
    weights = read_weights(tmp_path / "x.safetensors", source="x")
    assert weights.tensors["a"].start % 4 != 0
    assert weights.load(["a"])["a"].tolist() == [1.5, -2.0]


def test_a_mapped_tensor_can_be_changed_and_the_file_stays(tmp_path):
    file = tmp_path / "x.safetensors"
    save_file({"a": torch.ones(3)}, file)
    file.chmod(0o444)
    content = file.read_bytes()
    tensor = read_weights(file, source="x").load(["a"])["a"]
    tensor.add_(1)
    assert tensor.tolist() == [2.0] * 3
    assert file.read_bytes() == content


@pytest.mark.parametrize("when", ["before", "while"])
def test_another_file_under_the_same_name(tmp_path, monkeypatch, when):
    """The header of one file and the bytes of another make no tensor, whatever both say of themselves."""
    file, other = tmp_path / "x.safetensors", tmp_path / "other.safetensors"
    save_file({"a": torch.ones(3)}, file)
    save_file({"a": torch.zeros(3)}, other)
    weights = read_weights(file, source="x")
    if when == "before":
        other.replace(file)
    else:
        sound = torch.frombuffer
        monkeypatch.setattr(torch, "frombuffer", lambda *args, **named: (other.replace(file), sound(*args, **named))[1])
    with pytest.raises(CheckpointCorrupt) as caught:
        weights.load(["a"])
    assert str(caught.value) == f"{str(file)!r}: it was saved anew while it was read.{AGAIN}"


# ---- which file -----------------------------------------------------------------------------------------------


def test_two_candidates(shards, folder):
    (shards / "model.safetensors").write_bytes((folder / "model.safetensors").read_bytes())
    with pytest.raises(CheckpointCorrupt) as caught:
        DistilBertModel.from_pretrained(shards)
    assert str(caught.value) == (
        f"{str(shards)!r} holds both model.safetensors and model.safetensors.index.json; expected one of them. "
        "Delete the one that is out of date."
    )


def test_no_weights(folder):
    (folder / "model.safetensors").unlink()
    with pytest.raises(CheckpointNotFound) as caught:
        DistilBertModel.from_pretrained(folder)
    assert str(caught.value) == (
        f"{str(folder)!r} has no weights: expected model.safetensors or model.safetensors.index.json. "
        "It holds: config.json."
    )
    pickled = "a pickle, which can run code when it is read; it is not loaded. "
    pickled += "Make safetensors of it, in a process with limits: archsmith convert FILE OUT"
    renamed = "which is read under the name model.safetensors alone. Rename it if it holds the whole model."
    other = "which archsmith does not read. Use the safetensors files of the same model."
    for name, said in (
        ("tf_model.h5", other),
        ("model.Q4.gguf", "which is not loaded. Make safetensors of it: archsmith convert FILE OUT"),
        ("adapter_model.safetensors", renamed),
        ("pytorch_model-00001-of-00002.bin", pickled),
        ("pytorch_model.bin", pickled),
        ("last.ckpt", pickled),
    ):  # fmt: skip
        (folder / name).write_bytes(b"\x80")
        with pytest.raises(CheckpointNotFound) as caught:
            DistilBertModel.from_pretrained(folder)
        assert str(caught.value).endswith(f" It has {name}, {said}")
        (folder / name).unlink()


@pytest.mark.parametrize("name", ["model.safetensors", "config.json"])
def test_what_is_no_regular_file(folder, name):
    file = folder / name
    content = file.read_bytes()
    for make, what in (
        (file.mkdir, "is not a regular file (it is a folder)"),
        (lambda: os.mkfifo(file), "is not a regular file (it is a pipe)"),
        (lambda: file.symlink_to("/dev/zero"), "is not a regular file (it is a device or a socket)"),
        (lambda: file.symlink_to("nowhere"), "is a link that leads nowhere. Restore or delete it"),
        (lambda: file.symlink_to(name), "cannot be read: Too many levels of symbolic links"),
    ):
        file.unlink()
        make()
        with pytest.raises(CheckpointCorrupt) as caught:
            DistilBertModel.from_pretrained(folder)
        assert str(caught.value) == f"{str(file)!r} {what}."
        if file.is_dir():
            file.rmdir()
            file.touch()
    file.unlink()
    (folder.parent / "elsewhere").write_bytes(content)
    file.symlink_to(folder.parent / "elsewhere")
    DistilBertModel.from_pretrained(folder)


# ---- index and shards -----------------------------------------------------------------------------------------

INDEX = "model.safetensors.index.json"


def rewrite(folder, change) -> None:
    index = json.loads((folder / INDEX).read_text())
    (folder / INDEX).write_text(json.dumps(index if (changed := change(index)) is None else changed))


@pytest.mark.parametrize(
    "change",
    [
        lambda index: {},
        lambda index: {"weight_map": None},
        lambda index: {"weight_map": []},
        lambda index: {"weight_map": {}},
        lambda index: {"weight_map": {"a": 1}},
        lambda index: {"weight_map": {"a": ["b"]}},
        lambda index: {"weight_map": {"a": ""}},
        lambda index: index["weight_map"].popitem() and None,
        lambda index: index["weight_map"].update(more=index["weight_map"]["embeddings.LayerNorm.bias"]),
        lambda index: index["weight_map"].update(more="missing.safetensors"),
        lambda index: index["weight_map"].update({"embeddings.LayerNorm.bias": "model-00002-of-00009.safetensors"}),
        *(
            lambda index, name=name: index["weight_map"].update({"embeddings.LayerNorm.bias": name})
            for name in ("../x", "/etc/passwd", "a/b", "a\\b", "..", ".", "config.json", "a\0b", "x" * 5000, "\ud800")
        ),
    ],
)
def test_an_index_that_disagrees_is_refused(shards, change):
    rewrite(shards, change)
    with pytest.raises(CheckpointCorrupt):
        DistilBertModel.from_pretrained(shards)


def test_an_index_of_very_many_files(shards):
    (shards / INDEX).write_text(json.dumps({"weight_map": {f"k{number}": f"m{number}" for number in range(10_001)}}))
    with pytest.raises(CheckpointCorrupt) as caught:
        DistilBertModel.from_pretrained(shards)
    assert str(caught.value) == f"{str(shards / INDEX)!r} names 10,001 files; expected 10,000 at most."


@pytest.mark.parametrize("name", ["x" * 10**6, "two\nlines", "\x1b[2J"])
def test_names_of_strangers_do_not_reach_the_terminal(shards, name):
    """Neither a name in a header or an index, nor that of a file."""
    change = {name: "model-00001-of-00009.safetensors", "a": name}
    for key, file in change.items():
        rewrite(shards, lambda index, key=key, file=file: {"weight_map": {**index["weight_map"], key: file}})
        with pytest.raises(CheckpointCorrupt) as caught:
            DistilBertModel.from_pretrained(shards)
        assert str(caught.value).isprintable()
        assert len(str(caught.value)) < 1000
    (shards / INDEX).unlink()
    if len(name) < 100:
        (shards / name).touch()
        with pytest.raises(CheckpointNotFound) as missing:
            DistilBertModel.from_pretrained(shards)
        assert str(missing.value).isprintable()


def test_an_index_reads_nothing_outside_its_folder(shards, monkeypatch):
    rewrite(shards, lambda index: index["weight_map"].update({"embeddings.LayerNorm.bias": "../secret"}))
    (shards.parent / "secret").write_bytes(b"x")
    with pytest.raises(CheckpointCorrupt) as caught:
        DistilBertModel.from_pretrained(shards)
    assert str(caught.value) == (
        f"{str(shards)!r} refers to a file '../secret'; expected a plain file name without a folder."
    )


def test_a_missing_shard_and_a_key_in_two_shards(shards):
    first, second, *_ = sorted(shards.glob("model-*"))
    content = first.read_bytes()
    second.rename(shards / "away")
    with pytest.raises(CheckpointCorrupt) as caught:
        DistilBertModel.from_pretrained(shards)
    assert str(caught.value) == f"{str(shards / INDEX)!r} names the file {second.name!r}, which is not there."
    second.write_bytes(content)
    with pytest.raises(CheckpointCorrupt, match=rf"holds '.*', but {INDEX} puts it in '{first.name}'\.$"):
        DistilBertModel.from_pretrained(shards)


def test_a_shard_with_more_than_the_index_says(shards):
    rewrite(shards, lambda index: index["weight_map"].pop("embeddings.LayerNorm.bias") and None)
    with pytest.raises(CheckpointCorrupt, match=r"holds .*, but .* does not name it\.$"):
        DistilBertModel.from_pretrained(shards)


# ---- places ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "place", [3, None, b"x", "", "a\0b", "x" * 5000, "~no-such-user/x", "./no", "/no/such", "/dev/null"]
)
def test_a_bad_place(tmp_path, monkeypatch, place):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ArchsmithError):
        DistilBertModel.from_pretrained(place)


@pytest.mark.parametrize(
    ("content", "hint"),
    [
        (b"{}", ""),
        (b"PK\x03\x04" + bytes(90), " It is a pickle or a zip archive, which archsmith does not read."),
        (
            b"GGUF\x03",
            " It is a GGUF file. Make a checkpoint of it: archsmith convert FILE OUT",
        ),
    ],
)
def test_a_file_of_another_kind_in_place_of_a_folder(tmp_path, content, hint):
    (tmp_path / "model.x").write_bytes(content)
    with pytest.raises(CheckpointNotFound) as caught:
        DistilBertModel.from_pretrained(tmp_path / "model.x")
    assert str(caught.value) == (
        f"{str(tmp_path / 'model.x')!r} is a file; expected the folder that holds it, {str(tmp_path)!r}.{hint}"
    )


def test_weights_in_place_of_a_configuration(folder):
    said = " It is a safetensors file, which holds weights; name the folder that it is in."
    file = folder / "model.safetensors"
    for cls in (AutoConfig, DistilBertConfig):
        for change in ("whole", "large"):
            if change == "large":
                os.truncate(file, 20 * 2**20)
            with pytest.raises(CheckpointCorrupt) as caught:
                cls.from_pretrained(file)
            assert str(caught.value).startswith(f"{str(file)!r} is ")
            assert str(caught.value).endswith(said)


@pytest.mark.parametrize(
    ("content", "hint"),
    [
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:ab\nsize 12345\n", "Git LFS pointer"),
        (b"<!DOCTYPE html>", "web page"),
        (b"\x80\x04\x95", "pickle or a zip archive"),
        (b"GGUF\x03\xff", "GGUF file"),
        (b"", "The file is empty."),
    ],
)
def test_what_lies_in_place_of_a_configuration_is_told(folder, content, hint):
    (folder / "config.json").write_bytes(content)
    with pytest.raises(CheckpointCorrupt, match=hint):
        DistilBertModel.from_pretrained(folder)


def test_a_file_in_place_of_its_folder(folder):
    with pytest.raises(CheckpointNotFound) as caught:
        DistilBertModel.from_pretrained(folder / "config.json")
    assert str(caught.value) == (
        f"{str(folder / 'config.json')!r} is a file; expected the folder that holds it, {str(folder)!r}."
    )


def test_a_subfolder(folder):
    assert DistilBertModel.from_pretrained(folder.parent, subfolder="model").config.dim == 8
    assert DistilBertModel.from_pretrained(folder.parent, subfolder="./model/").config.dim == 8
    for escape in ("../model", "model/../..", str(folder), 3):
        with pytest.raises(OptionError, match="subfolder must"):
            DistilBertModel.from_pretrained(folder.parent, subfolder=escape)
    (folder / "inner").mkdir()
    (folder / "bare").mkdir()
    (folder / "bare" / "model.safetensors").write_bytes((folder / "model.safetensors").read_bytes())
    of = "It holds: model.safetensors. Weights do not say of which model they are: save it with save_pretrained."
    for subfolder, said in (
        ("model/bare", of),
        ("other", "There is no such subfolder; there is: model."),
        ("model/other", "There is no such subfolder; there is: model."),
        ("", "It holds: model. It is in the subfolder model."),
        ("model/inner", "It holds: nothing."),
    ):
        with pytest.raises(CheckpointNotFound) as caught:
            DistilBertModel.from_pretrained(folder.parent, subfolder=subfolder)
        where = f", subfolder {subfolder!r}" if subfolder else ""
        assert str(caught.value) == f"{str(folder.parent)!r}{where} has no file 'config.json'. {said}"


def test_a_working_directory_that_is_gone(tmp_path, monkeypatch):
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    with pytest.raises(CheckpointNotFound, match=r"there is no folder './x' \(working directory: deleted\)"):
        DistilBertModel.from_pretrained("./x")
