"""One label for each image."""

from collections.abc import Sequence
from typing import Any

from torch import Tensor

from archsmith.config import Size, field
from archsmith_tasks.labels import ClassificationOptions, classification, scores_of
from archsmith_tasks.results import Classification
from archsmith_tasks.steps import Example
from archsmith_tasks.vision.images import ImageSteps

__all__ = ["ImageClassification", "ImageOptions"]


class ImageOptions(ClassificationOptions):
    """Those of images."""

    top_k: Size | None = field(default=5, doc="So many of the likeliest labels; null: all.")


class ImageClassification(ImageSteps):
    """Labels of images."""

    options_class = ImageOptions

    def said(self, output: Any, examples: Sequence[Example]) -> Sequence[Tensor]:  # noqa: ARG002
        """Return the scores of each image, ``(labels,)`` float32."""
        return list(output.logits.float().cpu())

    def answer(self, rows: Sequence[tuple[Example, Tensor]]) -> Classification:
        """Return the labels of an image."""
        scores = scores_of(rows[0][1], self.model.config, self.options)
        return classification(scores, self.labels, self.options.top_k)
