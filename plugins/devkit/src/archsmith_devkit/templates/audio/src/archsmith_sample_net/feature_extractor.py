"""SampleNet's feature extractor."""

from typing import TYPE_CHECKING

from archsmith.feature_extractor import SequenceFeatureExtractor

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["SampleNetFeatureExtractor"]


class SampleNetFeatureExtractor(SequenceFeatureExtractor):
    """Samples at 16000 Hz, each clip with zero mean and unit variance, padded to a batch with a mask."""

    def features_of(self, clip: "NDArray[np.float32]") -> "NDArray[np.float32]":
        """Return the samples of a clip, ``(samples,)``, normalised."""
        centred = clip - clip.mean()
        normalised: NDArray[np.float32] = centred / (centred.std() + 1e-5)
        return normalised

    def is_level_free(self) -> bool:
        """Return that the loudness of a clip makes no difference."""
        return True
