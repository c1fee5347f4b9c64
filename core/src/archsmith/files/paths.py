"""Paths that users name, and what the system says of them. Free of torch."""

import os
import stat
from pathlib import Path

from archsmith.errors import CheckpointCorrupt, OptionError
from archsmith.messages import reason

__all__ = ["Identity", "identity", "kind_of", "local_path", "mode_of", "status_of", "working_directory"]

#: Device, inode, size in bytes and time of the last change in nanoseconds: as long as all stay, a file is the same.
Identity = tuple[int, int, int, int]


def identity(status: os.stat_result) -> Identity:
    """Return what tells one state of a file from another."""
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns


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


def kind_of(mode: int) -> str:
    """Say what a path leads to, by the mode of it."""
    if stat.S_ISDIR(mode):
        return "a folder"
    if stat.S_ISREG(mode):
        return "a file"
    return "a pipe" if stat.S_ISFIFO(mode) else "a device or a socket"


def working_directory() -> str:
    """Return the working directory, for messages."""
    try:
        return str(Path.cwd())
    except OSError:
        return "deleted"
