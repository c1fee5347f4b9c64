"""A ViT-like encoder of images."""

from archsmith.lazy import lazy_attributes

__all__ = ["VisionBackbone", "VisionConfig", "VisionForImageClassification", "VisionImageProcessor", "VisionModel"]

__getattr__ = lazy_attributes(
    __name__,
    {
        "config": ["VisionConfig"],
        "image_processor": ["VisionImageProcessor"],
        "model": ["VisionBackbone", "VisionForImageClassification", "VisionModel"],
    },
)
