"""The files of a checkpoint, damaged: headers, indices, and what is not a file at all."""

import json
import os
import random
import stat
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from archsmith.errors import CheckpointCorrupt, CheckpointError, CheckpointNotFound

from .sound import (
    CLASSES,
    CONFIG,
    INDEX,
    SHARDS,
    WEIGHTS,
    Sound,
    describe,
    encode,
    encode_json,
    index_of,
    sound,
    split,
    with_header,
)
from .verdict import Refused, Right, judge, report_of

BASES = [pair for pair in CLASSES if pair[1] == "base"]

# ---- headers ------------------------------------------------------------------------------------------------------


def damaged_headers(model: Sound) -> Iterator[tuple[str, bytes, tuple[str, ...]]]:
    """Yield what was done to a weights file, the file, and what the message must name beside the file."""
    raw = encode(model.entries, model.metadata)
    length = int.from_bytes(raw[:8], "little")
    body = raw[8 + length :]
    for place in (*range(9), *range(9, length, max(1, length // 60)), 8 + length, len(raw) - 1):
        yield f"cut at {place}", raw[:place], ()
    for wrong in (0, 1, length - 1, length + 1, len(raw), 2**31, 2**63, 2**64 - 1):
        yield f"header of {wrong} bytes", with_header(raw[8 : 8 + length], body, wrong), ()
    yield "more behind", raw + b"\0", ("holds",)
    yield "twice", raw + raw, ("holds",)
    yield "nothing but a header", raw[: 8 + length], ("holds 0",)
    for name in model.entries:
        for what, change, parts in ENTRY_DAMAGES:
            header = describe(model.entries, model.metadata)
            header[name] = change(dict(header[name]))
            named = (repr(name),) if parts else ()  # a place far off is told by the bytes where the gap is
            yield f"{name}, {what}", with_header(encode_json(header), body), (*named, *parts)
        text = encode_json(describe(model.entries, model.metadata))
        key = encode_json(name)
        yield f"{name}, named twice", with_header(text.replace(key, b'"\xff"', 1), body), ("not UTF-8",)
        twice = text[:-1] + b", " + key + b": {}}"
        yield f"{name}, twice", with_header(twice, body), (repr(name), "stands twice")
    first, second = list(model.entries)[:2]
    for what, begin in (("overlap", -4), ("gap", 4)):
        header = describe(model.entries, model.metadata)
        header[second]["data_offsets"] = [place + begin for place in header[second]["data_offsets"]]
        yield f"{what} of {first} and {second}", with_header(encode_json(header), body), ("overlap or leave a gap",)
    for what, metadata in (("a list", []), ("null", None), ("numbers", {"format": 1}), ("nested", {"a": {}})):
        header = {**describe(model.entries, {}), "__metadata__": metadata}
        yield f"metadata of {what}", with_header(encode_json(header), body), ("__metadata__",)


def _of_another_width(entry: dict) -> str:
    return "F32" if entry["dtype"] in ("I64", "U64", "F64") else "F64"


ENTRY_DAMAGES: list[tuple[str, Callable[[dict], object], tuple[str, ...]]] = [
    ("null", lambda entry: None, ("must have dtype, shape and data_offsets", "None")),
    ("no dtype", lambda entry: {key: entry[key] for key in ("shape", "data_offsets")}, ("must have dtype",)),
    ("one thing more", lambda entry: {**entry, "strides": [1]}, ("must have dtype", "strides")),
    ("unknown dtype", lambda entry: {**entry, "dtype": "F33"}, ("unknown dtype 'F33'", "expected one of", "BF16")),
    ("dtype of two", lambda entry: {**entry, "dtype": ["F32"]}, ("unknown dtype ['F32']", "expected one of")),
    ("another width", lambda entry: {**entry, "dtype": _of_another_width(entry)}, ("needs", "data_offsets are")),
    ("negative shape", lambda entry: {**entry, "shape": [-1]}, ("has the shape [-1]", "expected a list of sizes")),
    ("shape of text", lambda entry: {**entry, "shape": "8"}, ("has the shape '8'", "expected a list of sizes")),
    ("huge shape", lambda entry: {**entry, "shape": [2**40, 2**20]}, ("needs", "data_offsets are")),
    ("overflowing shape", lambda entry: {**entry, "shape": [2**62] * 8}, ("needs", "data_offsets are")),
    ("a larger shape", lambda entry: {**entry, "shape": [*entry["shape"], 2]}, ("needs", "data_offsets are")),
    ("offsets of one", lambda entry: {**entry, "data_offsets": [0]}, ("data_offsets [0]", "expected [begin, end]")),
    ("offsets reversed", lambda entry: {**entry, "data_offsets": [8, 4]}, ("data_offsets [8, 4]", "expected [begin")),
    ("offsets far off", lambda entry: {**entry, "data_offsets": [2**50, 2**50 + 4]}, ()),
]


@pytest.mark.parametrize(("model_type", "task"), BASES)
def test_headers(tmp_path, model_type, task):
    model = sound(model_type, task)
    model.write(tmp_path)
    path, complaints = tmp_path / WEIGHTS, {}
    for what, raw, parts in damaged_headers(model):
        path.write_bytes(raw)
        complaints[what] = judge(model, tmp_path, Refused(CheckpointCorrupt, (str(path), *parts)))
    report_of(complaints, least=300)


@pytest.mark.parametrize(("model_type", "task"), BASES)
def test_any_changed_byte_of_a_header_is_refused_or_harmless(tmp_path, model_type, task):
    model, draw = sound(model_type, task), random.Random(0)
    model.write(tmp_path)
    raw = encode(model.entries, model.metadata)
    complaints = {}
    for _ in range(250):
        place, byte = draw.randrange(8 + int.from_bytes(raw[:8], "little")), draw.randrange(256)
        (tmp_path / WEIGHTS).write_bytes(raw[:place] + bytes([byte]) + raw[place + 1 :])
        complaints[f"byte {place} is {byte}"] = judge(model, tmp_path, None)
    report_of(complaints, least=200)


# ---- indices ------------------------------------------------------------------------------------------------------


def damaged_indices(model: Sound) -> Iterator[tuple[str, object, tuple[str, ...] | None]]:
    """Yield what was done to an index, its content, and what the message must name; None: it loads right."""
    shards = split(model.entries)
    first, second, *_ = shards
    key, last = next(iter(shards[first])), list(shards[second])[-1]
    index = index_of(shards)
    for what, weight_map in (("missing", None), ("a list", [key]), ("empty", {}), ("text", first), ("a number", 3)):
        yield f"map is {what}", {**index, "weight_map": weight_map}, ("weight_map",)
    for what, value in (("null", None), ("a list", [first]), ("a number", 1), ("an object", {})):
        yield f"file is {what}", mapped(index, {key: value}), ("weight_map", repr(key), repr(value), "a file name")
    for name in ("../" + first, "/etc/passwd", "a/" + first, "..", ".", "", "a\0b", "a\\b", "./" + first):
        yield f"file is {name!r}", mapped(index, {key: name}), (repr(name), "expected a plain file name")
    yield "file is not there", mapped(index, {key: "0.safetensors"}), ("'0.safetensors'", "is not there")
    yield "another file", mapped(index, {key: "~"}), (repr(key), "puts it in '~'", first)
    yield "file of a long name", mapped(index, {key: "x" * 5000}), ()
    yield "key in the wrong shard", mapped(index, {key: second}), (repr(key), repr(second))
    yield "key in no shard", mapped(index, {"more.weight": first}), ("'more.weight'", repr(first), "it is not")
    yield "shard as large as its index", mapped(index, {key: INDEX}), (INDEX,)
    yield "config.json is a shard", mapped(index, {key: CONFIG}), (CONFIG,)
    without = {name: file for name, file in index["weight_map"].items() if name != last}
    yield "key left out", {**index, "weight_map": without}, (repr(last), "does not name it", second)
    yield "shard left out", mapped(index, dict.fromkeys(shards[first], second)), (repr(key),)
    for total in (0, -1, "x", None, [], 10**30, 1.5):
        yield f"total is {total!r}", {**index, "metadata": {"total_size": total}}, None
    yield "no metadata", {"weight_map": index["weight_map"]}, None
    yield "metadata is a list", {**index, "metadata": []}, None
    yield "a list", [index], ("must hold a JSON object",)
    yield "more keys", {**index, "note": {"deep": [[[]]]}}, None


def mapped(index: dict, changes: dict) -> dict:
    return {**index, "weight_map": {**index["weight_map"], **changes}}


@pytest.mark.parametrize(("model_type", "task"), BASES)
def test_indices(tmp_path, model_type, task):
    model = sound(model_type, task)
    model.write(tmp_path, shards=True)
    complaints = {}
    for what, content, parts in damaged_indices(model):
        (tmp_path / INDEX).write_bytes(encode_json(content))
        expected = Right() if parts is None else Refused(CheckpointCorrupt, (str(tmp_path), *parts))
        complaints[what] = judge(model, tmp_path, expected)
    (tmp_path / INDEX).write_bytes(encode_json(index_of(split(model.entries))))
    for name, part in split(model.entries).items():
        path = tmp_path / name
        raw = encode(part, model.metadata)
        other = encode(part, {**model.metadata, "archsmith": json.dumps({"save_id": "other"})})
        for what, content, parts in (
            ("gone", None, (repr(name), "is not there")),
            ("cut", raw[:-3], (str(path),)),
            ("another save", other, ("come from different saves", "other")),
            ("without a tensor", encode(dict(list(part.items())[1:]), model.metadata), (repr(next(iter(part))), name)),
        ):
            path.unlink() if content is None else path.write_bytes(content)
            complaints[f"{name}, {what}"] = judge(model, tmp_path, Refused(CheckpointCorrupt, (str(tmp_path), *parts)))
            path.write_bytes(raw)
    (tmp_path / WEIGHTS).write_bytes(encode(model.entries, model.metadata))
    both = (str(tmp_path), WEIGHTS, INDEX, "Delete the one that is out of date")
    complaints["a single file beside"] = judge(model, tmp_path, Refused(CheckpointCorrupt, both))
    report_of(complaints, least=40)


# ---- kinds of files -----------------------------------------------------------------------------------------------

CONTENTS = {
    "empty": b"",
    "a pickle": b"\x80\x04\x95\x1a\0\0\0\0\0\0\0\x8c\x05posix\x94\x8c\x06system\x94\x93\x94\x8c\x04true\x94\x85R.",
    "a zip archive": b"PK\x03\x04" + bytes(200),
    "a web page": b"<html><body>404</body></html>" * 20,
    "an LFS pointer": b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 3\n",
    "zeros": bytes(5000),
    "noise": random.Random(0).randbytes(5000),
}
KINDS: dict[str, tuple[Callable[[Path], object], str]] = {
    "a folder": (Path.mkdir, "is not a regular file (it is a folder)"),
    "a pipe": (os.mkfifo, "is not a regular file (it is a pipe)"),
    "a socket": (lambda path: os.mknod(path, stat.S_IFSOCK | 0o600), "is not a regular file (it is a device or"),
    "/dev/zero": (lambda path: path.symlink_to("/dev/zero"), "is not a regular file (it is a device or"),
    "/dev/stdin": (lambda path: path.symlink_to("/dev/full"), "is not a regular file (it is a device or"),
    "a link to nowhere": (lambda path: path.symlink_to("nowhere"), "is a link that leads nowhere"),
    "a link to itself": (lambda path: path.symlink_to(path.name), "cannot be read"),
    "a link to its folder": (lambda path: path.symlink_to("."), "is not a regular file (it is a folder)"),
    "a link through a file": (lambda path: path.symlink_to("/dev/null/x"), "is a link that leads nowhere"),
}


@pytest.mark.parametrize(("model_type", "task"), BASES)
@pytest.mark.parametrize("layout", ["one file", "shards"])
def test_what_is_no_file_or_another(tmp_path, model_type, task, layout):
    model, folder = sound(model_type, task), tmp_path / "model"
    folder.mkdir()
    model.write(folder, shards=layout == "shards")
    complaints = {}
    for path in sorted(folder.iterdir()):
        content = path.read_bytes()
        for what, (make, said) in KINDS.items():
            path.unlink()
            make(path)
            verdict = Refused(CheckpointCorrupt, (repr(str(path)), said))
            complaints[f"{path.name} is {what}"] = judge(model, folder, verdict)
            path.rmdir() if path.is_dir() and not path.is_symlink() else path.unlink()
            path.write_bytes(content)
        for what, other in CONTENTS.items():
            path.write_bytes(other)
            complaints[f"{path.name} is {what}"] = judge(model, folder, Refused(CheckpointCorrupt, (str(path),)))
        path.write_bytes(content)
        path.chmod(0)
        readable = os.access(path, os.R_OK)
        expected = Right() if readable else Refused(CheckpointCorrupt, (str(path), "Permission denied"))
        complaints[f"{path.name} is unreadable"] = judge(model, folder, expected)
        path.chmod(0o600)
        path.rename(tmp_path / "elsewhere")
        path.symlink_to(tmp_path / "elsewhere")
        complaints[f"{path.name} is a link to a sound file"] = judge(model, folder, Right())
        path.unlink()
        kind = CheckpointError if path.name.startswith("model-") else CheckpointNotFound
        complaints[f"{path.name} is gone"] = judge(model, folder, Refused(kind, (str(folder), path.name)))
        (tmp_path / "elsewhere").rename(path)
    report_of(complaints, least=20 * (2 if layout == "one file" else 2 + SHARDS) - 10)
