"""An encoder of audio that writes down what is said."""

from archsmith.lazy import lazy_attributes

__all__ = ["ListeningConfig", "ListeningFeatureExtractor", "ListeningForCTC", "ListeningModel"]

__getattr__ = lazy_attributes(
    __name__,
    {
        "config": ["ListeningConfig"],
        "feature_extractor": ["ListeningFeatureExtractor"],
        "model": ["ListeningForCTC", "ListeningModel"],
    },
)
