"""Saves that are stopped: whatever stops one, before whichever step, the old checkpoint is there or the new one."""

import errno
import faulthandler
import json
import multiprocessing
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

import archsmith.model.saving
from archsmith import DistilBertConfig, DistilBertModel, DistilBertTokenizerFast, Processor, ViTImageProcessor
from archsmith.errors import CheckpointCorrupt, CheckpointNotFound, SaveFailed
from archsmith.files import commit
from archsmith.files.checkpoint import Checkpoint
from archsmith.files.commit import LOCK_FILE, replacing, write_file, write_files
from archsmith.files.journal import JOURNAL_FILE

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the tests fork")

#: Two models of one shape but for a width, so that a mix of their files shows whichever files are mixed.
COMMON = {"vocab_size": 9, "dim": 4, "n_heads": 1, "n_layers": 1, "max_position_embeddings": 5}
WHOLE, HALVES, PIECES = "1GB", "600", "300"


def constant(value: float) -> DistilBertModel:
    """Return a model all of whose numbers are ``value``, and whose configuration says so too."""
    with torch.no_grad():
        model = DistilBertModel(DistilBertConfig(**COMMON, hidden_dim=8, initializer_range=value))
        for tensor in model.parameters():
            tensor.fill_(value)
    return model


def value_in(folder) -> float:
    """Return the value of the model in a folder after checking that it is in every tensor and in the configuration."""
    model = DistilBertModel.from_pretrained(folder)
    values = {number for tensor in model.parameters() for number in tensor.unique().tolist()}
    assert values == {model.config.initializer_range}
    return values.pop()


def names(folder) -> set[str]:
    return {path.name for path in folder.iterdir()}


OLD, NEW, NEXT = (constant(value) for value in (1.0, 2.0, 3.0))
CASES = {
    "a new folder": (None, WHOLE),
    "one over one": (WHOLE, WHOLE),
    "shards over shards": (HALVES, HALVES),
    "one over shards": (HALVES, WHOLE),
    "shards over one": (WHOLE, HALVES),
    "more over fewer": (HALVES, PIECES),
    "fewer over more": (PIECES, HALVES),
}


class Stopper:
    """Stops a save before its n-th step; counts the steps."""

    def __init__(self, at=None, error=None, *, ever_after=False):
        self.at, self.error, self.ever_after, self.steps = at, error, ever_after, 0

    def __call__(self, action, /, *args, **kwargs):
        self.steps += 1
        if self.at is not None and (self.steps == self.at or (self.ever_after and self.steps > self.at)):
            if self.error is None:
                os._exit(9)  # as a kill: nothing is tidied up
            raise OSError(self.error, os.strerror(self.error))
        return action(*args, **kwargs)


def stopped(monkeypatch, stopper):
    monkeypatch.setattr(commit, "step", stopper)
    monkeypatch.setattr(archsmith.model.saving, "step", stopper)


def in_a_child(action) -> int:
    """Run something in a forked child; return its exit status, or minus the signal that ended it."""
    child = os.fork()
    if child == 0:
        try:
            action()
            os._exit(0)
        except BaseException:
            os._exit(7)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def prepared(folder, size):
    if size is not None:
        OLD.save_pretrained(folder, max_shard_size=size)
    return names(folder) if size is not None else set()


@pytest.fixture(scope="module")
def expected(tmp_path_factory):
    """The names of a folder after a save alone, by shard size."""
    found = {}
    for size in (WHOLE, HALVES, PIECES):
        folder = tmp_path_factory.mktemp("alone")
        NEW.save_pretrained(folder, max_shard_size=size)
        found[size] = names(folder)
    assert 3 < len(found[HALVES]) < len(found[PIECES])
    return found


# ---- kills ----------------------------------------------------------------------------------------------------


@pytest.mark.long
@pytest.mark.parametrize("case", CASES)
def test_a_kill_before_every_step(tmp_path, monkeypatch, expected, case):
    before, after = CASES[case]
    seen, at, status = [], 0, 9
    while status == 9:
        at += 1
        folder = tmp_path / str(at)
        prepared(folder, before)
        with monkeypatch.context() as patch:
            stopped(patch, Stopper(at))
            status = in_a_child(lambda folder=folder: NEW.save_pretrained(folder, max_shard_size=after))
        assert status in (0, 9)
        try:
            seen.append(value_in(folder))
        except CheckpointNotFound:
            assert before is None
            seen.append(1.0)
        left = {path: path.lstat().st_mtime_ns for path in folder.rglob("*")}
        if seen[-1] == 2.0:
            assert DistilBertConfig.from_pretrained(folder).initializer_range == 2.0
        assert {path: path.lstat().st_mtime_ns for path in folder.rglob("*")} == left  # a reader writes nothing
        NEXT.save_pretrained(folder, max_shard_size=after)
        assert value_in(folder) == 3.0
        assert names(folder) == expected[after]
        shutil.rmtree(folder)
    assert seen == sorted(seen)  # there is one moment
    assert set(seen) == {1.0, 2.0}
    assert seen.count(2.0) > 3  # the steps after it


