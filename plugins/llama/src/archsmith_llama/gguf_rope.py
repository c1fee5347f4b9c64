"""Rotary positions for texts longer than those of training, as GGUF files have them: by keys, or by a tensor."""

from collections.abc import Mapping
from typing import Any

import torch

from archsmith.errors import CheckpointCorrupt
from archsmith.layers.rotary import rotary_faults, rotary_frequencies
from archsmith.messages import listed, shown
from archsmith_llama.gguf_file import GgufFile, GgufTensor

__all__ = ["FACTORS", "SCALING", "rope_scaling"]

#: The tensor by which llama.cpp divides frequencies; files of Llama 3.1 and later have it.
FACTORS = "rope_freqs.weight"
#: Key, behind ``rope.scaling.``, → the number of `rotary_faults`; None: it says nothing that is computed.
_NUMBERS = {
    "factor": "factor",
    "original_context_length": "original_max_position_embeddings",
    "yarn_beta_fast": "beta_fast",
    "yarn_beta_slow": "beta_slow",
    "finetuned": None,
}
#: Keys that are read, behind the name of the architecture.
SCALING = ("rope.scaling.type", *(f"rope.scaling.{name}" for name in _NUMBERS))
#: What all published Llamas from 3.1 on have; the factor is the largest of the tensor.
_LLAMA3 = {
    "rope_type": "llama3", "low_freq_factor": 1.0, "high_freq_factor": 4.0, "original_max_position_embeddings": 8192,
}  # fmt: skip
_KINDS = {"linear": ("factor",), "yarn": ("factor", *(name for name in _NUMBERS.values() if name))}


def rope_scaling(file: GgufFile, said: Mapping[str, Any], head_size: int) -> dict[str, Any]:
    """Return what ``rope_parameters`` hold beside ``rope_theta``: nothing, where positions are as in training.

    Args:
        file: The file.
        said: Its keys, without the name of the architecture.
        head_size: Numbers of a head.

    Raises:
        CheckpointCorrupt: It says what is not computed here.
    """
    factors = next((tensor for tensor in file.tensors if tensor.name == FACTORS), None)
    alone = factors is None and said.get("rope.scaling.factor")  # of files that are older than the type
    kind = said.get("rope.scaling.type", "linear" if alone else "none")
    if kind not in ("none", *_KINDS) or (kind != "none" and factors is not None):
        beside = "" if factors is None else f" beside {FACTORS}"
        expected = "none" if factors is not None else f"none, {' or '.join(_KINDS)}"
        raise _corrupt(file, f"rope.scaling.type is {shown(kind)}{beside}; expected {expected}")
    if factors is not None:
        return _of_factors(file, factors, said, head_size)
    if kind == "none":
        return {}
    held = {ours: said.get(f"rope.scaling.{name}") for name, ours in _NUMBERS.items() if ours in _KINDS[kind]}
    found = {"rope_type": kind, **{name: value for name, value in held.items() if value is not None}}
    if faults := list(rotary_faults(found)):
        raise _corrupt(file, listed("its rotary scaling cannot be used", faults).rstrip("."))
    return found


def _of_factors(file: GgufFile, tensor: GgufTensor, said: Mapping[str, Any], head_size: int) -> dict[str, Any]:
    """Return the numbers that a tensor of factors was made of."""
    if tensor.shape != (head_size // 2,):
        raise _corrupt(file, f"{FACTORS!r} has the shape {list(tensor.shape)}; expected {[head_size // 2]}")
    factors = torch.from_numpy(file.load(tensor))
    found = {**_LLAMA3, "factor": round(float(factors.max()), 3)}
    theta = {"rope_theta": said.get("rope.freq_base", 10_000.0)}
    usual, slowed = (rotary_frequencies(theta | each, head_size, 1)[0] for each in ({}, found))
    if not torch.allclose(factors, usual / slowed, rtol=1e-4):
        raise _corrupt(
            file,
            f"{FACTORS!r} holds {shown(factors.tolist())}, which are not the factors of rope_type 'llama3' with the "
            "numbers of the published models (1, 4 and 8192); nothing here computes them",
        )
    return found


def _corrupt(file: GgufFile, what: str) -> CheckpointCorrupt:
    return CheckpointCorrupt(f"{str(file.path)!r}: {what}.")
