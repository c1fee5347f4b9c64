"""The files of a checkpoint: JSON that is strict, names that stay inside, writes that are whole."""

import json
import threading
import time

import pytest

from archsmith.errors import ArchsmithError, CheckpointCorrupt, CheckpointNotFound, OptionError, SaveFailed
from archsmith.files.checkpoint import Checkpoint
from archsmith.files.commit import replacing, save_folder, write_file
from archsmith.files.strictjson import encode_json, parse_json, read_json


@pytest.mark.parametrize(
    "value", [{}, {"a": 1.5, "b": [None, True, "ü"]}, {"a": {"b": [{"c": 1}]}}, {"": -0.0}, {"a": 2**80}]
)
def test_what_is_written_is_read(tmp_path, value):
    write_file(tmp_path / "x.json", encode_json(value))
    assert read_json(tmp_path / "x.json") == value
    assert encode_json(value).endswith(b"\n")
    assert list(json.loads(encode_json({"b": 1, "a": 2}))) == ["a", "b"]


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (b"", "is not JSON: Expecting value (line 1, column 1). The file is empty."),
        (b" \n", "is not JSON: Expecting value (line 2, column 1). The file is empty."),
        (b'{"a": 1,}', "is not JSON: Illegal trailing comma before end of object (line 1, column 8)."),
        (b'{"a": -Infinity}', ": -Infinity is not a JSON number."),
        (b'{"a": 1e400}', ": the number 1e400 is too large."),
        (b'{"a": {"b": 1, "b": 1}}', ": the key 'b' stands twice in one object."),
        (b"3", "must hold a JSON object, but holds a number."),
        (b"true", "must hold a JSON object, but holds true or false."),
        (b"null", "must hold a JSON object, but holds null."),
        (b'{"a": \xff}', "is not UTF-8 text (byte 6)."),
        (b'{"a":' + b"[" * 64 + b"]" * 64 + b"}", "is nested deeper than 64 levels."),
        (b'{"a": ["\\udc00x"]}', "holds '\\udc00x', which is half a character and no text."),
    ],
)
def test_what_is_not_read(raw, message):
    with pytest.raises(CheckpointCorrupt) as caught:
        parse_json(raw, "x.json")
    said = str(caught.value).removeprefix("'x.json'").removeprefix(" ")
    if "trailing comma" not in message:  # the wording of Python's parser changes
        assert said == message


def test_depth_and_size_limits(tmp_path):
    parse_json(b'{"a":' + b"[" * 62 + b"]" * 62 + b"}", "x")
    (tmp_path / "x.json").write_bytes(b'{"a": "' + b"x" * 100 + b'"}')
    with pytest.raises(CheckpointCorrupt, match="is larger than 50 bytes; too large for a file of its kind"):
        read_json(tmp_path / "x.json", max_bytes=50)
    for raw in (b"[" * 1_000_000, b'{"a":' * 1_000_000, b'{"a": ' + b"9" * 1_000_000 + b"}"):
        start = time.perf_counter()
        with pytest.raises(CheckpointCorrupt):
            parse_json(raw, "x")
        assert time.perf_counter() - start < 5


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "/a", "../a", "a\\b", "a\0", "a/", "./a"])
def test_a_name_from_a_file_is_a_plain_name(tmp_path, name):
    (tmp_path / "a").mkdir()
    with pytest.raises(CheckpointCorrupt):
        Checkpoint.open(tmp_path).find(name)


def test_finding(tmp_path):
    (tmp_path / "b.json").write_text("{}")
    checkpoint = Checkpoint.open(tmp_path)
    assert checkpoint.find("b.json") == tmp_path / "b.json"
    assert checkpoint.find("c.json") is None
    assert checkpoint.find("\ud800") is None
    with pytest.raises(CheckpointNotFound) as caught:
        checkpoint.read_json("c.json")
    assert str(caught.value) == f"{str(tmp_path)!r} has no file 'c.json'. It holds: b.json."
    assert (caught.value.source, caught.value.file) == (str(tmp_path), "c.json")


def test_several_files_are_complete_before_the_first_is_replaced(tmp_path):
    for name in "ab":
        write_file(tmp_path / name, b"old")
    with replacing(tmp_path, ("a", "b")) as staging:
        for name in "ab":
            (staging / name).write_bytes(b"new")
        assert [(tmp_path / name).read_bytes() for name in "ab"] == [b"old"] * 2
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {"a": b"new", "b": b"new"}


def test_a_failure_in_one_file_replaces_none(tmp_path):
    write_file(tmp_path / "a", b"old")

    def fail():
        with replacing(tmp_path, ("a", "b")) as staging:
            (staging / "a").write_bytes(b"new")
            raise SaveFailed("no luck")

    with pytest.raises(SaveFailed, match=r"^no luck$"):
        fail()
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {"a": b"old"}


def test_a_reader_sees_the_old_or_the_new_file(tmp_path):
    path = tmp_path / "x.json"
    write_file(path, encode_json({"n": 0, "pad": "x" * 100_000}))
    stop, faults = threading.Event(), []

    def read():
        while not stop.is_set():
            try:
                read_json(path)
            except ArchsmithError as error:
                faults.append(error)

    reader = threading.Thread(target=read)
    reader.start()
    for n in range(50):
        write_file(path, encode_json({"n": n, "pad": "x" * 100_000}))
    stop.set()
    reader.join()
    assert not faults


def test_a_folder_is_made(tmp_path, monkeypatch):
    assert save_folder(tmp_path / "a" / "b").is_dir()
    monkeypatch.setenv("HOME", str(tmp_path))
    assert save_folder("~/c") == tmp_path / "c"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"revision": 5}, "revision must be a branch, a tag or a commit, or None, but is 5."),
        ({"revision": ""}, "revision must be a branch, a tag or a commit, or None, but is ''."),
        ({"cache_dir": 5}, "cache_dir must be the path of a folder, or None, but is 5."),
        ({"local_files_only": "no"}, "local_files_only must be True or False, but is 'no'."),
        ({"token": "hf_secret\n"}, "token must be a string without spaces and line breaks, True, False or None."),
        ({"token": 5}, "token must be a string without spaces and line breaks, True, False or None."),
    ],
)
@pytest.mark.parametrize("place", ["folder", "o/m"])
def test_options_of_the_hub_are_checked_wherever_the_files_are(tmp_path, options, message, place):
    with pytest.raises(OptionError) as error:
        Checkpoint.open(tmp_path if place == "folder" else place, **options)
    assert str(error.value) == message
