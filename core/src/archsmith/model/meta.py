"""Build models whose tensors have shapes but no values yet, because files will bring them."""

import contextlib
import threading
from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

__all__ = ["TooLarge", "with_values", "without_values"]

_FILLS = frozenset(
    getattr(Tensor, name)
    for name in ("bernoulli_", "copy_", "exponential_", "fill_", "normal_", "random_", "uniform_", "zero_")
) | frozenset(function for name, function in vars(nn.init).items() if name.endswith("_") and callable(function))

_FACTORIES = frozenset(
    getattr(torch, name)
    for name in (
        "arange", "as_tensor", "empty", "empty_strided", "eye", "full", "linspace", "logspace", "normal", "ones",
        "rand", "randint", "randn", "randperm", "scalar_tensor", "tensor", "tril_indices", "triu_indices", "zeros",
    )
)  # fmt: skip


class TooLarge(RuntimeError):
    """What is being built calls more torch functions than it was allowed to."""


@contextlib.contextmanager
def without_values(*, at_most: int, at_most_numbers: int) -> Iterator[None]:
    """Put every tensor that is made inside on the meta device, and leave out all filling with initial values.

    Filling a meta tensor does nothing, but torch takes the long way to it: it imports its compiler for the first one.

    Args:
        at_most: The most calls of torch functions, so that a number in a file cannot take all memory and time.
        at_most_numbers: The most numbers in tensors that are made `with_values` all the same, for the same reason.

    Raises:
        TooLarge: There were more.
    """
    with _Blank(at_most, at_most_numbers):
        yield


@contextlib.contextmanager
def with_values() -> Iterator[None]:
    """Build what is made inside on the CPU and with values, even within `without_values`.

    It is for modules of other libraries, whose constructors compute with the values of what they make.
    """
    before = _paused.on
    _paused.on = True
    try:
        yield
    finally:
        _paused.on = before


class _Paused(threading.local):
    """Whether modules are built with values in this thread, whatever is around them."""

    on = False


_paused = _Paused()


class _Blank(TorchFunctionMode):
    """Sends factories to the meta device, skips ``torch.nn.init`` and the in-place fills there, and counts all calls.

    One mode of our own costs half of what ``torch.device("meta")`` and a second one for the fills do.
    """

    def __init__(self, at_most: int, at_most_numbers: int) -> None:
        super().__init__()
        self._left, self._numbers_left = at_most, at_most_numbers

    def __torch_function__(
        self, func: Any, types: Sequence[type], args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        self._left -= 1
        if self._left < 0:
            raise TooLarge
        if _paused.on:
            made = func(*args, **kwargs)
            self._numbers_left -= made.numel() if func in _FACTORIES else 0
            if self._numbers_left < 0:
                raise TooLarge
            return made
        if func in _FACTORIES:
            if kwargs.get("device") is None:
                kwargs["device"] = "meta"
        elif func in _FILLS:
            filled = args[0] if args else kwargs.get("tensor")
            if isinstance(filled, Tensor) and filled.is_meta:
                return filled
        return func(*args, **kwargs)
