"""The texts of one call to a tokenizer: checked, and brought into one form."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from archsmith.errors import InputError
from archsmith.messages import shown

__all__ = ["Texts", "check_strings", "clean_up", "read_texts", "unencodable"]

#: A text, or the words of one.
Text = str | Sequence[str]

_SURROGATE = re.compile("[\ud800-\udfff]")


@dataclass(frozen=True)
class Texts:
    """A batch of texts or of pairs.

    Attributes:
        firsts: The texts, or the first ones of the pairs.
        seconds: The second ones, or None.
        is_single: One text was passed, not a batch.
        is_split: Each text is a list of words.
        are_ids: The words are ids, in digits.
    """

    firsts: Sequence[Text]
    seconds: Sequence[Text] | None
    is_single: bool
    is_split: bool
    are_ids: bool = False

    def strings(self) -> list[str]:
        """Return every text, or every word of the texts."""
        rows = [*self.firsts, *(self.seconds or ())]
        return [text for _, text in _strings(rows, self)]

    def rows(self) -> Sequence[Any]:
        """Return the texts as the library ``tokenizers`` takes them: pairs as tuples."""
        return self.firsts if self.seconds is None else list(zip(self.firsts, self.seconds, strict=True))


def read_texts(text: Any, text_pair: Any = None, *, is_split_into_words: bool = False) -> Texts:
    """Check what a tokenizer was called with.

    A string is one text, a list of strings a batch; with ``is_split_into_words`` a list of strings is the words of
    one text, a list of lists a batch. A batch of pairs may also be one list of ``[first, second]``.

    Raises:
        InputError: It is none of these, the batch is empty, or the two batches differ in length.
    """
    if not is_split_into_words and text_pair is None and _is_pairs(text):
        return Texts([row[0] for row in text], [row[1] for row in text], is_single=False, is_split=False)
    single = _is_one(text, is_split=is_split_into_words)
    firsts = [text] if single else text
    _check("text", firsts, single=single, is_split=is_split_into_words)
    if text_pair is None:
        return Texts(firsts, None, is_single=single, is_split=is_split_into_words)
    if single != _is_one(text_pair, is_split=is_split_into_words):
        is_, expected = ("one text", "one text") if single else ("a batch", "a batch of as many texts")
        raise InputError(f"text is {is_}, but text_pair is {shown(text_pair)}; expected {expected} too.")
    seconds = [text_pair] if single else text_pair
    _check("text_pair", seconds, single=single, is_split=is_split_into_words)
    if len(firsts) != len(seconds):
        raise InputError(f"text has {len(firsts)} texts, but text_pair has {len(seconds)}; each text needs its pair.")
    return Texts(firsts, seconds, is_single=single, is_split=is_split_into_words)


def unencodable(texts: Texts) -> str | None:
    """Return a sentence about the first text that is not valid Unicode, or None."""
    for name, rows in (("text", texts.firsts), ("text_pair", texts.seconds)):
        for where, text in _strings(rows or (), texts):
            if found := _SURROGATE.search(text):
                return (
                    f"{name}{where} cannot be encoded as UTF-8: character {found.start()} is the lone surrogate "
                    f"{found.group()!r}. Read the text with the right encoding, or clean it with "
                    'text.encode("utf-8", "replace").decode().'
                )
    return None


def check_strings(tokens: Any) -> None:
    """Refuse what is not a list of tokens. Raises `InputError`."""
    if not isinstance(tokens, list | tuple) or not all(isinstance(token, str) for token in tokens):
        raise InputError(f"tokens must be a list of strings, but is {shown(tokens)}.")


def _strings(rows: Sequence[Any], texts: Texts) -> Iterator[tuple[str, str]]:
    """Yield every string with its place, as the caller would write it."""
    for row, text in enumerate(rows):
        place = "" if texts.is_single else f"[{row}]"
        if not texts.is_split:
            yield place, text
            continue
        for column, word in enumerate(text):
            yield f"{place}[{column}]", word


def _is_one(text: Any, *, is_split: bool) -> bool:
    if not is_split:
        return isinstance(text, str)
    return isinstance(text, list | tuple) and not (text and isinstance(text[0], list | tuple))


def _is_pairs(text: Any) -> bool:
    """Tell whether a batch consists of pairs of strings: ``[["question", "answer"], ...]``."""
    if not isinstance(text, list | tuple) or not text:
        return False
    return all(isinstance(row, list | tuple) and [isinstance(it, str) for it in row] == [True, True] for row in text)


def _check(name: str, rows: Any, *, single: bool, is_split: bool) -> None:
    if not isinstance(rows, list | tuple):
        wanted = "a list of words or a list of such lists" if is_split else "a string or a list of strings"
        is_iterable = hasattr(rows, "__iter__") and not isinstance(rows, str | bytes | Mapping)
        hint = " Turn it into a list first." if is_iterable else ""
        raise InputError(f"{name} must be {wanted}, but is {type(rows).__name__}: {shown(rows)}.{hint}")
    if not rows:
        raise InputError(f"{name} is an empty batch; expected at least one text.")
    if not is_split:
        _check_strings(name, rows, " For words pass is_split_into_words=True, for pairs text_pair=.")
        return
    for index, row in enumerate(rows):
        where = name if single else f"{name}[{index}]"
        if not isinstance(row, list | tuple):
            raise InputError(f"{where} must be a list of words, but is {shown(row)}.")
        _check_strings(where, row)


def _check_strings(name: str, texts: Sequence[Any], nested: str = "") -> None:
    if set(map(type, texts)) <= {str}:
        return
    for index, text in enumerate(texts):
        if not isinstance(text, str):
            hint = nested if isinstance(text, list | tuple) else ""
            raise InputError(f"{name}[{index}] must be a string, but is {shown(text)}.{hint}")


#: What `clean_up` replaces, in this order: an English text as it was before a tokenizer set spaces around its marks.
_SPACED = (
    *((f" {mark}", mark) for mark in ".?!,"),
    (" ' ", "'"),
    *((f" {short}", short) for short in ("n't", "'m", "'s", "'ve", "'re")),
)


def clean_up(text: str) -> str:
    """Remove the spaces that a tokenizer of English left before punctuation and short forms."""
    for spaced, mark in _SPACED:
        text = text.replace(spaced, mark)
    return text