@pytest.mark.long
@pytest.mark.parametrize("then", [WHOLE, HALVES])
def test_a_kill_before_every_step_of_the_save_after_a_kill(tmp_path, monkeypatch, expected, then):
    """The second save is killed while it finishes the first."""
    start = tmp_path / "start"
    OLD.save_pretrained(start, max_shard_size=PIECES)
    replace = os.replace

    def killed_at_the_first_move(action, /, *args, **kwargs):
        if action is replace and (start / JOURNAL_FILE).exists():
            os._exit(9)
        return action(*args, **kwargs)

    with monkeypatch.context() as patch:
        stopped(patch, killed_at_the_first_move)
        assert in_a_child(lambda: NEW.save_pretrained(start, max_shard_size=HALVES)) == 9
    assert value_in(start) == 2.0
    seen, at, status = [], 0, 9
    while status == 9:
        at += 1
        folder = tmp_path / str(at)
        shutil.copytree(start, folder, symlinks=True)
        with monkeypatch.context() as patch:
            stopped(patch, Stopper(at))
            status = in_a_child(lambda folder=folder: NEXT.save_pretrained(folder, max_shard_size=then))
        seen.append(value_in(folder))
        OLD.save_pretrained(folder, max_shard_size=then)
        assert (value_in(folder), names(folder)) == (1.0, expected[then])
        shutil.rmtree(folder)
    assert seen == sorted(seen)
    assert set(seen) == {2.0, 3.0}


@pytest.mark.long
@pytest.mark.parametrize("wait", [0.0, 0.004, 0.008, 0.016, 0.032])
def test_a_kill_by_the_clock(tmp_path, expected, wait):
    OLD.save_pretrained(tmp_path, max_shard_size=PIECES)
    for _ in range(4):
        child = os.fork()
        if child == 0:
            while True:
                NEW.save_pretrained(tmp_path, max_shard_size=HALVES)
                OLD.save_pretrained(tmp_path, max_shard_size=PIECES)
        time.sleep(wait)
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        assert value_in(tmp_path) in (1.0, 2.0)
    NEXT.save_pretrained(tmp_path)
    assert (value_in(tmp_path), names(tmp_path)) == (3.0, expected[WHOLE])


CALLS = {
    "renames": "rename,renameat,renameat2",
    "deletions": "unlink,unlinkat,rmdir",
    "flushes": "fsync",
    "writes": "write",
    "modes": "chmod,fchmodat",
    "opened files": "openat",
}


def killed_by_strace(save, calls, at) -> int | None:
    """Fork a child that saves; kill it from outside at one of its calls to the system. None: it cannot be traced."""
    waits, go = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.read(waits, 1)
            save()
            os._exit(0)
        except BaseException:
            os._exit(7)
    inject = f"inject={calls}:signal=SIGKILL:when={at}"
    command = ["strace", "-qq", "-o", os.devnull, "-e", f"trace={calls}", "-e", inject, "-p", str(child)]
    tracer = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    status = Path(f"/proc/{child}/status")
    while tracer.poll() is None and "TracerPid:\t0\n" in status.read_text():
        time.sleep(0.002)
    traced = tracer.poll() is None
    os.write(go, b"x")
    ended = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    tracer.wait()
    os.close(waits)
    os.close(go)
    return ended if traced else None


@pytest.mark.long
@pytest.mark.skipif(shutil.which("strace") is None, reason="there is no strace")
@pytest.mark.parametrize("kind", CALLS)
def test_a_kill_at_a_system_call(tmp_path, expected, kind):
    """Nothing in the save knows of this kill: it comes from outside, while one call to the system is under way."""
    seen, at, ended = [], 0, -9
    while ended == -9:
        at += 1
        folder = tmp_path / f"{at}"
        OLD.save_pretrained(folder)
        ended = killed_by_strace(lambda to=folder: NEW.save_pretrained(to, max_shard_size=HALVES), CALLS[kind], at)
        if ended is None:
            pytest.skip("strace may not trace here")
        seen.append(value_in(folder))
        NEXT.save_pretrained(folder, max_shard_size=WHOLE)
        assert (value_in(folder), names(folder)) == (3.0, expected[WHOLE])
    assert ended == 0
    assert at > 3
    assert seen == sorted(seen)
    assert set(seen) <= {1.0, 2.0}


