"""Text of others on a terminal or in a report: what would steer it, hide in it or forge a line of it is escaped."""

import re

__all__ = ["clean"]

# Control characters, surrogates, separators of lines, and what Unicode lets a reader ignore
# (Default_Ignorable_Code_Point: marks of direction, zero-width characters, fillers, selectors, tags).
_UNSEEN = re.compile(
    r"[\x00-\x1f\x7f-\x9f\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u2028-\u202e\u2060-\u206f"
    r"\u3164\ud800-\udfff\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb\U0001bca0-\U0001bca3\U0001d173-\U0001d17a"
    r"\U000e0000-\U000e0fff]"
)


def clean(text: str, *, lines: bool = False) -> str:
    r"""Return text of which every character can be seen; each other one becomes its escape, as ``\x1b``.

    Line breaks are among the others: what a stranger wrote stays on its line. What is clean stays as it is.

    Args:
        text: What is shown out of other people's packages and files.
        lines: Keep line breaks (``\n`` alone): for a text that was put together here out of clean pieces.

    Example:
        >>> print(clean("toy\x1b[2K\rbert"))
        toy\x1b[2K\rbert
    """
    return _UNSEEN.sub(lambda found: found[0] if lines and found[0] == "\n" else ascii(found[0])[1:-1], text)
