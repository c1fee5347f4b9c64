"""The words of messages: values shown, names that are near, and warnings that name the line of the user's program."""

import sys
import warnings
from collections.abc import Iterable, Sequence
from typing import Any

from archsmith.errors import ArchsmithWarning
from archsmith.printable import clean

__all__ = [
    "announce", "clean", "count_as_inside", "did_you_mean", "listed", "looks_like", "reason", "said_by", "shorten",
    "shown",
]  # fmt: skip

# How the names of modules begin, each with a dot behind it, that stand between the user's line and an announcement:
# ours, what calls ours, and the packages of the plugins that were loaded.
_inside = {"archsmith.", "archsmith_", "torch.", "functools.", "importlib.", "contextlib."}


def announce(message: str) -> None:
    """Warn with an `ArchsmithWarning` at the line of the user's program: the nearest outside of us and the plugins."""
    frame, inside = sys._getframe(1), tuple(_inside)  # noqa: SLF001
    while frame.f_back is not None and f"{frame.f_globals.get('__name__')}.".startswith(inside):
        frame = frame.f_back
    warnings.warn_explicit(
        clean(message, lines=True),
        ArchsmithWarning,
        frame.f_code.co_filename,
        frame.f_lineno,
        module=frame.f_globals.get("__name__") or "<string>",  # None would drop the warning
        registry=frame.f_globals.setdefault("__warningregistry__", {}),
    )


def count_as_inside(package: str) -> None:
    """Let announcements point past the modules of a package, as it is that of a plugin."""
    _inside.add(f"{package}.")


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
    near = difflib.get_close_matches(name[:100].lower(), folded, n=1, cutoff=cutoff)
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
    """Return the message of a stranger's exception on one line, cut in its middle; empty if it fails to tell it."""
    try:
        text = str(error)
    except Exception:  # noqa: BLE001  # a stranger's code
        return ""
    if len(text) > most:
        text = f"{text[: most // 2]} ... {text[-most // 2 :]}"
    return clean(" ".join(text.split()))


#: What the files begin with that lie in the places of others, in lower case, and what is said of them.
_PICKLES = (b"pk\x03\x04", b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05")
_FOREIGN = {
    (b"version https://git-lfs",): "It is a Git LFS pointer; fetch the real file with: git lfs pull",
    (b"<!doctype", b"<html"): "It is a web page; the download went wrong.",
    (b"gguf",): "It is a GGUF file. Make a checkpoint of it: archsmith convert FILE OUT",
    _PICKLES: "It is a pickle or a zip archive, which archsmith does not read.",
}


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
    return next((f" {said}" for begins, said in _FOREIGN.items() if start.startswith(begins)), "")


def shorten(names: Iterable[str], most: int = 8) -> str:
    """Return names in one line, the first ones of many; ``"none"`` if there are none.

    Example:
        >>> shorten(["bert", "vit", "resnet"], 2)
        'bert, vit and 1 more'
    """
    listed = list(names)
    more = f" and {len(listed) - most} more" if len(listed) > most else ""
    return clean(", ".join(listed[:most])) + more or "none"
