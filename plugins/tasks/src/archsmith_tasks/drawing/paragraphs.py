"""Text on a sheet: lines of words, parts of which have a colour and a name."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.font_manager import FontProperties
from matplotlib.patches import FancyBboxPatch
from matplotlib.textpath import text_to_path

from archsmith_tasks.drawing.figures import INK, QUIET

__all__ = ["Paragraph", "Span"]

_POINTS = 72.0  # of an inch
_LEADING = 1.95  # from line to line, in sizes of the type
_TAG = 0.66  # the size of a name, beside that of the text
_MOST_LINES = 40


@dataclass(frozen=True)
class Span:
    """A part of a text: its characters, its colour, how strong that is from 0 to 1, and its name."""

    start: int
    end: int
    colour: str
    strength: float = 0.28
    tag: str = ""


@dataclass(frozen=True)
class _Piece:
    text: str
    span: Span | None
    is_tag: bool = False


@dataclass(frozen=True)
class _Placed:
    piece: _Piece
    left: float
    width: float
    line: int


class Paragraph:
    """A text set into lines; how high it is, is known before it is drawn.

    Args:
        text: The text.
        spans: Parts of it, none of which overlap.
        width: Inches of a line.
        size: Points of the type.
    """

    def __init__(self, text: str, spans: Sequence[Span], *, width: float, size: float) -> None:
        self._width, self._size, self._placed = width, size, list[_Placed]()
        self._left, self._line = 0.0, 0
        for is_word, pieces in groupby(_pieces(text, spans), lambda piece: not piece.text.isspace()):
            self._place(list(pieces), is_word=is_word)
        self.height = (min(self._line, _MOST_LINES) + 1) * self._leading

    @property
    def _leading(self) -> float:
        return self._size * _LEADING / _POINTS

    def _place(self, pieces: Sequence[_Piece], *, is_word: bool) -> None:
        """Set what stands between spaces, or spaces; a word that is wider than a line is broken."""
        if not is_word and "\n" in "".join(piece.text for piece in pieces):
            self._left, self._line = 0.0, self._line + 1
            return
        widths = [self._measured(piece) for piece in pieces]
        if is_word and self._left and self._left + sum(widths) > self._width:
            self._left, self._line = 0.0, self._line + 1
        for piece, width in zip(pieces, widths, strict=True):
            if self._left and self._left + width > self._width and is_word:
                self._left, self._line = 0.0, self._line + 1
            if is_word or self._left:
                self._placed.append(_Placed(piece, self._left, width, self._line))
                self._left += width

    def _measured(self, piece: _Piece) -> float:
        size = self._size * (_TAG if piece.is_tag else 1)
        font = FontProperties(size=size, weight="bold" if piece.is_tag else "normal")
        width, _, _ = text_to_path.get_text_width_height_descent(piece.text, font, ismath=False)
        return float(width) / _POINTS + (0.07 if piece.is_tag else 0)

    def draw(self, axes: Axes, top: float = 0.0) -> None:
        """Draw it on a panel, so many inches below its upper edge."""
        shown = [placed for placed in self._placed if placed.line < _MOST_LINES]
        for (line, span), run in groupby(shown, lambda placed: (placed.line, placed.piece.span)):
            pieces = list(run)
            if span is not None:
                self._draw_ground(axes, span, pieces, top + line * self._leading)
            for placed in pieces:
                self._draw_piece(axes, placed, top + (line + 0.66) * self._leading)
        if len(shown) < len(self._placed):
            axes.text(0, top + (_MOST_LINES + 0.66) * self._leading, "…", fontsize=self._size, color=QUIET)

    def _draw_ground(self, axes: Axes, span: Span, pieces: Sequence[_Placed], top: float) -> None:
        beyond = 0.03 if span.tag else 0.0  # parts of one word touch each other
        while len(pieces) > 1 and pieces[-1].piece.text.isspace():  # at the end of a line
            pieces = pieces[:-1]
        left, right = pieces[0].left - beyond, pieces[-1].left + pieces[-1].width + beyond
        box = FancyBboxPatch(
            (left, top + 0.14 * self._leading), right - left, 0.76 * self._leading, clip_on=False, linewidth=0,
            boxstyle=f"round,pad=0,rounding_size={beyond}", facecolor=(*to_rgb(span.colour), span.strength),
        )  # fmt: skip
        axes.add_patch(box)

    def _draw_piece(self, axes: Axes, placed: _Placed, baseline: float) -> None:
        piece, text = placed.piece, placed.piece.text.replace("$", r"\$")
        if piece.is_tag and piece.span is not None:
            size, colour = self._size * _TAG, piece.span.colour
            axes.text(placed.left + 0.05, baseline, text, fontsize=size, color=colour, fontweight="bold")
        else:
            axes.text(placed.left, baseline, text, fontsize=self._size, color=INK)


def _pieces(text: str, spans: Sequence[Span]) -> Iterator[_Piece]:
    """Yield words, parts of words and spaces, each of one span or of none; a name follows its span."""
    done = 0
    for span in sorted(spans, key=lambda each: each.start):
        start = max(span.start, done)
        yield from (_Piece(found, None) for found in _cut(text[done:start]))
        yield from (_Piece(found, span) for found in _cut(text[start : span.end]))
        if span.tag:
            yield _Piece(span.tag, span, is_tag=True)
        done = max(done, span.end)
    yield from (_Piece(found, None) for found in _cut(text[done:]))


def _cut(text: str) -> list[str]:
    return re.findall(r"\s|\S{1,16}", text)
