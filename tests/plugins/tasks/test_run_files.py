"""The files that ``archsmith run`` writes: rows, formats, going on with one, and what is refused."""

import contextlib
import json
import os
import re
import resource
import shutil
import signal
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from safetensors.torch import load_file, save_file

from archsmith.errors import InputError, PluginError
from archsmith_tasks import pipeline
from archsmith_tasks.results import Classification, Failure, Features, Label, Result
from archsmith_tasks.run.parquet import ParquetRows
from archsmith_tasks.run.rows import row_of
from archsmith_tasks.run.writing import FORMATS, held

from .run_support import TASK, assert_same_rows, make_classifier, process, rows_of, texts

SUFFIXES = tuple(FORMATS)
every_format = pytest.mark.parametrize("suffix", SUFFIXES)


def some(tmp_path, count=50):
    """Write inputs, of which some are bad; return the path."""
    rows = [{"id": f"r{number}", "text": text} for number, text in enumerate(texts(count))]
    for place in range(3, count, 10):
        rows[place]["text"] = ""
    path = tmp_path / "in.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


# ---- whole runs ---------------------------------------------------------------------------------------------------


@every_format
def test_rows(archsmith, model, tmp_path, suffix):
    found = archsmith(TASK, "-m", model, some(tmp_path), "--out", f"a{suffix}", "--set", "top_k=2")
    assert found.code == 1
    assert found.out == f"Wrote a{suffix}: 50 rows\n"
    said = "an input is empty; expected a text."
    assert found.err == f"note: 5 of 50 inputs could not be answered. The first of this run: input 3 (r3): {said}\n"
    rows = rows_of(tmp_path / f"a{suffix}")
    answers = pipeline(TASK, model, top_k=2)
    assert [row["id"] for row in rows] == [f"r{number}" for number in range(50)]
    for index, (row, text) in enumerate(zip(rows, texts(50), strict=True)):
        assert row["index"] == index
        if index % 10 == 3:
            assert (row["error"], row.get("label")) == (said, None)
        else:
            wanted = answers(text)
            assert (row["label"], row["error"]) == (wanted.label, None)
            assert abs(row["score"] - wanted.score) < 1e-5
            assert [each["label"] for each in row["labels"]] == [each.label for each in wanted.labels]
    assert sorted(path.name for path in tmp_path.iterdir()) == [f"a{suffix}", f"a{suffix}.run.json", "in.jsonl"]


@every_format
def test_nothing_but_errors(archsmith, model, tmp_path, suffix):
    (tmp_path / "a.csv").write_text("text\n \n \n")
    assert archsmith(TASK, "-m", model, "a.csv", "--out", f"b{suffix}").code == 1
    assert [(row["index"], row["id"]) for row in rows_of(f"b{suffix}")] == [(0, "a.csv:2"), (1, "a.csv:3")]
    (tmp_path / "e.txt").write_text("")
    assert archsmith(TASK, "-m", model, "e.txt", "--out", f"c{suffix}").code == 0
    assert rows_of(f"c{suffix}") == []


@every_format
def test_what_is_there_is_not_replaced(archsmith, model, tmp_path, suffix):
    out = f"a{suffix}"
    assert archsmith(TASK, "-m", model, "good", "--out", out).code == 0
    before = (tmp_path / out).read_bytes()
    found = archsmith(TASK, "-m", model, "bad", "film", "--out", out)
    assert (found.code, found.err) == (
        1,
        f"error: '{out}' is there already. Pass --resume to go on with it, or --force to replace it.\n",
    )
    assert (tmp_path / out).read_bytes() == before
    assert archsmith(TASK, "-m", model, "bad", "film", "--out", out, "--force").code == 0
    assert len(rows_of(out)) == 2
    assert json.loads((tmp_path / f"{out}.run.json").read_text())["rows"] == 2


def test_a_link_is_replaced_and_not_written_through(archsmith, model, tmp_path):
    (tmp_path / "mine.txt").write_text("mine")
    (tmp_path / "a.jsonl").symlink_to(tmp_path / "mine.txt")
    assert archsmith(TASK, "-m", model, "good", "--out", "a.jsonl").code == 1
    assert archsmith(TASK, "-m", model, "good", "--out", "a.jsonl", "--force").code == 0
    assert (tmp_path / "mine.txt").read_text() == "mine"
    (tmp_path / "f.jsonl").mkdir()
    assert "is not a regular file" in archsmith(TASK, "-m", model, "good", "--out", "f.jsonl", "--force").err


