"""One label for each text, or for each pair of texts."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import torch
from torch import Tensor

from archsmith.config import Size, field
from archsmith_tasks.results import Classification, Label
from archsmith_tasks.steps import Example, Options
from archsmith_tasks.text.rows import TextSteps, checked_text, from_pair

__all__ = ["ClassificationOptions", "TextClassification", "classification", "scores_of"]

Function = Literal["softmax", "sigmoid", "none"]


class ClassificationOptions(Options):
    """How a model's scores become labels."""

    top_k: Size | None = field(default=1, doc="So many of the likeliest labels; null: all.")
    function_to_apply: Function | None = field(
        default=None, doc="What makes scores of the model's numbers; null: what its configuration says."
    )


class TextOptions(ClassificationOptions):
    """Those of texts."""

    truncation: bool = field(default=False, doc="Leave out the end of a text that is too long; else it is an error.")


class TextClassification(TextSteps):
    """Labels of texts."""

    options_class = TextOptions

    def texts_of(self, value: Any) -> tuple[str, str | None]:
        """Return a text and what goes with it: of a string, a pair, or a mapping of ``text`` and ``text_pair``."""
        if isinstance(value, Mapping | tuple | list):
            first, second = from_pair(value, ("text", "text_pair"))
            return checked_text(first, "text"), None if second is None else checked_text(second, "text_pair")
        return checked_text(value), None

    def forward(self, examples: Sequence[Example]) -> Sequence[Tensor]:
        """Return the scores of each text, ``(labels,)`` float32."""
        return list(self.read(examples).logits.float().cpu())

    def answer(self, rows: Sequence[tuple[Example, Tensor]]) -> Classification:
        """Return the labels of a text."""
        scores = scores_of(rows[0][1], self.model.config, self.options)
        return classification(scores, self.labels, self.options.top_k)


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
