"""Rows of tokens in Python: truncated, and put together with the special tokens around texts."""

import operator
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from archsmith.lengths import Side, Truncation
from archsmith.options import HUGE

__all__ = ["Row", "SpecialTokensTemplate", "TemplatePart"]


class Row(NamedTuple):
    """Tokens in a row, by the names that the library ``tokenizers`` gives to what an encoding holds.

    Attributes:
        ids: Their ids.
        type_ids: Which text of a pair each is from.
        special_tokens_mask: 1 for what was put around the texts.
        tokens: The tokens themselves.
    """

    ids: list[int]
    type_ids: list[int]
    special_tokens_mask: list[int]
    tokens: list[str]

    def joined(self, other: "Row") -> "Row":
        """Return this row with another behind it."""
        return Row(*map(operator.add, self, other))

    def slice(self, start: int, stop: int) -> "Row":
        """Return the tokens from one place up to another."""
        return Row(*(column[start:stop] for column in self))  # type: ignore[arg-type] # lists of the same

    def truncated(self, length: int, stride: int, side: Side) -> list["Row"]:
        """Return the tokens that remain, and behind them what was truncated, in pieces that overlap."""
        total = len(self.ids)
        if length >= total:
            return [self]
        if length == 0:
            return [self.slice(0, 0), self]
        step = length - stride
        if side == "right":
            starts = range(0, max(total - length, 0) + step, step)
            return [self.slice(start, start + length) for start in starts]
        stops = range(total, max(length - step, 0), -step)
        return [self.slice(max(stop - length, 0), stop) for stop in stops]


@dataclass(frozen=True)
class TemplatePart:
    """A part of a row: a text, or tokens beside it.

    Attributes:
        text: 0 for the text, 1 for the second of a pair; None for tokens.
        token_type: The token type.
        ids: The ids of the tokens.
        tokens: The tokens.
    """

    text: int | None
    token_type: int = 0
    ids: tuple[int, ...] = ()
    tokens: tuple[str, ...] = ()


@dataclass(frozen=True)
class SpecialTokensTemplate:
    """What is put around texts.

    Attributes:
        single: The parts of a row of one text.
        pair: The parts of a row of two.
    """

    single: tuple[TemplatePart, ...] = (TemplatePart(0),)
    pair: tuple[TemplatePart, ...] = (TemplatePart(0), TemplatePart(1, 1))

    def count(self, *, is_pair: bool) -> int:
        """Return how many tokens are put around."""
        return sum(len(part.ids) for part in (self.pair if is_pair else self.single))

    def rows(
        self, texts: Sequence[tuple[list[int], list[str]]], truncation: Truncation | None, *, adds_special: bool
    ) -> list[Row]:
        """Return the row of a text or pair, and behind it what was truncated.

        Args:
            texts: Ids and tokens of each text.
            truncation: How they are truncated.
            adds_special: Put the tokens around them.
        """
        parts = self.pair if len(texts) > 1 else self.single
        told = truncation or Truncation(HUGE, 0, "longest_first", "right")
        kept = _lengths([len(ids) for ids, _ in texts], told)
        rows = [Row([], [], [], [])]
        for part in parts:
            if part.text is not None:
                ids, tokens = texts[part.text]
                whole = Row(ids, [part.token_type] * len(ids), [0] * len(ids), tokens)
                rows = _merged(rows, whole.truncated(kept[part.text], told.stride, told.direction))
            elif adds_special:
                size = len(part.ids)
                rows = _merged(rows, [Row([*part.ids], [part.token_type] * size, [1] * size, [*part.tokens])])
        return rows


def _merged(rows: list[Row], others: list[Row]) -> list[Row]:
    """Join rows with what follows, where both begin with what remains, and then hold what was truncated."""
    joined = [rows[0].joined(others[0])]
    joined += [row.joined(other) for row in rows[1:] for other in others]
    return joined + [rows[0].joined(other) for other in others[1:]]


def _lengths(lengths: list[int], truncation: Truncation) -> list[int]:
    """Return to how many tokens each text is truncated."""
    room = truncation.room
    if sum(lengths) <= room:
        return lengths
    if len(lengths) == 1:
        return [room]
    first, second = lengths
    if truncation.strategy == "only_first":
        return [room - second, second]
    if truncation.strategy == "only_second":
        return [first, room - first]
    shorter = min(first, second, room // 2)
    return [shorter, room - shorter] if first <= second else [room - shorter, shorter]
