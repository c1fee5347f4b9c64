from archsmith.feature_extractor.audio import AudioReader, read_rate
from archsmith.feature_extractor.base import SamplingRate, SequenceFeatureExtractor

__all__ = ["AudioReader", "SamplingRate", "SequenceFeatureExtractor", "read_rate"]