@pytest.mark.long
def test_a_kill_while_a_configuration_is_saved(tmp_path, monkeypatch):
    OLD.config.save_pretrained(tmp_path)
    at, status, seen = 0, 9, []
    while status == 9:
        at += 1
        OLD.config.save_pretrained(tmp_path)
        with monkeypatch.context() as patch:
            stopped(patch, Stopper(at))
            status = in_a_child(lambda: NEW.config.save_pretrained(tmp_path))
        seen.append(DistilBertConfig.from_pretrained(tmp_path).initializer_range)
    assert set(seen) == {1.0, 2.0}
    assert names(tmp_path) == {"config.json"}


# ---- errors of the system -------------------------------------------------------------------------------------


@pytest.mark.parametrize(("error", "ever_after"), [(errno.ENOSPC, True), (errno.EIO, False)])
@pytest.mark.parametrize("case", ["a new folder", "one over one", "shards over one", "fewer over more"])
def test_an_error_at_every_step(tmp_path, monkeypatch, expected, case, error, ever_after):
    before, after = CASES[case]
    seen, at, reached = [], 0, True
    while reached:
        at += 1
        folder = tmp_path / str(at)
        old = prepared(folder, before)
        failed = False
        with monkeypatch.context() as patch:
            stopper = Stopper(at, error, ever_after=ever_after)
            stopped(patch, stopper)
            try:
                NEW.save_pretrained(folder, max_shard_size=after)
            except SaveFailed as refused:
                failed = os.strerror(error) in str(refused) and str(folder) in str(refused)
                assert failed, refused  # noqa: PT017
            reached = stopper.steps >= at
        try:
            seen.append(value_in(folder))
        except CheckpointNotFound:
            assert before is None
            assert failed
            seen.append(1.0)
        assert failed or seen[-1] == 2.0
        if failed and seen[-1] == 1.0 and not ever_after:
            assert names(folder) == old
        NEXT.save_pretrained(folder, max_shard_size=after)
        assert (value_in(folder), names(folder)) == (3.0, expected[after])
        shutil.rmtree(folder)
    assert set(seen) == {1.0, 2.0}


def test_what_is_said_when_the_new_files_count_but_are_not_in_place(tmp_path, monkeypatch):
    def fail(action, /, *args, **kwargs):
        if action is os.replace and (tmp_path / JOURNAL_FILE).exists():
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        return action(*args, **kwargs)

    OLD.save_pretrained(tmp_path)
    with monkeypatch.context() as patch, pytest.raises(SaveFailed) as caught:
        stopped(patch, fail)
        NEW.save_pretrained(tmp_path)
    assert str(caught.value) == (
        f"{str(tmp_path)!r}: the new files are saved and will be read, but are not all in their places: "
        "Input/output error. The next save there puts them in place."
    )
    assert value_in(tmp_path) == 2.0
    NEXT.config.save_pretrained(tmp_path)  # of one file: it finishes the other first
    assert names(tmp_path) == {"config.json", "model.safetensors"}
    assert load_file(tmp_path / "model.safetensors")["embeddings.LayerNorm.weight"].unique().tolist() == [2.0]


# ---- what a cut-short save left -------------------------------------------------------------------------------


def cut_short(folder, monkeypatch, *, moved=0, old=OLD, size=WHOLE):
    """Save two files over two, and stop after the journal and some moves."""
    old.save_pretrained(folder, max_shard_size=size)
    moves = []

    def kill(action, /, *args, **kwargs):
        if action is os.replace and (folder / JOURNAL_FILE).exists():
            moves.append(args)
            if len(moves) > moved:
                os._exit(9)
        return action(*args, **kwargs)

    with monkeypatch.context() as patch:
        stopped(patch, kill)
        assert in_a_child(lambda: NEW.save_pretrained(folder)) == 9
    assert (folder / JOURNAL_FILE).exists()
    return next(path for path in folder.iterdir() if path.is_dir())


@pytest.mark.parametrize("moved", [0, 1])
@pytest.mark.parametrize("name", ["config.json", "model.safetensors"])
def test_another_program_changes_a_file_after_the_moment(tmp_path, monkeypatch, name, moved):
    staging = cut_short(tmp_path, monkeypatch, moved=moved)
    assert value_in(tmp_path) == 2.0
    (tmp_path / name).write_text("mine")
    journal = tmp_path / JOURNAL_FILE
    said = (
        f"{str(tmp_path / name)!r} was changed by another program after a save that was cut short; {str(journal)!r} "
        f"expects it as it was. Restore it; or, to take the files as they lie now, delete {str(journal)!r} and "
        f"{str(staging)!r}, and check that they belong together."
    )
    for _ in range(2):
        with pytest.raises(CheckpointCorrupt) as caught:
            DistilBertModel.from_pretrained(tmp_path)
        assert str(caught.value) == said
        with pytest.raises(SaveFailed) as caught:
            NEXT.save_pretrained(tmp_path)
        assert str(caught.value) == f"{str(tmp_path)!r} cannot be written: {said}"
    assert (tmp_path / name).read_text() == "mine"
    journal.unlink()
    NEXT.save_pretrained(tmp_path)
    assert (value_in(tmp_path), names(tmp_path)) == (3.0, {"config.json", "model.safetensors"})


