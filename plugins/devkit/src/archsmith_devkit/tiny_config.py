"""A small configuration for an architecture whose manifest names none: fewer and narrower layers, as far as they go."""

from collections.abc import Iterator, Mapping
from dataclasses import fields
from typing import Any

import torch

from archsmith.config import PreTrainedConfig
from archsmith.model import PreTrainedModel

__all__ = ["LARGEST", "shrunk"]

#: A model of at most so many parameters is small enough as it is.
LARGEST = 200_000
#: How many heads and layers are tried; and how wide anything else.
_FEW, _NARROW = (2,), (16, 32, 64)


def shrunk(config_class: type[PreTrainedConfig], model_class: type[PreTrainedModel]) -> Mapping[str, Any]:
    """Return values that make a small model: one field after the other takes the least value that still builds.

    Numbers of heads come first, for widths are their multiples; nothing else is known of what a field means. Whether a
    value goes is tried on the meta device, where a model has shapes and no numbers; in the end a real model has to
    compute, and fields that keep it from that get their defaults back.

    Returns:
        No values at all if the model is small by itself.
    """
    values: dict[str, Any] = {}
    least = _size(config_class, model_class, values)
    if least is None or least <= LARGEST:
        return {}
    for name, candidates in _candidates(config_class()):
        for value in candidates:
            size = _size(config_class, model_class, {**values, name: value})
            if size is not None and (size < least or (size == least and "head" in name)):
                values[name], least = value, size
                break
    while values and not _computes(config_class, model_class, values):
        values.popitem()
    return values


def _candidates(config: PreTrainedConfig) -> Iterator[tuple[str, list[Any]]]:
    names = [declared.name for declared in fields(config)]
    for name in sorted(names, key=lambda name: "head" not in name):
        value = getattr(config, name)
        smaller = _FEW if any(word in name for word in ("head", "layer", "depth")) else _NARROW
        if type(value) is int:
            yield name, [number for number in smaller if number < value]
        elif isinstance(value, list | tuple) and value and all(type(number) is int for number in value):
            yield name, [[min(number, own) for own in value] for number in smaller]


def _size(config_class: type[PreTrainedConfig], model_class: type[PreTrainedModel], values: Any) -> int | None:
    """Return the number of parameters, or None if no model is made of these values."""
    try:
        with torch.device("meta"):
            return model_class(config_class(**values)).num_parameters()
    except Exception:  # noqa: BLE001  # a stranger's code, on values that nobody meant
        return None


def _computes(config_class: type[PreTrainedConfig], model_class: type[PreTrainedModel], values: Any) -> bool:
    try:
        model = model_class(config_class(**values)).eval()
        with torch.no_grad():
            model(**model.dummy_inputs)
    except Exception:  # noqa: BLE001  # likewise
        return False
    return True
