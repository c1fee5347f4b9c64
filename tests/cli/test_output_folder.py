"""The folder that a verb writes: nothing of it if it fails, and nobody else's files are touched."""

import os
import re
import signal
import subprocess
import sys
from functools import partial

import pytest
import typer

from archsmith.errors import SaveFailed
from archsmith_cli.output_folder import output_folder

LEFT = ".archsmith-output-0123456789abcdef"
WAITING = """
import sys, time
from archsmith_cli.output_folder import output_folder
from archsmith_cli import exits

with exits.terminable(), output_folder(sys.argv[1], force=False) as folder:
    (folder / "half").touch()
    print("writing", flush=True)
    time.sleep(60)
"""


def below(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


def write(path, name="config.json", **options):
    with output_folder(str(path), force=False, **options) as folder:
        (folder / name).write_text("mine")


def leave(folder, *, lock=True):
    """Leave what a killed run leaves."""
    left = folder / LEFT
    (left / "content").mkdir(parents=True)
    (left / "content" / "half").touch()
    if lock:
        (left / "lock").touch()
    return left


@pytest.mark.parametrize("exists", [True, False])
@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit, ValueError, OSError("disk full")])
def test_failure_deletes_what_it_wrote_and_nothing_else(tmp_path, exists, error):
    out = tmp_path / "deep" / "out"
    if exists:
        out.mkdir(parents=True)
    caught = pytest.raises((KeyboardInterrupt, SystemExit, ValueError, SaveFailed))
    with caught, output_folder(str(out), force=False) as folder:
        (folder / "src").mkdir()
        (folder / "src" / "half").touch()
        (folder / "away").symlink_to(tmp_path / "other")
        out.mkdir(parents=True, exist_ok=True)
        (out / "results-of-another.txt").touch()
        (tmp_path / "other").mkdir()
        (tmp_path / "other" / "thesis.txt").touch()
        raise error
    assert below(tmp_path) == ["deep", "deep/out", "deep/out/results-of-another.txt", "other", "other/thesis.txt"]


@pytest.mark.parametrize("exists", [True, False])
def test_what_has_come_meanwhile_is_not_mixed_with_ours(tmp_path, exists):
    out = tmp_path / "out"
    if exists:
        out.mkdir()
    with pytest.raises(SaveFailed, match=r"not empty"), output_folder(str(out), force=False) as folder:
        (folder / "config.json").write_text("mine")
        out.mkdir(exist_ok=True)
        (out / "config.json").write_text("another's")
    assert below(tmp_path) == ["out", "out/config.json"]
    assert (out / "config.json").read_text() == "another's"


def test_nothing_is_seen_before_the_end(tmp_path):
    out = tmp_path / "a" / "b"
    with output_folder(str(out), force=False) as folder:
        (folder / "x").touch()
        assert [path.name for path in tmp_path.iterdir() if re.fullmatch(r"\.archsmith-output-\w{16}", path.name)]
        assert not (tmp_path / "a").exists()
    assert below(tmp_path) == ["a", "a/b", "a/b/x"]


@pytest.mark.parametrize("exists", [True, False])
def test_what_a_killed_run_left_is_deleted_by_the_next(tmp_path, exists):
    out = tmp_path / "out"
    home = out if exists else tmp_path
    home.mkdir(exist_ok=True)
    leave(home)
    write(out)
    assert below(tmp_path) == ["out", "out/config.json"]


def test_what_is_in_use_is_left(tmp_path):
    with output_folder(str(tmp_path / "a"), force=False) as folder:
        (folder / "x").touch()
        write(tmp_path / "b")
        assert (folder / "x").exists()
    assert below(tmp_path) == ["a", "a/x", "b", "b/config.json"]


