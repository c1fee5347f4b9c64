"""The image processor that ConvNeXt and the published ResNets share."""

from typing import TYPE_CHECKING

from archsmith.lazy import lazy_attributes

if TYPE_CHECKING:
    from archsmith_convnext_images.image_processor import ConvNextImageProcessor

__all__ = ["ConvNextImageProcessor"]

__getattr__ = lazy_attributes(__name__, {"image_processor": ["ConvNextImageProcessor"]})
