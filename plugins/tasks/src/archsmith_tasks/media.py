"""What images and audio have in common: how an input names them, and batches of what has one shape."""

import inspect
import io
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any

import numpy as np
import torch
from torch import Tensor

from archsmith_tasks.steps import Example

__all__ = ["alike", "arguments_of", "file_of", "stacked", "takes"]


def file_of(value: Any) -> Any:
    """Return the file, or the content of one, of an open file or a row of a data set (``{"bytes": …, "path": …}``)."""
    if isinstance(value, Mapping) and value and set(value) <= {"bytes", "path"}:
        return value.get("path") if value.get("bytes") is None else value["bytes"]
    if isinstance(value, io.RawIOBase | io.BufferedIOBase):
        if value.seekable():
            value.seek(0)  # it may have been an input before
        return value.read()
    return bytes(value) if isinstance(value, bytearray | memoryview) else value


def takes(model: Any, name: str) -> bool:
    """Return whether a model's ``forward`` takes an argument, by name or as one of any others."""
    known = inspect.signature(model.forward).parameters
    return name in known or any(each.kind is each.VAR_KEYWORD for each in known.values())


def arguments_of(model: Any, features: Mapping[str, Any]) -> dict[str, Any]:
    """Return of what preprocessing made the row of the first input, as far as the model takes it."""
    return {name: np.asarray(rows[0]) for name, rows in features.items() if takes(model, name)}


def alike(examples: Sequence[Example]) -> Iterator[list[int]]:
    """Yield places of rows that have one shape: padding them would change what the model says."""

    def shapes(place: int) -> list[tuple[str, tuple[int, ...]]]:
        return sorted((name, np.shape(row)) for name, row in examples[place].inputs.items())

    for _, places in groupby(sorted(range(len(examples)), key=shapes), shapes):
        yield list(places)


def stacked(examples: Sequence[Example]) -> dict[str, Tensor]:
    """Return rows of one shape as tensors, ``(batch, …)``."""
    return {
        name: torch.from_numpy(np.stack([example.inputs[name] for example in examples])) for name in examples[0].inputs
    }
