"""Watches what Python is asked to do while a checkpoint loads, and notes what no loading may do.

The hook cannot be taken away again, so it is set in a child process alone, which the variable below makes known.
"""

import collections
import contextlib
import dataclasses
import os
import sys
import sysconfig
from collections.abc import Iterator
from pathlib import Path

VARIABLE = "ARCHSMITH_AUDITED_CORPUS"

#: Python's own library and what is installed: modules may be imported from there when they are first needed.
LIBRARY = (
    *(sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")),
    *(path for path in sys.path if path),  # where plugins are looked for; the sources of our own are among them
)
#: Files of the system that libraries read for themselves.
SYSTEM = ("/proc/self/status", "/sys/devices/system/cpu/")
#: Where the library itself compiles text of its own making: the methods of dataclasses and named tuples.
COMPILERS = (collections.__file__, dataclasses.__file__)
#: Modules that checkpoints of the corpus name, and that nothing else needs: Python's own, and one beside the files.
NAMED = ("antigravity", "this", "turtledemo", "evil_module")

#: Looking at the memory of a tensor (``ctypes.cdata``) is allowed: the check for NaN does it.
FORBIDDEN = (
    "ctypes.call", "ctypes.dlopen", "ctypes.dlsym", "ctypes.seh", "ctypes.set", "ctypes.string", "ctypes.wstring",
    "ftplib.", "http.", "pty.", "smtplib.", "socket.", "ssl.", "subprocess.", "telnetlib.", "urllib.",
    "webbrowser.", "os.chmod", "os.exec", "os.fork", "os.forkpty", "os.link", "os.mkdir", "os.posix_spawn", "os.putenv",
    "os.remove", "os.rename", "os.rmdir", "os.spawn", "os.startfile", "os.symlink", "os.system", "os.truncate",
    "pickle.find_class", "shutil.", "code.__new__", "tempfile.",
)  # fmt: skip

_BELOW = tuple(folder + os.sep for folder in LIBRARY)
_watched: list["_Watch"] = []


def whole(path: str | bytes | Path) -> str:
    """Return a path from the root, links not followed."""
    return os.path.normpath(Path.cwd() / os.fsdecode(path))


class _Watch:
    """One attempt to load: the folder that it was pointed to, and what it did that it must not."""

    def __init__(self, folder: str | None) -> None:
        self.folder = folder
        self.notes: list[str] = []

    def see(self, event: str, args: tuple) -> None:
        if event.startswith(FORBIDDEN):
            self.notes.append(f"{event} {args!r}"[:300])
        elif event == "import":
            if args[0].partition(".")[0] in NAMED:
                self.notes.append(f"import of {args[0]!r}")
        elif event in ("exec", "compile"):
            self._see_code(event, args)
        elif event == "open" or event in ("os.listdir", "os.scandir"):
            self._see_path(event, args)

    def _see_code(self, event: str, args: tuple) -> None:
        where = args[0].co_filename if event == "exec" else args[1]
        where = os.fsdecode(where) if where is not None else "?"
        caller = sys._getframe(3).f_code.co_filename
        if not where.startswith((*_BELOW, "<frozen ")) and caller not in COMPILERS:
            self.notes.append(f"{event} of {where!r}")

    def _see_path(self, event: str, args: tuple) -> None:
        if isinstance(args[0], int):
            return  # a file that is open already
        path = whole(args[0] or ".")
        writes = event == "open" and len(args) > 2 and (args[2] or 0) & (os.O_WRONLY | os.O_RDWR | os.O_CREAT)
        inside = self.folder is not None and (path + os.sep).startswith(self.folder + os.sep)
        if writes or not (inside or path in LIBRARY or path.startswith((*_BELOW, *SYSTEM))):
            self.notes.append(f"{event} of {path!r}{' for writing' if writes else ''}")


def _hook(event: str, args: tuple) -> None:
    if _watched:
        watch = _watched.pop()  # what the watch does itself is not watched
        try:
            watch.see(event, args)
        finally:
            _watched.append(watch)


if VARIABLE in os.environ:
    sys.addaudithook(_hook)


@contextlib.contextmanager
def watched(folder: object) -> Iterator[list[str]]:
    """Note what is done inside that no loading of a folder may do. Without the hook nothing is noted."""
    watch = _Watch(whole(folder) if isinstance(folder, str | Path) else None)
    _watched.append(watch)
    try:
        yield watch.notes
    finally:
        _watched.remove(watch)
