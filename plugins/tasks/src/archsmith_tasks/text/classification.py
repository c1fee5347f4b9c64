"""One label for each text, or for each pair of texts."""

from collections.abc import Mapping, Sequence
from typing import Any

from torch import Tensor

from archsmith.config import field
from archsmith_tasks.labels import ClassificationOptions, classification, scores_of
from archsmith_tasks.results import Classification
from archsmith_tasks.steps import Example
from archsmith_tasks.text.rows import TextSteps, checked_text, from_pair

__all__ = ["TextClassification", "TextOptions"]


class TextOptions(ClassificationOptions):
    """Those of texts."""

    truncation: bool = field(default=False, doc="Leave out the end of a text that is too long; else it is an error.")


class TextClassification(TextSteps):
    """Labels of texts."""

    options_class = TextOptions

    def texts_of(self, value: Any) -> tuple[str, str | None]:
        """Return a text and what goes with it: of a string, a pair, or a mapping of ``text`` and ``text_pair``."""
        if isinstance(value, Mapping | tuple):
            first, second = from_pair(value, ("text", "text_pair"))
            is_single = isinstance(value, Mapping) and "text_pair" not in value
            return checked_text(first, "text"), None if is_single else checked_text(second, "text_pair")
        return checked_text(value), None

    def forward(self, examples: Sequence[Example]) -> Sequence[Tensor]:
        """Return the scores of each text, ``(labels,)`` float32."""
        return list(self.read(examples).logits.float().cpu())

    def answer(self, rows: Sequence[tuple[Example, Tensor]]) -> Classification:
        """Return the labels of a text."""
        scores = scores_of(rows[0][1], self.model.config, self.options)
        return classification(scores, self.labels, self.options.top_k)
