"""How one call pads and truncates rows: tokens of texts, or samples of audio."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING, Any, Literal, get_args

from archsmith.errors import InputError, OptionError
from archsmith.options import HUGE, choice, read_count

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = [
    "Padding", "PaddingStrategy", "Side", "Truncation", "TruncationStrategy", "check_room", "check_untruncated",
    "pad_lists", "pad_matrix", "resolve_padding", "resolve_truncation", "row_mask",
]  # fmt: skip

Side = Literal["right", "left"]

TruncationStrategy = Literal["longest_first", "only_first", "only_second", "do_not_truncate"]


@dataclass(frozen=True)
class Truncation:
    """How rows are truncated.

    Attributes:
        max_length: The most tokens that a row may have, special ones included.
        stride: How many tokens each overflowing piece repeats of the one before.
        strategy: Which text of a pair is truncated.
        direction: The side on which tokens are dropped.
        special: How many special tokens each row gets.
    """

    max_length: int
    stride: int
    strategy: str
    direction: Side
    special: int = 0

    @property
    def room(self) -> int:
        """How many tokens are left for the text beside the special ones."""
        return self.max_length - self.special


def resolve_truncation(
    truncation: Any,
    *,
    max_length: int | None,
    stride: Any,
    padding: Any,
    direction: Side,
    model_max_length: int,
    is_pair: bool,
    special: int,
) -> Truncation | None:
    """Decide how a call truncates its texts; None if it does not.

    A ``max_length`` with neither ``truncation`` nor ``padding`` asks for truncation.

    Raises:
        OptionError: An option is wrong, or no length is known to truncate to.
    """
    number = read_count("stride", stride, least=0, optional=False) or 0
    if truncation is None:
        truncation = max_length is not None and padding in (False, "do_not_pad")
    if isinstance(truncation, bool):
        truncation = "longest_first" if truncation else "do_not_truncate"
    strategy = choice("truncation", truncation, get_args(TruncationStrategy))
    if strategy == "do_not_truncate":
        return None
    if strategy == "only_second" and not is_pair:
        raise OptionError("truncation='only_second' needs pairs, but there is no text_pair. Pass truncation=True.")
    if max_length is None and model_max_length >= HUGE:
        raise OptionError(
            "truncation needs a length: this tokenizer has no model_max_length. Pass max_length=, or set it once: "
            "tokenizer.model_max_length = 512."
        )
    return Truncation(model_max_length if max_length is None else max_length, number, strategy, direction, special)


def check_room(truncation: Truncation, *, is_pair: bool) -> None:
    """Refuse a truncation that leaves no room for the text beside the special tokens, or too little for the stride.

    Args:
        truncation: How rows are truncated.
        is_pair: Whether rows hold two texts.

    Raises:
        OptionError: There is too little room.
    """
    room, special = truncation.room, truncation.special
    least = 0 if special and not is_pair else 1
    if room < least:
        raise OptionError(
            f"max_length is {truncation.max_length}, but {special} special tokens are added to each row; "
            f"expected at least {special + least}."
        )
    shared = is_pair and truncation.strategy == "longest_first"
    share = room // 2 if shared else room
    if truncation.stride and truncation.stride >= share:
        whose = "each text of a pair has" if shared else "there are"
        raise OptionError(
            f"stride is {truncation.stride}, but {whose} {share} tokens beside the {special} special ones "
            f"(max_length {truncation.max_length}); expected a stride below {share}."
        )


def check_untruncated(truncation: Truncation, lengths: Sequence[tuple[int, int]]) -> None:
    """Refuse pairs where the text that is not truncated leaves too little room for the other.

    Args:
        truncation: How one text of each pair is truncated.
        lengths: The tokens of both texts of each pair.

    Raises:
        InputError: There is too little room.
    """
    room = truncation.room
    for row, pair in enumerate(lengths):
        length = pair[0] if truncation.strategy == "only_second" else pair[1]
        if room - length <= truncation.stride and sum(pair) > room:
            name = "text" if truncation.strategy == "only_second" else "text_pair"
            raise InputError(
                f"{name}[{row}] has {length} tokens, which truncation={truncation.strategy!r} leaves as they are; of "
                f"the {room} that max_length={truncation.max_length} leaves for a pair, {max(room - length, 0)} remain "
                f"for the other text, expected more than {truncation.stride}. Raise max_length, lower stride, or pass "
                "truncation=True."
            )


PaddingStrategy = Literal["longest", "max_length", "do_not_pad"]


@dataclass(frozen=True)
class Padding:
    """How rows are padded.

    Attributes:
        length: The length to pad to; None: that of the longest row.
        multiple: Round the length up to a multiple of this.
        side: Where the padding goes.
    """

    length: int | None
    multiple: int | None
    side: Side

    def width(self, longest: int) -> int:
        """Return the length that rows get."""
        width = longest if self.length is None else self.length
        return width if not self.multiple else -(-width // self.multiple) * self.multiple


def resolve_padding(
    padding: Any,
    *,
    max_length: int | None,
    multiple: Any,
    side: Any,
    model_max_length: int,
    truncated_to: int | None = None,
) -> Padding | None:
    """Decide how a call pads its rows; None if it does not.

    Args:
        padding: True or ``"longest"``, ``"max_length"``, False or ``"do_not_pad"``.
        max_length: The length for ``"max_length"``.
        multiple: Round the length up to a multiple of this.
        side: ``"right"`` or ``"left"``.
        model_max_length: The length for ``"max_length"`` if no other is given.
        truncated_to: The length that rows are truncated to, if they are.

    Raises:
        OptionError: An option is wrong, or no length is known to pad to.
    """
    if isinstance(padding, bool):
        padding = "longest" if padding else "do_not_pad"
    strategy = choice("padding", padding, get_args(PaddingStrategy))
    side = choice("padding_side", side, get_args(Side), extra="")
    number = read_count("pad_to_multiple_of", multiple, least=1)
    if strategy == "do_not_pad":
        if number is not None:
            raise OptionError(f"pad_to_multiple_of is {number}, but padding is off. Pass padding=True with it.")
        return None
    if number and truncated_to is not None and truncated_to % number:
        raise OptionError(
            f"rows are truncated to {truncated_to} tokens, which is not a multiple of {number} (pad_to_multiple_of). "
            f"Pass max_length={max(truncated_to // number, 1) * number}."
        )
    if strategy == "longest":
        return Padding(None, number, side)
    if max_length is None and model_max_length >= HUGE:
        raise OptionError(
            "padding='max_length' needs a length: this tokenizer has no model_max_length. Pass max_length=, or "
            "padding=True for the length of the longest row."
        )
    return Padding(model_max_length if max_length is None else max_length, number, side)


def row_mask(lengths: "NDArray[np.int64]", width: int, side: Side) -> "NDArray[np.bool_]":
    """Return where rows of these lengths lie in a matrix: (rows, width), True for a token."""
    import numpy as np

    places = np.arange(width)
    return places < lengths[:, None] if side == "right" else places >= width - lengths[:, None]


def pad_matrix(rows: Sequence[Sequence[Any]], mask: "NDArray[np.bool_]", fill: Any) -> "NDArray[np.int64]":
    """Lay rows of numbers, or of pairs of numbers, into a matrix of int64 that is padded with ``fill``.

    Args:
        rows: The rows.
        mask: Where their values go, as from `row_mask`.
        fill: The number, or the pair, for all other places.
    """
    import numpy as np

    pair, values = np.shape(fill), chain.from_iterable(rows)  # () or (2,)
    matrix = np.full((*mask.shape, *pair), fill, np.int64)
    numbers = np.fromiter(chain.from_iterable(values) if pair else values, np.int64, int(mask.sum()) * math.prod(pair))
    matrix[mask] = numbers.reshape(-1, *pair)
    return matrix


def pad_lists(rows: Sequence[Sequence[Any]], width: int, side: Side, fill: Any) -> list[list[Any]]:
    """Pad rows as lists; a row that is longer than the width stays as it is."""
    filled = ((row, [fill] * (width - len(row))) for row in rows)
    return [[*row, *rest] if side == "right" else [*rest, *row] for row, rest in filled]