def test_another_program_changes_a_deleted_file(tmp_path, monkeypatch):
    cut_short(tmp_path, monkeypatch, size=HALVES)
    assert value_in(tmp_path) == 2.0
    index = tmp_path / "model.safetensors.index.json"
    index.write_text("{}")
    with pytest.raises(CheckpointCorrupt, match="was changed by another program"):
        value_in(tmp_path)
    index.unlink()
    assert value_in(tmp_path) == 2.0


def test_another_program_deletes_a_file_that_is_replaced(tmp_path, monkeypatch):
    cut_short(tmp_path, monkeypatch)
    (tmp_path / "config.json").unlink()
    assert value_in(tmp_path) == 2.0
    NEXT.config.save_pretrained(tmp_path)
    assert names(tmp_path) == {"config.json", "model.safetensors"}


def test_the_new_files_are_not_followed_out_of_the_folder(tmp_path, monkeypatch):
    folder = tmp_path / "x"
    staging = cut_short(folder, monkeypatch)
    staging.rename(tmp_path / "elsewhere")
    staging.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(CheckpointCorrupt, match="was changed by another program"):
        value_in(folder)
    with pytest.raises(SaveFailed):
        NEXT.save_pretrained(folder)
    assert len(names(tmp_path / "elsewhere")) == 2


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"format": 2}, "its format is 2, but must be 1"),
        ({"staging": ".."}, "staging is '..', but must be the name of a folder of new files"),
        ({"staging": None}, "staging is None, but must be the name of a folder of new files"),
        ({"new": {"../x": [1, 2]}}, "it names '../x'; expected a plain file name without a folder"),
        ({"new": {"a\\b": [1, 2]}}, "it names 'a\\\\b'; expected a plain file name without a folder"),
        ({"deleted": {".archsmith.lock": [1, 2]}}, "it names '.archsmith.lock'; expected a plain file name"),
        ({"new": {"a": [1]}}, "it says [1] of 'a'; expected size and time"),
        ({"new": {"a": ["x", 1]}}, "it says ['x', 1] of 'a'; expected size and time"),
        ({"new": []}, "it must have objects under 'new', 'old' and 'deleted'"),
        ({"old": {"zzz": [1, 1]}}, "what it says of replaced and deleted files contradicts itself"),
    ],
)
def test_a_damaged_journal(tmp_path, monkeypatch, change, message):
    cut_short(tmp_path, monkeypatch)
    path = tmp_path / JOURNAL_FILE
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(CheckpointCorrupt) as caught:
        value_in(tmp_path)
    start = f"{str(path)!r}, the journal of a save that was cut short, is damaged: "
    assert str(caught.value).startswith(start + message)
    with pytest.raises(SaveFailed, match="is damaged"):
        NEXT.save_pretrained(tmp_path)


def test_a_journal_that_is_none(tmp_path):
    OLD.save_pretrained(tmp_path)
    (tmp_path / JOURNAL_FILE).write_bytes(b"\0\0\0")
    with pytest.raises(CheckpointCorrupt, match=JOURNAL_FILE):
        value_in(tmp_path)
    (tmp_path / JOURNAL_FILE).unlink()
    os.mkfifo(tmp_path / JOURNAL_FILE)
    with pytest.raises(CheckpointCorrupt, match="is damaged: it is not a regular file"):
        value_in(tmp_path)


def test_what_a_listing_says_of_a_cut_short_save(tmp_path, monkeypatch):
    cut_short(tmp_path, monkeypatch)
    with pytest.raises(CheckpointNotFound, match=r"It holds: config.json, model.safetensors\.$"):
        Checkpoint.open(tmp_path).path("tokenizer.json")


# ---- files that do not belong together ------------------------------------------------------------------------


def test_weights_and_configuration_of_two_saves(tmp_path):
    OLD.save_pretrained(tmp_path / "a")
    OLD.save_pretrained(tmp_path / "b")
    shutil.copy(tmp_path / "a" / "config.json", tmp_path / "b" / "config.json")
    one, other = (json.loads((tmp_path / x / "config.json").read_text())["archsmith"]["save_id"] for x in "ab")
    assert one == other  # copied
    with pytest.raises(CheckpointCorrupt) as caught:
        value_in(tmp_path / "b")
    weights, config = str(tmp_path / "b" / "model.safetensors"), str(tmp_path / "b" / "config.json")
    assert str(caught.value).startswith(f"{weights!r} and {config!r} come from different saves: their save_id is ")
    assert str(caught.value).endswith("; if they do belong together, delete save_id from config.json.")
    OLD.config.save_pretrained(tmp_path / "b")  # says nothing of where it belongs
    assert value_in(tmp_path / "b") == 1.0


