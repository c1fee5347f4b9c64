"""wav2vec 2.0's feature extractor: the samples themselves, normalised clip by clip."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Self

from archsmith.config import field
from archsmith.feature_extractor import SequenceFeatureExtractor

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from archsmith.config import PreTrainedConfig

__all__ = ["Wav2Vec2FeatureExtractor"]

_EPS = 1e-7  # added to the variance


class Wav2Vec2FeatureExtractor(SequenceFeatureExtractor):
    """Samples of zero mean and unit variance, padded to a batch.

    With an attention mask a clip is normalised by itself. Without one it is normalised together with its padding, as
    the published models that take no mask were used.

    Source: Baevski et al., "wav2vec 2.0" (arXiv:2006.11477), section 2.

    Example:
        >>> from archsmith import Wav2Vec2FeatureExtractor
        >>> extractor = Wav2Vec2FeatureExtractor()
        >>> extractor([0.5, -0.5, 0.5, -0.5], sampling_rate=16000, return_tensors="np").input_values.round(2)
        array([[ 1., -1.,  1., -1.]], dtype=float32)
    """

    return_attention_mask: bool = field(default=False, doc="Return 1 for audio and 0 for padding.")
    do_normalize: bool = field(default=True, doc="Bring every clip to zero mean and unit variance.")

    @classmethod
    def for_model(cls, config: "PreTrainedConfig") -> Self:
        """Return the feature extractor for a model: those that normalise by layers were trained with masks."""
        return cls(return_attention_mask=getattr(config, "feat_extract_norm", "group") == "layer")

    def rules(self) -> Iterator[str]:
        """Yield the broken rules between settings."""
        yield from super().rules()
        if self.feature_size != 1:
            yield f"feature_size is {self.feature_size}, but must be 1: the model takes plain samples"

    def features_of(self, clip: "NDArray[np.float32]") -> "NDArray[np.float32]":
        """Return the samples as they are, ``(samples,)``."""
        return clip

    def finish(self, row: "NDArray[np.float32]", span: slice, *, masked: bool) -> None:
        """Normalise a row in place, ``(samples,)``: with its padding, or without where a mask tells it."""
        if not self.do_normalize:
            return
        samples = row[span] if masked else row
        samples -= samples.mean()
        samples *= (samples.dot(samples) / len(samples) + _EPS) ** -0.5

    def is_level_free(self) -> bool:
        """Return whether the loudness of a clip makes no difference: it is normalised away."""
        return self.do_normalize
