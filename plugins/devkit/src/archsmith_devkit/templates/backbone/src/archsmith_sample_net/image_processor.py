"""SampleNet's image processor."""

from archsmith.image_processor import ImageProcessor

__all__ = ["SampleNetImageProcessor"]


class SampleNetImageProcessor(ImageProcessor):
    """Images for SampleNet: 224 pixels high and wide, whatever their ratio was, and values from -1 to 1."""

    do_resize = True
    size = {"height": 224, "width": 224}
    do_normalize = True
    image_mean = [0.5, 0.5, 0.5]
    image_std = [0.5, 0.5, 0.5]
