"""What the groups of checks know of the architecture that they are held against, and how they compare tensors."""

from abc import ABC, abstractmethod
from typing import Any

import torch
from torch import Tensor

from archsmith.model import PreTrainedModel

__all__ = ["Subject", "assert_near", "gradients_of", "tensors_of"]


class Subject(ABC):
    """Where the checks get models and inputs from."""

    @abstractmethod
    def inputs(self, model: PreTrainedModel) -> dict[str, Tensor]:
        """Return arguments for one forward pass, each with the batch as its first dimension."""

    @abstractmethod
    def built(self) -> list[PreTrainedModel]:
        """Return a small model of each class, in evaluation mode; the one without a head first, if there is one."""


def tensors_of(output: Any) -> dict[str, Tensor]:
    """Return the tensors of an output by name; those of a tuple as ``"hidden_states[0]"``."""
    found: dict[str, Tensor] = {}
    for name, value in output.items():
        several = value if isinstance(value, tuple | list) else [value]
        tensors = {f"{name}[{i}]" if several is value else name: each for i, each in enumerate(several)}
        found |= {key: each for key, each in tensors.items() if isinstance(each, Tensor)}
    return found


def gradients_of(model: PreTrainedModel, inputs: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return the gradients of the sum of squares of all outputs, by parameter; the same random numbers each time."""
    model.zero_grad(set_to_none=True)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        tensors = tensors_of(model(**inputs)).values()
        torch.autograd.backward([tensor.float().square().sum() for tensor in tensors if tensor.requires_grad])
    named = model.named_parameters()
    return {name: parameter.grad for name, parameter in named if parameter.grad is not None}


def assert_near(what: str, found: dict[str, Tensor], expected: dict[str, Tensor], *, tolerance: float = 1e-4) -> None:
    """Assert that tensors have the same names and shapes, and numbers within a tolerance of the largest."""
    assert found.keys() == expected.keys(), f"{what}: {sorted(found)}, not {sorted(expected)}"
    for name, wanted in expected.items():
        assert found[name].shape == wanted.shape, f"{what}: {name} is {found[name].shape}, not {wanted.shape}"
        if wanted.numel():
            apart = (found[name].double() - wanted.double()).abs().max()
            assert apart <= tolerance * (1 + wanted.double().abs().max()), f"{what}: {name} is off by {apart:.3g}"
