"""Rows of tokens brought to one length and into one type."""

from collections.abc import Mapping, Sequence
from typing import Any

from archsmith.batch import to_tensor
from archsmith.errors import InputError
from archsmith.lengths import Padding, Side, pad_lists, pad_matrix, row_mask
from archsmith.messages import shown
from archsmith.options import TensorType

__all__ = ["collate", "read_columns"]

#: What pads a column that is not the ids or the token types.
PAD_VALUES = {"attention_mask": 0, "special_tokens_mask": 1, "offset_mapping": (0, 0)}


def collate(
    columns: Mapping[str, Sequence[Any] | None],
    *,
    main: str,
    padding: Padding | None,
    pad_values: Mapping[str, Any],
    tensor_type: TensorType | None,
) -> dict[str, Any]:
    """Bring rows to one length and into one type.

    Args:
        columns: Name → rows. ``attention_mask`` may be None: then it is made.
        main: The column whose rows say how long each row is.
        padding: How rows are padded; None: not at all.
        pad_values: Name → what pads the column. Columns without an entry are left as they are.
        tensor_type: The type of the result; None: lists.

    Raises:
        InputError: The rows cannot become one tensor.
    """
    import numpy as np

    rows = columns[main] or ()
    lengths = [len(row) for row in rows]
    longest = max(lengths, default=0)
    width = longest if padding is None else padding.width(longest)
    side: Side = "right" if padding is None else padding.side
    pad_values = {**PAD_VALUES, **pad_values}
    if tensor_type is not None:
        _check_width(lengths, width, is_padded=padding is not None)
    padded = [name for name in columns if name in pad_values] if (tensor_type or padding) is not None else []
    for name in padded:
        _check_lengths(name, columns[name] or rows, lengths, main)
    if tensor_type is None:
        full = {name: [[1] * length for length in lengths] if it is None else it for name, it in columns.items()}
        return {
            name: pad_lists(it, width, side, pad_values[name]) if name in padded else it for name, it in full.items()
        }
    mask = row_mask(np.fromiter(lengths, np.int64, len(lengths)), width, side)
    result: dict[str, Any] = {}
    for name, it in columns.items():
        made = mask.astype(np.int64) if it is None else pad_matrix(it, mask, pad_values[name]) if name in padded else it
        result[name] = to_tensor(name, made, tensor_type)
    return result


def _check_width(lengths: Sequence[int], width: int, *, is_padded: bool) -> None:
    """Refuse rows that cannot be one tensor of this width."""
    if not is_padded and len(set(lengths)) > 1:
        raise InputError(
            f"the rows have different lengths, {min(lengths)} to {max(lengths)} tokens, so they are not a tensor. "
            "Pass padding=True (and truncation=True), or leave out return_tensors."
        )
    for row, length in enumerate(lengths):
        if length > width:
            raise InputError(
                f"row {row} has {length} tokens, more than the {width} that all rows are padded to. "
                "Pass truncation=True to truncate it."
            )


def _check_lengths(name: str, rows: Sequence[Any], lengths: Sequence[int], main: str) -> None:
    for row, (values, length) in enumerate(zip(rows, lengths, strict=False)):
        if not isinstance(values, list | tuple) or len(values) != length:
            held = f"{len(values)} values" if isinstance(values, list | tuple) else shown(values)
            raise InputError(f"row {row} of {name!r} has {held}, but {main!r} has {length} there.")


def read_columns(encoded: Any, main: str) -> tuple[dict[str, Any], TensorType | None, bool]:
    """Bring what a tokenizer's ``pad`` was given into columns.

    Args:
        encoded: A list of mappings, one for each row, or a mapping.
        main: The entry that must be there.

    Returns:
        Name → rows; the kind of tensor that the rows were, or None for lists; and whether it was one row.

    Raises:
        InputError: It is of a wrong form.
    """
    if isinstance(encoded, list | tuple) and encoded and all(isinstance(row, Mapping) for row in encoded):
        encoded = _stacked(encoded)
    if not isinstance(encoded, Mapping):
        raise InputError(f"encoded_inputs must be a mapping, or a list of at least one, but is {shown(encoded)}.")
    if main not in encoded:
        raise InputError(f"encoded_inputs has no {main!r}; it holds: {', '.join(map(str, encoded)) or 'nothing'}.")
    kind = _kind(encoded[main])
    columns = {name: _plain(value) for name, value in encoded.items()}
    rows = columns[main]
    if not isinstance(rows, list | tuple) or not rows:
        raise InputError(f"{main!r} must hold ids, but is {shown(rows)}.")
    is_single = not isinstance(rows[0], list | tuple)
    if is_single:
        columns = {name: [value] for name, value in columns.items()}
    _check_columns(columns, main)
    return columns, kind, is_single


def _stacked(rows: Sequence[Mapping[str, Any]]) -> dict[str, list[Any]]:
    names = list(rows[0])
    for index, row in enumerate(rows):
        if set(row) != set(names):
            raise InputError(f"encoded_inputs[{index}] has {sorted(row)}, but encoded_inputs[0] has {sorted(names)}.")
    return {name: [row[name] for row in rows] for name in names}


def _check_columns(columns: Mapping[str, Any], main: str) -> None:
    count = len(columns[main])
    for name, rows in columns.items():
        if not isinstance(rows, list | tuple) or len(rows) != count:
            raise InputError(f"{name!r} must have as many rows as {main!r}, {count}, but is {shown(rows)}.")
    for index, row in enumerate(columns[main]):
        if not isinstance(row, list | tuple):
            raise InputError(f"row {index} of {main!r} must be a list of ids, but is {shown(row)}.")
    for name in (main, "token_type_ids", "attention_mask", "special_tokens_mask"):
        for index, row in enumerate(columns.get(name) or ()):
            if isinstance(row, list | tuple) and not all(hasattr(kind, "__index__") for kind in set(map(type, row))):
                raise InputError(f"row {index} of {name!r} must hold integers, but is {shown(row)}.")


def _kind(value: Any) -> TensorType | None:
    probe = value[0] if isinstance(value, list | tuple) and value else value
    module = type(probe).__module__.partition(".")[0]
    return {"torch": "pt", "numpy": "np"}.get(module)  # type: ignore[return-value]


def _plain(value: Any) -> Any:
    if hasattr(value, "tolist"):
        return value.tolist()
    return [_plain(item) for item in value] if isinstance(value, list | tuple) and _kind(value) else value
