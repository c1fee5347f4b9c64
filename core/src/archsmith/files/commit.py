"""Saves of files that take place whole or not at all, whatever stops them. Free of torch.

A save holds the folder's lock; finishes what an earlier one left; writes its files into a folder of its own inside
and flushes them to disk; and puts a journal beside them by one rename, which is the moment from which the new files
count (see `archsmith.files.journal`). Then it moves the files to their places, deletes those that no longer count,
and deletes the journal. A save of one file needs no journal: the rename of that file is the moment.
"""

import contextlib
import errno
import os
import re
import secrets
import shutil
import stat
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import ParamSpec, TypeVar

from archsmith.errors import CheckpointCorrupt, SaveFailed
from archsmith.files.journal import JOURNAL_FILE, STAGING_PATTERN, Journal, Stamp, stamp_of
from archsmith.files.paths import is_link, kind_of, local_path, open_flags, status_of
from archsmith.messages import reason

__all__ = ["LOCK_FILE", "replacing", "save_files", "save_folder", "step", "write_file", "write_files"]

#: The file by which one save at a time has a folder.
LOCK_FILE = ".archsmith.lock"
#: How long a save waits for another one of the same folder.
LOCK_SECONDS = 30.0

#: What saves write into a folder of new files, and what safetensors writes there for a while.
_WRITTEN = re.compile(r"[\w.-]+\.(json|jinja|safetensors|model)|(vocab|merges)\.txt|\.tmp\w*", re.ASCII)
_NO_LOCKS = {errno.ENOLCK, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP, errno.EBADF, errno.EINVAL}
_NO_FLUSH = {errno.EINVAL, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EBADF, errno.EACCES, errno.EISDIR}

_Given = ParamSpec("_Given")
_Result = TypeVar("_Result")


def step(action: Callable[_Given, _Result], /, *args: _Given.args, **kwargs: _Given.kwargs) -> _Result:
    """Take one step on the file system. All that a save does there goes through here; tests stop it before a step."""
    return action(*args, **kwargs)


def write_file(path: Path, content: bytes) -> None:
    """Put a file in place whole. Raises `SaveFailed`; then nothing was replaced, and nothing is left beside it."""
    write_files(path.parent, {path.name: content})


def write_files(folder: Path, contents: Mapping[str, bytes], *, delete: re.Pattern[str] | None = None) -> None:
    """Put files in place, all of them at one moment. Arguments and errors as `replacing`."""
    with replacing(folder, tuple(contents), delete=delete) as staging:
        for name, content in contents.items():
            step((staging / name).write_bytes, content)


def save_files(
    save_directory: str | os.PathLike[str], contents: Mapping[str, bytes], *, delete: re.Pattern[str] | None = None
) -> tuple[str, ...]:
    """Put files into a folder, which is made if needed, as `write_files` does, and return their paths.

    Raises:
        SaveFailed, OptionError: As `save_folder`, `replacing`.
    """
    folder = save_folder(save_directory)
    write_files(folder, contents, delete=delete)
    return tuple(str(folder / name) for name in contents)


@contextlib.contextmanager
def replacing(folder: Path, names: Sequence[str], *, delete: re.Pattern[str] | None = None) -> Iterator[Path]:
    """Yield a new folder for new files; when all are written, they take the places of the old ones at one moment.

    A link is replaced, never written through; the mode of the files follows the umask.

    Args:
        folder: Where the files belong.
        names: Their names; each must be written.
        delete: Files of other names that match it are deleted at the same moment.

    Raises:
        SaveFailed: The system refused. Unless the message says otherwise the old files stand and the new are deleted.
    """
    what = folder / names[0] if len(names) == 1 and delete is None else folder
    try:
        with _locked(folder):
            _recover(folder)
            doomed = _doomed(folder, names, delete)
            staging = folder / f".archsmith-{secrets.token_hex(8)}"
            try:
                step(staging.mkdir)
                yield staging
                _flush_files(staging, names)
                if len(names) == 1 and not doomed:
                    step(os.replace, staging / names[0], folder / names[0])
                    _flush_folder(folder)
                else:
                    _commit(folder, staging, names, doomed)
            finally:
                _sweep(folder, own=staging.name)
    except SaveFailed:
        raise
    except (OSError, ValueError) as error:
        raise SaveFailed(f"{str(what)!r} cannot be written: {reason(error)}.") from error


