"""How far the values of two tensors of one shape are apart, computed piece by piece in float64."""

import math
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["compare_values", "count_nan", "has_same_bytes"]

#: Numbers at a time: what is computed with takes 8 MiB for each of a few copies, however large the tensors are.
_PIECE = 2**20


def has_same_bytes(one: "Tensor", other: "Tensor") -> bool:
    """Return whether two tensors of one shape and type have the same bytes."""
    import torch

    flat, flat_other = one.reshape(-1).view(torch.uint8), other.reshape(-1).view(torch.uint8)
    pieces = range(0, flat.numel(), 8 * _PIECE)
    return all(torch.equal(flat[at : at + 8 * _PIECE], flat_other[at : at + 8 * _PIECE]) for at in pieces)


def count_nan(tensor: "Tensor") -> int:
    """Return how many values are NaN."""
    flat = tensor.reshape(-1)
    if not (tensor.is_floating_point() or tensor.is_complex()):
        return 0
    return sum(int(flat[at : at + _PIECE].isnan().sum()) for at in range(0, flat.numel(), _PIECE))


def compare_values(one: "Tensor", other: "Tensor") -> dict[str, Any]:
    """Return how far two tensors of one shape are apart, whatever their types.

    NaN in both places is the same. What is not finite in either is counted, and left out of norms and differences.

    Returns:
        ``numbers``, how many are ``different``, the norms of both and of the difference, the largest difference, the
        norm of the difference relative to that of the first (None if that is 0), and what is not finite.
    """
    totals = dict.fromkeys(("different", "nan_a", "nan_b", "nan_both", "infinite_a", "infinite_b"), 0)
    norms = {"norm_a": 0.0, "norm_b": 0.0, "norm_difference": 0.0}
    largest = 0.0
    is_complex = one.is_complex() or other.is_complex()
    flat, flat_other = _flat(one, is_complex=is_complex), _flat(other, is_complex=is_complex)
    for at in range(0, flat.numel(), _PIECE):
        a, b = flat[at : at + _PIECE], flat_other[at : at + _PIECE]
        counts, a, b, difference = _piece(a, b)
        for name, count in counts.items():
            totals[name] += count
        for name, values in zip(norms, (a, b, difference), strict=True):
            norms[name] = math.hypot(norms[name], _norm(values))
        largest = max(largest, float(difference.abs().max()) if difference.numel() else 0.0)
    relative = norms["norm_difference"] / norms["norm_a"] if norms["norm_a"] else None
    found = {**norms, "max_difference": largest, "relative": relative}
    finite = {name: value if value is not None and math.isfinite(value) else None for name, value in found.items()}
    return {"numbers": flat.numel(), **totals, **finite}


def _flat(tensor: "Tensor", *, is_complex: bool) -> "Tensor":
    """Return the numbers of a tensor; of a complex one, or one beside it, real and imaginary parts in turn."""
    import torch

    flat = tensor.reshape(-1)
    if not is_complex:
        return flat
    flat = flat if flat.is_complex() else flat.to(torch.complex128)
    return torch.view_as_real(flat).reshape(-1)


def _piece(a: "Tensor", b: "Tensor") -> tuple[dict[str, int], "Tensor", "Tensor", "Tensor"]:
    """Return what is counted in a piece, its finite values, and their difference."""
    import torch

    if not (a.is_floating_point() or b.is_floating_point()):  # which float64 does not hold beyond 2**53
        whole, whole_other = a.to(torch.int64), b.to(torch.int64)
        counts = {"different": int((whole != whole_other).sum())}
        return counts, a.double(), b.double(), (whole - whole_other).double()
    a, b = a.double(), b.double()
    nan_a, nan_b = a.isnan(), b.isnan()
    counts = {
        "different": int(((a != b) & ~(nan_a & nan_b)).sum()),
        "nan_a": int(nan_a.sum()),
        "nan_b": int(nan_b.sum()),
        "nan_both": int((nan_a & nan_b).sum()),
        "infinite_a": int(a.isinf().sum()),
        "infinite_b": int(b.isinf().sum()),
    }
    finite = a.isfinite() & b.isfinite()
    a, b = a[finite], b[finite]
    return counts, a, b, a - b


def _norm(values: "Tensor") -> float:
    """Return the Euclidean norm, also of values whose squares float64 cannot hold."""
    import torch

    scale = float(values.abs().max()) if values.numel() else 0.0
    if not scale or math.isinf(scale):
        return scale
    return scale * float(torch.linalg.vector_norm(values / scale))
