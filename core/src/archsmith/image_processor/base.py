"""Image processors: images in, the numbers that a vision model takes out. Pillow is imported when it is needed."""

import contextlib
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, ClassVar, Self, TypeVar

import numpy as np

from archsmith.batch import BatchFeature
from archsmith.config.names import field_names
from archsmith.config.settings import DeclaredSettings
from archsmith.errors import CheckpointCorrupt, InputError, OptionError, PluginError
from archsmith.image_processor.filters import ADVICE, PerChannel, Resample
from archsmith.image_processor.reading import ChannelOrder, flatten, open_image, read_image
from archsmith.image_processor.sizes import ImageArea, ImageSize, target_size, with_edges
from archsmith.image_processor.steps import (
    Array,
    center_crop,
    height_and_width,
    normalize,
    pad,
    pixels_of,
    rescale,
    resize,
)
from archsmith.messages import announce, shown
from archsmith.options import TensorType, checked_call

if TYPE_CHECKING:
    from PIL.Image import Image

    from archsmith.config.base import PreTrainedConfig

__all__ = ["ImageProcessor"]

_Made = TypeVar("_Made")

#: Decimal numbers up to here are taken for 0 to 1 with some overshoot, not for the darkest of 0 to 255.
_DARK = 2.0
_MOST_THREADS = 8
#: By numbers this small, or as large as their inverse, no pixels can be scaled in float32.
_SMALLEST = 1e-15


