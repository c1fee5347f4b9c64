"""Added tokens: what marks them, and how they are found in a text before it is split into words."""

import functools
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from archsmith.errors import OptionError
from archsmith.messages import shown
from archsmith.tokenizer.characters import WHITE_SPACE, WORD

__all__ = ["AddedToken", "TokenFinder", "as_special", "read_token", "read_token_list", "read_tokens"]


@dataclass(frozen=True)
class AddedToken:
    """A token that is found in the text as it stands, before the text is split into words.

    Attributes:
        content: Its text.
        single_word: Find it only where it is a word of its own.
        lstrip: Take the white space on its left with it.
        rstrip: Take the white space on its right with it.
        normalized: Look for it in the normalized text; None: unless it is special.
        special: Decoding can leave it out. What is given as a special token becomes one.
    """

    content: str
    single_word: bool = False
    lstrip: bool = False
    rstrip: bool = False
    normalized: bool | None = None
    special: bool = False

    def __str__(self) -> str:
        return self.content

    def to_dict(self) -> dict[str, Any]:
        """Return it as tokenizer_config.json writes it."""
        normalized = not self.special if self.normalized is None else self.normalized
        return asdict(self) | {"normalized": normalized}


_MARKS = ("single_word", "lstrip", "rstrip", "normalized", "special")


def read_token(name: str, value: Any) -> AddedToken:
    """Return a token from a string, from the dictionary of a file, or from an object with the same attributes.

    Args:
        name: What the token is for, for the message.
        value: The token.

    Raises:
        OptionError: It is none of these, is empty, or cannot be encoded.
    """
    get = value.get if isinstance(value, Mapping) else functools.partial(getattr, value)
    is_text = isinstance(value, str)
    content = value if is_text else get("content", None)
    found = {} if is_text else {mark: get(mark, None) for mark in _MARKS}
    marks = {"special": True} | {mark: it for mark, it in found.items() if it is not None}
    if not isinstance(content, str) or not content or not all(isinstance(mark, bool) for mark in marks.values()):
        raise OptionError(f"{name} must be a string of at least one character, but is {shown(value)}.")
    try:
        content.encode()
    except UnicodeEncodeError as error:
        raise OptionError(f"{name} cannot be encoded as UTF-8: {shown(value)}.") from error
    return AddedToken(content, **marks)


def read_token_list(name: str, values: Any) -> list[AddedToken]:
    """Return tokens from a list of what `read_token` takes. Raises `OptionError`: it is none, or one is not a token."""
    if not isinstance(values, list | tuple):
        raise OptionError(f"{name} must be a list of tokens, but is {shown(values)}.")
    return [read_token(f"{name}[{index}]", token) for index, token in enumerate(values)]


def as_special(token: AddedToken) -> AddedToken:
    """Return a token as a special one, which is looked for in the text as it stands.

    An object of the library ``tokenizers`` has ``normalized=True`` if it was not told, so that this counts only for a
    token that was special before.
    """
    return token if token.special else replace(token, special=True, normalized=None)


def read_tokens(values: Any, *, are_special: bool) -> list[AddedToken]:
    """Return the tokens of what ``add_tokens`` was given: one or a list of them.

    Args:
        values: Strings are special only if all are.
        are_special: Whether all are special.

    Raises:
        OptionError: One is not a token.
    """
    given = values if isinstance(values, list | tuple) else [values]
    tokens = read_token_list("new_tokens", given)
    return [
        as_special(token) if are_special else replace(token, special=token.special and not isinstance(value, str))
        for token, value in zip(tokens, given, strict=True)
    ]


class TokenFinder:
    """Finds tokens: the first, and of those that begin at one place the longest.

    Args:
        added: Id → token, of which those count that are found in normalised texts.
        normalize: What normalises them; None: those count that are found in texts as they stand.
    """

    def __init__(self, added: Mapping[int, AddedToken], normalize: Callable[[str], str] | None) -> None:
        self._tokens = tokens = dict[str, tuple[int, AddedToken]]()
        for number, token in sorted(added.items(), key=lambda item: not item[1].special):
            if bool(token.normalized) == (normalize is not None):
                tokens.setdefault(normalize(token.content) if normalize else token.content, (number, token))
        tokens.pop("", None)
        longest_first = sorted(tokens, key=len, reverse=True)
        self._pattern = re.compile("|".join(map(re.escape, longest_first))) if tokens else None

    def pieces(self, text: str, *, splits_special: bool) -> Iterator[tuple[str, int | None]]:
        """Yield the parts of a text in order: each with the id of its token, or None for text between tokens.

        Args:
            text: The text.
            splits_special: Do not find special tokens.
        """
        behind = 0
        for match in self._pattern.finditer(text) if self._pattern else ():
            number, token = self._tokens[match.group()]
            if token.special and splits_special:
                continue
            start, stop = match.span()
            if token.single_word and any(each in WORD for each in text[start - 1 : start] + text[stop : stop + 1]):
                continue
            if token.lstrip:
                start = max(start - _spaces(text, range(start - 1, -1, -1)), behind)
            if token.rstrip:
                stop += _spaces(text, range(stop, len(text)))
            if behind < start:
                yield text[behind:start], None
            yield text[start:stop], number
            behind = stop
        if behind < len(text):
            yield text[behind:], None


def _spaces(text: str, places: range) -> int:
    """Return how many characters are white space from the first of these places on."""
    return next((count for count, place in enumerate(places) if text[place] not in WHITE_SPACE), len(places))
