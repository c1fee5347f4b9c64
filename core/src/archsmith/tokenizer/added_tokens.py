"""Finding added tokens in a text, before it is cut into words."""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from archsmith.tokenizer.characters import is_in
from archsmith.tokenizer.special_tokens import AddedToken

__all__ = ["Finder"]


@dataclass(frozen=True)
class Finder:
    """Finds tokens: the first, and of those that begin at one place the longest.

    Attributes:
        pattern: Matches any of them; None if there are none.
        tokens: What is matched → id and token.
    """

    pattern: re.Pattern[str] | None
    tokens: Mapping[str, tuple[int, AddedToken]]

    @classmethod
    def of(cls, added: Mapping[int, AddedToken], normalize: Callable[[str], str] | None) -> "Finder":
        """Build the finder of those tokens that are found in normalised texts, or with None in texts as they stand."""
        tokens: dict[str, tuple[int, AddedToken]] = {}
        for number, token in sorted(added.items(), key=lambda item: not item[1].special):
            if bool(token.normalized) == (normalize is not None):
                tokens.setdefault(normalize(token.content) if normalize else token.content, (number, token))
        tokens.pop("", None)
        longest_first = sorted(tokens, key=len, reverse=True)
        return cls(re.compile("|".join(map(re.escape, longest_first))) if tokens else None, tokens)

    def pieces(self, text: str, *, splits_special: bool) -> Iterator[tuple[str, int | None]]:
        """Yield the parts of a text in order: each with the id of its token, or None for what is none.

        Args:
            text: The text.
            splits_special: Do not find special tokens.
        """
        behind = 0
        for match in self.pattern.finditer(text) if self.pattern else ():
            number, token = self.tokens[match.group()]
            if token.special and splits_special:
                continue
            start, stop = match.span()
            if token.single_word and (_is_word(text[start - 1 : start]) or _is_word(text[stop : stop + 1])):
                continue
            if token.lstrip:
                start = max(_blank_before(text, start), behind)
            if token.rstrip:
                stop = _blank_behind(text, stop)
            if behind < start:
                yield text[behind:start], None
            yield text[start:stop], number
            behind = stop
        if behind < len(text):
            yield text[behind:], None


def _is_word(character: str) -> bool:
    return bool(character) and is_in("WORD", ord(character))


def _blank_before(text: str, place: int) -> int:
    while place > 0 and is_in("SPACE", ord(text[place - 1])):
        place -= 1
    return place


def _blank_behind(text: str, place: int) -> int:
    while place < len(text) and is_in("SPACE", ord(text[place])):
        place += 1
    return place
