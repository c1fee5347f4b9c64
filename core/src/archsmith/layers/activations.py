"""Activation functions, under the names that configurations use."""

import math
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import get_args

import torch
import torch.nn.functional as F  # noqa: N812  # the field's own abbreviation
from torch import Tensor

from archsmith.config.fields import Activation
from archsmith.errors import InputError
from archsmith.messages import did_you_mean

__all__ = ["ACTIVATIONS", "activation"]


def _gelu_tanh(values: Tensor) -> Tensor:
    return F.gelu(values, approximate="tanh")


def _quick_gelu(values: Tensor) -> Tensor:
    return values * torch.sigmoid(1.702 * values)


def _laplace(values: Tensor) -> Tensor:
    """The Laplace activation of MEGA (arXiv:2209.10655, section 3.2): mean √½, standard deviation √(1/4π)."""
    return 0.5 * (1.0 + torch.erf((values - 0.707107) / (0.282095 * math.sqrt(2.0))))


def _sqrt_softplus(values: Tensor) -> Tensor:
    return torch.sqrt(F.softplus(values))


def _gelu_10(values: Tensor) -> Tensor:
    return F.gelu(values).clamp(-10.0, 10.0)


def _identity(values: Tensor) -> Tensor:
    return values


def _relu2(values: Tensor) -> Tensor:
    return F.relu(values).square()


#: The names that torch does not have itself. A model holds its function, so each can be pickled.
_OTHERS: Mapping[str, Callable[[Tensor], Tensor]] = {
    "gelu_10": _gelu_10,
    "gelu_accurate": _gelu_tanh,
    "gelu_fast": _gelu_tanh,
    "gelu_new": _gelu_tanh,
    "gelu_python": F.gelu,
    "gelu_python_tanh": _gelu_tanh,
    "gelu_pytorch_tanh": _gelu_tanh,
    "laplace": _laplace,
    "linear": _identity,
    "quick_gelu": _quick_gelu,
    "relu2": _relu2,
    "sqrtsoftplus": _sqrt_softplus,
    "swish": F.silu,
}
#: Name → function from a tensor of any shape to one of the same shape.
ACTIVATIONS: Mapping[str, Callable[[Tensor], Tensor]] = MappingProxyType(
    {name: _OTHERS[name] if name in _OTHERS else getattr(F, name) for name in get_args(Activation)}
)


def activation(name: str) -> Callable[[Tensor], Tensor]:
    """Return an activation function by its name in a configuration.

    Raises:
        InputError: There is none of that name.

    Example:
        >>> import torch
        >>> activation("relu")(torch.tensor([-1.0, 2.0])).tolist()
        [0.0, 2.0]
    """
    function = ACTIVATIONS.get(name) if isinstance(name, str) else None  # type: ignore[redundant-expr]
    if function is None:
        hint = did_you_mean(str(name), ACTIVATIONS)
        raise InputError(f"there is no activation {name!r}; expected one of {', '.join(ACTIVATIONS)}.{hint}")
    return function
