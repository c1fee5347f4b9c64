"""One label for each audio clip."""

from collections.abc import Sequence

from torch import Tensor

from archsmith.config import Size, field
from archsmith_tasks.audio.clips import AudioSteps
from archsmith_tasks.labels import ClassificationOptions, classification, scores_of
from archsmith_tasks.results import Classification
from archsmith_tasks.steps import Example

__all__ = ["AudioClassification", "AudioOptions"]


class AudioOptions(ClassificationOptions):
    """Those of audio."""

    top_k: Size | None = field(default=5, doc="So many of the likeliest labels; null: all.")


class AudioClassification(AudioSteps):
    """Labels of audio clips."""

    options_class = AudioOptions

    def said(self, logits: Tensor, examples: Sequence[Example]) -> Sequence[Tensor]:  # noqa: ARG002
        """Return the scores of each clip, ``(labels,)``."""
        return list(logits)

    def answer(self, rows: Sequence[tuple[Example, Tensor]]) -> Classification:
        """Return the labels of a clip."""
        scores = scores_of(rows[0][1], self.model.config, self.options)
        return classification(scores, self.labels, self.options.top_k)
