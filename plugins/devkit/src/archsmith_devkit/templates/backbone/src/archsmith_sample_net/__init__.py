"""SampleNet for archsmith."""

from typing import TYPE_CHECKING

from archsmith.lazy import lazy_attributes

if TYPE_CHECKING:
    from archsmith_sample_net.backbone import SampleNetBackbone
    from archsmith_sample_net.config import SampleNetConfig
    from archsmith_sample_net.image_processor import SampleNetImageProcessor
    from archsmith_sample_net.model import (
        SampleNetModel,
        SampleNetPreTrainedModel,
    )

__all__ = [
    "SampleNetBackbone",
    "SampleNetConfig",
    "SampleNetImageProcessor",
    "SampleNetModel",
    "SampleNetPreTrainedModel",
]

__getattr__ = lazy_attributes(
    __name__,
    {
        "backbone": ["SampleNetBackbone"],
        "config": ["SampleNetConfig"],
        "image_processor": ["SampleNetImageProcessor"],
        "model": ["SampleNetModel", "SampleNetPreTrainedModel"],
    },
)
