from archsmith.feature_extractor.base import SamplingRate, SequenceFeatureExtractor

__all__ = ["SamplingRate", "SequenceFeatureExtractor"]
