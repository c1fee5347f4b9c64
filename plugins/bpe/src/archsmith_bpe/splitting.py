"""How texts are split into words before their bytes are merged.

Source: the patterns that the published files hold. They are read by a table: no pattern of a file is ever run.
"""

import re
from functools import cache
from importlib.resources import files

__all__ = ["DIGITS", "GPT2", "LLAMA3", "PATTERNS", "QWEN2", "split_by"]

#: GPT-2's words: a contraction; letters, digits or other signs with one space before them; spaces.
GPT2 = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
_CONTRACTIONS = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|"
_REST = r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
#: Llama 3's: up to three digits together, and line ends apart from other spaces.
LLAMA3 = rf"{_CONTRACTIONS}\p{{N}}{{1,3}}{_REST}"
#: Qwen2's: each digit alone.
QWEN2 = rf"{_CONTRACTIONS}\p{{N}}{_REST}"
#: Each digit alone, and what is between them.
DIGITS = r"\d|\D+"
#: The patterns that a file may name.
PATTERNS = (GPT2, LLAMA3, QWEN2)


def split_by(pattern: str, text: str) -> list[str]:
    """Split a text by one of the known patterns; nothing of it is lost."""
    return _compiled(pattern).findall(text)


_CLASS = re.compile(r"\\[pP]\{\w\}|\\[sSdD]")
_CLASS_OR_SET = re.compile(rf"\[[^\]]*\]|{_CLASS.pattern}")
#: The tables are those of the library ``tokenizers``: Python's grow with each version of Unicode.
_FILES = {r"\p{l}": "letters.txt", r"\p{n}": "numbers.txt", r"\d": "numbers.txt"}
_SPANS = {
    r"\s": "9-d 20 85 a0 1680 2000-200a 2028-2029 202f 205f 3000",
    r"\d": "11de0-11de9 16ff4-16ff6",  # beside those of the table: this step follows a newer Unicode
}


@cache
def _compiled(pattern: str) -> re.Pattern[str]:
    """Return a pattern for Python's own library, which knows no classes of Unicode: their characters are listed."""

    def listed(found: re.Match[str]) -> str:
        name = found[0]
        if name.startswith("["):
            return _CLASS.sub(lambda inner: _members(inner[0]), name)
        return f"[{'^' if name[1].isupper() else ''}{_members(name)}]"

    return re.compile(_CLASS_OR_SET.sub(listed, pattern))


@cache
def _members(name: str) -> str:
    """Return the characters of a class, as they stand within brackets."""
    key = name.lower()
    spans = _SPANS.get(key, "").split()
    if key in _FILES:
        spans += files(__package__).joinpath(_FILES[key]).read_text("ascii").split()
    return "".join("-".join(rf"\U{int(end, 16):08x}" for end in span.split("-")) for span in spans)