def _doomed(folder: Path, names: Sequence[str], pattern: re.Pattern[str] | None) -> list[str]:
    """Return the names of files to delete. Raises `SaveFailed`: one of these, or of the new ones, is a folder's."""
    present = {path.name for path in folder.iterdir()} if pattern else set()
    doomed = sorted(name for name in present.difference(names) if pattern and pattern.fullmatch(name))
    for path in (folder / name for name in (*names, *doomed)):
        if path.is_dir() and not is_link(path):
            raise SaveFailed(f"{str(path)!r} cannot be written: a folder has that name. Move it away.")
    return doomed


def _flush_files(staging: Path, names: Sequence[str]) -> None:
    """Give the new files the mode that the umask leaves, as the folder has it, and flush them to disk."""
    mode = staging.stat().st_mode & 0o666
    for name in names:
        with (staging / name).open("rb+") as file:
            step((staging / name).chmod, mode)  # safetensors makes files that are private
            step(os.fsync, file.fileno())


def _commit(folder: Path, staging: Path, names: Sequence[str], doomed: Sequence[str]) -> None:
    """Make the new files count, and then put them in their places."""
    new, old, deleted = _stamps(staging, names), _stamps(folder, names), _stamps(folder, doomed)
    journal = Journal(folder, staging.name, new=new, old=old, deleted=deleted)
    beside = staging / JOURNAL_FILE
    step(beside.write_bytes, journal.encode())
    _flush_files(staging, [JOURNAL_FILE])
    _flush_folder(staging)
    _flush_folder(folder)
    try:
        step(os.replace, beside, folder / JOURNAL_FILE)
        _flush_folder(folder)
        _finish(journal)
    except (OSError, CheckpointCorrupt) as error:
        if stamp_of(folder / JOURNAL_FILE) is None and stamp_of(beside) is not None:
            raise
        raise SaveFailed(
            f"{str(folder)!r}: the new files are saved and will be read, but are not all in their places: "
            f"{reason(error)}. The next save there puts them in place."
        ) from error


def _stamps(folder: Path, names: Sequence[str]) -> dict[str, Stamp]:
    return {name: stamp for name in names if (stamp := stamp_of(folder / name)) is not None}


def _finish(journal: Journal) -> None:
    """Put the files of a journal in their places, delete those that no longer count, and then the journal.

    Raises:
        CheckpointCorrupt: Another program has changed a file since; then nothing was done.
    """
    for name in (*journal.new, *journal.deleted):
        journal.find(name)
    for name in journal.new:
        fresh = journal.staged(name)
        if fresh is not None:
            step(os.replace, fresh, journal.folder / name)
    for name in journal.deleted:
        with contextlib.suppress(FileNotFoundError):
            step(os.unlink, journal.folder / name)
    _flush_folder(journal.folder)
    step(os.unlink, journal.folder / JOURNAL_FILE)


def _recover(folder: Path) -> None:
    """Finish a save that was cut short after its files counted, and delete what was left by one cut short before."""
    try:
        journal = Journal.read(folder)
        if journal is not None:
            _finish(journal)
    except CheckpointCorrupt as error:
        raise SaveFailed(f"{str(folder)!r} cannot be written: {error}") from error
    _sweep(folder)


def _sweep(folder: Path, *, own: str = "") -> None:
    """Delete the folders of new files, unless there is a journal. What cannot be deleted is left to the next save."""
    with contextlib.suppress(OSError, CheckpointCorrupt):
        if stamp_of(folder / JOURNAL_FILE) is None:
            for path in [path for path in folder.iterdir() if STAGING_PATTERN.fullmatch(path.name)]:
                with contextlib.suppress(OSError):
                    _delete_staging(path, is_own=path.name == own)


