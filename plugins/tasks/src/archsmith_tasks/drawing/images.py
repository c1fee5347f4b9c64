"""Pictures of images: masks over them with a legend, and labels beside them."""

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch
from numpy.typing import NDArray

from archsmith_tasks.drawing.figures import INK, QUIET, SIZE, colours, draw_bars, panel, sheet, shortened
from archsmith_tasks.media import file_of
from archsmith_tasks.results import Classification, Segment, Segmentation

__all__ = ["draw_classification", "draw_segmentation"]

Pixels = NDArray[Any]

#: Inches: the margin, the side of an image, and what stands beside it.
_MARGIN, _SIDE, _BESIDE, _LEGEND = 0.35, 6.4, 3.1, 2.2
#: Pixels of the longer side, which are as many as the sheet shows.
_MOST = 1280
_ROW, _MOST_ROWS, _MOST_LABELS = 0.36, 18, 10


def draw_classification(steps: Any, value: Any, result: Classification) -> Figure:
    """Return a picture of an image with its labels beside it."""
    labels = result.labels[:_MOST_LABELS]
    least = 0.5 * len(labels)
    figure, axes, height = _beside(_pixels(steps, value), least=least, side=4.6, width=_BESIDE)
    draw_bars(axes, labels, width=_BESIDE, top=(height - least) / 2)
    return figure


def draw_segmentation(steps: Any, value: Any, result: Segmentation) -> Figure:
    """Return a picture of an image with its parts in colours, and what they are."""
    pixels, count = _pixels(steps, value), len(result.segments)
    tints = dict(zip(map(id, result.segments), colours(count), strict=True))
    painted, outlines = pixels.astype(np.float32) / 255, []
    for segment in sorted(result.segments, key=lambda each: -each.mask.sum()):  # small ones over large ones
        mask = _shrunk(segment.mask, pixels.shape[:2])
        painted[mask] = 0.5 * painted[mask] + 0.5 * np.asarray(to_rgb(tints[id(segment)]), np.float32)
        outlines.append((mask, tints[id(segment)]))
    rows = min(count, _MOST_ROWS)
    figure, axes, height = _beside(painted, least=_ROW * (rows + 1), side=_SIDE, width=_LEGEND)
    image = figure.axes[0]
    for mask, tint in outlines:
        if mask.any() and not mask.all():
            down, across = (np.arange(-1, edge + 1) for edge in mask.shape)
            image.contour(across, down, np.pad(_smooth(mask), 1), levels=[0.5], colors=[tint], linewidths=1.4)
    top = max(0.0, (height - _ROW * (rows + (count > rows))) / 2)
    for number, segment in enumerate(result.segments[:rows]):
        _draw_legend(axes, segment, tints[id(segment)], top + number * _ROW)
    if not count:
        axes.text(0, height / 2, "nothing was found", fontsize=SIZE, color=QUIET, va="center")
    elif count > rows:
        axes.text(0.32, top + rows * _ROW + 0.2, f"and {count - rows} more", fontsize=SIZE, color=QUIET)
    return figure


def _draw_legend(axes: Axes, segment: Segment, tint: str, top: float) -> None:
    box = FancyBboxPatch(
        (0.01, top + 0.06), 0.2, 0.2, boxstyle="round,pad=0,rounding_size=0.05", linewidth=1.2, edgecolor=tint,
        facecolor=(*to_rgb(tint), 0.5),
    )  # fmt: skip
    axes.add_patch(box)
    said = f"{100 * segment.mask.mean():.1f} %" if segment.score is None else f"{segment.score:.2f}"
    axes.text(0.32, top + 0.22, shortened(segment.label, 16), fontsize=SIZE, color=INK)
    axes.text(_LEGEND, top + 0.22, said, fontsize=SIZE, color=QUIET, ha="right")


def _beside(pixels: Pixels, *, least: float, side: float, width: float) -> tuple[Figure, Axes, float]:
    """Return a sheet with an image on it and a panel beside that, and how high both are, in inches."""
    rows, columns = pixels.shape[:2]
    scale = min(side / columns, side / rows)
    wide, high = columns * scale, rows * scale
    height = max(high, least)
    figure = sheet(wide + width + 3 * _MARGIN, height + 2 * _MARGIN)
    image = panel(figure, _MARGIN, _MARGIN + (height - high) / 2, wide, high)
    nearest = max(rows, columns) * 4 < side * 200  # a small image shows its pixels
    image.imshow(pixels, interpolation="nearest" if nearest else "antialiased", aspect="auto")
    image.set(xlim=(-0.5, columns - 0.5), ylim=(rows - 0.5, -0.5))
    return figure, panel(figure, wide + 2 * _MARGIN, _MARGIN, width, height), height


def _pixels(steps: Any, value: Any) -> Pixels:
    """Return the image as it is seen, ``(height, width, 3)`` uint8, no larger than it is drawn."""
    reader = steps.parts.image_processor.changed(do_resize=False, do_center_crop=False, do_convert_rgb=True)
    ((pixels, _),) = reader.prepare(file_of(value))
    if pixels.dtype != np.uint8:
        pixels = np.clip(pixels * (255 if pixels.max() <= 1 else 1), 0, 255).astype(np.uint8)
    return _shrunk(pixels, tuple(_limited(pixels.shape[:2])))


def _smooth(mask: Pixels) -> Pixels:
    """Return a mask whose outline is a line, where single pixels make no curls."""
    from PIL import Image, ImageFilter

    image = Image.fromarray(mask.astype(np.uint8) * 255).filter(ImageFilter.GaussianBlur(1.2))
    return np.asarray(image, np.float32) / 255


def _limited(shape: tuple[int, ...]) -> list[int]:
    scale = min(1.0, _MOST / max(shape))
    return [max(1, round(edge * scale)) for edge in shape]


def _shrunk(pixels: Pixels, shape: tuple[int, ...]) -> Pixels:
    """Return pixels in a smaller size; a mask stays one."""
    from PIL import Image

    if pixels.shape[:2] == shape:
        return pixels
    image = Image.fromarray(pixels)
    filter_ = Image.Resampling.NEAREST if pixels.dtype == bool else Image.Resampling.BOX
    return np.asarray(image.resize((shape[1], shape[0]), filter_))
