"""What all pictures share: paper, colours, type, and bars for labels with scores."""

import colorsys
from collections.abc import Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch

from archsmith_tasks.results import Label

__all__ = ["ACCENT", "FAINT", "INK", "PAPER", "QUIET", "SIZE", "colours", "draw_bars", "panel", "sheet", "shortened"]

PAPER, INK, QUIET, FAINT, ACCENT = "#ffffff", "#1f2430", "#6b7280", "#eceef2", "#3b6fd4"
#: Points of the type.
SIZE = 10.5

_PALETTE = (
    "#3b6fd4", "#e8743b", "#2a9d6f", "#c43d6b", "#8a5cd1", "#d9a514", "#17a2b8", "#8d5a3b", "#e06fae", "#6c9a1f",
    "#4b5bd7", "#d1495b",
)  # fmt: skip
_GOLDEN = 0.61803


def colours(count: int) -> list[str]:
    """Return so many colours, each as far from its neighbours as can be."""
    more = [colorsys.hls_to_rgb(number * _GOLDEN % 1, 0.45 + 0.15 * (number % 2), 0.6) for number in range(count)]
    return [*_PALETTE, *(f"#{round(r * 255):02x}{round(g * 255):02x}{round(b * 255):02x}" for r, g, b in more)][:count]


def sheet(width: float, height: float) -> Figure:
    """Return an empty sheet, in inches."""
    return Figure(figsize=(width, height), facecolor=PAPER)


def panel(figure: Figure, left: float, top: float, width: float, height: float) -> Axes:
    """Return an empty part of a sheet, in inches from its upper left corner, whose coordinates are inches too."""
    across, down = figure.get_size_inches()
    axes = figure.add_axes((left / across, 1 - (top + height) / down, width / across, height / down))
    axes.set_xlim(0, width)
    axes.set_ylim(height, 0)
    axes.axis("off")
    return axes


def shortened(text: str, most: int) -> str:
    """Return a text on one line, of so many characters at most, without what would be read as a formula."""
    line = " ".join(text.split())
    return (line if len(line) <= most else f"{line[: most - 1]}…").replace("$", r"\$")


def draw_bars(axes: Axes, labels: Sequence[Label], *, width: float, top: float = 0.0, row: float = 0.5) -> None:
    """Draw labels one below the other: each with its score, and a bar as long as that.

    Args:
        axes: A `panel`.
        labels: The likeliest one first.
        width: Inches of a whole bar.
        top: Inches above the first label.
        row: Inches from one label to the next.
    """
    share = all(0 <= each.score <= 1 for each in labels)
    longest = 1.0 if share else max(1e-9, *(each.score for each in labels))
    for number, each in enumerate(labels):
        line, first = top + number * row, number == 0
        style: dict[str, Any] = {"fontsize": SIZE, "va": "baseline", "color": INK if first else QUIET}
        style["fontweight"] = "bold" if first else "normal"
        axes.text(0, line + 0.22, shortened(each.label, round(width * (8 if first else 9))), **style)
        axes.text(
            width, line + 0.22, f"{100 * each.score:.1f} %" if share else f"{each.score:.3g}", ha="right", **style
        )
        draw_bar(axes, 0, line + 0.3, width, FAINT)
        draw_bar(axes, 0, line + 0.3, width * max(0.0, each.score) / longest, ACCENT if first else "#a9bde6")


def draw_bar(axes: Axes, left: float, top: float, width: float, colour: str, height: float = 0.085) -> None:
    """Draw a bar with round ends; one that is too short for them is left out."""
    if width >= height:
        style = f"round,pad=0,rounding_size={height / 2}"
        axes.add_patch(FancyBboxPatch((left, top), width, height, boxstyle=style, linewidth=0, facecolor=colour))
