"""SampleNet for archsmith."""

from typing import TYPE_CHECKING

from archsmith.lazy import lazy_attributes

if TYPE_CHECKING:
    from archsmith_sample_net.config import SampleNetConfig
    from archsmith_sample_net.feature_extractor import SampleNetFeatureExtractor
    from archsmith_sample_net.model import (
        SampleNetForAudioClassification,
        SampleNetModel,
        SampleNetPreTrainedModel,
    )

__all__ = [
    "SampleNetConfig",
    "SampleNetFeatureExtractor",
    "SampleNetForAudioClassification",
    "SampleNetModel",
    "SampleNetPreTrainedModel",
]

__getattr__ = lazy_attributes(
    __name__,
    {
        "config": ["SampleNetConfig"],
        "feature_extractor": ["SampleNetFeatureExtractor"],
        "model": [
            "SampleNetForAudioClassification",
            "SampleNetModel",
            "SampleNetPreTrainedModel",
        ],
    },
)
