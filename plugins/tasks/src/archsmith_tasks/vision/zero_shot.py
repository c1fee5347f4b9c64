"""The likeliest of labels that the user names, by models that hold texts against images.

Source: Radford et al., "Learning Transferable Visual Models From Natural Language Supervision" (arXiv:2103.00020),
section 3.1.2. Of pairs that are scored one by one: Zhai et al., "Sigmoid Loss" (arXiv:2303.15343), section 3.2.
"""

from collections.abc import Sequence
from functools import cached_property
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812  # the field's own abbreviation
from torch import Tensor

from archsmith.config import Size, field
from archsmith.errors import OptionError
from archsmith.messages import shown
from archsmith_tasks.labels import ClassificationOptions, classification
from archsmith_tasks.results import Classification
from archsmith_tasks.steps import Example
from archsmith_tasks.vision.images import ImageSteps

__all__ = ["ZeroShotImageClassification", "ZeroShotOptions"]

_PLACE = "{}"
#: How far the logits of both ways may be from each other: in float32, and in shorter types.
_EXACT, _SHORT = 1e-3, 5e-2


class ZeroShotOptions(ClassificationOptions):
    """The labels, and the sentence that each stands in."""

    top_k: Size | None = field(default=None, doc="So many of the likeliest labels; null: all.")
    candidate_labels: list[str] | str | None = field(
        default=None, doc="The labels: a list, or a text with commas between them."
    )
    hypothesis_template: str = field(
        default="This is a photo of {}.", doc="The sentence that the model reads, with {} for a label."
    )


class ZeroShotImageClassification(ImageSteps):
    """Labels of images, of those that the options name. The model reads them once for all images of a call."""

    options_class = ZeroShotOptions

    def check(self) -> None:
        """Refuse labels and sentences that cannot be told apart. Raises `OptionError`."""
        labels, template = self._candidates, self.options.hypothesis_template
        if self.options.candidate_labels is not None and (
            not all(labels) or len(set(labels)) != len(labels) or not labels
        ):
            raise OptionError(
                f"candidate_labels must be different texts, but are {shown(self.options.candidate_labels)}."
            )
        if _PLACE not in template:
            raise OptionError(f"hypothesis_template must have {_PLACE} where the label goes, but is {shown(template)}.")

    @property
    def _candidates(self) -> list[str]:
        given = self.options.candidate_labels or []
        return [label.strip() for label in (given.split(",") if isinstance(given, str) else given)]

    def prepare_one(self, value: Any) -> list[Example]:
        """Return the row of one image."""
        if not self._candidates:
            raise OptionError("name the labels: candidate_labels=['cat', 'dog'].")
        return super().prepare_one(value)

    @property
    def _scores_pairs(self) -> bool:
        """Whether the model scores each text by itself (SigLIP), and not against the others."""
        return hasattr(self.model, "logit_bias")

    @cached_property
    def _texts(self) -> dict[str, Tensor]:
        sentences = [self.options.hypothesis_template.replace(_PLACE, label) for label in self._candidates]
        padding = "max_length" if self._scores_pairs else True  # as each kind was trained
        return self.to_model(dict(self.parts.tokenizer(sentences, padding=padding, return_tensors="pt")))

    def output_of(self, batch: dict[str, Tensor]) -> Any:
        """Return how well each text fits each image, ``(images, texts)``.

        A model that has its two sides apart is asked for the texts once; the first batch shows that it comes to the
        same as asking for both.
        """
        if self._is_apart:
            return self._compared(batch)
        logits: Tensor = self.model(**self._texts, **batch).logits_per_image
        if self._is_apart is None:
            quick, apart = self._compared(batch), _EXACT if self.model.dtype == torch.float32 else _SHORT
            self._is_apart = quick is not None and torch.allclose(
                quick, logits, rtol=apart, atol=apart * float(logits.abs().max())
            )
        return logits

    _is_apart: bool | None = None

    @cached_property
    def _text_vectors(self) -> Tensor:
        return _vectors(self.model.get_text_features(**self._texts))

    def _compared(self, batch: dict[str, Tensor]) -> Any:
        """Return the logits by the vectors of both sides; None: the model does not hand them out."""
        if not all(hasattr(self.model, name) for name in ("get_text_features", "get_image_features", "logit_scale")):
            return None
        images = _vectors(self.model.get_image_features(**batch))
        logits = images @ self._text_vectors.t() * self.model.logit_scale.exp()
        return logits + self.model.logit_bias if self._scores_pairs else logits

    def said(self, output: Any, examples: Sequence[Example]) -> Sequence[Tensor]:  # noqa: ARG002
        """Return the numbers of each image, ``(texts,)`` float32."""
        return list(output.float().cpu())

    def answer(self, rows: Sequence[tuple[Example, Tensor]]) -> Classification:
        """Return the labels of an image."""
        logits, usual = rows[0][1], "sigmoid" if self._scores_pairs else "softmax"
        function = self.options.function_to_apply or usual
        scores = logits.softmax(-1) if function == "softmax" else logits.sigmoid() if function == "sigmoid" else logits
        return classification(scores, dict(enumerate(self._candidates)), self.options.top_k)


def _vectors(found: Any) -> Tensor:
    """Return vectors of length 1, of what one side of a model returns: they, or an output that holds them."""
    return F.normalize(found if isinstance(found, Tensor) else found.pooler_output, dim=-1)
