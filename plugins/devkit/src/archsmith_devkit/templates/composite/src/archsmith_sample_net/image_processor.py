"""SampleNet's image processor."""

from archsmith.config import field
from archsmith.image_processor import ImageProcessor, ImageSize, PerChannel

__all__ = ["SampleNetImageProcessor"]


class SampleNetImageProcessor(ImageProcessor):
    """Images for SampleNet: 64 pixels high and wide, whatever their ratio was, and values from -1 to 1."""

    do_resize: bool = True
    size: ImageSize = field(default={"height": 64, "width": 64})
    do_normalize: bool = True
    image_mean: PerChannel = field(default=[0.5, 0.5, 0.5])
    image_std: PerChannel = field(default=[0.5, 0.5, 0.5])
