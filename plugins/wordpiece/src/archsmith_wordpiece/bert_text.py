"""BERT's way to prepare a text: normalised, then split into words and marks."""

import functools
import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass

from archsmith.tokenizer import WHITE_SPACE
from archsmith_wordpiece.characters import BLANK, CHINESE, COMPOSED, LATER_LOWER, MARKS, PUNCTUATION, REMOVED

__all__ = ["BertText", "split_words"]


class _Table(dict[int, str]):
    """A table for `str.translate` that is filled in as characters are met."""

    def __init__(self, replace: Callable[[str], str]) -> None:
        super().__init__()
        self._replace = replace

    def __missing__(self, code: int) -> str:
        self[code] = found = self._replace(chr(code))
        return found


@dataclass(frozen=True)
class BertText:
    """The steps that BERT takes before it splits a text into words.

    Attributes:
        clean_text: Remove control characters, and make all white space spaces.
        handle_chinese_chars: Set spaces around each Chinese character.
        strip_accents: Remove accents; None: if the text is lowered.
        lowercase: Lower the text.
    """

    clean_text: bool = True
    handle_chinese_chars: bool = True
    strip_accents: bool | None = None
    lowercase: bool = True

    def normalize(self, text: str) -> str:
        """Return a text as it is looked up."""
        strips = self.lowercase if self.strip_accents is None else self.strip_accents
        if self.clean_text or self.handle_chinese_chars:
            text = text.translate(_spacing(self.clean_text, self.handle_chinese_chars))
        if text.isascii():
            return text.lower() if self.lowercase else text
        if strips:
            text = _decomposed(text)
        return text.translate(_letters(strips, self.lowercase)) if strips or self.lowercase else text


def split_words(text: str) -> list[str]:
    """Split a text at white space, and around each punctuation mark.

    Example:
        >>> split_words("it's 5 o'clock.")
        ['it', "'", 's', '5', 'o', "'", 'clock', '.']
    """
    return [word for word in text.translate(_WORDS).split(" ") if word]


@functools.cache
def _spacing(cleans: bool, spaces_chinese: bool) -> _Table:
    def replace(character: str) -> str:
        if cleans and character in BLANK:
            return " "
        if cleans and character in REMOVED:
            return ""
        return f" {character} " if spaces_chinese and character in CHINESE else character

    return _Table(replace)


@functools.cache
def _letters(strips: bool, lowers: bool) -> _Table:
    def replace(character: str) -> str:
        if strips and character in MARKS:
            return ""
        return LATER_LOWER.get(ord(character)) or character.lower() if lowers else character

    return _Table(replace)


def _spaced(character: str) -> str:
    if character in WHITE_SPACE:
        return " "
    return f" {character} " if character in PUNCTUATION else character


_WORDS = _Table(_spaced)


def _decomposed(text: str) -> str:
    """Return the canonical decomposition; characters that were assigned later stay as they are."""
    later = [character for character in set(text) if not character.isascii() and _is_later(character)]
    if not later:
        return unicodedata.normalize("NFD", text)
    parts = re.split(f"([{re.escape(''.join(later))}])", text)
    return "".join(part if place % 2 else unicodedata.normalize("NFD", part) for place, part in enumerate(parts))


@functools.lru_cache(maxsize=2**16)
def _is_later(character: str) -> bool:
    if character in COMPOSED:
        return False
    return bool(unicodedata.combining(character) or unicodedata.decomposition(character)[:1] not in ("", "<"))
