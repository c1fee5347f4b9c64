from typing import Any

import numpy as np

from archsmith.config import field
from archsmith.image_processor import ImageArea, ImageProcessor, ImageSize, PerChannel, center_crop, pixels_of


class WordingImageProcessor(ImageProcessor):
    """The middle of images, in grey if asked for."""

    do_resize: bool = True
    size: ImageSize = field(default={"shortest_edge": 32})
    default_to_square: bool = False
    do_center_crop: bool = True
    crop_size: ImageArea = field(default={"height": 28, "width": 30})
    do_normalize: bool = True
    image_mean: PerChannel = field(default=[0.485, 0.456, 0.406])
    image_std: PerChannel = field(default=[0.229, 0.224, 0.225])
    do_mirror: bool = field(default=False, doc="Turn the images from left to right.")

    def reshape(self, image: Any) -> Any:
        if self.do_resize:
            image = self.resized(image)
        if self.do_center_crop and self.crop_size is not None:
            image = center_crop(image, self.crop_size["height"], self.crop_size["width"])
        pixels = pixels_of(image)
        return np.ascontiguousarray(pixels[:, ::-1]) if self.do_mirror else pixels
