"""Tokens and their ids: what every vocabulary can tell, and the one that is written in Python."""

import copy
import operator
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Protocol, Self, TypeVar

from archsmith.errors import InputError, OptionError
from archsmith.messages import shown
from archsmith.tokenizer.added_tokens import AddedToken

__all__ = ["TokenVocabulary", "Vocabulary", "check_ids", "id_rows", "known_id", "known_token", "with_added"]


class TokenVocabulary(Protocol):
    """Tokens and their ids. A vocabulary is never changed: tokens are added to a copy, so that threads can share it."""

    @property
    def size(self) -> int:
        """The number of tokens, without those that were added."""

    @property
    def added(self) -> Mapping[int, AddedToken]:
        """Id → token, for the tokens that are found in a text before it is split into words."""

    def __len__(self) -> int:
        """Return the number of tokens, with those that were added."""

    def to_dict(self) -> dict[str, int]:
        """Return token → id, with the tokens that were added."""

    def id_of(self, token: str) -> int | None:
        """Return the id of a token, or None. Raises `UnicodeEncodeError`."""

    def token_at(self, number: int) -> str | None:
        """Return the token of an id, or None."""

    def with_tokens(self, tokens: Sequence[AddedToken]) -> Self:
        """Return a vocabulary with tokens behind those of this one; one that this one has keeps its id."""


_Vocabulary = TypeVar("_Vocabulary", bound=TokenVocabulary)


class Vocabulary:
    """A vocabulary in Python.

    Attributes:
        ids: Token → id, without the tokens that were added.
        added: Id → token, for the tokens that were added.
        added_ids: Token → id, for the same.

    Args:
        ids: Token → id.
    """

    def __init__(self, ids: Mapping[str, int]) -> None:
        self.ids = dict(ids)
        self.added: dict[int, AddedToken] = {}
        self._tokens = {number: token for token, number in self.ids.items()}
        self.added_ids: dict[str, int] = {}

    @property
    def size(self) -> int:
        """The number of tokens, without those that were added."""
        return len(self.ids)

    def __len__(self) -> int:
        return len(self.ids) + sum(token not in self.ids for token in self.added_ids)

    def to_dict(self) -> dict[str, int]:
        """Return token → id, with the tokens that were added."""
        return self.ids | self.added_ids

    def id_of(self, token: str) -> int | None:
        """Return the id of a token, or None. Raises `UnicodeEncodeError`."""
        token.encode()
        number = self.added_ids.get(token)
        return self.ids.get(token) if number is None else number

    def token_at(self, number: int) -> str | None:
        """Return the token of an id, or None."""
        added = self.added.get(number)
        return self._tokens.get(number) if added is None else added.content

    def with_tokens(self, tokens: Sequence[AddedToken]) -> Self:
        """Return a vocabulary with tokens behind those of this one; one that this one has keeps its id."""
        new = copy.copy(self)
        new.added, new.added_ids = dict(self.added), dict(self.added_ids)
        behind = max((*self._tokens, *self.added), default=-1) + 1
        for token in tokens:
            number = new.id_of(token.content)
            number = behind if number is None else number
            behind = max(behind, number + 1)
            new.added[number] = replace(token, **token.to_dict())
            new.added_ids[token.content] = number
        return new


def with_added(vocabulary: _Vocabulary, added: Mapping[int, AddedToken]) -> _Vocabulary:
    """Return a vocabulary with tokens whose ids are known. Raises `OptionError`: it gives them other ids."""
    missing = [token for _, token in sorted(added.items()) if vocabulary.id_of(token.content) is None]
    vocabulary = vocabulary.with_tokens(missing) if missing else vocabulary
    for number, token in added.items():
        found = vocabulary.id_of(token.content)
        if found != number:
            raise OptionError(
                f"added_tokens_decoder says that {token.content!r} has the id {number}, but in the vocabulary it "
                f"is {found}. The files of this tokenizer contradict each other."
            )
    return vocabulary


def known_id(vocabulary: TokenVocabulary, token: Any, unknown: int | None) -> int:
    """Return the id of a token, or that of the unknown token.

    Raises:
        InputError: It is not a string, or is unknown where there is no unknown token.
    """
    if not isinstance(token, str):
        raise InputError(f"a token must be a string, but is {shown(token)}.")
    try:
        number = vocabulary.id_of(token)
    except UnicodeEncodeError as error:
        raise InputError(f"the token {shown(token)} cannot be encoded as UTF-8.") from error
    number = unknown if number is None else number
    if number is None:
        raise InputError(f"the token {shown(token)} is not in the vocabulary, and there is no unk_token.")
    return number


def known_token(vocabulary: TokenVocabulary, number: int) -> str:
    """Return the token of an id. Raises `InputError`."""
    token = vocabulary.token_at(number)
    if token is None:
        raise InputError(f"the id {number} is not in the vocabulary, which has {len(vocabulary)} tokens.")
    return token


def check_ids(vocabulary: TokenVocabulary, ids: Any) -> int | list[int]:
    """Return ids as Python's numbers. Raises `InputError`: one is not a number or outside the vocabulary."""
    ids = ids.tolist() if hasattr(ids, "tolist") else ids
    single = not isinstance(ids, list | tuple)
    try:
        numbers = [operator.index(number) for number in ([ids] if single else ids)]
    except TypeError as error:
        raise InputError(f"ids must be integers, but got {shown(ids)}.") from error
    if numbers and (min(numbers) < 0 or max(numbers) >= len(vocabulary)):
        for place, number in enumerate(numbers):
            if number < 0 or vocabulary.token_at(number) is None:
                where = "the id" if single else f"ids[{place}] is"
                raise InputError(
                    f"{where} {number}{' is' if single else ','} not in the vocabulary, which has {len(vocabulary)} "
                    "tokens. Replace numbers that are not tokens, such as the label -100, first."
                )
    return numbers[0] if single else numbers


def id_rows(vocabulary: TokenVocabulary, ids: Any, main: str) -> tuple[list[list[int]], bool]:
    """Return what a tokenizer's ``decode`` was given as rows of ids, and whether it was a batch.

    Args:
        vocabulary: What the ids are of.
        ids: An id, or a list, an array or a tensor of ids; with two axes: a batch; or a mapping that has them.
        main: Their name in the mapping.

    Raises:
        InputError: An id is not a number or outside the vocabulary.
    """
    ids = ids.tolist() if hasattr(ids, "tolist") else ids
    ids = ids[main] if isinstance(ids, Mapping) else ids
    is_batch = isinstance(ids, list | tuple) and bool(ids) and all(hasattr(row, "__len__") for row in ids)
    rows = [check_ids(vocabulary, row) for row in (ids if is_batch else [ids])]
    return [[row] if isinstance(row, int) else row for row in rows], is_batch
