"""Find NaN and infinity in the tensors of a file, at the speed of memory."""

import ctypes
from collections.abc import Iterator, Mapping

import torch
from torch import Tensor

__all__ = ["first_not_finite"]


def first_not_finite(tensors: Mapping[str, Tensor]) -> str | None:
    """Return the name of a tensor that holds NaN or infinity, or None.

    NaN and infinity survive a sum, so one sum clears all tensors that lie side by side, as those of a mapped file do.
    One sum for each would wait for all threads a hundred times, and longer than it computes where others use the
    processor too. A sum that is not finite may have overflowed: then each tensor is looked at exactly.

    Args:
        tensors: Contiguous tensors on the CPU, by name.
    """
    for run in _runs(tensors):
        joined = _joined([tensors[name] for name in run])
        total = joined.sum(dtype=torch.promote_types(joined.dtype, torch.float32))  # half a type overflows soon
        if not bool(total.isfinite()):
            for name in run:
                if not bool(_readable(tensors[name]).isfinite().all()):
                    return name
    return None


def _runs(tensors: Mapping[str, Tensor]) -> Iterator[list[str]]:
    """Yield the names of floating-point tensors in groups: of one type, and side by side; those of eight bits alone."""
    run: list[str] = []
    end = 0
    for name, tensor in sorted(tensors.items(), key=lambda item: item[1].data_ptr()):
        if not (tensor.is_floating_point() or tensor.is_complex()) or not tensor.numel():
            continue
        if run and (tensor.data_ptr() != end or tensor.dtype != tensors[run[-1]].dtype or tensor.element_size() == 1):
            yield run
            run = []
        run.append(name)
        end = tensor.data_ptr() + tensor.nbytes
    if run:
        yield run


def _joined(neighbours: list[Tensor]) -> Tensor:
    """Return one tensor over the memory of tensors that lie side by side, to be used no longer than they are."""
    if len(neighbours) == 1:
        return _readable(neighbours[0])
    size = sum(tensor.nbytes for tensor in neighbours)
    memory = (ctypes.c_char * size).from_address(neighbours[0].data_ptr())
    return torch.frombuffer(memory, dtype=neighbours[0].dtype)


def _readable(tensor: Tensor) -> Tensor:
    """Return a tensor of a type that torch can add and test: eight bits it can only convert."""
    return tensor.float() if tensor.element_size() == 1 else tensor
