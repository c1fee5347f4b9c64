"""Paths that users name, what the system says of them, and how a file is opened. Free of torch."""

import contextlib
import itertools
import os
import stat
from pathlib import Path
from typing import BinaryIO

from archsmith.errors import CheckpointCorrupt, OptionError
from archsmith.messages import reason

__all__ = [
    "Identity", "identity", "kind_of", "local_path", "mode_of", "near_folder", "open_file", "open_flags",
    "state_of", "status_of", "working_directory",
]  # fmt: skip

#: Of a folder with a wrong name so many others are looked at.
_LOOKED_AT = 2_000
#: Device, inode, size in bytes and time of the last change in nanoseconds: as long as all stay, a file is the same.
Identity = tuple[int, int, int, int]


def identity(status: os.stat_result) -> Identity:
    """Return what tells one state of a file from another."""
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns


def state_of(path: Path) -> Identity | None:
    """Return the `identity` of the file that a path, links followed, leads to. Raises as `mode_of`."""
    status = status_of(path)
    return None if status is None else identity(status)


def local_path(what: str, value: str | os.PathLike[str]) -> Path:
    """Return a path with ``~`` expanded; nothing is looked up.

    Raises:
        OptionError: The value is not a path.
    """
    text: object = os.fspath(value) if isinstance(value, str | os.PathLike) else None  # type: ignore[redundant-expr]
    if not isinstance(text, str) or not text:
        raise OptionError(f"{what} must be named by a path, but got {value!r}.")
    try:
        return Path(text).expanduser()
    except RuntimeError as error:
        raise OptionError(f"{what} is {text!r}, but there is no such home directory.") from error


def mode_of(path: Path) -> int | None:
    """Return what a path, links followed, leads to (as `os.stat` says it), or None if there is nothing.

    Raises:
        CheckpointCorrupt: The system refuses to say.
    """
    status = status_of(path)
    return None if status is None else status.st_mode


def status_of(path: Path, *, follow_links: bool = True) -> os.stat_result | None:
    """Return what `os.stat` says of a path, or None if there is nothing. Raises as `mode_of`."""
    try:
        return path.stat(follow_symlinks=follow_links)
    except (FileNotFoundError, NotADirectoryError, ValueError):
        return None  # ValueError: no file can have such a name
    except OSError as error:
        raise CheckpointCorrupt(f"{str(path)[:500]!r} cannot be read: {reason(error)}.") from error


def is_link(path: Path) -> bool:
    """Return whether a path is a link, or what Windows calls a junction, which leads elsewhere as well."""
    return path.is_symlink() or bool(getattr(path, "is_junction", bool)())  # Python 3.12


def open_flags(*names: str) -> int:
    """Return those flags of `os.open` together that the system has."""
    return sum(getattr(os, name, 0) for name in names)


def open_file(path: Path) -> BinaryIO:
    """Open a regular file for reading; everything that is read from a checkpoint is opened here.

    A pipe is not waited for, and a device not read, even if it took the place of a file since that was looked at.

    Raises:
        CheckpointCorrupt: It is not a regular file, or the system refuses.
    """
    flags = open_flags("O_NONBLOCK", "O_CLOEXEC", "O_BINARY")  # wait for no pipe, leave it to no child, change no bytes
    try:
        mode = path.stat().st_mode  # before: some devices act when they are opened
        if stat.S_ISREG(mode):
            file = os.fdopen(os.open(path, os.O_RDONLY | flags), "rb")
            if stat.S_ISREG(mode := os.fstat(file.fileno()).st_mode):
                return file
            file.close()
    except (OSError, ValueError) as error:
        raise CheckpointCorrupt(f"{str(path)[:500]!r} cannot be read: {reason(error)}.") from error
    raise CheckpointCorrupt(f"{str(path)!r} is not a regular file (it is {kind_of(mode)}).")


def near_folder(source: str) -> str:
    """Return ``" Did you mean './x'?"`` for the local folder nearest to a name of none, or an empty string."""
    import difflib

    with contextlib.suppress(OSError, ValueError):  # no folder can have such a name
        missing, rest = Path(source).expanduser(), Path()
        while missing.parent != missing and not missing.parent.is_dir():
            missing, rest = missing.parent, missing.name / rest
        for parent, name, end in ((missing.parent, missing.name, rest), (Path(), Path(source).name, Path())):
            with os.scandir(parent) as entries:
                names = [entry.name for entry in itertools.islice(entries, _LOOKED_AT)]
            folders = {name.lower(): parent / name / end for name in names if (parent / name / end).is_dir()}
            for near in difflib.get_close_matches(name.lower(), folders, n=1, cutoff=0.75):
                found = folders[near]
                return f" Did you mean {str(found) if found.is_absolute() else f'./{found}'!r}?"
    return ""


def kind_of(mode: int) -> str:
    """Say what a path leads to, by the mode of it."""
    kinds = {stat.S_IFDIR: "a folder", stat.S_IFREG: "a file", stat.S_IFLNK: "a link", stat.S_IFIFO: "a pipe"}
    return kinds.get(stat.S_IFMT(mode), "a device or a socket")


def working_directory() -> str:
    """Return the working directory, for messages."""
    try:
        return str(Path.cwd())
    except OSError:
        return "deleted"
