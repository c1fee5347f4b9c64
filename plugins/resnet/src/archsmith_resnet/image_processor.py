"""ResNet's image processor, which archsmith-convnext-images brings for all architectures that use it."""

from archsmith_convnext_images import ConvNextImageProcessor

__all__ = ["ConvNextImageProcessor"]
