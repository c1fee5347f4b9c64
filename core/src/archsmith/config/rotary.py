"""What a configuration can say of rotary positions (`archsmith.layers.rotary` computes them). Free of torch."""

import math
from collections.abc import Iterator, Mapping
from typing import Any

from archsmith.messages import did_you_mean, shown

__all__ = ["rotary_faults"]

#: Kind → the numbers that it needs beside ``rope_theta``, and those that it can have.
_KINDS: Mapping[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "default": ((), ()),
    "linear": (("factor",), ()),
    "dynamic": (("factor",), ("original_max_position_embeddings",)),
    "yarn": (
        ("factor",),
        (
            "original_max_position_embeddings", "attention_factor", "beta_fast", "beta_slow", "mscale",
            "mscale_all_dim", "truncate",
        ),
    ),
    "llama3": (("factor", "low_freq_factor", "high_freq_factor", "original_max_position_embeddings"), ()),
}  # fmt: skip


def rotary_faults(parameters: Mapping[str, Any]) -> Iterator[str]:
    """Yield what is wrong with the ``rope_parameters`` of a configuration, for its ``rules``."""
    kind = parameters.get("rope_type", "default")
    if kind not in _KINDS:
        yield f"rope_type must be one of {', '.join(_KINDS)}, but is {shown(kind)}.{did_you_mean(str(kind), _KINDS)}"
        return
    needed, possible = _KINDS[kind]
    yield from (f"{name} is missing; rope_type {kind!r} needs it" for name in needed if name not in parameters)
    for name, value in parameters.items():
        if name in ("rope_theta", *needed) or (name in possible and value is not None):
            fits = isinstance(value, bool) if name == "truncate" else type(value) in (int, float)
            if not fits or not (name == "truncate" or (math.isfinite(value) and value > 0)):
                yield f"{name} must be {'true or false' if name == 'truncate' else 'above 0'}, but is {shown(value)}"
        elif name not in ("rope_type", "type", "rope_theta", *needed, *possible):
            hint = did_you_mean(name, (*needed, *possible))
            yield f"{name!r} must be left out: it means nothing to rope_type {kind!r}.{hint}"
    low, high = parameters.get("low_freq_factor"), parameters.get("high_freq_factor")
    if kind == "llama3" and isinstance(low, int | float) and isinstance(high, int | float) and low >= high:
        yield f"low_freq_factor is {low}, but must be below high_freq_factor {high}"
