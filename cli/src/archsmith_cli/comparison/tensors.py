"""What differs between the tensors of two checkpoints; two of them are in memory at a time."""

from collections.abc import Iterator
from typing import Any

from archsmith.files import TensorInfo, Weights
from archsmith_cli.comparison.names import match_names
from archsmith_cli.comparison.values import compare_values, count_nan, has_same_bytes

__all__ = ["compare_weights"]


def compare_weights(one: Weights, other: Weights) -> dict[str, Any]:
    """Return which tensors are equal, which differ and how far, and which one checkpoint alone has.

    Raises:
        CheckpointCorrupt: A file changed or broke since its header was read.
    """
    matched = match_names(one.tensors, other.tensors)
    same: list[dict[str, Any]] = []
    different: list[dict[str, Any]] = []
    for name, counterpart in sorted(matched.pairs.items()):
        found = _compare(one, other, name, counterpart)
        (same if found["status"] == "equal" else different).append(found)
    only = {
        side: [_alone(weights, name, set(names)) for name in sorted(names)]
        for side, weights, names in zip(("only_a", "only_b"), (one, other), matched.only, strict=True)
    }
    prefixes = matched.prefixes if matched.renamed else None
    return {
        "prefixes": {"a": prefixes[0], "b": prefixes[1], "names": matched.renamed} if prefixes else None,
        "same": same,
        "different": different,
        **only,
    }


def _compare(one: Weights, other: Weights, name: str, counterpart: str) -> dict[str, Any]:
    a, b = one.tensors[name], other.tensors[counterpart]
    row: dict[str, Any] = {"name": name}
    if counterpart != name:
        row["name_b"] = counterpart
    row |= {"dtype": a.dtype, "shape": list(a.shape)}
    if a.shape != b.shape:
        return row | {"status": "shape", "shape_b": list(b.shape), "dtype_b": b.dtype}
    tensor, tensor_b = one.load([name])[name], other.load([counterpart])[counterpart]
    if a.dtype == b.dtype and has_same_bytes(tensor, tensor_b):
        nan = count_nan(tensor)
        return row | {"status": "equal"} | ({"nan_both": nan} if nan else {})
    values = compare_values(tensor, tensor_b)
    if a.dtype != b.dtype:
        return row | {"status": "dtype", "dtype_b": b.dtype} | values
    return row | {"status": "values" if values["different"] else "equal"} | values


def _alone(weights: Weights, name: str, alone: set[str]) -> dict[str, Any]:
    """Return what one checkpoint alone has, and the tensor beside it that it is a copy of, as tied weights are."""
    info = weights.tensors[name]
    copied = next(_copies(weights, info, alone), None)
    return {"name": name, "dtype": info.dtype, "shape": list(info.shape), "copy_of": copied}


def _copies(weights: Weights, info: TensorInfo, alone: set[str]) -> Iterator[str]:
    if len(info.shape) < 2:  # noqa: PLR2004  # vectors of zeros are alike in every model
        return
    alike = [each for each in weights.tensors.values() if (each.shape, each.dtype) == (info.shape, info.dtype)]
    others = [each.name for each in alike if each.name not in alone]
    if not others:
        return
    tensor = weights.load([info.name])[info.name].reshape(-1)
    if not tensor.numel() or bool((tensor == tensor[0]).all()):
        return
    for other in others:
        twin = weights.load([other])[other].reshape(-1)
        if has_same_bytes(tensor[:1024], twin[:1024]) and has_same_bytes(tensor, twin):
            yield other
