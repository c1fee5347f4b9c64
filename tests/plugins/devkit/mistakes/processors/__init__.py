"""Preprocessing of every kind, with a model that is as small as one can be."""

from archsmith.lazy import lazy_attributes

__all__ = [
    "WordingConfig",
    "WordingFeatureExtractor",
    "WordingImageProcessor",
    "WordingModel",
    "WordingProcessor",
    "WordingTokenizer",
    "WordingTokenizerFast",
]

__getattr__ = lazy_attributes(
    __name__,
    {
        "config": ["WordingConfig"],
        "feature_extractor": ["WordingFeatureExtractor"],
        "image_processor": ["WordingImageProcessor"],
        "model": ["WordingModel"],
        "processor": ["WordingProcessor"],
        "tokenizer": ["WordingTokenizer", "WordingTokenizerFast"],
    },
)
