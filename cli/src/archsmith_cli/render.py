"""How results look: tables, prose and numbers on a terminal, in a pipe, and as JSON.

On a terminal, prose and wide cells are wrapped between words. Names are never cut or broken: a table that has no room
for them becomes wider than the terminal. In a pipe nothing is wrapped at all, and no line ends in spaces.
"""

import json
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal, TextIO

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

__all__ = ["STATE_STYLES", "Cell", "Page", "Report", "Span", "clean", "encode", "shorten", "size"]

_UNLIMITED = 1_000_000
_NARROWEST = 40
_WIDEST_PROSE = 100
_NARROWEST_PROSE = 40

STATE_STYLES: Mapping[str, str] = {
    "ok": "green",
    "disabled": "dim",
    "conflicting": "yellow",
    "incompatible": "yellow",
    "broken": "red",
}


@dataclass(frozen=True)
class Cell:
    """A piece of text with a style.

    Attributes:
        text: What it says.
        style: A style of rich, such as ``"bold"``; empty for none.
    """

    text: str
    style: str = ""


#: What a line or a table's cell is made of: one piece, or several in a row.
Span = Cell | str | tuple[Cell | str, ...]


@dataclass(frozen=True)
class Report:
    """What a command found out. `archsmith_cli.main` prints it, as JSON or drawn.

    Attributes:
        data: The whole result as JSON values.
        draw: Draws the same on a page.
        exit_code: 0, or 1 if the result is that something is wrong.
    """

    data: Any
    draw: "Callable[[Page], None]"
    exit_code: int = 0


class Page:
    """A stream that text is drawn on, from top to bottom.

    Args:
        stream: Where the text goes.
        width: Columns; None: those of the terminal, or no limit if the stream is no terminal.
    """

    def __init__(self, stream: TextIO, *, width: int | None = None) -> None:
        self._stream = stream
        self._fixed_width = width

    @cached_property
    def console(self) -> "Console":
        """Rich's console on this stream, without any of its guesses about what text means."""
        from rich.console import Console

        width = self._fixed_width
        if width is None and not self._stream.isatty():
            width = _UNLIMITED
        console = Console(
            file=self._stream, width=width, markup=False, highlight=False, emoji=False, legacy_windows=False
        )
        console.width = max(console.width, _NARROWEST)
        return console

    @property
    def width(self) -> int:
        """The columns that may be used."""
        return self.console.width

    @property
    def prose_width(self) -> int:
        """The columns that running text takes: long lines are hard to read."""
        return self.width if self.width == _UNLIMITED else min(self.width, _WIDEST_PROSE)

    def line(self, *cells: Cell | str) -> None:
        """Write one line as it stands, of several pieces."""
        self._write(_text(cells))

    def blank(self) -> None:
        """Write an empty line."""
        self.line()

    def verbatim(self, text: str) -> None:
        """Write text exactly as it is."""
        print(text, file=self._stream)

    def heading(self, text: str) -> None:
        """Write a heading over what follows."""
        self.line(Cell(text, "bold"))

    def prose(self, text: str, *, label: Cell | str = "", indent: int = 0) -> None:
        """Write running text beside a label, wrapped between words and indented as far as the label.

        Args:
            text: One or several paragraphs; a line break in it stays.
            label: What stands before the first line.
            indent: Columns before everything, and at least so many before the later lines.
        """
        label = Cell(label) if isinstance(label, str) else label
        gap = " " if label.text.endswith(":") else "  "
        first = clean(label.text) + gap if label.text else ""
        margin = " " * (indent + len(first))
        lines = wrapped(text, max(self.prose_width - len(margin), _NARROWEST_PROSE))
        for number, line in enumerate(lines):
            if number == 0 and first:
                self.line(" " * indent, label, gap, line)
            else:
                self.line(margin, line)

    def table(
        self,
        headers: Sequence[str],
        rows: Iterable[Sequence[Span]],
        *,
        wrap: Sequence[str] = (),
        right: Sequence[str] = (),
    ) -> None:
        """Write a table.

        Args:
            headers: The names of the columns; all empty: no header line.
            rows: The cells; a line break in one stays.
            wrap: The columns whose text may be wrapped between words.
            right: The columns of numbers.
        """
        from rich.measure import Measurement
        from rich.segment import Segment
        from rich.table import Table
        from rich.text import Text

        table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="bold", show_header=any(headers))
        for header in headers:
            justify: Literal["left", "right"] = "right" if header in right else "left"
            table.add_column(header, no_wrap=header not in wrap, overflow="fold", justify=justify)
        for row in rows:
            table.add_row(*map(_text, row))
        options = self.console.options
        needed = Measurement.get(self.console, options.update_width(_UNLIMITED), table).minimum
        options = options.update_width(max(self.width, needed))
        for segments in self.console.render_lines(table, options, pad=False):
            self._write(Text.assemble(*((part.text, part.style or "") for part in Segment.simplify(segments))))

    def _write(self, line: "Text") -> None:
        line.rstrip()
        self.console.print(line, soft_wrap=True)


def _text(span: Span) -> "Text":
    from rich.text import Text

    if isinstance(span, str):
        return Text(clean(span))
    if isinstance(span, Cell):
        return Text(clean(span.text), style=span.style)
    return Text.assemble(*map(_text, span))


def clean(text: str) -> str:
    r"""Return text without characters that would steer a terminal: each becomes its escape, as ``\x1b``.

    What is shown comes out of other people's packages and files.
    """
    if text.isprintable():
        return text
    return "".join(
        char if char.isprintable() or char == "\n" else char.encode("unicode_escape").decode() for char in text
    )


def wrapped(text: str, width: int) -> list[str]:
    """Return text as lines broken between words alone; a line's own indent stays with its continuation."""
    import textwrap

    lines: list[str] = []
    for line in clean(text).splitlines():
        indent = " " * (len(line) - len(line.lstrip(" -")))
        lines += textwrap.wrap(
            line, max(width, 1), subsequent_indent=indent, break_long_words=False, break_on_hyphens=False
        ) or [""]
    return lines


def encode(data: Any, stream: TextIO | None = None) -> str:
    """Return JSON with a two-space indent; characters that the stream can not encode are escaped."""
    encoding = getattr(stream or sys.stdout, "encoding", None) or "utf-8"
    text = json.dumps(data, indent=2, ensure_ascii=False, default=str)
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        text = json.dumps(data, indent=2, default=str)
    return text


def size(count: int) -> str:
    """Return a number of bytes for a reader: ``"253.2 MiB"``."""
    amount = float(count)
    for unit in ("bytes", "KiB", "MiB", "GiB"):
        if amount < 1024:  # noqa: PLR2004
            return f"{count} bytes" if unit == "bytes" else f"{amount:.1f} {unit}"
        amount /= 1024
    return f"{amount:.1f} TiB"


def shorten(value: Any, limit: int = 60) -> str:
    """Return a JSON value on one line, a string without quotes, cut to a number of characters."""
    text = value if isinstance(value, str) and value else json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= limit else f"{text[: limit - 3]}..."