def test_shards_of_two_saves(tmp_path):
    for name, model in (("a", OLD), ("b", NEW)):
        model.save_pretrained(tmp_path / name, max_shard_size=HALVES)
    shard = sorted(tmp_path.glob("a/model-*.safetensors"))[1]
    shutil.copy(shard, tmp_path / "b" / shard.name)
    with pytest.raises(CheckpointCorrupt, match="come from different saves"):
        value_in(tmp_path / "b")


def test_files_that_say_nothing_of_their_save(tmp_path):
    OLD.save_pretrained(tmp_path)
    weights = tmp_path / "model.safetensors"
    for metadata in (None, {"archsmith": "{"}, {"archsmith": "\ud7ff"}, {"archsmith": '{"save_id": 3}'}):
        save_file(load_file(weights), weights, metadata=metadata)
        assert value_in(tmp_path) == 1.0


# ---- several at once ------------------------------------------------------------------------------------------


@pytest.mark.long
def test_loads_that_race_with_saves(tmp_path):
    OLD.save_pretrained(tmp_path)
    stop = multiprocessing.get_context("fork").Event()
    writer = os.fork()
    if writer == 0:
        status = 7
        try:
            while not stop.is_set():
                NEW.save_pretrained(tmp_path, max_shard_size=HALVES)
                OLD.save_pretrained(tmp_path)
            status = 0
        finally:
            os._exit(status)
    try:
        with ThreadPoolExecutor(3) as pool:
            seen = list(pool.map(lambda _: value_in(tmp_path), range(300)))
    finally:
        stop.set()
        status = os.waitstatus_to_exitcode(os.waitpid(writer, 0)[1])
    assert status == 0
    assert set(seen) == {1.0, 2.0}


@pytest.mark.long
@pytest.mark.parametrize(("mmap", "status"), [(True, -signal.SIGBUS), (False, 0)])
def test_what_another_program_does_to_a_mapped_file(tmp_path, mmap, status):
    """As the guide says of it."""
    OLD.save_pretrained(tmp_path)

    def cut_under_a_model():
        faulthandler.disable()  # what it says of the signal is expected
        model = DistilBertModel.from_pretrained(tmp_path, mmap=mmap)
        os.truncate(tmp_path / "model.safetensors", 0)
        assert model.embeddings.word_embeddings.weight.sum() > 0

    assert in_a_child(cut_under_a_model) == status


@pytest.mark.long
def test_a_processor_that_is_loaded_while_it_is_saved(tmp_path):
    """Model, tokenizer and processor: each as one save wrote it, and none is ever missing."""
    folder, saved = tmp_path / "folder", []
    for number in (1, 2):
        words = tmp_path / f"vocab{number}.txt"
        words.write_text("\n".join(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *"abcdefg"[: 3 * number]]))
        tokenizer = DistilBertTokenizerFast(vocab_file=words, model_max_length=number)
        image_processor = ViTImageProcessor(size={"height": number, "width": number})
        saved.append((constant(float(number)), Processor(tokenizer=tokenizer, image_processor=image_processor)))

    def save(number):
        model, processor = saved[number]
        model.save_pretrained(folder, max_shard_size=(WHOLE, HALVES)[number])
        processor.save_pretrained(folder)

    save(0)
    writer = os.fork()
    if writer == 0:
        try:
            while True:
                save(1)
                save(0)
        finally:
            os._exit(7)
    seen = set()
    try:
        end = time.monotonic() + 15
        while time.monotonic() < end:
            seen.add(("model", value_in(folder)))
            tokenizer = DistilBertTokenizerFast.from_pretrained(folder)
            assert len(tokenizer) == 5 + 3 * tokenizer.model_max_length
            processor = Processor.from_pretrained(folder)
            number = processor.tokenizer.model_max_length
            assert len(processor.tokenizer) == 5 + 3 * number
            assert processor.image_processor.size["height"] == number
            seen.add(("processor", number))
    finally:
        os.kill(writer, signal.SIGKILL)
        os.waitpid(writer, 0)
    assert seen == {("model", 1.0), ("model", 2.0), ("processor", 1), ("processor", 2)}


