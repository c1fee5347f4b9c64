"""How one call to a tokenizer makes rows equally long."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING, Any, Literal, get_args

from archsmith.errors import OptionError
from archsmith.tokenizer.truncation import HUGE, Side, choice, read_count

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["Padding", "PaddingStrategy", "pad_lists", "pad_matrix", "resolve_padding", "row_mask"]

PaddingStrategy = Literal["longest", "max_length", "do_not_pad"]


@dataclass(frozen=True)
class Padding:
    """A filling up.

    Attributes:
        length: The length to fill up to; None: that of the longest row.
        multiple: Round the length up to a multiple of this.
        side: Where the filling goes.
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
    cut_to: int | None = None,
) -> Padding | None:
    """Decide how a call fills up its rows; None if it does not.

    Args:
        padding: True or ``"longest"``, ``"max_length"``, False or ``"do_not_pad"``.
        max_length: The length for ``"max_length"``.
        multiple: Round the length up to a multiple of this.
        side: ``"right"`` or ``"left"``.
        model_max_length: The length for ``"max_length"`` if no other is given.
        cut_to: The length that rows are cut to, if they are.

    Raises:
        OptionError: An option is wrong, or no length is known to fill up to.
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
    if number and cut_to is not None and cut_to % number:
        raise OptionError(
            f"rows are cut to {cut_to} tokens, which is not a multiple of {number} (pad_to_multiple_of). "
            f"Pass max_length={max(cut_to // number, 1) * number}."
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
    """Lay rows of numbers, or of pairs of numbers, into a matrix of int64 that is filled up with ``fill``.

    Args:
        rows: The rows.
        mask: Where their values go, as from `row_mask`.
        fill: The number, or the pair, for all other places.
    """
    import numpy as np

    values = chain.from_iterable(rows)
    if isinstance(fill, tuple):
        matrix = np.empty((*mask.shape, len(fill)), np.int64)
        matrix[:] = fill
        matrix[mask] = np.fromiter(chain.from_iterable(values), np.int64).reshape(-1, len(fill))
        return matrix
    matrix = np.full(mask.shape, fill, np.int64)
    matrix[mask] = np.fromiter(values, np.int64, int(mask.sum()))
    return matrix


def pad_lists(rows: Sequence[Sequence[Any]], width: int, side: Side, fill: Any) -> list[list[Any]]:
    """Fill up rows as lists; a row that is longer than the width stays as it is."""
    if side == "right":
        return [[*row, *([fill] * (width - len(row)))] for row in rows]
    return [[*([fill] * (width - len(row))), *row] for row in rows]
