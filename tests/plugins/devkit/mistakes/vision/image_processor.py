from archsmith.config import field
from archsmith.image_processor import ImageProcessor, ImageSize, PerChannel


class VisionImageProcessor(ImageProcessor):
    """Images of one size, with the mean and deviation of the usual photographs."""

    do_resize: bool = True
    size: ImageSize = field(default={"height": 224, "width": 224})
    resample: int = 3
    do_normalize: bool = True
    image_mean: PerChannel = field(default=[0.485, 0.456, 0.406])
    image_std: PerChannel = field(default=[0.229, 0.224, 0.225])
