"""The words of messages: values shown, names that are near, and warnings that name the line of the user's program."""

import os
import sys
import warnings
from collections.abc import Iterable, Sequence
from typing import Any

from archsmith.errors import ArchsmithWarning
from archsmith.printable import clean

__all__ = ["announce", "clean", "did_you_mean", "listed", "looks_like", "reason", "said_by", "shorten", "shown"]

_INSIDE = os.path.dirname(__file__) + os.sep  # noqa: PTH120 - compared with co_filename, a string


def announce(message: str) -> None:
    """Warn with an `ArchsmithWarning`, as if from the nearest caller outside the core."""
    level, frame = 2, sys._getframe(1)  # noqa: SLF001
    while frame.f_back is not None and frame.f_code.co_filename.startswith(_INSIDE):
        level, frame = level + 1, frame.f_back
    warnings.warn(clean(message, lines=True), ArchsmithWarning, stacklevel=level)


def shown(value: Any) -> str:
    """Return a value for an error message on one line, cut to a readable length."""
    try:
        text = clean(repr(value[:80] if isinstance(value, (str, bytes)) else value))
    except Exception:  # noqa: BLE001  # a stranger's class
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
    # A line break inside a fault stays below its bullet.
    stated = [fault.rstrip(".").replace("\n", "\n    ") for fault in faults]
    text = f" {stated[0]}" if len(stated) == 1 else "".join(f"\n  - {fault}" for fault in stated)
    return f"{where}:{text}{'' if text.endswith('?') else '.'}"


def reason(error: Exception) -> str:
    """Return why the system or a library refused something, on one line and without a full stop."""
    said = getattr(error, "strerror", None) or said_by(error)
    return said.rstrip(".") or type(error).__name__


def said_by(error: BaseException, most: int = 500) -> str:
    """Return the message of a stranger's exception on one line, cut; empty if it has none or fails to tell it."""
    try:
        words = str(error)[: 4 * most].split()
    except Exception:  # noqa: BLE001  # a stranger's code
        return ""
    text = clean(" ".join(words))
    return text if len(text) <= most else f"{text[: most - 3]}..."


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
    return clean(", ".join(listed[:most])) + more or "none"
