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


#: What the files begin with that lie in the places of others, in lower case, and what is said of them.
_FOREIGN = {
    b"version https://git-lfs": "It is a Git LFS pointer; fetch the real file with: git lfs pull",
    b"<!doctype": "It is a web page; the download went wrong.",
    b"<html": "It is a web page; the download went wrong.",
    b"gguf": "It is a GGUF file, which archsmith does not read; use the safetensors files of the same model.",
} | dict.fromkeys(
    (b"pk\x03\x04", b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05"),
    "It is a pickle or a zip archive, which archsmith does not read.",
)


def looks_like(content: str | bytes) -> str:
    """Return a sentence on what a file holds instead of what it should, if that is known; else nothing.

    Args:
        content: The file, or at least its first 40 bytes.
    """
    raw = content[:4096].encode(errors="replace") if isinstance(content, str) else content[:4096]
    start = raw.lstrip()[:40].lower()
    if not start:
        return " The file is empty."
    if raw[8:9] == b"{" and 0 < int.from_bytes(raw[:8], "little") < 2**32:
        return " It is a safetensors file, which holds weights; name the folder that it is in."
    return next((f" {said}" for begin, said in _FOREIGN.items() if start.startswith(begin)), "")


def shorten(names: Iterable[str], most: int = 8) -> str:
    """Return names in one line, the first ones of many; ``"none"`` if there are none.

    Example:
        >>> shorten(["bert", "vit", "resnet"], 2)
        'bert, vit and 1 more'
    """
    listed = list(names)
    more = f" and {len(listed) - most} more" if len(listed) > most else ""
    return ", ".join(listed[:most]) + more or "none"
