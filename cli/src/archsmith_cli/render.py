"""How results look: tables, prose and numbers on a terminal, in a pipe, and as JSON.

On a terminal, lines, prose and wide cells are wrapped between words. Names are never cut or broken: a table that has no
room for them shows each row as lines of their own. In a pipe nothing is wrapped at all, and no line ends in spaces.
"""

import itertools
import os
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, TextIO

from archsmith.messages import clean

if TYPE_CHECKING:
    from rich.console import Console

__all__ = ["STATE_STYLES", "Cell", "Page", "Report", "Span", "clean", "encode", "shorten", "size"]

_UNLIMITED = 1_000_000
_WIDEST_PROSE = 100
_NARROWEST = 24

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


#: What a table's cell is made of: one piece, or several below each other.
Span = Cell | str | tuple[Cell | str, ...]


@dataclass(frozen=True)
class Report:
    """What a command found out. `archsmith_cli.verb` prints it, as JSON or drawn.

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
        stream: Where the text goes. Styles are applied if it is a terminal, as `rich` decides.
        width: Columns; None: those of the terminal, or no limit if the stream is not a terminal.
    """

    def __init__(self, stream: TextIO, *, width: int | None = None) -> None:
        self._stream = stream
        terminal = stream.isatty()
        self._styled = terminal or "FORCE_COLOR" in os.environ
        self.width = width or (_terminal_width(stream) if terminal else _UNLIMITED)

    @property
    def prose_width(self) -> int:
        """The columns that running text takes: long lines are hard to read."""
        return self.width if self.width == _UNLIMITED else min(self.width, _WIDEST_PROSE)

    def line(self, *pieces: Cell | str) -> None:
        """Write one line, of several pieces; on a terminal too narrow for it, it goes on below, indented."""
        cells = [_cell(piece) for piece in pieces]
        for start, end, indent in _breaks("".join(cell.text for cell in cells), self.width):
            self._write([Cell(" " * indent), *_between(cells, start, end)])

    def blank(self) -> None:
        """Write an empty line."""
        self.line()

    def verbatim(self, text: str) -> None:
        """Write lines that a program may read, unstyled and unwrapped."""
        self._stream.write(f"{clean(text, lines=True)}\n")

    def heading(self, text: str) -> None:
        """Write a heading over what follows."""
        self.line(Cell(text, "bold"))

    def prose(self, text: str, *, label: Cell | str = "", indent: int = 0, below: str = "") -> None:
        """Write running text beside a label, wrapped between words and indented as far as the label.

        Args:
            text: One or several paragraphs; a line break in it stays.
            label: What stands before the first line; above it where the terminal has no room for both.
            indent: Columns before everything.
            below: A line of its own after it, such as a command, which takes the whole width.
        """
        label = _cell(label)
        gap = "" if not label.text else " " if label.text.endswith(":") else "  "
        margin = indent + _columns(label.text) + len(gap)
        above = bool(label.text) and self.prose_width - margin < _NARROWEST
        if above:
            self.line(" " * indent, label)
            margin = indent + 2
        for number, line in enumerate(_wrap(clean(text, lines=True), max(self.prose_width - margin, 1))):
            if number or above:
                self.line(" " * margin, line)
            else:
                self.line(" " * indent, label, gap, line)
        if below:
            self.line(" " * margin, below)

    def table(
        self,
        headers: Sequence[str],
        rows: Iterable[Sequence[Span]],
        *,
        wrap: str = "",
        right: Sequence[str] = (),
    ) -> None:
        """Write a table; where the terminal has no room for it, each row below the last, a line for each cell.

        Args:
            headers: The names of the columns; all empty: no header line.
            rows: The cells.
            wrap: The column whose text is wrapped between words if the terminal has no room for it.
            right: The columns of numbers.
        """
        whole = [[_stack(span) for span in row] for row in rows]
        stacks = [list(row) for row in whole]
        if any(headers):
            stacks.insert(0, [[Cell(header, "bold")] for header in headers])
        if wrap:
            self._wrap_column(stacks, headers.index(wrap))
        widths = [_width(column) for column in zip(*stacks, strict=True)]
        if sum(widths) + 2 * (len(widths) - 1) > self.width:
            self._pile(headers, whole)
            return
        for row in stacks:
            for cells in itertools.zip_longest(*row, fillvalue=Cell("")):
                pieces: list[Cell] = []
                for cell, width, header in zip(cells, widths, headers, strict=True):
                    padding = Cell(" " * (width - _columns(cell.text)))
                    pieces += [padding, cell, _GAP] if header in right else [cell, padding, _GAP]
                self._write(pieces)

    def has_room(self, headers: Sequence[str], rows: Iterable[Sequence[Span]]) -> bool:
        """Tell whether a terminal has room for one more column of text beside those of a table."""
        stacks = [[_stack(span) for span in row] for row in (headers, *rows)]
        widths = [_width(column) + 2 for column in zip(*stacks, strict=True)]
        return sum(widths) + 2 * _NARROWEST <= self.width < _UNLIMITED

    def _wrap_column(self, stacks: list[list[list[Cell]]], place: int) -> None:
        """Wrap the text of one column to what the others leave of the page."""
        widths = [_width(column) for column in zip(*stacks, strict=True)]
        others = sum(widths) - widths[place] + 2 * (len(widths) - 1)
        room = max(self.width - others, _NARROWEST)
        for row in stacks:
            row[place] = [Cell(line, cell.style) for cell in row[place] for line in _wrap(cell.text, room)]

    def _pile(self, headers: Sequence[str], rows: Iterable[Sequence[list[Cell]]]) -> None:
        """Write rows as lines: the first cell, and what the others are called and hold."""
        if headers[0]:
            self.heading(headers[0])
        for first, *others in rows:
            for cell in first:
                self.line(cell)
            for header, stack in zip(headers[1:], others, strict=True):
                label = Cell(f"  {header.lower()}: " if header else "  ", "dim")
                for number, cell in enumerate(cell for cell in stack if cell.text):
                    self.line("    " if number else label, cell)

    @cached_property
    def _console(self) -> "Console":
        from rich.console import Console

        return Console(file=self._stream, markup=False, highlight=False, emoji=False, legacy_windows=False)

    def _write(self, pieces: Sequence[Cell]) -> None:
        if not self._styled:
            self._stream.write("".join(cell.text for cell in pieces).rstrip() + "\n")
            return
        from rich.text import Text

        text = Text.assemble(*((cell.text, cell.style) for cell in pieces))
        text.rstrip()
        self._console.print(text, soft_wrap=True)


