"""The picture of a result, written into a file."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from archsmith.errors import OptionError, PluginError
from archsmith.messages import announce
from archsmith.options import import_library
from archsmith_tasks.catalog import import_part
from archsmith_tasks.results import Result
from archsmith_tasks.task import Task

__all__ = ["draw_result"]

#: Pixels of a picture for each inch of its figure: twice what a screen takes, so that it stays sharp.
_DPI = 200
_FONTS = (
    "DejaVu Sans", "Noto Sans CJK JP", "Noto Sans CJK SC", "Noto Sans Arabic", "Noto Sans Devanagari", "PingFang SC",
    "Hiragino Sans", "Microsoft YaHei", "WenQuanYi Zen Hei", "Arial Unicode MS",
)  # fmt: skip


def draw_result(task: Task, steps: Any, value: Any, result: Result, path: Path) -> None:
    """Draw an input and its result, and write the picture.

    Args:
        task: The task; its ``draw`` names the function.
        steps: Its steps, as they were made for the call: model, preprocessing and options.
        value: The input.
        result: What the task answered; not a `Failure`, which has no picture.
        path: The file: its ending says the format, as ``.png``, ``.svg`` or ``.pdf``.

    Raises:
        OptionError: The task has no picture.
        MissingDependency: matplotlib is not installed.
        PluginError: What the function returns is none.
    """
    if task.draw is None:
        raise OptionError(f"{task.name} has no picture.")
    import_library("matplotlib", "matplotlib", need="pictures need", install="archsmith-tasks[draw]")
    with _fonts():
        picture = import_part(task, "draw")(steps, value, result)
        if hasattr(picture, "savefig"):
            picture.savefig(path, dpi=_DPI, facecolor=picture.get_facecolor())
        elif hasattr(picture, "save"):
            picture.save(path)
        else:
            raise PluginError(
                f"{task.draw} must return a figure of matplotlib or an image of Pillow, but returned "
                f"{type(picture).__name__}."
            )


@contextmanager
def _fonts() -> Iterator[None]:
    """Let text fall back to the fonts of this machine for other scripts; characters that none has are announced."""
    import matplotlib as mpl
    from matplotlib.font_manager import fontManager

    known = {font.name for font in fontManager.ttflist}
    with (
        mpl.rc_context({"font.family": [name for name in _FONTS if name in known]}),
        warnings.catch_warnings(record=True) as caught,
    ):
        warnings.simplefilter("always")
        yield
    for warning in caught:
        if not str(warning.message).startswith("Glyph"):
            warnings.warn_explicit(warning.message, warning.category, warning.filename, warning.lineno)
    if any(str(warning.message).startswith("Glyph") for warning in caught):
        announce("some characters of a picture are in none of the fonts of this machine, and are drawn as boxes.")
