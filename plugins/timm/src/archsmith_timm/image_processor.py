"""timm's preparation of images for evaluation."""

import math
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self

import numpy as np
import numpy.typing as npt

from archsmith.config import field
from archsmith.errors import CheckpointCorrupt, OptionError
from archsmith.image_processor import (
    ImageProcessor,
    ImageSize,
    PerChannel,
    Resample,
    check_extent,
    height_and_width,
    resize,
)
from archsmith_timm.wrapper_config import TimmWrapperConfig

if TYPE_CHECKING:
    from PIL.Image import Image

    from archsmith.config import PreTrainedConfig

__all__ = ["TimmWrapperImageProcessor"]

CropMode = Literal["center", "squash", "border"]

_RGB = 3
_SMALLEST_CROP = 0.001
#: What timm calls our settings.
_TIMM_NAMES = {
    "interpolation": "resample",
    "mean": "image_mean",
    "std": "image_std",
    "crop_pct": "crop_pct",
    "crop_mode": "crop_mode",
}


class TimmWrapperImageProcessor(ImageProcessor):
    """Images as timm evaluates its models with them: resized to ``size / crop_pct``, and the middle cut out.

    It reads what timm knows of the weights out of config.json, where there is no preprocessor_config.json.

    Example:
        >>> import numpy
        >>> from archsmith import TimmWrapperImageProcessor
        >>> processor = TimmWrapperImageProcessor(size=160, crop_pct=0.95, crop_mode="squash")
        >>> processor(numpy.zeros((480, 640, 3), numpy.uint8), return_tensors="pt").pixel_values.shape
        torch.Size([1, 3, 160, 160])

    Attributes:
        crop_pct: The share of a resized image, in each direction, that ``size`` keeps.
        crop_mode: ``"center"``: the image keeps its ratio and covers the whole; ``"squash"``: it loses its ratio;
            ``"border"``: it keeps its ratio and lies whole on a ground of the mean colour.
    """

    needs_file: ClassVar[bool] = False

    do_resize: bool = True
    size: ImageSize = field(default={"height": 224, "width": 224})
    resample: Resample = 3
    crop_pct: float | None = 0.875
    crop_mode: CropMode | None = "center"
    do_normalize: bool = True
    image_mean: PerChannel = field(default=[0.485, 0.456, 0.406])
    image_std: PerChannel = field(default=[0.229, 0.224, 0.225])

    @classmethod
    def for_model(cls, config: "PreTrainedConfig") -> Self:
        """Return the image processor for a model of timm: as its configuration says, or else as timm itself knows."""
        known = config.pretrained_cfg if isinstance(config, TimmWrapperConfig) else None
        if known is None and isinstance(config, TimmWrapperConfig):
            from archsmith_timm.library import pretrained_cfg

            known = pretrained_cfg(config.architecture)
        return cls(**_settings(known or {}))

    @classmethod
    def from_dict(cls, values: Mapping[str, Any], /, *, source: str = "", **overrides: Any) -> Self:
        """Build an image processor as `ImageProcessor.from_dict`; ``values`` may be those of a config.json."""
        if "architecture" not in values:
            return super().from_dict(values, source=source, **overrides)
        try:
            new = cls.for_model(TimmWrapperConfig.from_dict(values, source=source))
        except OptionError as error:
            raise CheckpointCorrupt(f"{source}: {error.message}") from error
        return new.changed(**overrides)

    def rules(self) -> Iterator[str]:
        """Yield one sentence for each setting that misses another one, or does not fit."""
        yield from super().rules()
        if not self.do_resize:
            return
        if "height" not in (self.size or {}):
            yield f"size must have a height and a width, but is {self.size}"
        if self.crop_pct is None or self.crop_mode is None:
            yield "do_resize needs crop_pct and crop_mode"
        elif self.crop_pct <= 0:
            yield f"crop_pct must be more than 0, but is {self.crop_pct}"
        elif self.crop_pct < _SMALLEST_CROP:
            yield f"crop_pct must be at least {_SMALLEST_CROP}, but is {self.crop_pct}"

    def resized(self, image: "Image | npt.NDArray[Any]") -> npt.NDArray[Any]:
        """Return one image in the ``size``, cropped or padded as ``crop_mode`` says."""
        size, crop_pct = self.size or {}, self.crop_pct or 1
        height, width = height_and_width(image)
        rows, columns = (math.floor(size[edge] / crop_pct) for edge in ("height", "width"))
        if self.crop_mode == "center" and rows == columns:
            short, long = sorted((height, width))
            edges = rows, int(rows * long / short)
            rows, columns = edges if height <= width else edges[::-1]
        elif self.crop_mode != "squash":
            choose = max if self.crop_mode == "border" else min
            ratio = choose(height / rows, width / columns)
            rows, columns = round(height / ratio), round(width / ratio)
        pixels = resize(image, max(1, rows), max(1, columns), resample=self.resample or 0)
        return _middle(pixels, size["height"], size["width"], ground=self._ground(pixels))

    def _ground(self, pixels: npt.NDArray[Any]) -> Any:
        """Return the colour that lies around an image: the mean one around a whole image, else black."""
        if self.crop_mode != "border" or self.image_mean is None:
            return 0
        mean = np.asarray(self.image_mean) * (255 if pixels.dtype == np.uint8 or self.do_rescale else 1)
        return np.round(mean) if pixels.dtype == np.uint8 else mean


def _settings(known: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings that timm's knowledge of some weights means."""
    settings = {ours: known[theirs] for theirs, ours in _TIMM_NAMES.items() if known.get(theirs) is not None}
    shape = known.get("input_size")
    if shape is not None:
        is_shape = isinstance(shape, list | tuple) and len(shape) == 3  # noqa: PLR2004
        settings["size"] = list(shape[1:]) if is_shape else shape
        settings["do_convert_rgb"] = not is_shape or shape[0] == _RGB
    for name in ("image_mean", "image_std"):
        numbers = settings.get(name)
        if isinstance(numbers, list | tuple):
            settings[name] = list(numbers) if len(numbers) > 1 else next(iter(numbers), None)
    return settings


def _middle(pixels: npt.NDArray[Any], height: int, width: int, *, ground: Any) -> npt.NDArray[Any]:
    """Return the middle of pixels, (height, width, channels); what lies beyond them has the colour of the ground.

    Halves of a pixel are rounded as torchvision does it: to the even number where something is cut off.
    """
    check_extent("it would be cropped to", height, width)
    cropped = np.empty((height, width, pixels.shape[2]), pixels.dtype)
    cropped[:] = ground
    sources, targets = [], []
    for have, want in zip(pixels.shape, (height, width), strict=False):
        first = max(0, round((have - want) / 2))
        before = max(0, (want - have) // 2)
        sources.append(slice(first, first + want))
        targets.append(slice(before, before + min(have, want)))
    cropped[tuple(targets)] = pixels[tuple(sources)]
    return cropped