def test_files_that_another_program_deletes_and_writes_anew(tmp_path, monkeypatch):
    """A copy or a checkout does not move files into place: one that is missing is looked for once more."""
    OLD.save_pretrained(tmp_path)
    config, away = tmp_path / "config.json", tmp_path / "away"
    for name in ("config.json", "model.safetensors"):
        file = tmp_path / name
        file.rename(away)
        with monkeypatch.context() as patch:
            patch.setattr("archsmith.files.checkpoint.time.sleep", lambda seconds, to=file: away.replace(to))
            assert value_in(tmp_path) == 1.0
    config.unlink()
    pauses = []
    with monkeypatch.context() as patch, pytest.raises(CheckpointNotFound):
        patch.setattr("archsmith.files.checkpoint.time.sleep", pauses.append)
        value_in(tmp_path)
    assert len(pauses) == 1


def test_all_files_are_looked_at_again(tmp_path):
    """That configuration and weights say they are of one save says nothing of a file that is read with them."""
    OLD.save_pretrained(tmp_path)
    (tmp_path / "side.json").write_text('{"value": 1}')
    reads = []

    def read():
        found = checkpoint.read_json("config.json")["initializer_range"], checkpoint.read_json("side.json")["value"]
        if not reads:
            NEW.config.save_pretrained(tmp_path)
            (tmp_path / "side.json").write_text('{"value": 2.5}')
        reads.append(found)
        return found

    checkpoint = Checkpoint.open(tmp_path)
    assert checkpoint.read_consistent(read) == (2.0, 2.5)
    assert reads == [(1.0, 1), (2.0, 2.5)]


def test_a_file_that_comes_back_after_both_looks(tmp_path, monkeypatch):
    """Nobody can tell whether saves went on while a name led nowhere, so the reader looks once more."""
    OLD.save_pretrained(tmp_path)
    config, away = tmp_path / "config.json", tmp_path / "away"
    config.rename(away)
    config.symlink_to(tmp_path / "nowhere")
    pauses = []

    def back(seconds):
        pauses.append(seconds)
        away.replace(config)

    with monkeypatch.context() as patch:
        patch.setattr("archsmith.files.checkpoint.time.sleep", back)
        assert value_in(tmp_path) == 1.0
    config.unlink()
    config.symlink_to(tmp_path / "nowhere")
    with monkeypatch.context() as patch, pytest.raises(CheckpointCorrupt, match="leads nowhere"):
        patch.setattr("archsmith.files.checkpoint.time.sleep", pauses.append)
        value_in(tmp_path)
    assert len(pauses) == 2  # once each: an error that comes twice is one


def test_two_writers_at_once(tmp_path):
    children = []
    for model, size in ((OLD, WHOLE), (NEW, HALVES), (NEXT, PIECES)):
        child = os.fork()
        if child == 0:
            status = 7
            try:
                for _ in range(8):
                    model.save_pretrained(tmp_path, max_shard_size=size)
                status = 0
            finally:
                os._exit(status)
        children.append(child)
    assert [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children] == [0, 0, 0]
    assert value_in(tmp_path) in (1.0, 2.0, 3.0)
    assert not [name for name in names(tmp_path) if name.startswith(".")]


def test_two_writers_in_two_threads(tmp_path):
    with ThreadPoolExecutor(3) as pool:
        list(pool.map(lambda model: [model.save_pretrained(tmp_path) for _ in range(5)], (OLD, NEW, NEXT)))
    assert value_in(tmp_path) in (1.0, 2.0, 3.0)
    assert names(tmp_path) == {"config.json", "model.safetensors"}


def test_a_writer_does_not_wait_for_ever(tmp_path, monkeypatch):
    monkeypatch.setattr(commit, "LOCK_SECONDS", 0.05)
    held, done = threading.Event(), threading.Event()

    def hold():
        with replacing(tmp_path, ["x"]) as staging:
            (staging / "x").write_text("x")
            held.set()
            done.wait()

    thread = threading.Thread(target=hold)
    thread.start()
    held.wait()
    try:
        with pytest.raises(SaveFailed) as caught:
            write_file(tmp_path / "y", b"y")
    finally:
        done.set()
        thread.join()
    assert str(caught.value) == (
        f"{str(tmp_path)!r} cannot be written: another save has held {str(tmp_path / LOCK_FILE)!r} for 0.05 seconds. "
        "Try again when it has ended."
    )
    assert names(tmp_path) == {"x"}


def test_a_lock_that_a_killed_writer_left(tmp_path):
    (tmp_path / LOCK_FILE).write_text("")
    write_files(tmp_path, {"a": b"1", "b": b"2"})
    assert names(tmp_path) == {"a", "b"}


# ---- tokenizers -----------------------------------------------------------------------------------------------


def test_a_pipe_in_the_place_of_the_lock(tmp_path, monkeypatch):
    """It may be opened for reading alone by another user: that would wait for somebody to write into it."""
    os.mkfifo(tmp_path / LOCK_FILE)
    sound = os.open

    def refusing(path, flags, *mode):
        if Path(path).name == LOCK_FILE and flags & os.O_RDWR:
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        return sound(path, flags, *mode)

    monkeypatch.setattr(os, "open", refusing)
    write_file(tmp_path / "a.txt", b"new")
    assert names(tmp_path) == {"a.txt"}


