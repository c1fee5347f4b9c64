"""The spellings of the rotary positions in a config.json: one mapping today, two keys in older files."""

from collections.abc import Mapping
from typing import Any

from archsmith.messages import shown

__all__ = ["ROPE_KEYS", "merge_rope", "pop_rope"]

#: ``rope_parameters`` holds all; older files have the base of the wave lengths apart from the rest.
ROPE_KEYS = ("rope_parameters", "rope_scaling", "rope_theta")
#: Kinds that count from the length of the training.
_TRAINED = ("llama3", "yarn")


def pop_rope(values: dict[str, Any]) -> dict[str, Any]:
    """Take out of values what they say of rotary positions; None says nothing."""
    found = {name: values.pop(name) for name in ROPE_KEYS if name in values}
    return {name: value for name, value in found.items() if value is not None}


def merge_rope(
    current: Mapping[str, Any], given: Mapping[str, Any], max_tokens: Any, faults: list[str]
) -> dict[str, Any]:
    """Return ``rope_parameters`` as they have to be once some of `ROPE_KEYS` are given.

    Args:
        current: What they are so far; what is given says nothing of ``rope_theta`` leaves that of these.
        given: Some of `ROPE_KEYS`; a ``rope_theta`` inside that is None says nothing, as outside.
        max_tokens: ``max_position_embeddings``, the length of the training where nothing says another.
        faults: Gets one sentence for each thing that is wrong.
    """
    wholes, thetas = dict[str, dict[str, Any]](), dict[str, Any]()
    for name, value in given.items():
        if name == "rope_theta":
            thetas[name] = value
        elif isinstance(value, Mapping):
            wholes[name] = dict(value)
            if (theta := wholes[name].pop("rope_theta", None)) is not None:
                thetas[f"{name}['rope_theta']"] = theta
            kind = wholes[name].pop("type", "default")
            if wholes[name].setdefault("rope_type", kind) != kind != "default":
                faults.append(f"{name} has type {shown(kind)} and rope_type {shown(value['rope_type'])}, which are one")
        else:
            faults.append(f"{name} must be a mapping, but is {shown(value)}")
    for found in (wholes, thetas):
        for name, value in found.items():
            if value != (first := next(iter(found.values()))):
                told = f"{next(iter(found))} is {shown(first)} and {name} is {shown(value)}"
                faults.append(f"{told}, but they are one and must be the same: give the right one alone")
    theta = next(iter(thetas.values()), current.get("rope_theta", 10_000.0))
    whole = next(iter(wholes.values()), {**current})
    merged = {"rope_type": "default", **whole, "rope_theta": theta}
    if merged["rope_type"] in _TRAINED:
        merged.setdefault("original_max_position_embeddings", max_tokens)
    return merged
