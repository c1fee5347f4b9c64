"""SampleNet's image processor: it has a step and a setting of its own."""

from typing import TYPE_CHECKING, Any

from archsmith.config import Count, field
from archsmith.errors import InputError
from archsmith.image_processor import ImageProcessor, ImageSize, PerChannel, pixels_of
from numpy.typing import NDArray

if TYPE_CHECKING:
    from PIL.Image import Image

__all__ = ["SampleNetImageProcessor"]


class SampleNetImageProcessor(ImageProcessor):
    """Scanned pages for SampleNet: without their margin, 224 pixels high and wide, and values from -1 to 1.

    Attributes:
        margin: Pixels that are cut off at each edge, before anything else.
    """

    margin: Count = 8
    do_resize: bool = True
    size: ImageSize = field(default={"height": 224, "width": 224})
    do_normalize: bool = True
    image_mean: PerChannel = field(default=[0.5, 0.5, 0.5])
    image_std: PerChannel = field(default=[0.5, 0.5, 0.5])

    def reshape(self, image: "Image | NDArray[Any]") -> NDArray[Any]:
        """Cut the margin off, and go on as usual: ``(height, width, channels)``."""
        pixels = pixels_of(image)  # (height, width, channels)
        height, width = pixels.shape[:2]
        if min(height, width) <= 2 * self.margin:
            raise InputError(
                f"an image must be more than {2 * self.margin} pixels high and wide, twice the margin, but is "
                f"{height} by {width}. Pass margin=0 for images without one."
            )
        return super().reshape(pixels[self.margin : height - self.margin, self.margin : width - self.margin])
