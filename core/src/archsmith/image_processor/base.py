"""Image processors: images in, the numbers that a vision model takes out. Pillow is imported when it is needed."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Unpack

import numpy as np

from archsmith.batch import BatchFeature
from archsmith.errors import InputError
from archsmith.image_processor.reading import flatten, read_image
from archsmith.image_processor.saved import SavedImageProcessor
from archsmith.image_processor.settings import ImageSettings, read_resample
from archsmith.image_processor.sizes import read_size, target_size
from archsmith.image_processor.steps import (
    Array,
    center_crop,
    height_and_width,
    normalize,
    pad,
    pixels_of,
    rescale,
    resize,
    to_rgb,
)
from archsmith.image_processor.threads import in_threads
from archsmith.messages import announce
from archsmith.options import TensorType, check_tensor_type

if TYPE_CHECKING:
    from PIL.Image import Image

__all__ = [
    "ImageProcessor",
    "ImageSettings",
    "center_crop",
    "height_and_width",
    "normalize",
    "pad",
    "pixels_of",
    "read_resample",
    "read_size",
    "rescale",
    "resize",
    "target_size",
    "to_rgb",
]

#: Decimal numbers up to here are taken for 0 to 1 with some overshoot, not for the darkest of 0 to 255.
_DARK = 2.0


class ImageProcessor(SavedImageProcessor):
    """What every image processor is: settings, and the steps that they ask for, image by image.

    The steps, in this order: read the image upright, turn it into red, green and blue, resize, cut the middle out,
    rescale, normalise, fill up. A subclass gives the settings other defaults, by class attributes; one with a step of
    its own overrides `reshape` (rows and columns) or `scale` (values).

    A call changes nothing about the processor, so that threads can share one. A large batch uses several threads.

    Example:
        >>> import numpy
        >>> processor = ImageProcessor(do_resize=True, size=2)
        >>> white = numpy.full((8, 6, 3), 255, numpy.uint8)
        >>> processor([white, white], return_tensors="np").pixel_values.shape
        (2, 3, 2, 2)
        >>> processor(white, size=(1, 2), return_tensors="np").pixel_values[0, 0]
        array([[1., 1.]], dtype=float32)

    Args:
        **settings: See `ImageSettings`; what is None has its default.

    Raises:
        OptionError: A setting does not exist, is wrong, or misses another; the message has every fault.
    """

    # ---- calling --------------------------------------------------------------------------------------------

    def __call__(
        self, images: Any, *, return_tensors: TensorType | None = None, **settings: Unpack[ImageSettings]
    ) -> BatchFeature:
        """Turn an image, or several, into the input of a model.

        Args:
            images: A path to a local file, the bytes of one, a `PIL.Image.Image`, or an array or tensor: (height,
                width), or with 1, 3 or 4 channels in front or behind; a batch of these in one array, or lists of them.
                Integers range from 0 to 255, decimal numbers from 0 to 1 or from 0 to 255.
            return_tensors: ``"pt"``, ``"np"``, or None for a list with one array for each image.
            **settings: Settings for this call alone; see `ImageSettings`.

        Returns:
            ``pixel_values``, (images, channels, height, width) float32.

        Raises:
            InputError: What was passed is not an image, is damaged, or may mean two things; or the images differ in
                size where one tensor is asked for.
            OptionError: A setting does not exist, is wrong, or misses another.
            MissingDependency: Pillow is needed, but not installed.
        """
        check_tensor_type(return_tensors)
        data = self.changed(**settings).process(images, stack=return_tensors is not None)
        return BatchFeature(data, tensor_type=return_tensors)

    # ---- what a subclass may change -------------------------------------------------------------------------

    def process(self, images: Any, *, stack: bool) -> dict[str, Any]:
        """Return what a call returns, by name. Arguments as `prepare` and `batch`."""
        return {"pixel_values": self.batch(self.prepare(images), stack=stack)[0]}

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

    # ---- the two halves of a call ---------------------------------------------------------------------------

    def prepare(self, images: Any) -> list[Array]:
        """Read images and `reshape` them. Arguments and errors as for calling the processor.

        Returns:
            For each image its pixels, (height, width, channels), uint8 or float32.
        """
        sources = flatten(images)
        notes: list[str] = []

        def prepared(index: int) -> Array:
            try:
                image = read_image(sources[index], order=self.input_data_format, rgb=self.do_convert_rgb, notes=notes)
                self._check_range(image)
                return self.reshape(image)
            except InputError as error:
                where = f"image {index} of {len(sources)}" if len(sources) > 1 else "the image"
                raise InputError(f"{where}: {error.message.rstrip('.')}.") from error

        pixels = in_threads(prepared, len(sources))
        for note in notes:
            announce(note)
        return pixels

    def batch(self, images: Sequence[Array], *, stack: bool) -> tuple[Any, Any]:
        """`scale` the pixels of images, pad them if ``do_pad`` asks for it, and put them together.

        Args:
            images: As `prepare` returns them.
            stack: Make one array, for which all must have one size; else a list of arrays.

        Returns:
            The values, (images, channels, height, width) float32, or a list with one array for each image; and of
            padded images the masks, (images, height, width) int64: 1 on the image, 0 beside it; else None.

        Raises:
            InputError: The images differ in size, or are larger than ``pad_size``, or have too many channels.
        """
        shapes = {pixels.shape for pixels in images}
        if stack and len(shapes) > 1 and not self.do_pad:
            sizes = ", ".join(f"{width} x {height}" for height, width, _ in sorted(shapes)[:4])
            raise InputError(
                f"the images have several sizes ({sizes}), but one tensor needs one. Pass do_resize=True and a size "
                "with a height and a width, or do_pad=True, or leave out return_tensors."
            )
        tables = {channels: self._table(channels) for _, _, channels in shapes}
        if len(shapes) == 1:
            height, width, channels = images[0].shape
            values: Any = np.empty((len(images), channels, height, width), np.float32)
        else:
            values = [np.empty((shape[2], *shape[:2]), np.float32) for shape in (each.shape for each in images)]

        def fill(index: int) -> None:
            pixels = images[index]
            if pixels.dtype != np.uint8:
                values[index][:] = np.moveaxis(self.scale(pixels), -1, 0)
                return
            for channel, table in enumerate(tables[pixels.shape[2]]):
                np.take(table, pixels[:, :, channel], out=values[index][channel], mode="clip")

        in_threads(fill, len(images))
        masks = None
        if self.do_pad:
            values, masks = pad(values, **(self.pad_size or {}))
        if self.data_format == "channels_last":
            values = [np.ascontiguousarray(np.moveaxis(each, 0, -1)) for each in values]
            values = np.stack(values) if stack else values
        return (values, masks) if stack else (list(values), None if masks is None else list(masks))

    # ---- internals ------------------------------------------------------------------------------------------

    def _check_range(self, image: "Image | Array") -> None:
        """Refuse pixels that look as if they had been rescaled already. Raises `InputError`."""
        if isinstance(image, np.ndarray) and image.dtype == np.float32 and self.do_rescale:
            peak = image.max()
            if 0 < peak <= _DARK and (self.rescale_factor or 0) < 1:
                raise InputError(
                    f"its pixels are decimal numbers of at most {peak:.6g}, as if they were rescaled already. Pass "
                    "do_rescale=False to take them as they are, or multiply them by 255"
                )

    def _table(self, channels: int) -> Array:
        """Return what `scale` makes of the 256 values of 8 bits, (channels, 256)."""
        ramp = np.repeat(np.arange(256, dtype=np.uint8)[:, None, None], channels, axis=2)  # (256, 1, channels)
        return np.ascontiguousarray(self.scale(ramp)[:, 0].T)
