"""``archsmith run``: what it shows, what it refuses, and how it ends."""

import dataclasses
import json
import os
import pty
import re
import select
import shutil
import subprocess

import pytest
from rich.cells import cell_len

from archsmith.errors import ArchsmithWarning
from archsmith_tasks import find_task, pipeline
from archsmith_tasks.text.classification import TextClassification

from .run_support import TASK, Result, command, make_classifier, process, rows_of, texts


def test_a_table(archsmith, model):
    found = archsmith(TASK, "--model", model, "hello world", "very good film " * 21, "")
    one = pipeline(TASK, model)("hello world")
    lines = found.out.splitlines()
    assert lines[:2] == [
        "    #  input                                 answer",
        f"    0  hello world                           {one.label} {one.score:.3f}",
    ]
    assert lines[2].startswith("    1  very good film very good film very …  error: the text has 65 tokens")
    assert lines[3:] == ["    2                                        error: an input is empty; expected a text."]
    assert found.code == 1
    assert found.err.startswith(
        "note: 2 of 3 inputs could not be answered. The first of this run: input 1 (argument 2): the"
    )


def test_auto(archsmith, model, tmp_path):
    assert archsmith("auto", "-m", model, "hello").out == archsmith(TASK, "-m", model, "hello").out
    values = json.loads((model / "config.json").read_text())
    shutil.copytree(model, tmp_path / "m")
    (tmp_path / "m/config.json").write_text(json.dumps({**values, "architectures": None}))
    found = archsmith("auto", "-m", "m", "hello")
    assert (found.code, found.err) == (1, "error: name the task: config.json does not say what the model is for.\n")


def test_json(archsmith, model):
    found = archsmith(TASK, "-m", model, "hello", "", "--json", "--set", "top-k=null")
    one = pipeline(TASK, model, top_k=None)("hello").to_dict()
    assert found.data == {
        "task": TASK,
        "model": str(model),
        "results": [
            {"index": 0, "id": "argument 1", **one, "error": None},
            {"index": 1, "id": "argument 2", "error": "an input is empty; expected a text."},
        ],
        "failed": 1,
    }
    assert found.code == 1
    found = archsmith(TASK, "-m", model, "hello", "--out", "a.jsonl", "--json")
    assert found.data == {
        "task": TASK,
        "model": str(model),
        "out": "a.jsonl",
        "rows": 1,
        "failed": 0,
        "resumed_from": 0,
    }
    assert archsmith(TASK, "-m", "./nowhere", "hello", "--json").data["error"]["type"] == "CheckpointNotFound"


def test_json_lines_on_standard_output(archsmith, model):
    found = archsmith(TASK, "-m", model, "hello", "", "--out", "-")
    assert [json.loads(line)["error"] for line in found.out.splitlines()] == [
        None,
        "an input is empty; expected a text.",
    ]


def test_strict(archsmith, model, tmp_path):
    found = archsmith(TASK, "-m", model, "hello", "", "world", "--strict", "--out", "a.jsonl")
    assert (found.code, found.err) == (1, "error: input 1 (argument 2): an input is empty; expected a text.\n")
    assert [json.loads(line)["index"] for line in (tmp_path / "a.jsonl").read_text().splitlines()] == [0]
    assert json.loads((tmp_path / "a.jsonl.run.json").read_text())["finished"] is False


