"""The words of messages: values shown, names that are near, and warnings that name the line of the user's program."""

import os
import sys
import warnings
from collections.abc import Iterable, Sequence
from typing import Any

from archsmith.errors import ArchsmithWarning

__all__ = ["announce", "did_you_mean", "listed", "looks_like", "reason", "shorten", "shown"]

_INSIDE = os.path.dirname(__file__) + os.sep  # noqa: PTH120 - compared with co_filename, a string


def announce(message: str) -> None:
    """Warn with an `ArchsmithWarning`, as if from the nearest caller outside the core."""
    level, frame = 2, sys._getframe(1)  # noqa: SLF001
    while frame.f_back is not None and frame.f_code.co_filename.startswith(_INSIDE):
        level, frame = level + 1, frame.f_back
    warnings.warn(message, ArchsmithWarning, stacklevel=level)


def shown(value: Any) -> str:
    """Return a value for an error message, cut to a readable length."""
    try:
        text = repr(value)
    except (ValueError, RuntimeError):
        text = f"a value of type {type(value).__name__} that cannot be shown"  # as an integer of 5,000 digits
    return text if len(text) <= 80 else f"{text[:77]}..."  # noqa: PLR2004


def did_you_mean(name: str, candidates: Iterable[str], *, cutoff: float = 0.6) -> str:
    """Return ``" Did you mean 'x'?"`` for the candidate nearest to a name, or an empty string.

    Example:
        >>> did_you_mean("distilbret", ["bert", "distilbert"])
        " Did you mean 'distilbert'?"
    """
    import difflib

    folded = {candidate.lower(): candidate for candidate in candidates}
    near = difflib.get_close_matches(name.lower(), folded, n=1, cutoff=cutoff)
    return f" Did you mean {folded[near[0]]!r}?" if near else ""


def listed(where: str, faults: Sequence[str]) -> str:
    """Return a message that names every fault: a single one in the same line, several below each other.

    Example:
        >>> print(listed("ToyConfig", ["dim must be given.", "'dimm' is not a field. Did you mean 'dim'?"]))
        ToyConfig:
          - dim must be given
          - 'dimm' is not a field. Did you mean 'dim'?
    """
    clean = [fault.rstrip(".") for fault in faults]
    text = f" {clean[0]}" if len(clean) == 1 else "".join(f"\n  - {fault}" for fault in clean)
    return f"{where}:{text}{'' if text.endswith('?') else '.'}"


def reason(error: Exception) -> str:
    """Return why the system or a library refused something, without a full stop."""
    return getattr(error, "strerror", None) or str(error).strip().rstrip(".") or type(error).__name__


def looks_like(text: str) -> str:
    """Return a sentence on what a file holds instead of what it should, if that is known; else nothing."""
    start = text.lstrip()[:40].lower()
    if not start:
        return " The file is empty."
    if start.startswith("version https://git-lfs"):
        return " It is a Git LFS pointer; fetch the real file with: git lfs pull"
    if start.startswith(("<!doctype", "<html")):
        return " It is a web page; the download went wrong."
    return ""


def shorten(names: Iterable[str], most: int = 8) -> str:
    """Return names in one line, the first ones of many; ``"none"`` if there are none.

    Example:
        >>> shorten(["bert", "vit", "resnet"], 2)
        'bert, vit and 1 more'
    """
    listed = list(names)
    more = f" and {len(listed) - most} more" if len(listed) > most else ""
    return ", ".join(listed[:most]) + more or "none"
