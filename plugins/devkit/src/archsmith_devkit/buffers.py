"""Checks of buffers that are computed: they are made anew by init_buffers(), and no file holds them."""

import copy
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn

from archsmith_devkit.harness import Harness

__all__ = ["BufferChecks"]


class BufferChecks(Harness):
    """What a model computes from its configuration is no weight."""

    def test_computed_buffers_stay_out_of_files(self) -> None:
        """A table that the code computes is in no published file: one that is saved makes files with a key too many.

        Fix: register it in init_buffers() with persistent=False, or leave out of init_buffers() what files hold.
        """
        for model in self.built():
            for place, module in model.named_modules():
                for name in _computed(module):
                    key = f"{place}.{name}" if place else name
                    raise AssertionError(
                        f"{type(model).__name__}: the buffer {key} is saved with the weights, although "
                        f"{type(module).__name__}.init_buffers() computes it; expected persistent=False"
                    )


def _computed(module: nn.Module) -> Iterator[str]:
    """Yield the buffers of a module that are saved, and that init_buffers() makes anew whatever they held."""
    saved = {name for name, _ in module.named_buffers(recurse=False)} & module.state_dict().keys()
    if not saved or not hasattr(module, "init_buffers"):
        return
    other: Any = copy.deepcopy(module)
    for name in saved:
        buffer: Tensor = getattr(other, name)
        setattr(other, name, torch.full_like(buffer, 0 if buffer.dtype == torch.bool else 77))
    other.init_buffers()
    for name in sorted(saved):
        if torch.equal(getattr(other, name), getattr(module, name)):
            yield name
