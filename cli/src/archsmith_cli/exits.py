"""How a run ends when it does not end well, and what is said on the way: errors, notes, Ctrl-C, closed pipes."""

import contextlib
import os
import sys
import warnings
from collections.abc import Iterator
from typing import Any

from archsmith_cli.render import Cell, Page, encode

__all__ = ["CLOSED_PIPE", "INTERRUPTED", "fail", "is_usage_error", "notes", "silence"]

#: Exit codes that a shell reports for a program that a signal ended.
INTERRUPTED = 130
CLOSED_PIPE = 141


def fail(error: BaseException, *, as_json: bool = False, debug: bool = False) -> int:
    """Report an error and return the exit code: JSON on standard output, or a panel on standard error."""
    name, message = type(error).__name__, _message(error)
    if debug:
        import traceback

        traceback.print_exception(error, file=sys.stderr)
    if as_json:
        faults = getattr(error, "faults", ())
        details = {"type": name, "message": message} | ({"faults": list(faults)} if faults else {})
        print(encode({"error": details}))
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