class ImageProcessor(DeclaredSettings):
    """What every image processor is: settings, and the steps that they ask for, image by image.

    The steps, in this order: read the image upright, turn it into red, green and blue, resize, cut the middle out,
    rescale, normalise, pad. A subclass declares the settings whose defaults are others, and those of its own, with
    their types and `archsmith.config.field`; one with a step of its own overrides `reshape` (rows and columns) or
    `scale` (values).

    A call changes nothing about the processor, so that threads can share one. A large batch uses several threads.

    Example:
        >>> import numpy
        >>> processor = ImageProcessor(do_resize=True, size=2)
        >>> white = numpy.full((8, 6, 3), 255, numpy.uint8)
        >>> processor([white, white], return_tensors="np").pixel_values.shape
        (2, 3, 2, 2)
        >>> processor(white, size=(1, 2), return_tensors="np").pixel_values[0, 0]
        array([[1., 1.]], dtype=float32)

    Attributes:
        do_convert_rgb: Turn every image into red, green and blue; else grey stays grey and opacity is kept.
        do_resize: Resize images to ``size``.
        size: Pixels: ``{"height", "width"}``, ``{"shortest_edge"}``, ``{"shortest_edge", "longest_edge"}``,
            ``{"longest_edge"}`` or ``{"max_height", "max_width"}``; a pair (height, width); or one number.
        default_to_square: Whether one number as ``size`` means height and width, rather than the shortest edge.
        resample: The filter that resizes: the number that Pillow gives it, the enum member, or its name, as ``"BOX"``
            or ``"PIL.Image.BOX"``.
        do_center_crop: Cut the middle of ``crop_size`` out of images.
        crop_size: Pixels: ``{"height", "width"}``, such a pair, or one number for both.
        do_rescale: Multiply pixels by ``rescale_factor``.
        rescale_factor: What takes pixels from 0…255 to what the model takes.
        do_normalize: Subtract ``image_mean`` and divide by ``image_std``.
        image_mean: One number for each channel, or one for all.
        image_std: Likewise.
        do_pad: Pad images with zeros, to the right and below, to ``pad_size``.
        pad_size: Pixels, as ``crop_size``; without it the largest image of the batch counts.
        data_format: Where the channels of the result are: ``"channels_first"`` or ``"channels_last"``.
        input_data_format: Where the channels of arrays are; without it they are found.

    Raises:
        OptionError: A setting does not exist, is wrong, or misses another; the message has every fault.
    """

    kind = "image_processor"
    merged = ("max_size",)
    advice = ADVICE
    invalidates = {"size": ()}  # an assignment is held against default_to_square, as a call is
    model_input_names: ClassVar[tuple[str, ...]] = ("pixel_values",)

    do_convert_rgb: bool = True
    do_resize: bool = False
    size: ImageSize = None
    default_to_square: bool = True
    resample: Resample = 2
    do_center_crop: bool = False
    crop_size: ImageArea = None
    do_rescale: bool = True
    rescale_factor: float | None = 1 / 255
    do_normalize: bool = False
    image_mean: PerChannel = None
    image_std: PerChannel = None
    do_pad: bool = False
    pad_size: ImageArea = None
    data_format: ChannelOrder | None = None
    input_data_format: ChannelOrder | None = None

    @classmethod
    def for_model(cls, config: "PreTrainedConfig") -> Self:
        """Return the image processor whose images a model of this configuration takes, with other settings as usual.

        ``image_size`` and ``num_channels`` of the configuration count, as far as it has them. Override it where a
        configuration says more.
        """
        usual = cls()
        size, channels = config.value_of("image_size"), config.value_of("num_channels", 3)
        steps = {"size": usual.do_resize, "crop_size": usual.do_center_crop}
        settings = {name: size for name, is_on in steps.items() if is_on and size is not None}
        if channels != len("RGB"):
            settings["do_convert_rgb"] = False
            for name in ("image_mean", "image_std"):
                numbers = getattr(usual, name)
                settings[name] = numbers[:1] * channels if isinstance(numbers, list) else numbers
        return cls(**settings)

    def rules(self) -> Iterator[str]:
        """Yield one sentence for each setting that misses another one. Override it and yield from ``super()``."""
        needs = {
            "do_resize": ("size", "resample"),
            "do_center_crop": ("crop_size",),
            "do_rescale": ("rescale_factor",),
            "do_normalize": ("image_mean", "image_std"),
        }
        for step, names in needs.items():
            missing = [name for name in names if getattr(self, name) is None]
            if getattr(self, step) and missing:
                yield f"{step} needs {' and '.join(missing)}"
        counts = {len(numbers) for numbers in (self.image_mean, self.image_std) if isinstance(numbers, list)}
        if len(counts) > 1:
            yield f"image_mean is {self.image_mean} and image_std is {self.image_std}; they must have one length"
        for name in ("image_mean", "image_std", "rescale_factor"):
            held = getattr(self, name)
            numbers = [number for number in (held if isinstance(held, list) else [held]) if number is not None]
            if name == "image_std" and any(number <= 0 for number in numbers):
                yield f"image_std is {held}, but pixels are divided by it: expected more than 0"
            if name == "rescale_factor" and self.do_rescale and any(number <= 0 for number in numbers):
                yield f"rescale_factor is {held}, but must be more than 0"
            sizes = [abs(number) for number in numbers if number]
            if sizes and not _SMALLEST < min(sizes) <= max(sizes) < 1 / _SMALLEST:
                yield f"{name} is {held}, but pixels are float32: expected 0, or {_SMALLEST} to 1e+15"

    def merge_values(self, known: dict[str, Any], replaced: dict[str, Any], faults: list[str]) -> dict[str, Any]:
        """Return ``size`` for what is given of it, of ``max_size`` and of ``default_to_square``."""
        names = field_names(type(self))
        is_square = (known | replaced).get("default_to_square", names.default("default_to_square"))
        size = names.default("size")
        for values in [replaced] if "size" in replaced else [known, replaced]:
            is_later = "size" not in values
            size, longest = values.pop("size", size), values.pop("max_size", None)
            try:
                size = with_edges(size, longest, is_square=is_square is True, is_later=is_later)
            except OptionError as error:
                faults.append(error.message)
            if values is replaced and (longest is not None or not is_later):
                replaced["size"] = size  # so that it is known whose it is
        known.pop("max_size", None)
        return {"size": size}

    # ---- calling --------------------------------------------------------------------------------------------

    @checked_call
    def __call__(self, images: Any, *, return_tensors: TensorType | None = None, **settings: Any) -> BatchFeature:
        """Turn an image, or several, into the input of a model.

        Args:
            images: A path to a local file, the bytes of one, a `PIL.Image.Image`, or an array or tensor: (height,
                width), or with 1, 3 or 4 channels in front or behind; a batch of these in one array, or lists of them.
                Integers range from 0 to 255, decimal numbers from 0 to 1 or from 0 to 255.
            return_tensors: ``"pt"``, ``"np"``, or None for a list with one array for each image.
            **settings: Settings for this call alone: those of the class.

        Returns:
            ``pixel_values``, (images, channels, height, width) float32.

        Raises:
            InputError: What was passed is not an image, is damaged, or may mean two things; or the images differ in
                size where one tensor is asked for.
            OptionError: A setting does not exist, is wrong, or misses another.
            MissingDependency: Pillow is needed, but not installed.
        """
        if not settings:
            self.check()
        processor = self.changed(**settings) if settings else self
        data = processor.process(images, stack=return_tensors is not None)
        return BatchFeature(data, tensor_type=return_tensors)

    @checked_call
    def preprocess(self, images: Any, *others: Any, **options: Any) -> BatchFeature:
        """Do what a call does: the name that older programs use. Arguments and errors as for calling the processor."""
        return self(images, *others, **options)

    # ---- what a subclass may change -------------------------------------------------------------------------

    def process(self, images: Any, *, stack: bool) -> dict[str, Any]:
        """Return what a call returns, by name. Arguments as `batch`."""
        return {"pixel_values": self.batch(images, stack=stack)[0]}

    def reshape(self, image: "Image | Array") -> Array:
        """Return one image with the rows and columns that the model takes.

        Args:
            image: An image of Pillow in mode RGB, L or RGBA; or pixels (height, width, channels), uint8 or float32.

        Returns:
            Pixels, (height, width, channels), of the same type.
        """
        if self.do_resize:
            image = self.resized(image)
        if self.do_center_crop and self.crop_size is not None:
            image = center_crop(image, self.crop_size["height"], self.crop_size["width"])
        return pixels_of(image)

    def resized(self, image: "Image | Array") -> Array:
        """Return one image in the size that ``size`` makes of it. Arguments as `reshape`."""
        height, width = height_and_width(image)
        height, width = target_size(height, width, self.size or {})
        return resize(image, height, width, resample=self.resample or 0)

    def scale(self, pixels: Array) -> Array:
        """Return pixels of any type, (height, width, channels), rescaled and normalised, as float32.

        Each number must depend on nothing but its old value and its channel: the 256 values of 8-bit images are
        scaled once, and looked up.
        """
        if self.do_rescale and self.rescale_factor is not None:
            pixels = rescale(pixels, self.rescale_factor)
        if self.do_normalize and self.image_mean is not None and self.image_std is not None:
            pixels = normalize(pixels, self.image_mean, self.image_std)
        return pixels.astype(np.float32, copy=False)

    # ---- the steps of a call --------------------------------------------------------------------------------

    def prepare(self, images: Any) -> list[tuple[Array, int | None]]:
        """Read images and `reshape` them. Arguments and errors as for calling the processor.

        Returns:
            For each image its pixels, (height, width, channels), uint8 or float32; and how it lay before it was turned
            upright: the number of EXIF from 1 to 8, 0 for an image that did not say, None for an array.
        """
        return self._for_each(flatten(images), lambda _, pixels, orientation: (pixels, orientation))

    def batch(self, images: Any, *, stack: bool) -> tuple[Any, Any]:
        """Read images, `reshape` and `scale` them, pad them if ``do_pad`` asks for it, and put them together.

        Args:
            images: As for calling the processor.
            stack: Make one array, for which all must have one size; else a list of arrays.

        Returns:
            The values, (images, channels, height, width) float32, or a list with one array for each image; and of
            padded images the masks, (images, height, width) int64: 1 on the image, 0 beside it; else None.

        Raises:
            InputError: As for a call; or the images differ in size, are larger than ``pad_size``, or have too many
                channels.
        """
        sources = flatten(images)
        whole: dict[tuple[int, ...], Array] = {}  # one array for all, made for the size that is known first
        tables: dict[int, Array] = {}

        def scaled(index: int, pixels: Array, _: int | None) -> Array:
            shape = (pixels.shape[2], *pixels.shape[:2])
            if stack and not whole:
                whole.setdefault(shape, np.empty((len(sources), *shape), np.float32))
            values: Array = whole[shape][index] if shape in whole else np.empty(shape, np.float32)
            if pixels.dtype != np.uint8:
                values[:] = np.moveaxis(self.scale(pixels), -1, 0)
                return values
            if shape[0] not in tables:  # what `scale` makes of the 256 values of 8 bits, (channels, 256)
                ramp = np.repeat(np.arange(256, dtype=np.uint8)[:, None, None], shape[0], axis=2)  # (256, 1, channels)
                tables[shape[0]] = np.ascontiguousarray(self.scale(ramp)[:, 0].T)
            for channel, table in enumerate(tables[shape[0]]):
                np.take(table, pixels[:, :, channel], out=values[channel], mode="clip")
            return values

        values: Any = self._for_each(sources, scaled)
        shapes = {each.shape for each in values}
        if stack and len(shapes) > 1 and not self.do_pad:
            known = sorted(shape[1:] for shape in shapes)
            sizes = ", ".join(f"{width} x {height}" for height, width in known[:4])
            raise InputError(
                f"the images have several sizes ({sizes}), but one tensor needs one. Pass do_resize=True and a size "
                "with a height and a width, or do_pad=True, or leave out return_tensors."
            )
        if stack and len(shapes) == 1:
            values = whole[values[0].shape]
        masks = None
        if self.do_pad:
            values, masks = pad(values, **(self.pad_size or {}))
        if self.data_format == "channels_last":
            values = [np.ascontiguousarray(np.moveaxis(each, 0, -1)) for each in values]
            values = np.stack(values) if stack else values
        return (values, masks) if stack else (list(values), None if masks is None else list(masks))

    # ---- internals ------------------------------------------------------------------------------------------

    def _for_each(self, sources: Sequence[Any], make: Callable[[int, Array, int | None], _Made]) -> list[_Made]:
        """Return what a function makes of the number, the reshaped pixels and the orientation of each image."""
        notes: list[str] = []

        def made(index: int) -> _Made:
            try:
                source, orientation = open_image(sources[index], notes)
                image = read_image(source, order=self.input_data_format, rgb=self.do_convert_rgb)
                self._check_range(image)
                pixels = self.reshape(image)
            except InputError as error:
                where = f"image {index} of {len(sources)}" if len(sources) > 1 else "the image"
                raise InputError(f"{where}: {error.message.rstrip('.')}.") from error
            return make(index, pixels, orientation)

        threads = min(os.cpu_count() or 1, len(sources), _MOST_THREADS)
        with ThreadPoolExecutor(threads) as pool:  # Pillow and numpy let other threads run while they compute
            results = list((pool.map if threads > 1 else map)(made, range(len(sources))))
        for note in notes:
            announce(note)
        return results

    def _check_range(self, image: "Image | Array") -> None:
        """Refuse pixels that look as if they had been rescaled already. Raises `InputError`."""
        if isinstance(image, np.ndarray) and image.dtype == np.float32 and self.do_rescale:
            peak = image.max()
            if 0 < peak <= _DARK and (self.rescale_factor or 0) < 1:
                raise InputError(
                    f"its pixels are decimal numbers of at most {peak:.6g}, as if they were rescaled already. Pass "
                    "do_rescale=False to take them as they are, or multiply them by 255"
                )

    @classmethod
    def _check_writer(cls, content: dict[str, Any], source: str) -> None:
        """Take the name of the class out of the content of a file; another one's has the same settings, or most."""
        from archsmith.registry.resolve import provider_of

        older, key = "feature_extractor_type", "image_processor_type"
        key = key if key in content else older
        named = content.pop(key, cls.__name__)
        content.pop(older, None)
        bare = str(named).removesuffix("Fast").removesuffix("Pil")
        if any(map(cls._is_own_name, (named, bare, bare.replace("FeatureExtractor", "ImageProcessor")))):
            return
        with contextlib.suppress(PluginError):  # unless an audio model has a class of that name
            if isinstance(named, str):
                provider_of(key, named, ("feature_extractor",), source=source)
            raise CheckpointCorrupt(f"{source}: {key} is {shown(named)}, which is not an image processor.")
        announce(
            f"{source}: {key} is {named!r}, but {cls.__name__} reads it: what {named} does in its own way is not done. "
            "An Auto class picks the class by that name."
        )
