"""ResNet for archsmith."""

from typing import TYPE_CHECKING

from archsmith.lazy import lazy_attributes

if TYPE_CHECKING:
    from archsmith_resnet.backbone import ResNetBackbone
    from archsmith_resnet.config import ResNetConfig
    from archsmith_resnet.image_processor import ConvNextImageProcessor
    from archsmith_resnet.model import ResNetForImageClassification, ResNetModel, ResNetPreTrainedModel

__all__ = [
    "ConvNextImageProcessor",
    "ResNetBackbone",
    "ResNetConfig",
    "ResNetForImageClassification",
    "ResNetModel",
    "ResNetPreTrainedModel",
]


__getattr__ = lazy_attributes(
    __name__,
    {
        "backbone": ["ResNetBackbone"],
        "config": ["ResNetConfig"],
        "image_processor": ["ConvNextImageProcessor"],
        "model": ["ResNetForImageClassification", "ResNetModel", "ResNetPreTrainedModel"],
    },
)
