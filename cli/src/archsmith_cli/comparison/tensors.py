"""What differs between the tensors of two checkpoints; two of them are in memory at a time."""

from collections.abc import Collection
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
        side: _alone(weights, names)
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


def _alone(weights: Weights, names: Collection[str]) -> list[dict[str, Any]]:
    """Return what one checkpoint alone has, and the tensors beside it that they are copies of, as tied weights are."""
    twins = _Twins(weights, names)
    return [
        {
            "name": name,
            "dtype": weights.tensors[name].dtype,
            "shape": list(weights.tensors[name].shape),
            "copy_of": twins.find(name),
        }
        for name in sorted(names)
    ]


class _Twins:
    """The tensors that both checkpoints have, found by how they begin: to compare each with each would take too long.

    Vectors do not count: those of zeros are alike in every model.
    """

    def __init__(self, weights: Weights, alone: Collection[str]) -> None:
        self._weights = weights
        wanted = {_kind(weights.tensors[name]) for name in alone}
        self._by_beginning: dict[Any, list[str]] = {}
        for name, info in weights.tensors.items():
            if _kind(info) in wanted and len(info.shape) > 1 and name not in alone:
                self._by_beginning.setdefault(self._beginning(name), []).append(name)

    def find(self, name: str) -> str | None:
        """Return the name of a tensor with the same bytes, which are not all one number."""
        if not self._by_beginning or len(self._weights.tensors[name].shape) < 2:  # noqa: PLR2004
            return None
        tensor = self._weights.load([name])[name].reshape(-1)
        if not tensor.numel() or bool((tensor == tensor[0]).all()):
            return None
        for other in self._by_beginning.get(self._beginning(name), ()):
            if has_same_bytes(tensor, self._weights.load([other])[other]):
                return other
        return None

    def _beginning(self, name: str) -> Any:
        import torch

        start = self._weights.load([name])[name].reshape(-1)[:256].view(torch.uint8)
        return _kind(self._weights.tensors[name]), bytes(start.tolist())


def _kind(info: TensorInfo) -> tuple[tuple[int, ...], str]:
    return info.shape, info.dtype
