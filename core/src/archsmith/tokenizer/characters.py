"""Classes of characters, written out.

Python's own tables grow with each version of Unicode, and those behind the vocabularies in use do not: a character that
was assigned later must give the same ids under every Python.
"""

from bisect import bisect_right
from functools import cached_property
from itertools import chain
from pathlib import Path

__all__ = ["WHITE_SPACE", "WORD", "CharacterClass"]


class CharacterClass:
    """Characters, by spans of their codes.

    Example:
        >>> "中" in CharacterClass("3400-4dbf 4e00-9fff f900")
        True

    Args:
        spans: The spans, in order, in hexadecimal, with spaces between them.
    """

    def __init__(self, spans: str) -> None:
        self._spans = spans

    def __contains__(self, character: str) -> bool:
        return bisect_right(self._bounds, ord(character)) % 2 == 1

    @cached_property
    def _bounds(self) -> list[int]:
        """Where a span begins and ends, in turn."""
        spans = (span.partition("-") for span in self._spans.split())
        return list(chain.from_iterable((int(first, 16), int(last or first, 16) + 1) for first, _, last in spans))


#: White space.
WHITE_SPACE = CharacterClass("9-d 20 85 a0 1680 2000-200a 2028-2029 202f 205f 3000")
#: Characters of words: letters, marks, digits and connectors.
WORD = CharacterClass(Path(__file__).with_name("word_characters.txt").read_text(encoding="ascii"))
