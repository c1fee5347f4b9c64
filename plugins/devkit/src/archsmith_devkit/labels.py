"""Labels for one training step, by task."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from archsmith.model import PreTrainedModel

__all__ = ["OF_TOKENS", "labels_for"]

#: Tasks with a label for each token.
OF_TOKENS = ("token-classification", "masked-lm", "causal-lm")
_OF_ROWS = (
    "sequence-classification",
    "image-classification",
    "audio-classification",
    "multiple-choice",
    "audio-xvector",
)


def labels_for(task: str, model: PreTrainedModel, inputs: Mapping[str, Tensor]) -> dict[str, Any]:
    """Return what makes a model compute its loss; nothing where the task is not known."""
    shape = inputs[model.main_input_name].shape
    if task == "question-answering":
        places = torch.zeros(shape[0], dtype=torch.long)
        return {"start_positions": places, "end_positions": places + 1}
    if task in OF_TOKENS:
        return {"labels": torch.ones(shape, dtype=torch.long)}
    if task == "ctc":
        return {"labels": torch.tensor([[1, 2], [2, 1]])}
    if task in _OF_ROWS:
        return {"labels": torch.ones(shape[0], dtype=torch.long)}
    return {}