@pytest.mark.parametrize(
    ("args", "code", "said"),
    [
        ((), 2, "Invalid value for TASK: it is missing; expected TASK --model CHECKPOINT INPUT…, or --list."),
        ((TASK, "-m", "M"), 2, "Invalid value for INPUT: it is missing"),
        ((TASK, "x"), 2, "Invalid value for --model: it is missing"),
        (("--list", "text-classification"), 2, "Invalid value for --list: it stands alone"),
        (("sequence-classification", "-m", "M", "x"), 2, "Did you mean 'text-classification'? 'auto' takes "),
        (("text-clasification", "-m", "M", "x"), 2, "Did you mean 'text-classification'? 'auto' takes "),
        ((TASK, "-m", "M", "x", "--set", "top_k"), 2, "'top_k' must be of the form option=value"),
        ((TASK, "-m", "M", "x", "--set", "top_k=1", "--set", "top-k=1"), 2, "'top_k' is set twice"),
        ((TASK, "-m", "M", "x", "--set", "dtype=float32"), 2, "'dtype' is not an option of the task; pass --dtype"),
        ((TASK, "-m", "M", "x", "--set", "revision=a"), 2, "'revision' is not an option of the task; pass --revision"),
        ((TASK, "-m", "M", "x", "--revision", "a"), 2, "--revision: it is for a model on the hub, but "),
        ((TASK, "-m", "M", "x", "--subfolder", "../a"), 1, "subfolder must lie inside the checkpoint"),
        ((TASK, "-m", "acme/none", "x", "--offline", "--revision", "v1"), 1, "acme/none"),
        ((TASK, "-m", "M", "x", "--set", "topk=1"), 1, "'topk' is not an option of text-classification; it has: "),
        ((TASK, "-m", "M", "x", "--set", "top_k=0"), 1, "top_k must be "),
        ((TASK, "-m", "M", "x", "--batch-size", "0"), 2, "it is '0'; expected 'auto' or a number of rows"),
        ((TASK, "-m", "M", "x", "--dtype", "flot32"), 1, "dtype"),
        ((TASK, "-m", "M", "x", "--device", "nowhere"), 1, "nowhere"),
        ((TASK, "-m", "M", "x", "--out", "a.xlsx"), 1, "expected a file that ends in .jsonl, .csv, .parquet."),
        ((TASK, "-m", "M", "x", "--out", "no/a.csv"), 1, "'no/a.csv' cannot be written: No such file or directory."),
        ((TASK, "-m", "M", "x", "--out", "a.csv", "--resume", "--force"), 2, "it contradicts --force"),
        ((TASK, "-m", "M", "x", "--resume"), 2, "--resume is for --out FILE"),
        ((TASK, "-m", "M", "x", "--out", "-", "--json"), 2, "Invalid value for --out: '-' contradicts --json. Try: "),
        ((TASK, "-m", "M", "M/x.txt"), 1, "there is no file"),
    ],
)  # fmt: skip
def test_what_is_refused(archsmith, model, args, code, said):
    found = archsmith(*(str(model) if arg == "M" else arg for arg in args))
    if "--json" in args:
        found = Result(found.code, "", found.data["error"]["message"])
    assert said in found.err
    assert (found.code, found.out) == (code, "")


def test_what_is_read_is_not_written(archsmith, model, tmp_path):
    (tmp_path / "x").mkdir()
    (tmp_path / "x/a.jsonl").write_text('{"text": "good"}\n')
    for given, out in (("x/a.jsonl", "x/../x/a.jsonl"), ("x", "x/new.csv"), ("x/*.jsonl", "x/new.jsonl")):
        found = archsmith(TASK, "-m", model, given, "--out", out, "--force")
        said = f"error: --out is '{out}', which is among the inputs. Choose another place.\n"
        assert (found.code, found.err) == (1, said)
    assert "--draw is 'x/d', which is among the inputs." in archsmith(TASK, "-m", model, "x", "--draw", "x/d").err
    assert [path.name for path in (tmp_path / "x").iterdir()] == ["a.jsonl"]
    assert archsmith(TASK, "-m", model, "x/*.jsonl", "--out", "x/new.csv").code == 0


def test_a_name_that_is_no_text(archsmith, model, tmp_path):
    name = os.fsdecode(b"caf\xe9.txt")
    (tmp_path / name).write_text("good\n")
    for out in ("a.jsonl", "a.csv", "a.parquet"):
        assert archsmith(TASK, "-m", model, name, "--out", out).code == 0
        assert [row["id"] for row in rows_of(tmp_path / out)] == ["caf\\udce9.txt:1"]
        assert archsmith(TASK, "-m", model, name, "--out", out, "--resume").code == 0


def test_options_of_the_run(archsmith, model, tmp_path):
    bare = make_classifier(tmp_path / "bare", tokenizer=False)
    given = ("hello world", "good", "--json")
    assert archsmith(TASK, "-m", bare, *given).code == 1
    found = archsmith(TASK, "-m", bare, "--tokenizer", model, *given)
    assert found.data["results"] == archsmith(TASK, "-m", model, *given, "--batch-size", "1").data["results"]
    assert archsmith(
        "auto", "-m", bare.parent, "--subfolder", "bare", "--tokenizer", model, *given
    ).data == found.data | {"model": str(bare.parent)}
    half = archsmith(TASK, "-m", model, *given, "--dtype", "bfloat16", "--device", "cpu").data["results"]
    assert half[0]["score"] != found.data["results"][0]["score"]
    with pytest.warns(ArchsmithWarning, match="texts of more than 64 tokens are cut"):
        cut = pipeline(TASK, model, truncation=True)("a " * 100)
    found = archsmith(TASK, "-m", model, "a " * 100, "--set", "truncation=true", "--json")
    assert found.data["results"][0]["label"] == cut.label
    assert found.err == "note: texts of more than 64 tokens are cut: the model reads no more.\n"


