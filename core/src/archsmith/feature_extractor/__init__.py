"""Feature extractors: audio in, the numbers that a model takes out."""

from typing import TYPE_CHECKING

from archsmith.lazy import lazy_attributes

if TYPE_CHECKING:
    from archsmith.feature_extractor.base import SamplingRate, SequenceFeatureExtractor

__all__ = ["SamplingRate", "SequenceFeatureExtractor"]

__getattr__ = lazy_attributes(__name__, {"base": ["SamplingRate", "SequenceFeatureExtractor"]})
