"""The image processor that ConvNeXt and the published ResNets share."""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Self

import numpy.typing as npt

from archsmith.config import field
from archsmith.image_processor import (
    ImageProcessor,
    ImageSize,
    PerChannel,
    Resample,
    center_crop,
    height_and_width,
    resize,
    target_size,
)

if TYPE_CHECKING:
    from PIL.Image import Image

__all__ = ["ConvNextImageProcessor"]

#: From this size on, in pixels, nothing is cut off.
_LARGE = 384
_SMALLEST_CROP = 0.01


class ConvNextImageProcessor(ImageProcessor):
    """Square images for ResNet and ConvNeXt: ``size["shortest_edge"]`` pixels high and wide.

    Below 384 pixels the shorter edge becomes ``size / crop_pct``, and the middle is cut out; from 384 on the whole
    image is resized, whatever its ratio was. Published ResNets bring their own numbers, with a size of 224.

    Example:
        >>> import numpy
        >>> from archsmith import ConvNextImageProcessor
        >>> processor = ConvNextImageProcessor(size=224)
        >>> processor(numpy.zeros((480, 640, 3), numpy.uint8), return_tensors="pt").pixel_values.shape
        torch.Size([1, 3, 224, 224])

    Attributes:
        crop_pct: The share of a resized image's shorter edge that is kept when its middle is cut out, where ``size``
            is below 384. Null in a file stands for 224 / 256: published ResNets have it so.
    """

    do_resize: bool = True
    size: ImageSize = field(default={"shortest_edge": 384})
    default_to_square: bool = False
    resample: Resample = 3
    crop_pct: float | None = 224 / 256
    do_normalize: bool = True
    image_mean: PerChannel = field(default=[0.5, 0.5, 0.5])
    image_std: PerChannel = field(default=[0.5, 0.5, 0.5])

    @classmethod
    def from_dict(cls, values: Any, /, *, source: str = "", **overrides: Any) -> Self:
        """Build an image processor as `ImageProcessor.from_dict`, where a ``crop_pct`` of null is as good as none."""
        if isinstance(values, Mapping) and values.get("crop_pct", 0) is None:
            values = {name: value for name, value in values.items() if name != "crop_pct"}
        return super().from_dict(values, source=source, **overrides)

    def rules(self) -> Iterator[str]:
        """Yield one sentence for each setting that misses another one, or does not fit."""
        yield from super().rules()
        if not self.do_resize:
            return
        if set(self.size or ()) - {"shortest_edge"}:
            yield f"size must be one number, the shortest_edge, because the result is square, but is {self.size}"
        if self.crop_pct is None:
            yield "do_resize needs crop_pct"
        elif not _SMALLEST_CROP <= self.crop_pct <= 1:
            yield f"crop_pct must be from {_SMALLEST_CROP} to 1, but is {self.crop_pct}"

    def resized(self, image: "Image | npt.NDArray[Any]") -> npt.NDArray[Any]:
        """Return the middle of one image, or all of it from 384 pixels on, as a square."""
        assert self.crop_pct is not None  # for the type checker: the rules say so
        edge: int = self.size["shortest_edge"]
        if edge >= _LARGE:
            return resize(image, edge, edge, resample=self.resample or 0)
        height, width = target_size(*height_and_width(image), {"shortest_edge": int(edge / self.crop_pct)})
        return center_crop(resize(image, height, width, resample=self.resample or 0), edge, edge)
