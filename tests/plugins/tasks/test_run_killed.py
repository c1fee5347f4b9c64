"""Runs that are killed or interrupted, and gone on with: each input once, none lost. And memory, which stays."""

import json
import os
import random
import signal
import subprocess
import sys
import time

import pytest

from archsmith_tasks.run.writing import FORMATS

from .run_support import TASK, assert_same_rows, make_classifier, process, rows_of, texts

#: The verb, with parts of Parquet that are small.
VERB = """
import sys
from archsmith_cli.main import main
from archsmith_tasks.run.parquet import ParquetRows
ParquetRows.ROWS = 64
main()
"""
PEAK = """
import resource, sys
from archsmith_cli.main import run
code = run(sys.argv[1:])
print("peak", resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)
"""
COUNT = 4000


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("killed")
    make_classifier(folder / "m")
    write_inputs(folder / "in.jsonl", COUNT)
    return folder


def write_inputs(path, count):
    some = texts(min(count, 1000))
    with path.open("w") as file:
        for number in range(count):
            text = "" if number % 97 == 5 else some[number % len(some)]
            file.write(json.dumps({"id": f"r{number}", "text": text}) + "\n")


@pytest.fixture(scope="module")
def wanted(folder):
    assert process(TASK, "-m", "m", "in.jsonl", "--out", "wanted.jsonl", folder=folder).code == 1
    return rows_of(folder / "wanted.jsonl")


def started(folder, out, *options):
    args = ["run", TASK, "-m", "m", "in.jsonl", "--out", out, "--batch-size", "4", *options]
    return subprocess.Popen(
        [sys.executable, "-c", VERB, *args], cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    )


def written(path):
    """Return how many bytes are there by now, in the file or in the parts of it."""
    parts = path.with_name(f"{path.name}.parts")
    paths = [path, *parts.glob("*")] if parts.exists() else [path]
    size = 0
    for each in paths:
        try:
            size += each.stat().st_size
        except FileNotFoundError:
            continue
    return size


def stopped(running, path, draw, number):
    """Send a signal when some more has been written; return whether the run was still on."""
    before, more = written(path), draw.randint(0, 60_000)
    while running.poll() is None and written(path) < before + more:
        time.sleep(0.001)
    time.sleep(draw.random() * 0.05)
    running.send_signal(number)
    said = running.communicate(timeout=60)[1]
    return running.returncode, said


@pytest.mark.long
@pytest.mark.parametrize("suffix", FORMATS)
@pytest.mark.parametrize("seed", range(2))
def test_killed_at_any_moment(folder, wanted, suffix, seed):
    draw, out = random.Random(seed), f"killed-{seed}{suffix}"
    kills = 0
    for _ in range(4):
        code, _ = stopped(started(folder, out, "--resume"), folder / out, draw, signal.SIGKILL)
        kills += code == -signal.SIGKILL
        if code == 1:
            break
    assert kills >= 2
    last = started(folder, out, "--resume")
    said = last.communicate(timeout=120)[1]
    assert last.returncode == 1, said
    assert_same_rows(rows_of(folder / out), wanted)
    assert {path.name for path in folder.glob(f"{out}*")} == {out, f"{out}.run.json"}


@pytest.mark.long
@pytest.mark.parametrize("suffix", FORMATS)
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_interrupted(folder, wanted, suffix, number, code):
    """What is there is whole without any repair, and the message says how to go on."""
    draw, out = random.Random(int(number)), f"stopped-{code}{suffix}"
    ends = []
    for _ in range(2):
        end, said = stopped(started(folder, out, "--resume"), folder / out, draw, number)
        ends.append(end)
        if end == code and (folder / out).exists():
            rows = rows_of(folder / out)
            assert_same_rows(rows, wanted[: len(rows)])
            if "stopped:" in said:
                held = " ".join(said.split())
                assert f"stopped: '{out}' holds the answers of {len(rows)} inputs. Pass --resume to go on." in held
                assert json.loads((folder / f"{out}.run.json").read_text())["rows"] == len(rows)
    assert code in ends
    assert set(ends) <= {code, 1}
    last = started(folder, out, "--resume")
    last.communicate(timeout=120)
    assert last.returncode == 1
    assert_same_rows(rows_of(folder / out), wanted)


@pytest.mark.long
@pytest.mark.parametrize("suffix", FORMATS)
def test_memory_stays(folder, suffix):
    """Ten times as many inputs take no more memory, from the file to the file."""
    peaks = []
    for count in (5_000, 50_000):
        write_inputs(folder / f"in-{count}.jsonl", count)
        args = ["run", TASK, "-m", "m", f"in-{count}.jsonl", "--out", f"memory-{count}{suffix}"]
        env = {**os.environ, "MALLOC_ARENA_MAX": "2"}
        done = subprocess.run(
            [sys.executable, "-c", PEAK, *args], cwd=folder, capture_output=True, text=True, timeout=600, env=env
        )
        assert len(rows_of(folder / f"memory-{count}{suffix}")) == count, done.stderr
        peaks.append(int(done.stdout.split("peak ")[1]))
    assert peaks[1] - peaks[0] < 40, peaks


def test_interrupted_in_this_process(folder, capsys, monkeypatch):
    """As Ctrl-C between two answers."""
    from archsmith_cli.main import run
    from archsmith_tasks.run import writing

    monkeypatch.chdir(folder)
    add = writing._JsonLines.add

    def interrupted(self, row, found):
        if row["index"] == 20:
            raise KeyboardInterrupt
        add(self, row, found)

    monkeypatch.setattr(writing._JsonLines, "add", interrupted)
    assert run(["run", TASK, "-m", "m", "in.jsonl", "--out", "here.jsonl"]) == 130
    assert capsys.readouterr().err == (
        "stopped: 'here.jsonl' holds the answers of 20 inputs. Pass --resume to go on.\n"
    )
    assert [row["index"] for row in rows_of(folder / "here.jsonl")] == list(range(20))
    assert json.loads((folder / "here.jsonl.run.json").read_text())["rows"] == 20