def test_a_link_that_is_called_as_a_folder_of_new_files(tmp_path):
    """A cloned or unpacked checkpoint can hold one; where it leads to is not the save's to tidy up."""
    folder, other = tmp_path / "checkpoint", tmp_path / "documents"
    folder.mkdir()
    other.mkdir()
    (other / "thesis.txt").write_text("years of work")
    (folder / ".archsmith-0123456789abcdef").symlink_to("../documents")
    write_file(folder / "a.txt", b"new")
    assert [path.name for path in other.iterdir()] == ["thesis.txt"]


STAGED = ".archsmith-0123456789abcdef"


def test_only_what_saves_write_is_tidied_up(tmp_path):
    """A folder of the name of new files, with something else inside, is a stranger's; so is a file of that name."""
    for number, left in enumerate((["config.json", "thesis.doc"], ["a folder/x.json"], [".git"])):
        folder = tmp_path / STAGED.replace("0", str(number))
        for name in left:
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text("mine")
    (tmp_path / ".archsmith-ffffffffffffffff").write_text("no folder")
    (tmp_path / ".archsmith-eeeeeeeeeeeeeeee").mkdir()
    (tmp_path / ".archsmith-dddddddddddddddd").mkdir()
    (tmp_path / ".archsmith-dddddddddddddddd" / "model-00001-of-00002.safetensors").touch()
    before = {path for path in tmp_path.rglob("*") if "-eee" not in str(path) and "-ddd" not in str(path)}
    write_file(tmp_path / "a.txt", b"new")
    assert set(tmp_path.rglob("*")) == before | {tmp_path / "a.txt"}


def test_links_inside_a_folder_of_new_files_are_not_followed(tmp_path):
    folder, other = tmp_path / "checkpoint", tmp_path / "documents"
    (folder / STAGED).mkdir(parents=True)
    other.mkdir()
    (other / "config.json").write_text("mine")
    (folder / STAGED / "config.json").symlink_to(other / "config.json")
    (folder / STAGED / "vocab.json").hardlink_to(other / "config.json")
    (folder / STAGED / "x.json").symlink_to(other)
    write_file(folder / "a.txt", b"new")
    assert names(folder) == {"a.txt"}
    assert (other / "config.json").read_text() == "mine"


@pytest.mark.skipif(not shutil.rmtree.avoids_symlink_attacks, reason="the system opens no folders")
def test_a_link_that_takes_the_place_of_a_folder_of_new_files(tmp_path, monkeypatch):
    """Another user of a shared folder can put one there at any moment."""
    folder, other = tmp_path / "checkpoint", tmp_path / "documents"
    (folder / STAGED).mkdir(parents=True)
    (folder / STAGED / "config.json").touch()
    other.mkdir()
    (other / "config.json").write_text("mine")

    def swapping(action, /, *args, **kwargs):
        if action.__name__ == "rmtree" and (folder / STAGED).is_dir() and not (folder / STAGED).is_symlink():
            (folder / STAGED).rename(tmp_path / "away")
            (folder / STAGED).symlink_to(other)
        return action(*args, **kwargs)

    with monkeypatch.context() as patch:
        stopped(patch, swapping)
        write_file(folder / "a.txt", b"new")
    assert (other / "config.json").read_text() == "mine"


def test_superseded_files_of_strange_kinds(tmp_path):
    """Links and hard links are deleted, not what they lead to; a folder is refused before anything is written."""
    folder, other = tmp_path / "checkpoint", tmp_path / "other"
    OLD.save_pretrained(folder, max_shard_size=HALVES)
    other.write_text("mine")
    index = json.loads((folder / "model.safetensors.index.json").read_text())
    index["weight_map"]["x"] = "../other"
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    (folder / "model-00008-of-00009.safetensors").symlink_to(other)
    (folder / "model-00009-of-00009.safetensors").hardlink_to(other)
    (folder / "model-00007-of-00009.safetensors").symlink_to(tmp_path)
    NEW.save_pretrained(folder)
    assert (names(folder), value_in(folder)) == ({"config.json", "model.safetensors"}, 2.0)
    assert other.read_text() == "mine"
    (folder / "model-00001-of-00002.safetensors").mkdir()
    (folder / "model-00001-of-00002.safetensors" / "x").write_text("mine")
    with pytest.raises(SaveFailed, match=r"a folder has that name\. Move it away"):
        OLD.save_pretrained(folder)
    assert value_in(folder) == 2.0
    assert (folder / "model-00001-of-00002.safetensors" / "x").read_text() == "mine"


