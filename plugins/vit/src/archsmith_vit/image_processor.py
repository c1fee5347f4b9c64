"""ViT's image processor."""

from archsmith.config import field
from archsmith.image_processor import ImageProcessor, ImageSize, PerChannel

__all__ = ["ViTImageProcessor"]


class ViTImageProcessor(ImageProcessor):
    """Images for ViT: 224 pixels high and wide, whatever their ratio was, and values from -1 to 1.

    Example:
        >>> import numpy
        >>> from archsmith import ViTImageProcessor
        >>> processor = ViTImageProcessor(resample="PIL.Image.BOX")
        >>> processor(numpy.zeros((480, 640, 3), numpy.uint8), return_tensors="pt").pixel_values.shape
        torch.Size([1, 3, 224, 224])
    """

    do_resize: bool = True
    size: ImageSize = field(default={"height": 224, "width": 224})
    do_normalize: bool = True
    image_mean: PerChannel = field(default=[0.5, 0.5, 0.5])
    image_std: PerChannel = field(default=[0.5, 0.5, 0.5])
