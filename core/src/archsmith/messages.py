"""Warnings that name the line of the user's program, however deep inside archsmith they arise."""

import os
import sys
import warnings

from archsmith.errors import ArchsmithWarning

__all__ = ["announce"]

_INSIDE = os.path.dirname(__file__) + os.sep  # noqa: PTH120 - compared with co_filename, a string


def announce(message: str) -> None:
    """Warn with an `ArchsmithWarning`, as if from the nearest caller outside the core."""
    level, frame = 2, sys._getframe(1)  # noqa: SLF001
    while frame.f_back is not None and frame.f_code.co_filename.startswith(_INSIDE):
        level, frame = level + 1, frame.f_back
    warnings.warn(message, ArchsmithWarning, stacklevel=level)
