"""Pictures of audio: what it is made of, and what is heard in it when."""

import textwrap
from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from archsmith_tasks.drawing.figures import ACCENT, FAINT, INK, QUIET, SIZE, draw_bars, panel, sheet, shortened
from archsmith_tasks.results import Classification, Transcript, Word

__all__ = ["draw_classification", "draw_transcript"]

#: Inches: the margin, the width of a line of sound, how high that is, and a line of text.
_MARGIN, _WIDTH, _HEIGHT, _LINE, _BESIDE = 0.45, 10.0, 1.7, 0.24, 3.1
#: Seconds of a line at most, and how many lines there are.
_SECONDS, _MOST_LINES = 10.0, 8
#: Seconds of a piece whose pitches are looked at, and from one to the next; what is so much quieter is silence (dB).
_PIECE, _HOP, _RANGE = 0.032, 0.008, 70.0
_HIGHEST = 8000.0

Samples = NDArray[np.float32]


def draw_classification(steps: Any, value: Any, result: Classification) -> Figure:
    """Return a picture of a clip with its labels beside it."""
    samples, rate = steps.samples_of(value), steps.parts.feature_extractor.sampling_rate
    labels, width = result.labels[:8], 6.4
    height = max(2.6, 0.5 * len(labels))
    figure = sheet(width + _BESIDE + 3.5 * _MARGIN, height + 2 * _MARGIN + 0.2)
    axes = panel(figure, 1.5 * _MARGIN, _MARGIN, width, height)
    _draw_sound(axes, samples, rate, 0.0, len(samples) / rate, loudest=_loudest(samples, rate))
    bars = panel(figure, width + 2.5 * _MARGIN, _MARGIN, _BESIDE, height)
    draw_bars(bars, labels, width=_BESIDE, top=(height - 0.5 * len(labels)) / 2)
    return figure


def draw_transcript(steps: Any, value: Any, result: Transcript) -> Figure:
    """Return a picture of a recording, line by line, with its words where they are said; or with the text below it."""
    samples, rate = steps.samples_of(value), steps.parts.feature_extractor.sampling_rate
    seconds = len(samples) / rate
    lines = min(_MOST_LINES, max(1, int(np.ceil(seconds / _SECONDS))))
    each = min(seconds, _SECONDS)
    below = 0.78 if result.words else 0.35
    text = [] if result.words else _wrapped(result.text, lines)
    high = lines * (_HEIGHT + below) + len(text) * _LINE
    figure = sheet(_WIDTH + 2.5 * _MARGIN, high + (1.3 if result.words else 2) * _MARGIN)
    loudest = _loudest(samples, rate)
    for number in range(lines):
        top, begin = _MARGIN + number * (_HEIGHT + below), number * each
        width = _WIDTH * min(1.0, (seconds - begin) / each)
        axes = panel(figure, 1.5 * _MARGIN, top, width, _HEIGHT)
        _draw_sound(axes, samples, rate, begin, min(begin + each, seconds), loudest=loudest)
        words = [word for word in result.words if begin <= (word.start + word.end) / 2 < begin + each]
        _draw_words(panel(figure, 1.5 * _MARGIN, top + _HEIGHT + 0.22, _WIDTH, 0.5), words, begin, _WIDTH / each)
    rest = panel(figure, 1.5 * _MARGIN, _MARGIN + lines * (_HEIGHT + below), _WIDTH, max(_LINE, len(text) * _LINE))
    for number, line in enumerate(text):
        rest.text(0, (number + 0.8) * _LINE, line.replace("$", r"\$"), fontsize=SIZE + 1, color=INK)
    if seconds > lines * each:
        note = f"the first {lines * each:.0f} of {seconds:.0f} seconds"
        rest.text(_WIDTH, -0.02, note, fontsize=SIZE - 2.5, color=QUIET, ha="right", va="bottom")
    return figure


def _wrapped(text: str, lines: int) -> list[str]:
    found = textwrap.wrap(text, 104)
    most = 3 * lines
    return found if len(found) <= most else [*found[: most - 1], f"{found[most - 1]} …"]


def _draw_words(axes: Axes, words: Sequence[Word], begin: float, scale: float) -> None:
    """Draw words below a line of sound; where one would run into the next, they take turns on two levels."""
    free = [-1.0, -1.0]  # where each level is free, in inches
    for word in words:
        left, right = (word.start - begin) * scale, (word.end - begin) * scale
        middle, width = (left + right) / 2, 0.085 * len(word.text) + 0.06
        level = 0 if middle - width / 2 >= free[0] else 1 if middle - width / 2 >= free[1] else int(free[0] > free[1])
        free[level] = middle + width / 2
        top = 0.25 * level
        axes.plot([left, max(right, left + 0.02)], [0.0, 0.0], color=ACCENT, linewidth=2.2, solid_capstyle="butt")
        if level:
            axes.plot([middle, middle], [0.03, top + 0.02], color=FAINT, linewidth=1.0, zorder=0)
        axes.text(middle, top + 0.07, shortened(word.text, 30), fontsize=SIZE - 0.5, color=INK, ha="center", va="top")


def _draw_sound(axes: Axes, samples: Samples, rate: int, begin: float, end: float, *, loudest: float) -> None:
    """Draw how loud each pitch is over time, from one second to another."""
    part = samples[round(begin * rate) : round(end * rate)]
    levels = _levels(part, rate) - loudest
    seconds, top = len(part) / rate, min(_HIGHEST, rate / 2)
    lowest = min(-20.0, max(-_RANGE, float(np.percentile(levels, 25))))  # a quarter is silence, or noise
    rows = max(2, round(levels.shape[0] * top / (rate / 2)))
    axes.axis("on")
    axes.imshow(
        levels[:rows], origin="lower", aspect="auto", cmap="magma", vmin=lowest, vmax=0, interpolation="bilinear",
        extent=(begin, begin + seconds, 0, top / 1000),
    )  # fmt: skip
    axes.set(xlim=(begin, end), ylim=(0, top / 1000))
    axes.tick_params(labelsize=SIZE - 2.5, colors=QUIET, length=2.5, width=0.6)
    axes.set_ylabel("kHz", fontsize=SIZE - 2.5, color=QUIET)
    axes.xaxis.set_major_formatter(lambda second, _: f"{second:g} s")
    axes.spines[:].set_visible(False)


def _levels(samples: Samples, rate: int) -> NDArray[np.float64]:
    """Return how loud each pitch is in each piece, in dB, ``(pitches, pieces)``."""
    size, hop = max(16, round(_PIECE * rate)), max(1, round(_HOP * rate))
    padded = np.pad(samples.astype(np.float64), (size // 2, size // 2 + size))
    pieces = np.lib.stride_tricks.sliding_window_view(padded, size)[: max(1, len(samples)) : hop]
    power = np.abs(np.fft.rfft(pieces * np.hanning(size))) ** 2
    return 10 * np.log10(power + 1e-12).T


def _loudest(samples: Samples, rate: int) -> float:
    """Return the level of the loudest pitch of a recording, in dB; of its first minutes."""
    return float(_levels(samples[: round(_SECONDS * _MOST_LINES * rate)], rate).max())
