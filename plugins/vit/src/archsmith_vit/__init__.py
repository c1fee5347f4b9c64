"""The Vision Transformer (ViT) for archsmith."""

from typing import TYPE_CHECKING

from archsmith.lazy import lazy_attributes

if TYPE_CHECKING:
    from archsmith_vit.backbone import ViTBackbone
    from archsmith_vit.config import ViTConfig
    from archsmith_vit.heads import ViTForImageClassification, ViTForMaskedImageModeling
    from archsmith_vit.image_processor import ViTImageProcessor
    from archsmith_vit.model import ViTModel, ViTPreTrainedModel

__all__ = [
    "ViTBackbone",
    "ViTConfig",
    "ViTForImageClassification",
    "ViTForMaskedImageModeling",
    "ViTImageProcessor",
    "ViTModel",
    "ViTPreTrainedModel",
]


__getattr__ = lazy_attributes(
    __name__,
    {
        "backbone": ["ViTBackbone"],
        "config": ["ViTConfig"],
        "heads": ["ViTForImageClassification", "ViTForMaskedImageModeling"],
        "image_processor": ["ViTImageProcessor"],
        "model": ["ViTModel", "ViTPreTrainedModel"],
    },
)
