"""Special tokens: their names, their marks, and their places on a tokenizer."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Protocol, overload

from archsmith.errors import OptionError
from archsmith.messages import shown

__all__ = ["SPECIAL_TOKENS", "AddedToken", "SpecialToken", "SpecialTokenId", "read_token"]

#: The special tokens that every tokenizer can have, in the order in which they are listed.
SPECIAL_TOKENS = ("bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token")


@dataclass(frozen=True)
class AddedToken:
    """A token that is found in the text as it stands, before the text is cut into words.

    Attributes:
        content: Its text.
        single_word: Find it only where it is a word of its own.
        lstrip: Take the white space on its left with it.
        rstrip: Take the white space on its right with it.
        normalized: Look for it in the normalized text; None: unless it is special.
        special: Decoding can leave it out.
    """

    content: str
    single_word: bool = False
    lstrip: bool = False
    rstrip: bool = False
    normalized: bool | None = None
    special: bool = True

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
    marks: dict[str, Any] = {}
    content = value
    if isinstance(value, Mapping):
        content = value.get("content")
        marks = {mark: value[mark] for mark in _MARKS if value.get(mark) is not None}
    elif not isinstance(value, str) and hasattr(value, "content"):
        content = value.content
        marks = {mark: getattr(value, mark) for mark in _MARKS if getattr(value, mark, None) is not None}
    if not isinstance(content, str) or not content or not all(isinstance(mark, bool) for mark in marks.values()):
        raise OptionError(f"{name} must be a string of at least one character, but is {shown(value)}.")
    try:
        content.encode()
    except UnicodeEncodeError as error:
        raise OptionError(f"{name} cannot be encoded as UTF-8: {shown(value)}.") from error
    return AddedToken(content, **marks)


class _Tokens(Protocol):
    _special: dict[str, str]

    def _set_special_token(self, name: str, value: Any) -> None: ...
    def _token_of_id(self, name: str, value: Any) -> str: ...
    def _id_of_special_token(self, name: str) -> int: ...


class SpecialToken:
    """The attribute for one special token: its text, or None."""

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    @overload
    def __get__(self, tokenizer: None, owner: type) -> "SpecialToken": ...
    @overload
    def __get__(self, tokenizer: _Tokens, owner: type) -> str | None: ...
    def __get__(self, tokenizer: _Tokens | None, owner: type) -> "str | SpecialToken | None":
        return self if tokenizer is None else tokenizer._special.get(self.name)  # noqa: SLF001

    def __set__(self, tokenizer: _Tokens, value: Any) -> None:
        tokenizer._set_special_token(self.name, value)  # noqa: SLF001


class SpecialTokenId:
    """The attribute for the id of one special token, or None."""

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name.removesuffix("_id")

    @overload
    def __get__(self, tokenizer: None, owner: type) -> "SpecialTokenId": ...
    @overload
    def __get__(self, tokenizer: _Tokens, owner: type) -> int | None: ...
    def __get__(self, tokenizer: _Tokens | None, owner: type) -> "int | SpecialTokenId | None":
        if tokenizer is None:
            return self
        return tokenizer._id_of_special_token(self.name) if self.name in tokenizer._special else None  # noqa: SLF001

    def __set__(self, tokenizer: _Tokens, value: Any) -> None:
        token = None if value is None else tokenizer._token_of_id(f"{self.name}_id", value)  # noqa: SLF001
        tokenizer._set_special_token(self.name, token)  # noqa: SLF001