def planted(folder, **parts) -> Path:
    """Put a journal into a folder as a stranger would; the stamps are those of the files that are there."""
    stamps = {
        part: {name: commit.stamp_of(folder / (STAGED if part == "new" else "") / name) or [0, 0] for name in found}
        for part, found in parts.items()
    }
    journal = {"format": 1, "staging": STAGED, "new": {}, "old": {}, "deleted": {}} | stamps
    (folder / JOURNAL_FILE).write_text(json.dumps(journal))
    return folder / JOURNAL_FILE


@pytest.mark.parametrize("part", ["new", "deleted"])
@pytest.mark.parametrize(
    "name", ["../victim", "/victim", "sub/victim", "..", ".", "", "a\\..\\victim", ".archsmith.lock", "\0", "x" * 5000]
)
def test_a_strangers_journal_reaches_nothing_outside(tmp_path, part, name):
    folder = tmp_path / "checkpoint"
    OLD.save_pretrained(folder)
    (folder / STAGED).mkdir()
    (tmp_path / "victim").write_text("mine")
    if "\0" in name or len(name) > 100:  # there can be no such file
        parts = {"new": {}, "old": {}, "deleted": {}, part: {name: [1, 1]}}
        (folder / JOURNAL_FILE).write_text(json.dumps({"format": 1, "staging": STAGED, **parts}))
    else:
        planted(folder, **{part: [name]})
    for act in (lambda: value_in(folder), lambda: NEW.save_pretrained(folder)):
        try:
            act()
        except (CheckpointCorrupt, SaveFailed) as error:
            assert len(str(error)) < 1500  # noqa: PT017
    assert (tmp_path / "victim").read_text() == "mine"
    assert tmp_path.exists()


def test_a_strangers_journal_of_links_and_folders(tmp_path):
    """New files are regular ones in a real folder; a folder is never deleted or moved into place."""
    folder, other = tmp_path / "checkpoint", tmp_path / "other"
    OLD.save_pretrained(folder)
    (other / "documents").mkdir(parents=True)
    (other / "config.json").write_text("mine")
    (folder / STAGED).mkdir()
    (folder / STAGED / "config.json").symlink_to(other / "config.json")
    journal = planted(folder, new=["config.json"], old=["config.json"])
    for make in (
        lambda: None,
        lambda: ((folder / STAGED / "config.json").unlink(), (folder / STAGED / "config.json").mkdir()),
        lambda: ((folder / STAGED / "config.json").rmdir(), os.mkfifo(folder / STAGED / "config.json")),
    ):
        make()
        planted(folder, new=["config.json"], old=["config.json"])
        with pytest.raises(CheckpointCorrupt, match="was changed by another program"):
            value_in(folder)
        with pytest.raises(SaveFailed, match="was changed by another program"):
            NEW.save_pretrained(folder)
    journal.unlink()
    shutil.rmtree(folder / STAGED)
    (folder / "documents").mkdir()
    planted(folder, deleted=["documents"])
    with pytest.raises(SaveFailed, match="was changed by another program"):
        NEW.save_pretrained(folder)
    assert (folder / "documents").is_dir()
    journal.unlink()
    assert value_in(folder) == 1.0


@pytest.mark.parametrize(("make", "what"), [(os.mkdir, "a folder"), (lambda path: path.symlink_to("x"), "a link")])
def test_what_cannot_be_a_lock(tmp_path, make, what):
    make(tmp_path / LOCK_FILE)
    with pytest.raises(SaveFailed) as caught:
        write_file(tmp_path / "a.txt", b"new")
    assert str(caught.value) == (
        f"{str(tmp_path)!r} cannot be written: {str(tmp_path / LOCK_FILE)!r} is {what}. Delete it."
    )


@pytest.mark.long
def test_a_kill_before_every_step_of_a_tokenizers_save(tmp_path, monkeypatch):
    tokenizers = []
    for words in (["a"], ["b", "c"]):
        (tmp_path / "vocab.txt").write_text("\n".join(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *words]))
        tokenizers.append(DistilBertTokenizerFast(vocab_file=tmp_path / "vocab.txt", model_max_length=len(words)))
    old, new = tokenizers
    at, status, seen = 0, 9, []
    while status == 9:
        at += 1
        folder = tmp_path / str(at)
        old.save_pretrained(folder)
        with monkeypatch.context() as patch:
            stopped(patch, Stopper(at))
            status = in_a_child(lambda folder=folder: new.save_pretrained(folder))
        found = DistilBertTokenizerFast.from_pretrained(folder)
        seen.append((len(found) - 5, found.model_max_length))
        old.save_pretrained(folder)
        assert names(folder) == {"special_tokens_map.json", "tokenizer.json", "tokenizer_config.json"}
    assert seen == sorted(seen)
    assert set(seen) == {(1, 1), (2, 2)}