_GAP = Cell("  ")


def _cell(piece: Cell | str) -> Cell:
    return Cell(clean(piece)) if isinstance(piece, str) else Cell(clean(piece.text), piece.style)


def _stack(span: Span) -> list[Cell]:
    """Return the lines of a table's cell."""
    return [_cell(piece) for piece in (span if isinstance(span, tuple) else (span,))]


def _width(column: Iterable[list[Cell]]) -> int:
    return max((_columns(cell.text) for stack in column for cell in stack), default=0)


def _columns(text: str) -> int:
    """Return how many columns of a terminal a text takes."""
    if text.isascii():
        return len(text)
    import unicodedata

    return sum(0 if unicodedata.combining(char) else 1 + (unicodedata.east_asian_width(char) in "WF") for char in text)


def _breaks(text: str, width: int) -> Iterator[tuple[int, int, int]]:
    """Yield where the lines of a text begin and end, and how far each is indented: further than the first."""
    if _columns(text) <= width:
        yield 0, len(text), 0
        return
    start = end = indent = 0
    margin = min(len(text) - len(text.lstrip()) + 2, width // 2)
    for word in re.finditer(r"\S+", text):
        if end and indent + _columns(text[start : word.end()]) > width:
            yield start, end, indent
            start, indent = word.start(), margin
        end = word.end()
    yield start, end, indent


def _between(cells: Iterable[Cell], start: int, end: int) -> Iterator[Cell]:
    """Yield what stands between two places of a line that is made of cells."""
    for cell in cells:
        yield Cell(cell.text[max(start, 0) : max(end, 0)], cell.style)
        start, end = start - len(cell.text), end - len(cell.text)


def _terminal_width(stream: TextIO) -> int:
    columns = os.environ.get("COLUMNS", "")
    try:
        return (
            int(columns) if columns.isdigit() and int(columns) else os.get_terminal_size(stream.fileno()).columns or 80
        )
    except (OSError, ValueError, AttributeError):
        return 80


def _wrap(text: str, width: int) -> list[str]:
    """Return text as lines broken between words alone; a line's own indent stays with its continuation."""
    if "\n" not in text and len(text) <= width:
        return [text]
    import textwrap

    lines: list[str] = []
    for line in text.splitlines():
        indent = " " * (len(line) - len(line.lstrip(" -")))
        lines += textwrap.wrap(
            line, width, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False
        ) or [""]
    return lines


def encode(data: Any, stream: TextIO | None = None) -> str:
    """Return JSON with a two-space indent; characters that the stream cannot encode are escaped.

    So are those that would steer a terminal, as control characters beyond ASCII and those of the direction of writing.

    Raises:
        ValueError: A number is not finite, or the data holds itself.
    """
    import json

    encoding = getattr(stream or sys.stdout, "encoding", None) or "utf-8"
    text = json.dumps(data, indent=2, ensure_ascii=False, default=str, allow_nan=False)
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        text = json.dumps(data, indent=2, default=str)
    return text if clean(text, lines=True) == text else "".join(map(_escaped, text))


def _escaped(char: str) -> str:
    """Return a character as JSON escapes it, if it would steer a terminal."""
    if clean(char, lines=True) == char:
        return char
    units = char.encode("utf-16-be", "surrogatepass").hex()
    return "".join(f"\\u{units[place : place + 4]}" for place in range(0, len(units), 4))


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
    import json

    text = value if isinstance(value, str) and value else json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= limit else f"{text[: limit - 3]}..."
