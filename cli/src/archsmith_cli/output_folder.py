"""The folder that a command writes: all of it is there in the end, or nothing of it.

It is written in a folder of its own, out of everybody's way: inside FOLDER if that is there, else inside the nearest
folder above it that is. At the end it is moved to its place; if it does not come to that, it is deleted, and nothing
else is. A run that was killed leaves its folder, which the next run deletes: its lock tells whether it is in use.
"""

import contextlib
import os
import re
import secrets
import shutil
import stat
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from archsmith.errors import ArchsmithError, SaveFailed
from archsmith_cli import exits
from archsmith_cli.paths import expand

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl

__all__ = ["output_folder", "scratch_folder"]

_STAGING = re.compile(r"\.archsmith-output-[0-9a-f]{16}")
#: What such a folder holds: the file by whose lock it is in use, and what is written.
_LOCK, _CONTENT = "lock", "content"
#: How long one without a lock may be one that is just being made.
_NEW_SECONDS = 60


@contextlib.contextmanager
def output_folder(
    path: str, *, force: bool, remedy: str = "Choose another, or pass --force to replace the model in it."
) -> Iterator[Path]:
    """Yield a new folder, whose files come to stand in ``path`` at the end; or that one itself, if it is not empty.

    Args:
        path: The folder that the user names.
        force: Write into a folder that is not empty, too; then what is written has to see to it that it is whole.
        remedy: What the user can do about one that is not.

    Raises:
        SaveFailed: There is something already, or the folder cannot be made.
    """
    out = expand(path, "FOLDER")
    try:
        is_free = _check_free(out, force=force, remedy=remedy)
        if not is_free:
            yield out
            return
        home = next(folder for folder in (out, *out.absolute().parents) if folder.exists())
        with scratch_folder(home) as content:
            yield content
            (_fill if out.exists() else _move)(content, out)
    except OSError as error:
        if isinstance(error, ArchsmithError):
            raise
        what = "written" if out.exists() else "made"
        raise SaveFailed(f"the folder {str(out)!r} cannot be {what}: {error.strerror or error}.") from error


def _check_free(out: Path, *, force: bool, remedy: str) -> bool:
    """Refuse what cannot be written to; return whether nothing is there yet, leftovers of ours apart."""
    try:
        leads_nowhere = out.is_symlink() and not out.exists()
        names = [entry.name for entry in out.iterdir()] if out.exists() else []
    except NotADirectoryError:
        raise SaveFailed(f"{str(out)!r} is a file; expected a folder, or a path where nothing is yet.") from None
    except OSError as error:
        raise SaveFailed(f"{str(out)[:200]!r} cannot be used: {error.strerror or error}.") from error
    if leads_nowhere:
        raise SaveFailed(f"{str(out)!r} is a link that leads nowhere. Delete it, or choose another folder.")
    held = sorted(name for name in names if not _STAGING.fullmatch(name))
    if held and not force:
        raise SaveFailed(
            f"{str(out)!r} is not empty (it holds {_listed(held)}); expected an empty or a new folder. {remedy}"
        )
    return not held


def _listed(names: list[str]) -> str:
    return ", ".join(names[:4]) + (", ..." if len(names) > 4 else "")  # noqa: PLR2004


@contextlib.contextmanager
def scratch_folder(home: Path) -> Iterator[Path]:
    """Yield an empty folder inside a new one, which is ours until it is deleted; what earlier runs left goes first."""
    _sweep(home)
    staging = home / f".archsmith-output-{secrets.token_hex(8)}"
    lock = -1
    try:
        staging.mkdir()
        lock = os.open(staging / _LOCK, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600)
        _is_locked(lock)
        (staging / _CONTENT).mkdir()
        yield staging / _CONTENT
    finally:
        with exits.uninterrupted():
            _delete(staging)
            if lock >= 0:
                os.close(lock)


def _move(content: Path, out: Path) -> None:
    """Make a folder the one that the user named, which is not there; so are those above it that are not."""
    made: list[Path] = []
    try:
        for folder in reversed([folder for folder in out.parents if not folder.exists()]):
            with contextlib.suppress(FileExistsError):  # somebody else has made it meanwhile
                folder.mkdir()
                made.append(folder)
        content.rename(out)  # refused by the system if something has come to be there meanwhile
    except BaseException:
        for folder in reversed(made):
            with contextlib.suppress(OSError):  # it is not empty: somebody else has put something there
                folder.rmdir()
        raise


def _fill(content: Path, out: Path) -> None:
    """Move what is in a folder to one that was empty, all or nothing."""
    there = sorted(entry.name for entry in out.iterdir() if not _STAGING.fullmatch(entry.name))
    if there:
        raise SaveFailed(f"{str(out)!r} is not empty any more: meanwhile it has come to hold {_listed(there)}.")
    moved: list[tuple[Path, os.stat_result]] = []
    try:
        for entry in sorted(content.iterdir()):
            moved.append((out / entry.name, entry.lstat()))
            entry.rename(out / entry.name)
    except BaseException:
        for target, before in moved:
            with contextlib.suppress(OSError):
                if os.path.samestat(target.lstat(), before):
                    target.rename(content / target.name)
        raise


# ---- leftovers ----------------------------------------------------------------------------------------------------


def _sweep(home: Path) -> None:
    """Delete what runs that were killed have left in a folder."""
    with contextlib.suppress(OSError):
        for staging in [path for path in home.iterdir() if _STAGING.fullmatch(path.name)]:
            with contextlib.suppress(OSError):
                _sweep_one(staging)


def _sweep_one(staging: Path) -> None:
    """Delete a folder if it looks like one of ours and its run has ended."""
    if not stat.S_ISDIR(staging.lstat().st_mode) or not {entry.name for entry in staging.iterdir()} <= {
        _LOCK,
        _CONTENT,
    }:
        return
    try:
        lock = os.open(staging / _LOCK, os.O_RDWR | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0))
    except FileNotFoundError:
        if time.time() - staging.lstat().st_mtime > _NEW_SECONDS:
            staging.rmdir()
        return
    try:
        if _is_locked(lock):
            _delete(staging)
    finally:
        os.close(lock)


def _delete(staging: Path) -> None:
    """Delete one of our folders, its lock last, so that what is left of it when this is cut short is known as ours."""
    shutil.rmtree(staging / _CONTENT, ignore_errors=True)  # follows no link
    for remove in ((staging / _LOCK).unlink, staging.rmdir):
        with contextlib.suppress(OSError):
            remove()


def _is_locked(handle: int) -> bool:
    """Take the lock of an open file; return whether it is ours now. It ends with the process, whatever ends that."""
    try:
        if sys.platform == "win32":
            msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
        else:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:  # another has it, or the file system knows no locks
        return False
    return True
