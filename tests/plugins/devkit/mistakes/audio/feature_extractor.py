from typing import TYPE_CHECKING

import numpy as np

from archsmith.config import field
from archsmith.feature_extractor import SequenceFeatureExtractor

if TYPE_CHECKING:
    from numpy.typing import NDArray


class ListeningFeatureExtractor(SequenceFeatureExtractor):
    """Samples with their high tones raised, then of zero mean and unit variance."""

    preemphasis: float = field(default=0.97, doc="How much of the sample before is subtracted.")
    do_normalize: bool = field(default=True, doc="Bring every clip to zero mean and unit variance.")

    def features_of(self, clip: "NDArray[np.float32]") -> "NDArray[np.float32]":
        raised = clip.copy()  # (samples,)
        raised[1:] -= self.preemphasis * clip[:-1]
        if self.do_normalize:
            raised = (raised - raised.mean()) / np.sqrt(raised.var() + 1e-7)
        return raised.astype(np.float32)

    def is_level_free(self) -> bool:
        return self.do_normalize
