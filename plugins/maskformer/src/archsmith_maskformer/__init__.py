"""MaskFormer for archsmith."""

from typing import TYPE_CHECKING

from archsmith.lazy import lazy_attributes

if TYPE_CHECKING:
    from archsmith_maskformer.config import MaskFormerConfig
    from archsmith_maskformer.image_processor import MaskFormerImageProcessor
    from archsmith_maskformer.model import MaskFormerModel, MaskFormerPreTrainedModel
    from archsmith_maskformer.segmentation import MaskFormerForInstanceSegmentation
    from archsmith_maskformer.swin import MaskFormerSwinBackbone, MaskFormerSwinModel, MaskFormerSwinPreTrainedModel
    from archsmith_maskformer.swin_config import MaskFormerSwinConfig

__all__ = [
    "MaskFormerConfig",
    "MaskFormerForInstanceSegmentation",
    "MaskFormerImageProcessor",
    "MaskFormerModel",
    "MaskFormerPreTrainedModel",
    "MaskFormerSwinBackbone",
    "MaskFormerSwinConfig",
    "MaskFormerSwinModel",
    "MaskFormerSwinPreTrainedModel",
]


__getattr__ = lazy_attributes(
    __name__,
    {
        "config": ["MaskFormerConfig"],
        "image_processor": ["MaskFormerImageProcessor"],
        "model": ["MaskFormerModel", "MaskFormerPreTrainedModel"],
        "segmentation": ["MaskFormerForInstanceSegmentation"],
        "swin": ["MaskFormerSwinBackbone", "MaskFormerSwinModel", "MaskFormerSwinPreTrainedModel"],
        "swin_config": ["MaskFormerSwinConfig"],
    },
)