def test_what_made_it_stands_beside_it(archsmith, model, tmp_path):
    archsmith(TASK, "-m", model, some(tmp_path), "--out", "a.jsonl", "--set", "top_k=2")
    found = json.loads((tmp_path / "a.jsonl.run.json").read_text())
    config = json.loads((model / "config.json").read_text())
    assert found["checkpoints"]["model"]["save_id"] == config["archsmith"]["save_id"]
    assert found["packages"].keys() == {"archsmith", "archsmith-tasks", "archsmith-distilbert"}
    assert found["options"] == {"top_k": 2, "function_to_apply": None, "truncation": False}
    (one,) = found["inputs"]
    assert (one["path"], one["bytes"]) == (str(tmp_path / "in.jsonl"), (tmp_path / "in.jsonl").stat().st_size)
    assert (found["rows"], found["failed"], found["finished"]) == (50, 5, True)


# ---- going on -----------------------------------------------------------------------------------------------------


def cut(path, rows, torn):
    """Leave of a file so many rows, and the begin of the next one, as a kill does."""
    if path.suffix == ".parquet":
        table = pq.read_table(path)
        parts = path.with_name(f"{path.name}.parts")
        parts.mkdir()
        for first in range(0, rows, 7):
            pq.write_table(table.slice(first, min(7, rows - first)), parts / f"{first:015d}.parquet")
        (parts / "merged").write_bytes(b"half" * torn)
        (parts / "merged.part").write_bytes(b"half" * torn)
        path.unlink()
        return
    lines = path.read_bytes().splitlines(keepends=True)
    rows += path.suffix == ".csv"
    path.write_bytes(b"".join(lines[:rows]) + (lines[rows][: torn * len(lines[rows]) // 4] if torn else b""))


@every_format
@pytest.mark.parametrize(("rows", "torn"), [(0, 0), (0, 1), (1, 3), (20, 0), (33, 2), (49, 3)])
def test_going_on_behind_a_torn_row(archsmith, model, tmp_path, suffix, rows, torn):
    out = tmp_path / f"a{suffix}"
    archsmith(TASK, "-m", model, some(tmp_path), "--out", out)
    wanted = rows_of(out)
    cut(out, rows, torn)
    found = archsmith(TASK, "-m", model, "in.jsonl", "--out", out, "--resume")
    assert found.out == f"Wrote {out}: 50 rows, {50 - rows} of them new\n"
    assert_same_rows(rows_of(out), wanted)
    assert found.code == 1
    assert "5 of 50 inputs could not be answered." in found.err
    assert {path.name for path in tmp_path.glob("a.*")} == {out.name, f"{out.name}.run.json"}


@every_format
def test_going_on_with_what_is_whole_or_not_there(archsmith, model, tmp_path, suffix):
    """Whoever repeats a command with --resume, in a loop, comes to its end, and nothing is done twice."""
    out = f"a{suffix}"
    some(tmp_path)
    first = archsmith(TASK, "-m", model, "in.jsonl", "--out", out, "--resume")
    assert first.out == f"Wrote {out}: 50 rows\n"
    before = rows_of(out)
    again = archsmith(TASK, "-m", model, "in.jsonl", "--out", out, "--resume", "--json")
    assert (again.data["rows"], again.data["resumed_from"], again.code) == (50, 50, 1)
    assert rows_of(out) == before


def test_standard_input_that_is_gone_on_with(model, tmp_path):
    """Nobody can tell whether it is the same, and that is said."""
    given = "\n".join(texts(50)).encode()
    command = (TASK, "-m", model, "-", "--out", "a.jsonl", "--resume")
    assert process(*command, folder=tmp_path, given=given).err == ""
    wanted = rows_of(tmp_path / "a.jsonl")
    cut(tmp_path / "a.jsonl", 20, 1)
    said = "note: standard input cannot be compared with that of the run before: it has to be the same.\n"
    assert process(*command, folder=tmp_path, given=given).err == said
    assert_same_rows(rows_of(tmp_path / "a.jsonl"), wanted)


def test_columns_of_csv_that_begins_with_errors(archsmith, model, tmp_path):
    """Its columns are known with the first answer, be it in a later run."""
    (tmp_path / "in.txt").write_text("x " * 100 + "\n" + "y " * 100 + "\ngood film\n")
    archsmith(TASK, "-m", model, "in.txt", "--out", "a.csv")
    wanted = (tmp_path / "a.csv").read_bytes()
    lines = wanted.splitlines(keepends=True)
    for kept in (b"index,id,error\n", b"index,id,error\n0,in.txt:1," + lines[1].split(b",", 5)[5], b"", lines[0]):
        (tmp_path / "a.csv").write_bytes(kept)
        assert archsmith(TASK, "-m", model, "in.txt", "--out", "a.csv", "--resume").code == 1
        assert (tmp_path / "a.csv").read_bytes() == wanted


def test_parquet_that_was_merged_before_its_parts_were_deleted(archsmith, model, tmp_path):
    out = tmp_path / "a.parquet"
    archsmith(TASK, "-m", model, some(tmp_path), "--out", out)
    wanted = rows_of(out)
    shutil.copy(out, tmp_path / "kept")
    cut(out, 50, 0)
    shutil.copy(tmp_path / "kept", out)
    (tmp_path / "a.parquet.parts" / f"{0:015d}.parquet").unlink()
    found = archsmith(TASK, "-m", model, "in.jsonl", "--out", out, "--resume")
    assert found.out.endswith("50 rows, 0 of them new\n")
    assert rows_of(out) == wanted


@every_format
def test_going_on_in_another_way_is_refused(archsmith, model, tmp_path, suffix):
    out = tmp_path / f"a{suffix}"
    shutil.copytree(model, tmp_path / "m")
    some(tmp_path)
    archsmith(TASK, "-m", "m", "in.jsonl", "--out", out)
    before = out.read_bytes()

    def refused(*args, model="m", given="in.jsonl"):
        found = archsmith(TASK, "-m", model, given, "--out", out, "--resume", *args)
        assert (found.code, out.read_bytes()) == (1, before)
        assert found.err.startswith(f"error: '{out}' was made in another way:")
        assert found.err.endswith(" Repeat the run as it was, or begin anew with --force.\n")
        return found.err

    assert "options.top_k was 1, and is 2 now" in refused("--set", "top_k=2")
    assert "dtype was 'float32', and is 'bfloat16' now" in refused("--dtype", "bfloat16")
    assert "reading.fields. was None, and is 'text' now" in refused("--field", "text")
    other = make_classifier(tmp_path / "other", seed=1)
    assert "checkpoints.model.save_id was " in refused(model=other)
    shutil.copy(tmp_path / "in.jsonl", tmp_path / "in2.jsonl")
    assert "inputs.1.path was " in refused(given="in2.jsonl")
    os.utime(tmp_path / "in.jsonl", ns=(1, 1))
    assert "inputs.1.modified_ns was " in refused()
    record = tmp_path / f"a{suffix}.run.json"
    values = json.loads(record.read_text())
    values["inputs"][0]["modified_ns"] = 1
    record.write_text(json.dumps({**values, "packages": {**values["packages"], "archsmith-distilbert": "0.1.9"}}))
    assert "packages.archsmith-distilbert was '0.1.9', and is '0.2.0' now" in refused()
    record.write_text(json.dumps(values))
    (tmp_path / "m").rename(tmp_path / "moved")  # the same save
    assert archsmith(TASK, "-m", "moved", "in.jsonl", "--out", out, "--resume", "--batch-size", "4").code == 1
    record.unlink()
    found = archsmith(TASK, "-m", "moved", "in.jsonl", "--out", out, "--resume")
    assert "which says what made it, is missing. Restore it, or begin anew with --force." in found.err


def test_a_model_without_a_save_id(archsmith, model, tmp_path):
    shutil.copytree(model, tmp_path / "m")
    config = json.loads((model / "config.json").read_text())
    (tmp_path / "m/config.json").write_text(json.dumps({**config, "archsmith": {}}))
    archsmith(TASK, "-m", "m", "good", "--out", "a.jsonl")
    assert archsmith(TASK, "-m", "m", "good", "--out", "a.jsonl", "--resume").code == 0
    os.utime(tmp_path / "m/model.safetensors", ns=(1, 1))
    found = archsmith(TASK, "-m", "m", "good", "--out", "a.jsonl", "--resume")
    assert "checkpoints.model.model.safetensors was '18320 bytes, " in found.err
    assert "and is '18320 bytes, 1' now" in found.err


def test_weights_that_another_program_wrote_beside_the_id_of_a_save(archsmith, model, tmp_path):
    """It writes config.json back as it was, the id included, whatever the weights have become."""
    shutil.copytree(model, tmp_path / "m")
    weights = tmp_path / "m/model.safetensors"
    tensors = load_file(model / "model.safetensors")
    save_file(tensors, weights, {"format": "pt"})
    archsmith(TASK, "-m", "m", "good", "--out", "a.jsonl")
    assert archsmith(TASK, "-m", "m", "good", "--out", "a.jsonl", "--resume").code == 0
    save_file({name: -tensor for name, tensor in tensors.items()}, weights, {"format": "pt"})
    found = archsmith(TASK, "-m", "m", "good", "--out", "a.jsonl", "--resume")
    assert found.code == 1
    assert "checkpoints.model.model.safetensors was " in found.err


@pytest.mark.parametrize(
    ("suffix", "damage"),
    [
        (".jsonl", lambda raw: raw.replace(b'"index": 7,', b'"index": 8,')),
        (".jsonl", lambda raw: raw.replace(b'{"index": 7,', b"[", 1)),
        (".jsonl", lambda raw: b"".join(raw.splitlines(keepends=True)[1:])),
        (".csv", lambda raw: raw.replace(b"\n7,", b"\n8,")),
        (".csv", lambda raw: raw.replace(b",error\n", b",x\n", 1)),
        (".csv", lambda raw: raw.replace(b"\n7,r7,", b"\n7,", 1)),
        (".parquet", lambda raw: raw[:-20]),
    ],
)
def test_another_thing_in_the_place_of_a_row(archsmith, model, tmp_path, suffix, damage):
    out = tmp_path / f"a{suffix}"
    archsmith(TASK, "-m", model, some(tmp_path), "--out", out)
    out.write_bytes(damage(out.read_bytes()))
    found = archsmith(TASK, "-m", model, "in.jsonl", "--out", out, "--resume")
    assert found.code == 1
    assert "stands another thing, so the run cannot go on. Restore the file, or begin anew with --force." in found.err


@every_format
def test_rows_are_on_the_disk_before_the_record_says_so(archsmith, model, tmp_path, suffix, monkeypatch):
    """A loss of power takes no row that counts: files are flushed, Parquet's parts before they have their names."""
    monkeypatch.setattr(ParquetRows, "ROWS", 20)
    monkeypatch.setattr(os, "fsync", lambda handle, real=os.fsync: (flushed.append(os.fstat(handle)), real(handle)))
    flushed: list[os.stat_result] = []
    out = tmp_path / f"a{suffix}"
    assert archsmith(TASK, "-m", model, some(tmp_path), "--out", out).code == 1
    whole = [(state.st_ino, state.st_size) for state in flushed]
    answers, record = ((path.stat().st_ino, path.stat().st_size) for path in (out, tmp_path / f"a{suffix}.run.json"))
    assert whole.index(answers) < len(whole) - 1 - whole[::-1].index(record)
    if suffix == ".parquet":
        assert len({size for _, size in whole[: whole.index(answers)]}) >= 3  # parts of 20 rows and of 10


def test_two_runs_of_one_file(archsmith, model, tmp_path):
    with held(tmp_path / "a.jsonl"):
        found = archsmith(TASK, "-m", model, "good", "--out", "a.jsonl")
    assert found.err == "error: another run is writing 'a.jsonl'. Wait for it, or choose another file.\n"
    (tmp_path / "a.jsonl.lock").touch()  # of one that was killed
    assert archsmith(TASK, "-m", model, "good", "--out", "a.jsonl").code == 0
    assert not (tmp_path / "a.jsonl.lock").exists()


# ---- writers ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Odd(Result):
    value: Any


@dataclass(frozen=True)
class Taken(Result):
    id: str


def written(path, *results):
    writer = FORMATS[path.suffix](path)
    writer.begin()
    with contextlib.closing(writer):
        for index, found in enumerate(results):
            writer.add(row_of(index, f"r{index}", found), found)
    return rows_of(path)


@every_format
@pytest.mark.parametrize("text", ['a,"b"\r\nc\td\u2028\u2029\x85é日本\U0001f600\x1b\\', "a\rb", "a\nb", "\r", '"'])
def test_letters_of_all_kinds(tmp_path, suffix, text):
    rows = written(tmp_path / f"a{suffix}", Classification(text, 0.5, (Label(text, 0.5),)), Failure(text))
    assert [rows[0]["label"], rows[0]["labels"][0]["label"], rows[1]["error"]] == [text, text, text]
    if suffix == ".jsonl":
        assert len((tmp_path / "a.jsonl").read_text(encoding="utf-8").splitlines()) == 2
    writer = FORMATS[suffix](tmp_path / f"a{suffix}")
    writer.resume()
    assert (writer.rows, writer.failed) == (2, 1)
    writer.close()
    rows = written(tmp_path / f"b{suffix}", Classification("\ud800", 0.5))
    assert rows[0]["label"] in ("\ud800", "\\ud800")


@pytest.mark.parametrize("suffix", [".jsonl", ".csv"])
@pytest.mark.parametrize("number", [float("nan"), float("inf")])
def test_a_number_that_json_has_not(tmp_path, suffix, number):
    with pytest.raises(InputError, match=r"^the answer holds a number that is not finite\.$"):
        written(tmp_path / f"a{suffix}", Classification("x", number))


def test_a_result_with_a_field_that_every_row_has():
    with pytest.raises(PluginError, match=r"^Taken has a field 'id', which every row of a file has already\.$"):
        row_of(0, "r0", Taken("x"))


def test_embeddings_in_parquet(tmp_path):
    vectors = [np.arange(3, dtype=np.float32) / 7, np.arange(4, dtype=np.float32)]
    rows = written(tmp_path / "a.parquet", Failure("no"), *map(Features, vectors))
    schema = pq.read_schema(tmp_path / "a.parquet")
    assert schema.field("vector").type == pa.list_(pa.float32())
    assert schema.names == ["index", "id", "vector", "error"]
    assert rows[0]["vector"] is None
    assert np.array_equal(np.array(rows[1]["vector"], np.float32), vectors[0])
    written(tmp_path / "b.parquet", Features(np.ones((2, 3), np.float32)))
    assert pq.read_schema(tmp_path / "b.parquet").field("vector").type == pa.list_(pa.list_(pa.float32()))


def test_parts_of_different_types(tmp_path, monkeypatch):
    monkeypatch.setattr(ParquetRows, "ROWS", 1)
    values = [None, [], [{"a": 1}], [{"a": 2.5, "b": "x"}], [{"a": None, "b": None}]]
    rows = written(tmp_path / "a.parquet", Failure("no"), *map(Odd, values))
    assert pq.ParquetFile(tmp_path / "a.parquet").num_row_groups == 6
    assert [row["value"] for row in rows[1:]] == [
        None,
        [],
        [{"a": 1.0, "b": None}],
        [{"a": 2.5, "b": "x"}],
        [{"a": None, "b": None}],
    ]
    with pytest.raises(PluginError, match=r"^the answers cannot become Parquet, .* Write \.jsonl\.$"):
        written(tmp_path / "b.parquet", Odd("x"), Odd([1]))
    with pytest.raises(PluginError, match=r"^the answers cannot become Parquet, "):
        written(tmp_path / "c.parquet", Odd({}))
    nested = {"text": "x", "others": [{"text": "y", "others": []}]}
    assert written(tmp_path / "d.parquet", Odd(None), Odd(nested))[1]["value"] == nested


def test_parquet_without_its_library(archsmith, model, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "pyarrow.parquet", None)
    found = archsmith(TASK, "-m", model, "good", "--out", "a.parquet")
    said = 'error: Parquet needs pyarrow, which is not installed. Run: pip install "archsmith-tasks[parquet]"\n'
    assert (found.code, found.err) == (1, said)


@contextlib.contextmanager
def room_for(size):
    """Let files grow to so many bytes, as a full disk does."""
    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    limit = resource.getrlimit(resource.RLIMIT_FSIZE)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, limit[1]))
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limit)
        signal.signal(signal.SIGXFSZ, before)


