"""A program in a pseudo-terminal: what it is typed, and what it shows."""

import os
import select
import subprocess
import sys
import time

#: Makes standard input the terminal of a session of its own, so that Ctrl-C is a signal, and becomes the program.
_LAUNCH = """
import fcntl, os, sys, termios
os.setsid()
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
os.execv(sys.executable, [sys.executable, *sys.argv[1:]])
"""
CTRL_C, CTRL_D = b"\x03", b"\x04"


class Terminal:
    """Runs ``archsmith`` in a terminal.

    Attributes:
        pieces: What was shown, as it came.
    """

    def __init__(self, *args, stderr=None):
        self._end, inner = os.openpty()
        command = [sys.executable, "-c", _LAUNCH, "-m", "archsmith_cli", *args]
        environment = os.environ | {"TERM": "dumb", "PYTHONIOENCODING": "utf-8", "INPUTRC": os.devnull}
        self.process = subprocess.Popen(
            command, stdin=inner, stdout=inner, stderr=inner if stderr is None else stderr, env=environment
        )
        os.close(inner)
        self.pieces = []

    @property
    def text(self):
        """What was shown so far."""
        return b"".join(self.pieces).decode(errors="replace").replace("\r\n", "\n")

    def until(self, wanted, seconds=60):
        """Read until a text has come since the last call, and return what came."""
        begin, limit = len(self.pieces), time.monotonic() + seconds
        found = ""
        while wanted not in found:
            if not select.select([self._end], [], [], max(0, limit - time.monotonic()))[0] or not self.read():
                raise AssertionError(f"{wanted!r} did not come, but {found!r}")
            found = b"".join(self.pieces[begin:]).decode(errors="replace").replace("\r\n", "\n")
        return found

    def read(self):
        """Wait for the next piece and return it; nothing, where the program has ended."""
        try:
            piece = os.read(self._end, 4096)
        except OSError:  # the program has ended
            piece = b""
        self.pieces += [piece] if piece else []
        return piece

    def type(self, keys):
        """Press keys."""
        os.write(self._end, keys if isinstance(keys, bytes) else keys.encode())

    def close(self):
        """Close the window."""
        os.close(self._end)
        self._end = None

    def code(self, seconds=60):
        """Read to the end, and return the exit code."""
        limit = time.monotonic() + seconds
        while self._end is not None and select.select([self._end], [], [], max(0, limit - time.monotonic()))[0]:
            if not self.read():
                break
        return self.process.wait(timeout=max(1, limit - time.monotonic()))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        if self._end is not None:
            os.close(self._end)


__all__ = ["CTRL_C", "CTRL_D", "Terminal"]
