"""Stacks of layers, which can be trained with less memory by computing twice what they would have to keep.

Source: Chen et al., "Training Deep Nets with Sublinear Memory Cost" (arXiv:1604.06174), section 3.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import torch
from torch import nn
from torch.utils.checkpoint import checkpoint

__all__ = ["Stack"]


class Stack(nn.ModuleList):
    """Layers that are applied one after the other; the names of their parameters are those of a ``ModuleList``.

    Attributes:
        gradient_checkpointing: Whether only the inputs of the layers are kept in training, and the rest computed once
            more for the gradients. `PreTrainedModel.gradient_checkpointing_enable` sets both.
        every_n_layers: Of so many layers the first one is computed again, the others keep what they have.

    Example:
        >>> import torch
        >>> from archsmith.layers.stack import Stack
        >>> stack = Stack(torch.nn.Linear(4, 4) for _ in range(3))
        >>> hidden = torch.ones(1, 4)
        >>> for layer in stack.steps():
        ...     hidden = layer(hidden)
        >>> hidden.shape
        torch.Size([1, 4])
    """

    gradient_checkpointing = False
    every_n_layers = 1

    def steps(self) -> Sequence[Callable[..., Any]]:
        """Return the layers to call, in order, with the arguments that they take. Loop over these in ``forward``."""
        if self.gradient_checkpointing and self.training and torch.is_grad_enabled():
            again = [partial(checkpoint, layer, use_reentrant=False) for layer in self]
            return [again[i] if i % self.every_n_layers == 0 else layer for i, layer in enumerate(self)]
        return list(self)
