"""Image processors: images in, the numbers that a vision model takes out. Pillow is imported when it is needed."""

from typing import TYPE_CHECKING

from archsmith.lazy import lazy_attributes

if TYPE_CHECKING:
    from archsmith.image_processor.base import ImageProcessor
    from archsmith.image_processor.filters import PerChannel, Resample
    from archsmith.image_processor.reading import open_image
    from archsmith.image_processor.sizes import ImageArea, ImageSize, Size, target_size
    from archsmith.image_processor.steps import (
        center_crop,
        check_extent,
        height_and_width,
        normalize,
        pad,
        pixels_of,
        rescale,
        resize,
        to_rgb,
    )

__all__ = [
    "ImageArea", "ImageProcessor", "ImageSize", "PerChannel", "Resample", "Size", "center_crop", "check_extent",
    "height_and_width", "normalize", "open_image", "pad", "pixels_of", "rescale", "resize", "target_size", "to_rgb",
]  # fmt: skip

__getattr__ = lazy_attributes(
    __name__,
    {
        "base": ["ImageProcessor"],
        "filters": ["PerChannel", "Resample"],
        "sizes": ["ImageArea", "ImageSize", "Size", "target_size"],
        "reading": ["open_image"],
        "steps": [
            "center_crop", "check_extent", "height_and_width", "normalize", "pad", "pixels_of", "rescale", "resize",
            "to_rgb",
        ],
    },
)  # fmt: skip
