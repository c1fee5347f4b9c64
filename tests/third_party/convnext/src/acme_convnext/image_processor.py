"""ConvNeXt's image processor, which is not ours: ResNet uses it too, and a package of its own brings it."""

from archsmith_convnext_images import ConvNextImageProcessor

__all__ = ["ConvNextImageProcessor"]
