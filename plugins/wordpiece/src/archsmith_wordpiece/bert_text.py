"""BERT's way to prepare a text: normalised, then cut into words and marks."""

import functools
import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass

from archsmith.tokenizer.characters import LATER_LOWER, is_in

__all__ = ["BertText", "split_words"]


class _Table(dict[int, str]):
    """A table for `str.translate` that is filled in as characters are met."""

    def __init__(self, replace: Callable[[int], str]) -> None:
        super().__init__()
        self._replace = replace

    def __missing__(self, code: int) -> str:
        self[code] = found = self._replace(code)
        return found


@dataclass(frozen=True)
class BertText:
    """The steps that BERT takes before it cuts a text into words.

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
    """Cut a text at white space, and around each punctuation mark.

    Example:
        >>> split_words("it's 5 o'clock.")
        ['it', "'", 's', '5', 'o', "'", 'clock', '.']
    """
    return [word for word in text.translate(_WORDS).split(" ") if word]


@functools.cache
def _spacing(cleans: bool, spaces_chinese: bool) -> _Table:
    def replace(code: int) -> str:
        if cleans and is_in("BLANK", code):
            return " "
        if cleans and is_in("REMOVED", code):
            return ""
        return f" {chr(code)} " if spaces_chinese and is_in("CHINESE", code) else chr(code)

    return _Table(replace)


@functools.cache
def _letters(strips: bool, lowers: bool) -> _Table:
    def replace(code: int) -> str:
        if strips and is_in("MARKS", code):
            return ""
        return LATER_LOWER.get(code) or chr(code).lower() if lowers else chr(code)

    return _Table(replace)


def _spaced(code: int) -> str:
    if is_in("SPACE", code):
        return " "
    return f" {chr(code)} " if is_in("PUNCTUATION", code) else chr(code)


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
    if is_in("COMPOSED", ord(character)):
        return False
    return bool(unicodedata.combining(character) or unicodedata.decomposition(character)[:1] not in ("", "<"))
