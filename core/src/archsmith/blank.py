"""Build models whose tensors have shapes but no values yet, because files will bring them."""

import contextlib
from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

__all__ = ["TooLarge", "without_values"]

_FILLS = frozenset(
    getattr(Tensor, name)
    for name in ("bernoulli_", "copy_", "exponential_", "fill_", "normal_", "random_", "uniform_", "zero_")
) | frozenset(function for name, function in vars(nn.init).items() if name.endswith("_") and callable(function))


class TooLarge(RuntimeError):
    """What is being built calls more torch functions than it was allowed to."""


@contextlib.contextmanager
def without_values(*, at_most: int) -> Iterator[None]:
    """Put every tensor that is made inside on the meta device, and leave out all filling with initial values.

    Filling a meta tensor does nothing, but torch takes the long way to it: it imports its compiler for the first one.

    Args:
        at_most: The most calls of torch functions, so that a number in a file can not take all memory and time.

    Raises:
        TooLarge: There were more.
    """
    with torch.device("meta"), _NoFilling(at_most):
        yield


class _NoFilling(TorchFunctionMode):
    """Skips ``torch.nn.init`` and the in-place fills of meta tensors, and counts what is called."""

    def __init__(self, at_most: int) -> None:
        super().__init__()
        self._left = at_most

    def __torch_function__(
        self, func: Any, types: Sequence[type], args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        self._left -= 1
        if self._left < 0:
            raise TooLarge
        if func in _FILLS:
            filled = args[0] if args else kwargs.get("tensor")
            if isinstance(filled, Tensor) and filled.is_meta:
                return filled
        return func(*args, **kwargs)
