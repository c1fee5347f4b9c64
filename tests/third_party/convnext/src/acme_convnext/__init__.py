"""ConvNeXt, for archsmith."""

from typing import TYPE_CHECKING

from archsmith.lazy import lazy_attributes

if TYPE_CHECKING:
    from acme_convnext.config import ConvNextConfig
    from acme_convnext.image_processor import ConvNextImageProcessor
    from acme_convnext.model import ConvNextBackbone, ConvNextForImageClassification, ConvNextModel

__all__ = [
    "ConvNextBackbone", "ConvNextConfig", "ConvNextForImageClassification", "ConvNextImageProcessor", "ConvNextModel",
]  # fmt: skip

__getattr__ = lazy_attributes(
    __name__,
    {
        "config": ["ConvNextConfig"],
        "image_processor": ["ConvNextImageProcessor"],
        "model": ["ConvNextBackbone", "ConvNextForImageClassification", "ConvNextModel"],
    },
)
