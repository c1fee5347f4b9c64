"""Checks of half precision where the usual inputs of a test do not show a fault: normalisations of large numbers."""

import copy
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn

from archsmith.model import PreTrainedModel
from archsmith_devkit.harness import Harness, outputs_of

__all__ = ["HalfPrecisionChecks"]

#: Hidden states of published models reach this in some places; its square is beyond float16, which ends at 65504.
_LARGE = 512.0
#: How near two results of a normalisation are, in float32 at two scales, and in float16.
_INVARIANT, _NEAR = 1e-3, 0.02


class HalfPrecisionChecks(Harness):
    """What goes wrong in half of the memory only once the numbers are those of a trained model."""

    def test_norms_in_float16(self) -> None:
        """A mean of squares that is taken in float16 overflows from 256 on, and hidden states of trained models do.

        Fix: compute the mean, the square and the root in float32 (hidden.float()), and go back to the type of the
        input at the end; or take torch's own LayerNorm, GroupNorm or RMSNorm.
        """
        seen: set[type[nn.Module]] = set()
        for model in self.built():
            for name, module, value in _norms(self, model):
                if type(module) in seen:
                    continue
                seen.add(type(module))
                large = value * (_LARGE / value.abs().max())
                wanted = module(large)
                half = copy.deepcopy(module).half()
                try:
                    found = half(large.half())
                except RuntimeError:
                    continue  # the check of float16 says so
                apart = (found.float() - wanted).abs().max() / wanted.abs().max()
                assert apart <= _NEAR, (
                    f"{type(model).__name__}: {name}, a {type(module).__name__}, in float16, of numbers up to "
                    f"{_LARGE:g}: off by {apart:.3g} of the largest; expected what it gives in float32"
                )


@torch.no_grad()
def _norms(harness: Harness, model: PreTrainedModel) -> Iterator[tuple[str, nn.Module, Tensor]]:
    """Yield the normalisations in a model, by what they do, with something that each is given."""
    given: dict[str, tuple[nn.Module, Tensor]] = {}
    hooks = []
    for name, module in model.named_modules():
        if next(module.children(), None) is None:
            hooks.append(module.register_forward_hook(_keeper(name, given)))
    outputs_of(model, harness.inputs(model))
    for hook in hooks:
        hook.remove()
    for name, (module, value) in given.items():
        if _is_norm(module, value):
            yield name, module, value


def _keeper(name: str, given: dict[str, tuple[nn.Module, Tensor]]) -> Any:
    def keep(module: nn.Module, arguments: Any, output: Any) -> None:
        if len(arguments) == 1 and isinstance(arguments[0], Tensor) and isinstance(output, Tensor):
            value = arguments[0]
            if value.dtype == output.dtype == torch.float32 and value.shape == output.shape and value.any():
                given[name] = (module, value.clone())

    return keep


def _is_norm(module: nn.Module, value: Tensor) -> bool:
    """Return whether a module gives the same of numbers that are twice as large, and no constant."""
    value = value * (10 / value.abs().max())
    one, other, changed = module(value), module(2 * value), module(value.flip(-1))
    near = _INVARIANT * one.abs().max()
    return bool((one - other).abs().max() <= near and (one - changed).abs().max() > near)
