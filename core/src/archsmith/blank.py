"""Build models whose tensors have shapes but no values yet, because files will bring them."""

import contextlib
from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

__all__ = ["without_values"]

_FILLS = frozenset(
    getattr(Tensor, name)
    for name in ("bernoulli_", "copy_", "exponential_", "fill_", "normal_", "random_", "uniform_", "zero_")
) | frozenset(function for name, function in vars(nn.init).items() if name.endswith("_") and callable(function))


@contextlib.contextmanager
def without_values() -> Iterator[None]:
    """Put every tensor that is made inside on the meta device, and leave out all filling with initial values.

    Filling a meta tensor does nothing, but torch takes the long way to it: it imports its compiler for the first one.
    """
    with torch.device("meta"), _NoFilling():
        yield


class _NoFilling(TorchFunctionMode):
    """Skips ``torch.nn.init`` and the in-place fills of meta tensors."""

    def __torch_function__(
        self, func: Any, types: Sequence[type], args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        if func in _FILLS:
            filled = args[0] if args else kwargs.get("tensor")
            if isinstance(filled, Tensor) and filled.is_meta:
                return filled
        return func(*args, **kwargs)