@every_format
def test_a_full_disk(archsmith, model, tmp_path, suffix, monkeypatch):
    """The rows that were written whole are kept, and a later run goes on with them."""
    monkeypatch.setattr(ParquetRows, "ROWS", 20)
    out = tmp_path / f"a{suffix}"
    archsmith(TASK, "-m", model, some(tmp_path, 200), "--out", out)
    wanted = rows_of(out)
    with room_for(10_000):
        found = archsmith(TASK, "-m", model, "in.jsonl", "--out", out, "--force")
    assert found.code == 1
    assert found.err.startswith(f"error: '{out}' cannot be written: ")
    assert "File too large" in found.err
    kept = int(re.search(r" (\d+) rows are kept; make room, and go on with --resume\.\n$", found.err)[1])
    assert kept == 200 if suffix == ".parquet" else 0 < kept < 200
    if suffix != ".parquet":
        assert_same_rows(rows_of(out), wanted[:kept])
    assert archsmith(TASK, "-m", model, "in.jsonl", "--out", out, "--resume").code == 1
    assert_same_rows(rows_of(out), wanted)


def test_a_folder_that_cannot_be_written(archsmith, model, tmp_path):
    with room_for(10):
        found = archsmith(TASK, "-m", model, "good", "--out", "a.jsonl")
    assert found.code == 1
    assert "cannot be written: File too large." in found.err
    assert archsmith(TASK, "-m", model, "good", "--out", "a.jsonl", "--resume").code == 0
