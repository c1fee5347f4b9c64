"""Numbers of a model as labels with scores: what the classifications of texts, images and audio share."""

from collections.abc import Mapping
from typing import Any, Literal

import torch
from torch import Tensor

from archsmith.config import Size, field
from archsmith_tasks.results import Classification, Label
from archsmith_tasks.steps import Options

__all__ = ["ClassificationOptions", "classification", "scores_of"]

Function = Literal["softmax", "sigmoid", "none"]


class ClassificationOptions(Options):
    """How a model's scores become labels."""

    top_k: Size | None = field(default=1, doc="So many of the likeliest labels; null: all.")
    function_to_apply: Function | None = field(
        default=None, doc="What makes scores of the model's numbers; null: what its configuration says."
    )


def scores_of(logits: Tensor, config: Any, options: ClassificationOptions) -> Tensor:
    """Return scores, ``(labels,)``: by the function that is asked for, or that the model was trained for."""
    function = options.function_to_apply
    if function is None:
        alone = logits.shape[-1] == 1
        several = config.problem_type == "multi_label_classification"
        function = "none" if config.problem_type == "regression" else "sigmoid" if several or alone else "softmax"
    return logits.softmax(-1) if function == "softmax" else logits.sigmoid() if function == "sigmoid" else logits


def classification(scores: Tensor, labels: Mapping[int, str], top_k: int | None) -> Classification:
    """Return the likeliest labels of one input.

    Args:
        scores: ``(labels,)``.
        labels: Class index → label.
        top_k: How many; None: all.
    """
    best = torch.topk(scores, min(top_k or len(scores), len(scores)))
    found = tuple(
        Label(labels[place], score) for score, place in zip(best.values.tolist(), best.indices.tolist(), strict=True)
    )
    return Classification(found[0].label, found[0].score, found)