def _delete_staging(path: Path, *, is_own: bool) -> None:
    """Delete a folder of new files; of one that another save left, only if it holds nothing but what saves write.

    A checkpoint that was cloned or unpacked can hold a folder, or a link, of such a name. Of a link `shutil.rmtree`
    deletes nothing, even if it takes the place of the folder at the last moment.
    """
    with os.scandir(path) as entries:
        is_ours = all(_WRITTEN.fullmatch(each.name) and not each.is_dir(follow_symlinks=False) for each in entries)
    if is_own or is_ours:
        step(shutil.rmtree, path)


def _flush_folder(folder: Path) -> None:
    """Make renames durable. Where a folder cannot be flushed, the system's own order has to do."""
    try:
        handle = os.open(folder, os.O_RDONLY)
        try:
            step(os.fsync, handle)
        finally:
            os.close(handle)
    except OSError as error:
        if error.errno not in _NO_FLUSH:
            raise


# ---- the lock -----------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Hold the lock of a folder, which keeps other writers out; readers do not care.

    Raises:
        SaveFailed: Another writer has held it for too long.
    """
    path = folder / LOCK_FILE
    end = time.monotonic() + LOCK_SECONDS
    there = status_of(path, follow_links=False)
    if there is not None and not (stat.S_ISREG(there.st_mode) or stat.S_ISFIFO(there.st_mode)):
        raise SaveFailed(f"{str(folder)!r} cannot be written: {str(path)!r} is {kind_of(there.st_mode)}. Delete it.")
    while (handle := _take(path)) is None:
        if time.monotonic() > end:
            raise SaveFailed(
                f"{str(folder)!r} cannot be written: another save has held {str(path)!r} for {LOCK_SECONDS:g} "
                "seconds. Try again when it has ended."
            )
        time.sleep(0.01)
    try:
        yield
    finally:
        _release(path, handle)


def _take(path: Path) -> int | None:
    """Return a handle of the lock's file with the lock on it, or None if another writer has it."""
    # Follow no link, wait for no pipe, leave it to no child.
    flags = os.O_CREAT | open_flags("O_NOFOLLOW", "O_NONBLOCK", "O_CLOEXEC")
    try:
        handle = step(os.open, path, os.O_RDWR | flags, 0o666)
    except PermissionError:
        handle = step(os.open, path, os.O_RDONLY | flags, 0o666)  # another user's, left when it was killed
    is_mine = False
    try:
        with contextlib.suppress(FileNotFoundError):  # the writer before deleted it when it was done
            is_mine = _lock(handle) and os.path.samestat(os.fstat(handle), path.stat())
    finally:
        if not is_mine:
            os.close(handle)
    return handle if is_mine else None


if sys.platform == "win32":
    import msvcrt

    def _lock(handle: int) -> bool:
        try:
            msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True

    def _release(path: Path, handle: int) -> None:
        """Give the lock back. A file that another writer has open cannot be deleted, so none loses its lock."""
        os.close(handle)
        with contextlib.suppress(OSError):
            step(os.unlink, path)
else:
    import fcntl

    def _lock(handle: int) -> bool:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        except OSError as error:
            if error.errno not in _NO_LOCKS:  # where the file system has no locks, it has to do without
                raise
        return True

    def _release(path: Path, handle: int) -> None:
        """Give the lock back: delete its file first, so that whoever waits for it sees that it is another one."""
        with contextlib.suppress(OSError):
            step(os.unlink, path)
        with contextlib.suppress(OSError):
            fcntl.flock(handle, fcntl.LOCK_UN)  # a process forked meanwhile has the handle too
        os.close(handle)


def save_folder(save_directory: str | os.PathLike[str]) -> Path:
    """Make the folder that a save goes to, if it is not there.

    Raises:
        SaveFailed: It cannot be made, or something else has its name.
        OptionError: It is not a path.
    """
    folder = local_path("save_directory", save_directory)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except FileExistsError as error:
        raise SaveFailed(f"the folder {str(folder)!r} cannot be made: something else has that name.") from error
    except (OSError, ValueError) as error:
        raise SaveFailed(f"the folder {str(folder)!r} cannot be made: {reason(error)}.") from error
    return folder
