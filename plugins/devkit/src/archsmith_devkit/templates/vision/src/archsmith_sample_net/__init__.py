"""SampleNet for archsmith."""

from typing import TYPE_CHECKING

from archsmith.lazy import lazy_attributes

if TYPE_CHECKING:
    from archsmith_sample_net.config import SampleNetConfig
    from archsmith_sample_net.image_processor import SampleNetImageProcessor
    from archsmith_sample_net.model import (
        SampleNetForImageClassification,
        SampleNetModel,
        SampleNetPreTrainedModel,
    )

__all__ = [
    "SampleNetConfig",
    "SampleNetForImageClassification",
    "SampleNetImageProcessor",
    "SampleNetModel",
    "SampleNetPreTrainedModel",
]

__getattr__ = lazy_attributes(
    __name__,
    {
        "config": ["SampleNetConfig"],
        "image_processor": ["SampleNetImageProcessor"],
        "model": [
            "SampleNetForImageClassification",
            "SampleNetModel",
            "SampleNetPreTrainedModel",
        ],
    },
)
