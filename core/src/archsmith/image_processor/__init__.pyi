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