def test_a_name_that_would_steer_the_terminal(archsmith, model):
    found = archsmith(TASK, "-m", model, "good\x1b[2J film", "two\nlines")
    assert "\x1b" not in found.out
    assert "good\\x1b[2J film" in found.out
    assert "two lines" in found.out


def test_pieces_of_one_text(archsmith, model, monkeypatch):
    """What a task writes is shown as it comes, where there is one input that is a text."""
    pieces = ("A ", "fi\x1blm\n", "ends.")
    monkeypatch.setattr(TextClassification, "stream", lambda _self, value: iter((value, *pieces)), raising=False)
    assert archsmith(TASK, "-m", model, "good: ").out == "good: A fi\\x1blm\nends.\n"
    assert "input" in archsmith(TASK, "-m", model, "good", "bad").out
    assert archsmith(TASK, "-m", model, "good", "--json").data["results"][0]["label"] in ("NEG", "POS")


def test_pictures(archsmith, model, tmp_path, monkeypatch):
    rows = [{"id": "../a/b c?.txt", "text": "good"}, {"id": "e", "text": ""}, {"text": "bad"}]
    (tmp_path / "in.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    found = archsmith(TASK, "-m", model, "in.jsonl", "--draw", "new/pictures", "--out", "a.csv")
    assert found.code == 1
    pictures = {path.name: path.read_bytes()[1:4] for path in (tmp_path / "new/pictures").iterdir()}
    assert pictures == {"000000-a-b-c-.txt.png": b"PNG", "000002-in.jsonl-3.png": b"PNG"}
    found = archsmith(TASK, "-m", model, "x", "--draw", "new/pictures")
    assert "'new/pictures' is not empty. Choose another folder, or pass --force." in found.err
    assert archsmith(TASK, "-m", model, "good", "--draw", "new/pictures", "--force").code == 0
    none = dataclasses.replace(find_task(TASK), draw=None)
    monkeypatch.setattr("archsmith_tasks.run.command.find_task", lambda _name: none)
    found = archsmith(TASK, "-m", model, "x", "--draw", "d")
    assert (found.code, found.err) == (1, "error: text-classification has nothing to draw. Leave out --draw.\n")


def on_a_terminal(*args, folder, columns):
    """Return what a process writes to a terminal of so many columns, and to standard error, which is one too."""
    lead, follow = pty.openpty()
    env = {**os.environ, "COLUMNS": str(columns), "TERM": "xterm", "PYTHONUTF8": "1"}
    running = subprocess.Popen(command(*args), cwd=folder, stdin=follow, stdout=follow, stderr=follow, env=env)
    written, is_over = b"", False
    while not is_over or select.select([lead], [], [], 0.2)[0]:  # what it wrote last is there once it has ended
        is_over = running.poll() is not None
        if select.select([lead], [], [], 0.05)[0]:
            written += os.read(lead, 65536)
    os.close(lead)
    os.close(follow)
    return running.wait(), re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", written.decode()).replace("\r\n", "\n")


def test_forty_columns(model, tmp_path):
    code, said = on_a_terminal(
        TASK, "-m", model, *texts(5), "好" * 70, "", "--set", "top_k=2", folder=tmp_path, columns=40
    )
    assert code == 1
    table, note = said.split("note: ")
    assert [line for line in table.split("\n") if cell_len(line) > 40] == []
    assert " ".join(note.split()).startswith("2 of 7 inputs could not be answered.")


def test_progress_is_for_a_terminal(model, tmp_path):
    (tmp_path / "a.txt").write_text("\n".join(texts(300)))
    _, said = on_a_terminal(TASK, "-m", model, "a.txt", "--out", "a.jsonl", folder=tmp_path, columns=80)
    assert "300 inputs, " in said
    found = process(TASK, "-m", model, "a.txt", "--out", "b.jsonl", folder=tmp_path)
    assert (found.out, found.err) == ("Wrote b.jsonl: 300 rows\n", "")


def test_a_closed_pipe(model, tmp_path):
    (tmp_path / "a.txt").write_text("\n".join(texts(3000)))
    running = subprocess.Popen(
        command(TASK, "-m", model, "a.txt"), cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    running.stdout.readline()
    running.stdout.close()
    assert running.communicate()[1] == b""
    assert running.returncode == 141
