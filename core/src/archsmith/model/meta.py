"""Build models whose tensors have shapes but no values yet, because files will bring them."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

__all__ = ["OnMeta", "TooLarge"]

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


class OnMeta(TorchFunctionMode):
    """Puts every tensor that is made on the meta device, leaves out all filling with initial values, and counts calls.

    Filling a meta tensor does nothing, but torch takes the long way to it: it imports its compiler for the first one.
    One mode of our own costs half of what ``torch.device("meta")`` and a second one for the fills do.

    Attributes:
        paused: Whether tensors are made with values all the same, as on the CPU.
    """

    def __init__(self, at_most: int, at_most_numbers: int) -> None:
        super().__init__()
        self.paused = False
        self._left, self._numbers_left = at_most, at_most_numbers

    def __torch_function__(
        self, func: Any, types: Sequence[type], args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        self._left -= 1
        if self._left < 0:
            raise TooLarge
        if self.paused:
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
