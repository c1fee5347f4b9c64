"""Answers on a terminal, and how far a run has come."""

import contextlib
import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from archsmith.messages import clean
from archsmith_cli.verb import Cell, Page
from archsmith_tasks.results import Failure, Result
from archsmith_tasks.run.reading import Item

__all__ = ["Table", "progress"]

_WIDEST_INPUT = 36
_NUMBER = 5


class Table:
    """A table whose rows are written as they come: number, input, answer.

    Args:
        page: Where. On a terminal answers are wrapped; elsewhere each has one line.
        is_terminal: Whether it is one.
    """

    def __init__(self, page: Page, *, is_terminal: bool) -> None:
        self._page, self._is_terminal = page, is_terminal
        self._input = min(_WIDEST_INPUT, (page.width - _NUMBER - 4) * 2 // 5)
        self._answer = page.width - _NUMBER - self._input - 4

    def heading(self) -> None:
        """Write what the columns are."""
        self._line(["#".rjust(_NUMBER), _fitting("input", self._input), "answer"], style="bold")

    def row(self, index: int, item: Item, found: Result) -> None:
        """Write the answer of an input."""
        lines = self._wrapped(str(found))
        before = [str(index).rjust(_NUMBER), _fitting(_shown(item), self._input)]
        for line in lines:
            self._line([*before, line], style="red" if isinstance(found, Failure) else "")
            before = [" " * _NUMBER, " " * self._input]

    def _wrapped(self, text: str) -> list[str]:
        if not self._is_terminal:
            return [clean(" ".join(text.split()))]
        from rich.cells import cell_len, chop_cells

        lines = [
            line
            for part in clean(text, lines=True).split("\n")
            for line in textwrap.wrap(part, self._answer, break_on_hyphens=False) or [""]
        ]
        return [each for line in lines for each in (chop_cells(line, self._answer) if cell_len(line) else [""])]

    def _line(self, cells: list[str], *, style: str) -> None:
        self._page.line(cells[0], "  ", cells[1], "  ", Cell(cells[2], style))


def _shown(item: Item) -> str:
    """Return what a person knows an input by: its text, or the end of its path."""
    value = item.value
    if isinstance(value, dict) and value:
        value = next(iter(value.values()))
    if isinstance(value, Path):
        return value.name
    return value if isinstance(value, str) else item.id


def _fitting(text: str, width: int) -> str:
    """Return the begin of a text, and blanks, in as many columns."""
    from rich.cells import cell_len, set_cell_size

    text = clean(" ".join(text[: 4 * width].split()))
    return set_cell_size(text, width) if cell_len(text) <= width else f"{set_cell_size(text, width - 1)}…"


@contextlib.contextmanager
def progress(total: int | None, *, wanted: bool) -> Iterator[Callable[[int, int], None]]:
    """Show on standard error how many inputs are done, how many a second, and how long the rest will take.

    Args:
        total: The bytes of all inputs; None: nobody knows.
        wanted: False: show nothing.

    Yields:
        A function that takes the inputs that were done, and their bytes.
    """
    if not wanted:
        yield lambda _rows, _size: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

    columns: list[Any] = [TextColumn("{task.fields[rows]:,} inputs, {task.fields[rate]:,.1f}/s"), BarColumn()]
    columns += [TimeRemainingColumn(), TextColumn("left")] if total else [TimeElapsedColumn()]
    console = Console(file=sys.stderr)
    with Progress(*columns, console=console, transient=True, disable=not console.is_interactive) as shown:
        bar, counted = shown.add_task("", total=total, rows=0, rate=0.0), 0

        def step(rows: int, size: int) -> None:
            nonlocal counted
            counted += rows
            elapsed = shown.tasks[0].elapsed or 0
            shown.update(bar, advance=size, rows=counted, rate=counted / elapsed if elapsed else 0.0)

        yield step
