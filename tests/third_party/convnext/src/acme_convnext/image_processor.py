"""ConvNeXt's image processor."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from archsmith.config import Probability, field
from archsmith.image_processor import ImageProcessor, ImageSize, PerChannel, Resample, center_crop, resize

if TYPE_CHECKING:
    from PIL.Image import Image

__all__ = ["ConvNextImageProcessor"]

#: From this shortest edge on nothing is cropped.
_WARPED = 384


class ConvNextImageProcessor(ImageProcessor):
    """Images for ConvNeXt: squares of ``size["shortest_edge"]`` pixels, with values from -1 to 1.

    Below 384 pixels the shortest edge becomes ``shortest_edge / crop_pct``, and the middle is cropped; from 384 on the
    image is resized to the square, whatever its ratio was.

    Attributes:
        crop_pct: Share of the shortest edge that is kept, below 384 pixels.
    """

    do_resize: bool = True
    size: ImageSize = field(default={"shortest_edge": 384})
    default_to_square: bool = False
    crop_pct: Probability | None = 224 / 256
    resample: Resample = 3
    do_normalize: bool = True
    image_mean: PerChannel = field(default=[0.5, 0.5, 0.5])
    image_std: PerChannel = field(default=[0.5, 0.5, 0.5])

    def rules(self) -> Iterator[str]:
        """Yield one sentence for each broken rule between settings."""
        yield from super().rules()
        if not self.do_resize or self.size is None:
            return
        if set(self.size) != {"shortest_edge"}:
            yield f"size must be {{shortest_edge}} for {type(self).__name__}, but is {self.size}"
        elif self.size["shortest_edge"] < _WARPED and not self.crop_pct:
            yield f"size below {_WARPED} needs crop_pct above 0, but it is {self.crop_pct}"

    def resized(self, image: "Image | Any") -> Any:
        """Return one image as a square; see the class."""
        side = self.size["shortest_edge"]
        if side >= _WARPED:
            return resize(image, side, side, resample=self.resample)
        larger = self.changed(size=int(side / self.crop_pct), do_resize=True)  # the shortest edge before the crop
        return center_crop(super(ConvNextImageProcessor, larger).resized(image), side, side)
