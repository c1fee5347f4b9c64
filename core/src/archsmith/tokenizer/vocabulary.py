"""Tokens and their ids: what every vocabulary can tell, and the one that is written in Python."""

import operator
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Protocol, Self

from archsmith.errors import ArchsmithError, CheckpointCorrupt, InputError, OptionError
from archsmith.messages import shown
from archsmith.tokenizer.added_tokens import AddedToken

__all__ = [
    "MAX_IDS", "TokenVocabulary", "Vocabulary", "check_ids", "check_token_ids", "id_rows", "known_id",
    "new_ids", "with_added",
]  # fmt: skip

#: The most ids that a vocabulary may take: a model has a row for each up to the largest, used or not.
MAX_IDS = 2**24


class TokenVocabulary(Protocol):
    """Tokens and their ids. A vocabulary is never changed: tokens are added to a copy, so that threads can share it."""

    @property
    def size(self) -> int:
        """One more than the largest id, without tokens that were added."""

    @property
    def has_gaps(self) -> bool:
        """Whether an id below the largest has no token."""

    @property
    def added(self) -> Mapping[int, AddedToken]:
        """Id → token, for the tokens that are found in a text before it is split into words."""

    def __len__(self) -> int:
        """Return one more than the largest id, with tokens that were added."""

    def to_dict(self) -> dict[str, int]:
        """Return token → id, with the tokens that were added."""

    def id_of(self, token: str) -> int | None:
        """Return the id of a token, or None. Raises `UnicodeEncodeError`."""

    def token_at(self, number: int) -> str | None:
        """Return the token of an id, or None."""

    def with_tokens(self, tokens: Sequence[AddedToken]) -> Self:
        """Return a vocabulary with tokens behind the largest id; one that this one has keeps its id."""


class Vocabulary:
    """A vocabulary in Python.

    Attributes:
        ids: Token → id, without the tokens that were added.
        added: Id → token, for the tokens that were added.
        added_ids: Token → id, for the same.
        size: One more than the largest id, without tokens that were added.
        has_gaps: Whether an id below the largest has no token.

    Args:
        ids: Token → id.
        added: Id → token, for those that were added.

    Raises:
        OptionError: An id is not a number of a token, or two tokens share one.
    """

    def __init__(self, ids: Mapping[str, int], added: Mapping[int, AddedToken] | None = None) -> None:
        check_token_ids(ids, "vocabulary", OptionError)
        self.ids, self.added = dict(ids), dict(added or {})
        self.added_ids = {token.content: number for number, token in self.added.items()}
        self._tokens = {number: token for token, number in self.ids.items()}
        self.size = max(self._tokens, default=-1) + 1
        self._length = max(self.size, *(number + 1 for number in self.added), 0)
        self.has_gaps = len(self._tokens.keys() | self.added.keys()) < self._length

    def __len__(self) -> int:
        return self._length

    def to_dict(self) -> dict[str, int]:
        """Return token → id, with the tokens that were added."""
        return self.ids | self.added_ids

    def id_of(self, token: str) -> int | None:
        """Return the id of a token, or None. Raises `UnicodeEncodeError`."""
        token.encode()
        return self.added_ids.get(token, self.ids.get(token))

    def token_at(self, number: int) -> str | None:
        """Return the token of an id, or None."""
        added = self.added.get(number)
        return self._tokens.get(number) if added is None else added.content

    def with_tokens(self, tokens: Sequence[AddedToken]) -> Self:
        """Return a vocabulary with tokens behind the largest id; one that this one has keeps its id."""
        placed = new_ids(self, tokens)
        added = dict(self.added)
        for token in tokens:
            number = placed.get(token.content, self.id_of(token.content))
            added[number] = replace(token, **token.to_dict())  # type: ignore[index] # placed, or known
        # The library gives new tokens of a tokenizer.json the ids of gaps, but not those that stand in its vocabulary.
        return type(self)(self.ids | self.added_ids | placed if len(self.ids) < self.size else self.ids, added)


def new_ids(vocabulary: TokenVocabulary, tokens: Sequence[AddedToken]) -> dict[str, int]:
    """Return token → id, behind the largest, for those tokens that a vocabulary lacks."""
    missing = dict.fromkeys(token.content for token in tokens if vocabulary.id_of(token.content) is None)
    return {content: number for number, content in enumerate(missing, len(vocabulary))} if missing else {}


def check_token_ids(vocabulary: Mapping[Any, Any], where: str, kind: type[ArchsmithError] = CheckpointCorrupt) -> None:
    """Refuse token → id where an id is not a whole number, is too large, or belongs to two tokens. Raises ``kind``."""
    seen: dict[int, Any] = {}
    for token, number in vocabulary.items():
        if type(number) is not int or not 0 <= number < MAX_IDS:
            found = f"the token {shown(token)} has the id {shown(number)}"
            raise kind(f"{where}: {found}; expected an integer from 0 to {MAX_IDS - 1}.")
        if seen.setdefault(number, token) is not token:
            raise kind(f"{where}: the tokens {shown(seen[number])} and {shown(token)} share the id {number}.")


def with_added(vocabulary: TokenVocabulary, added: Mapping[int, AddedToken]) -> TokenVocabulary:
    """Return a vocabulary with tokens whose ids are known. Raises `OptionError`: it gives them other ids."""
    check_token_ids({token.content: number for number, token in added.items()}, "added_tokens_decoder", OptionError)
    missing = [token for number, token in sorted(added.items()) if number not in vocabulary.added]
    vocabulary = vocabulary.with_tokens(missing) if missing else vocabulary
    for number, token in added.items():
        found = vocabulary.id_of(token.content)
        if found != number:
            raise OptionError(
                f"added_tokens_decoder says that {shown(token.content)} has the id {number}, but in the vocabulary it "
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


def check_ids(vocabulary: TokenVocabulary, ids: Any) -> int | list[int]:
    """Return ids as Python's numbers. Raises `InputError`: one is not a number or outside the vocabulary."""
    ids = ids.tolist() if hasattr(ids, "tolist") else ids
    single = not isinstance(ids, list | tuple)
    try:
        numbers = [operator.index(number) for number in ([ids] if single else ids)]
    except TypeError as error:
        raise InputError(f"ids must be integers, but got {shown(ids)}.") from error
    if numbers and (min(numbers) < 0 or max(numbers) >= len(vocabulary) or vocabulary.has_gaps):
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
    if isinstance(ids, Mapping) and main not in ids:
        raise InputError(f"the mapping must hold {main!r}, but holds {shown(list(ids))}.")
    ids = ids[main] if isinstance(ids, Mapping) else ids
    is_batch = len(getattr(ids, "shape", ())) > 1
    ids = ids.tolist() if hasattr(ids, "tolist") else ids
    is_batch |= isinstance(ids, list | tuple) and bool(ids) and all(hasattr(row, "__len__") for row in ids)
    rows = [check_ids(vocabulary, row) for row in (ids if is_batch else [ids])]
    return [[row] if isinstance(row, int) else row for row in rows], is_batch
