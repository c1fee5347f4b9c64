"""How a run ends when it does not end well, and what is said on the way: errors, notes, Ctrl-C, closed pipes."""

import contextlib
import os
import signal
import sys
import threading
import warnings
from collections.abc import Iterator, Sequence
from typing import Any, NoReturn

from archsmith_cli.render import Cell, Page, clean, encode

__all__ = [
    "CLOSED_PIPE",
    "INTERRUPTED",
    "Terminated",
    "end_output",
    "fail",
    "is_usage_error",
    "notes",
    "output_kept_clean",
    "silence",
    "terminable",
    "uninterrupted",
]

#: Exit codes that a shell reports for a program that a signal ended.
INTERRUPTED = 130
CLOSED_PIPE = 141

#: The signals that end a program which does not ask for them.
_ENDING = [getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)]


class Terminated(KeyboardInterrupt):
    """A signal has ended the run. It goes where Ctrl-C goes: no plugin's code or check takes it for an error."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self.exit_code = 128 + number


@contextlib.contextmanager
def terminable() -> Iterator[None]:
    """Let a signal that ends the run unwind it, so that what was begun is cleaned away; ignored ones stay ignored."""

    def end(number: int, _: Any) -> NoReturn:
        raise Terminated(number)

    with _handled([number for number in _ENDING if _handler(number) is signal.SIG_DFL], end):
        yield


@contextlib.contextmanager
def uninterrupted() -> Iterator[None]:
    """Clean up to the end, however often somebody presses Ctrl-C."""
    with _handled([signal.SIGINT, *_ENDING], signal.SIG_IGN):
        yield


@contextlib.contextmanager
def _handled(numbers: Sequence[int], handler: Any) -> Iterator[None]:
    """Handle signals; Python lets the main thread alone do so."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.signal(number, handler) for number in numbers if _handler(number) is not None}
    try:
        yield
    finally:
        for number, earlier in before.items():
            signal.signal(number, earlier)


def _handler(number: int) -> Any:
    return signal.getsignal(number)  # None: not one of Python's


@contextlib.contextmanager
def output_kept_clean() -> Iterator[None]:
    """Send to standard error what is printed, also by programs that are started and by what is not Python."""
    with contextlib.ExitStack() as undo:
        undo.enter_context(contextlib.redirect_stdout(sys.stderr))
        with contextlib.suppress(OSError):  # a stream is closed
            kept = os.dup(1)
            undo.callback(os.close, kept)
            os.dup2(2, 1)
            undo.callback(os.dup2, kept, 1)
        yield


def end_output() -> None:
    """Send to standard error what is printed from here on, be it by threads or as the interpreter ends."""
    sys.stdout.flush()
    with contextlib.suppress(OSError):
        os.dup2(2, 1)


def fail(error: BaseException, *, as_json: bool = False, debug: bool = False) -> int:
    """Report an error and return the exit code: JSON on standard output, or a panel on standard error."""
    name, message = type(error).__name__, _message(error)
    if debug:
        import traceback

        sys.stderr.write(clean("".join(traceback.format_exception(error)), lines=True))
    if as_json:
        faults = getattr(error, "faults", ())
        details = {"type": name, "message": message} | ({"faults": list(faults)} if faults else {})
        with contextlib.suppress(OSError):  # standard output itself may be what failed
            print(encode({"error": details}), flush=True)
    elif not debug:
        _panel(name, message)
    return int(getattr(error, "exit_code", 1))


def is_usage_error(error: BaseException) -> bool:
    """Tell whether an error is one that typer raises about the command line itself."""
    return hasattr(error, "format_message") and hasattr(error, "exit_code")


@contextlib.contextmanager
def notes() -> Iterator[None]:
    """Show archsmith's announcements as notes on standard error, each once, and other warnings likewise."""
    said: set[str] = set()

    def show(message: Warning | str, category: type[Warning], *_: Any, **__: Any) -> None:
        from archsmith.errors import ArchsmithWarning

        text = str(message)
        if text not in said:
            said.add(text)
            label = "note:" if issubclass(category, ArchsmithWarning) else f"{category.__name__}:"
            Page(sys.stderr).prose(text, label=Cell(label, "yellow"))

    with warnings.catch_warnings():
        if not sys.warnoptions:
            from archsmith.errors import ArchsmithWarning

            warnings.simplefilter("always", ArchsmithWarning)
        warnings.showwarning = show
        yield


def silence() -> None:
    """Point the standard streams at nothing, so that the interpreter's last flush finds no closed pipe."""
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError, AttributeError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def _message(error: BaseException) -> str:
    from archsmith.errors import ArchsmithError

    if is_usage_error(error):
        context = getattr(error, "ctx", None)
        message = str(error.format_message()).strip()  # type: ignore[attr-defined]
        end = "" if message.endswith((".", "?", "!")) else "."
        return message + end + (f" Try: {context.command_path} --help" if context else "")
    if isinstance(error, ArchsmithError):
        return str(error)
    if isinstance(error, OSError) and error.strerror:
        return f"{error.strerror}: {error.filename!r}" if error.filename else f"{error.strerror} (writing the result)"
    return f"{str(error) or 'no message'} (unexpected; --debug shows where)"


def _panel(name: str, message: str) -> None:
    """Write the message between two rules on a terminal, else as one plain paragraph."""
    page = Page(sys.stderr)
    if not sys.stderr.isatty():
        page.prose(message, label="error:")
        return
    dash = "─" if (sys.stderr.encoding or "").lower().startswith("utf") else "-"
    rule = dash * page.prose_width
    page.line(Cell(f"{dash}{dash} {name} {rule[len(name) + 4 :]}", "red"))
    page.prose(message, indent=1)
    page.line(Cell(rule, "red"))