def test_what_only_looks_like_ours_is_left(tmp_path):
    """A link of that name, a folder that holds anything else, one that is just being made, a file."""
    other, out = tmp_path / "other", tmp_path / "out"
    leave(other)
    (tmp_path / LEFT).symlink_to(other / LEFT)
    (tmp_path / (LEFT[:-1] + "0")).touch()
    more = tmp_path / (LEFT[:-1] + "1")
    (more / "content").mkdir(parents=True)
    (more / "lock").touch()
    (more / "thesis.txt").touch()
    (tmp_path / (LEFT[:-1] + "2")).mkdir()
    linked = tmp_path / (LEFT[:-1] + "3")
    linked.mkdir()
    (linked / "content").symlink_to(other)
    (linked / "lock").symlink_to(other / LEFT / "lock")
    before = below(tmp_path)
    write(out)
    assert below(tmp_path) == sorted([*before, "out", "out/config.json"])


def test_link_inside_of_what_was_left_is_not_followed(tmp_path):
    victim = tmp_path / "documents"
    victim.mkdir()
    (victim / "thesis.txt").touch()
    home = tmp_path / "home"
    (leave(home) / "content" / "away").symlink_to(victim)
    write(home / "out")
    assert below(tmp_path) == ["documents", "documents/thesis.txt", "home", "home/out", "home/out/config.json"]


def test_old_one_without_a_lock_is_deleted_if_it_is_empty(tmp_path):
    left = tmp_path / LEFT
    left.mkdir()
    os.utime(left, (0, 0))
    write(tmp_path / "out")
    assert not left.exists()


def test_out_that_is_a_link(tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    write(tmp_path / "link")
    assert (tmp_path / "link").is_symlink()
    assert below(tmp_path / "real") == ["config.json"]
    (tmp_path / "dangling").symlink_to("nowhere")
    with pytest.raises(SaveFailed, match="is a link that leads nowhere"):
        write(tmp_path / "dangling")
    assert not (tmp_path / "nowhere").exists()


@pytest.mark.parametrize("out", [".", "./", "new/", "./a/../b", "a b/ü"])
def test_paths(tmp_path, monkeypatch, out):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a").mkdir() if "a/.." in out else None
    write(out)
    assert [path for path in below(tmp_path) if path.endswith("config.json")] == [
        os.path.normpath(f"{out}/config.json")
    ]


@pytest.mark.parametrize("out", ["~/out", "~/deep/out/"])
def test_home(tmp_path, monkeypatch, out):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    write(out)
    assert (tmp_path / out[2:] / "config.json").exists()
    assert not (tmp_path / "~").exists()


@pytest.mark.parametrize("out", ["", "  ", "file:///tmp/x", "https://example.org/x", "~nobody-has-this-name/x", "a\0b"])
def test_what_is_no_path(tmp_path, monkeypatch, out):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(typer.BadParameter):
        write(out)
    assert below(tmp_path) == []


def test_name_that_is_too_long(tmp_path):
    with pytest.raises(SaveFailed, match="cannot be used: File name too long"):
        write(tmp_path / ("x" * 300))
    assert below(tmp_path) == []


@pytest.mark.skipif(os.name == "nt", reason="no signals of this kind")
@pytest.mark.long
@pytest.mark.parametrize("exists", [True, False])
@pytest.mark.parametrize(
    ("number", "code", "left"),
    [
        (signal.SIGTERM, None, False),
        (signal.SIGHUP, None, False),
        (signal.SIGINT, None, False),
        (signal.SIGKILL, -9, True),
    ],
)
def test_signals(tmp_path, exists, number, code, left):
    out = tmp_path / "work" / "out"
    if exists:
        out.mkdir(parents=True)
    with subprocess.Popen(
        [sys.executable, "-c", WAITING, str(out)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=partial(signal.signal, signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509
    ) as writing:
        assert writing.stdout.readline() == "writing\n"
        if exists:
            (out / "results-of-another.txt").touch()
        writing.send_signal(number)
        writing.communicate(timeout=60)
    assert code in (None, writing.returncode)
    litter = [path for path in below(tmp_path) if ".archsmith-output-" in path]
    assert bool(litter) is left
    if exists:
        assert (out / "results-of-another.txt").exists()
        (out / "results-of-another.txt").unlink()
    write(out)
    assert below(tmp_path) == ["work", "work/out", "work/out/config.json"]
