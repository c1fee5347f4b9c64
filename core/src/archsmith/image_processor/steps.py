"""The steps that turn an image into the numbers that a model takes.

Pixels are arrays of shape (height, width, channels): uint8 from 0 to 255, or float32 from 0 to 1 or from 0 to 255. A
`PIL.Image.Image` may stand for its pixels where a step says so.
"""

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from archsmith.errors import InputError, OptionError
from archsmith.messages import shown
from archsmith.options import import_library

if TYPE_CHECKING:
    from PIL.Image import Image

__all__ = [
    "Array", "center_crop", "check_extent", "height_and_width", "import_pillow", "normalize", "pad", "pixels_of",
    "rescale", "resize", "to_rgb",
]  # fmt: skip

Array = npt.NDArray[Any]

NEAREST = 0
GREY, RGB, RGBA = CHANNELS = (1, 3, 4)
#: Pillow's limit, where it is not installed.
MAX_PIXELS = 89_478_485
#: The longest side of an image in a file, and of one that is made, in pixels. Every row costs something, however short.
MAX_SIDE = 2**16
#: 16-bit numbers that one 8-bit number stands for.
WIDE = 257
#: Modes with opacity, and what they become first: those in small letters are multiplied by it.
_WITH_OPACITY = {"LA": "RGBA", "PA": "RGBA", "RGBA": "RGBA", "La": "LA", "RGBa": "RGBA"}


def import_pillow() -> Any:
    """Import the library Pillow.

    Raises:
        MissingDependency: It is not installed.
    """
    return import_library("PIL.Image", "the library pillow", need="images need", install="archsmith[vision]")


def check_extent(what: str, height: int, width: int) -> None:
    """Refuse an image that would take all memory or time: a small file can hold, or ask for, a very large one.

    Args:
        what: What messages say of it, as ``"it would be resized to"``.
        height: Its rows.
        width: Its columns.

    Raises:
        OptionError: A side is not a whole number of pixels.
        InputError: It has more pixels than ``PIL.Image.MAX_IMAGE_PIXELS``, or a side of more than 65536 pixels. Where
            the former is None, neither counts.
    """
    for side in (height, width):
        if isinstance(side, bool) or not hasattr(side, "__index__") or side < 1:
            raise OptionError(
                f"{what} a height and a width: each must be an integer of at least 1, but is {shown(side)}."
            )
    limit = getattr(sys.modules.get("PIL.Image"), "MAX_IMAGE_PIXELS", MAX_PIXELS)
    if limit is None:
        return
    found = f"{what} {width} x {height} pixels"
    if height * width > limit:
        raise InputError(f"{found}, above the limit of {limit:,} (PIL.Image.MAX_IMAGE_PIXELS).")
    if max(height, width) > MAX_SIDE:
        raise InputError(
            f"{found}, but a side may have {MAX_SIDE:,}. Cut it into pieces, or lift both "
            "limits of size: PIL.Image.MAX_IMAGE_PIXELS = None."
        )


def height_and_width(image: "Image | Array") -> tuple[int, int]:
    """Return how many rows and columns of pixels an image has."""
    if isinstance(image, np.ndarray):
        return image.shape[0], image.shape[1]
    return image.height, image.width


def pixels_of(image: "Image | Array") -> Array:
    """Return the pixels of an image, (height, width, channels)."""
    pixels = np.asarray(image)
    return pixels if pixels.ndim == 3 else pixels[:, :, None]  # noqa: PLR2004


def to_rgb(image: "Image | Array") -> "Image | Array":
    """Return an image in red, green and blue: what is transparent lies on white, grey is repeated.

    Args:
        image: A `PIL.Image.Image` of any mode; or pixels with one channel (grey), three or four (with opacity).

    Raises:
        InputError: Pillow cannot convert this mode.
    """
    if isinstance(image, np.ndarray):
        return _array_to_rgb(image)
    if image.mode.startswith(("I", "F")):
        return _array_to_rgb(narrowed(image))
    has_opacity = image.mode in _WITH_OPACITY or image.info.get("transparency") is not None
    if image.mode == "RGB" and not has_opacity:
        return image
    try:
        return _on_white(image) if has_opacity else image.convert("RGB")
    except ValueError as error:
        raise InputError(f"pixels of mode {image.mode!r} cannot become red, green and blue: {error}") from error


def _on_white(image: "Image") -> "Image":
    pillow = import_pillow()
    seen: Image = image.convert(_WITH_OPACITY.get(image.mode, "RGBA")).convert("RGBA")
    white = pillow.new("RGBA", seen.size, (255, 255, 255, 255))
    return pillow.alpha_composite(white, seen).convert("RGB")  # type: ignore[no-any-return]


def narrowed(image: "Image") -> Array:
    """Return the pixels of a grey image of more than 8 bits as uint8, or float32 where they are no whole numbers.

    Raises:
        InputError: The numbers are outside the range of an image.
    """
    pixels = np.asarray(image)[:, :, None]
    is_wide = image.mode.startswith("I;16") or (image.mode == "I" and image.format == "PNG")
    if is_wide and pixels.min() >= 0 and pixels.max() <= 255 * WIDE:
        return ((pixels.astype(np.uint32) + WIDE // 2) // WIDE).astype(np.uint8)
    return checked(pixels)


def checked(pixels: Array) -> Array:
    """Return pixels as uint8 from 0 to 255, or as float32 where they are no whole numbers or at most 1.

    Truth values are black and white; 16-bit numbers are scaled to 8 bits.

    Raises:
        InputError: The numbers are not finite, outside the range of an image, or may mean two things.
    """
    if pixels.dtype == np.uint8:
        return pixels
    if pixels.dtype == bool:
        return pixels.astype(np.uint8) * np.uint8(255)
    if pixels.dtype.kind not in "iuf":
        raise InputError(f"its pixels are of type {pixels.dtype}; expected integers, decimal numbers or truth values")
    low, high = pixels.min(), pixels.max()
    if not (np.isfinite(low) and np.isfinite(high)):
        raise InputError("its pixels are not all finite: there is NaN or infinity among them")
    if pixels.dtype.kind == "u" and pixels.dtype.itemsize == 2 and high > 0:  # noqa: PLR2004
        if high <= 255:  # noqa: PLR2004
            raise InputError(
                f"its pixels are 16-bit numbers of at most {high}: nearly black, or 8 bits? Convert them yourself: "
                "pixels.astype('uint8') if they are 8 bits, (pixels // 257).astype('uint8') if they are 16"
            )
        return ((pixels.astype(np.uint32) + WIDE // 2) // WIDE).astype(np.uint8)
    if low < 0 or high > 255:  # noqa: PLR2004
        raise InputError(
            f"its pixels range from {low:.6g} to {high:.6g}; expected 0 to 255, or 0 to 1 as decimal numbers"
        )
    if pixels.dtype.kind == "f" and (high <= 1 or np.any(pixels % 1)):
        return pixels.astype(np.float32)
    return pixels.astype(np.uint8)


def _array_to_rgb(pixels: Array) -> Array:
    channels = pixels.shape[2]
    if channels == GREY:
        return np.repeat(pixels, RGB, axis=2)
    if channels != RGBA:
        return pixels
    white = 255 if pixels.dtype == np.uint8 or pixels.max() > 1 else 1.0
    opacity = pixels[:, :, 3:] / white
    on_white = opacity * pixels[:, :, :3] + (1 - opacity) * white
    return (np.round(on_white) if pixels.dtype == np.uint8 else on_white).astype(pixels.dtype)


def resize(image: "Image | Array", height: int, width: int, *, resample: int = 2) -> Array:
    """Return the pixels of an image in another size, with the type they have.

    Args:
        image: A `PIL.Image.Image`; pixels as uint8 or float32; or a map of labels as other integers, which are not
            mixed: only the filter NEAREST is for them.
        height: Rows of the result.
        width: Columns of the result.
        resample: The filter, as Pillow numbers it: 0 NEAREST, 1 LANCZOS, 2 BILINEAR, 3 BICUBIC, 4 BOX, 5 HAMMING.

    Returns:
        (height, width, channels). Decimal numbers up to 1 go through 8 bits, as published checkpoints had them.

    Raises:
        InputError: The result is too large (`check_extent`), or labels would be mixed.
    """
    pillow = import_pillow()
    if resample not in range(6):
        raise OptionError(f"resample must be the number of a filter, from 0 to 5, but is {shown(resample)}.")
    check_extent("it would be resized to", height, width)
    # Pillow changes the width first: what lies between has the rows of the one and the columns of the other.
    check_extent("to be resized it would become", height_and_width(image)[0], width)
    if not isinstance(image, np.ndarray):
        return pixels_of(image.resize((width, height), resample))
    if image.dtype == np.uint8:
        pixels = np.ascontiguousarray(image[:, :, 0] if image.shape[2] == GREY else image)
        return pixels_of(pillow.fromarray(pixels).resize((width, height), resample))
    if image.dtype.kind == "f" and image.min() >= 0 and image.max() <= 1:
        narrow = (image.astype(np.float64) * 255).astype(np.float32).astype(np.uint8)
        return rescale(resize(narrow, height, width, resample=resample), 1 / 255)
    if image.dtype.kind != "f" and resample != NEAREST:
        raise InputError(f"labels of type {image.dtype} can only be resized with resample NEAREST, not {resample}")
    kind = np.float32 if image.dtype.kind == "f" else np.int32
    if kind is np.int32 and image.size and np.abs(image.astype(np.int64)).max() > np.iinfo(np.int32).max:
        raise InputError(f"labels must fit into 32 bits, but range from {image.min()} to {image.max()}")
    planes = np.moveaxis(image, 2, 0).astype(kind)  # (channels, height, width)
    resized = [np.asarray(pillow.fromarray(plane).resize((width, height), resample)) for plane in planes]
    return np.stack(resized, axis=2).astype(image.dtype)


def center_crop(image: "Image | Array", height: int, width: int) -> Array:
    """Return the middle of an image; where the image is smaller it lies in the middle of zeros.

    Args:
        image: A `PIL.Image.Image`, or pixels of any type.
        height: Rows of the result.
        width: Columns of the result.

    Returns:
        (height, width, channels).

    Raises:
        InputError: The result is too large (`check_extent`).
    """
    pixels = pixels_of(image)
    if height * width > pixels.shape[0] * pixels.shape[1]:
        check_extent("it would be cropped to", height, width)
    tops = [(have - want) // 2 for have, want in zip(pixels.shape, (height, width), strict=False)]
    rows, columns = (slice(max(0, top), max(0, top) + want) for top, want in zip(tops, (height, width), strict=True))
    middle = pixels[rows, columns]
    if middle.shape[:2] == (height, width):
        return middle
    top, left = (max(0, -top) for top in tops)
    cropped = np.zeros((height, width, pixels.shape[2]), pixels.dtype)
    cropped[top : top + middle.shape[0], left : left + middle.shape[1]] = middle
    return cropped


def rescale(pixels: Array, factor: float) -> Array:
    """Return the pixels times a factor, as float32."""
    return (pixels.astype(np.float64) * factor).astype(np.float32)


def normalize(pixels: Array, mean: float | Sequence[float], std: float | Sequence[float]) -> Array:
    """Return ``(pixels - mean) / std`` as float32.

    Args:
        pixels: (height, width, channels).
        mean: One number, or one for each channel.
        std: Likewise.

    Raises:
        InputError: There are more or fewer numbers than channels.
    """
    channels = pixels.shape[-1]
    for name, numbers in (("image_mean", mean), ("image_std", std)):
        if isinstance(numbers, Sequence) and len(numbers) != channels:
            raise InputError(
                f"{name} is {shown(numbers)}, but the image has {channels} channel{'s' * (channels != 1)}; expected "
                "one number for each, or one for all. do_convert_rgb decides whether every image gets three channels."
            )
    centred = pixels.astype(np.float32) - np.asarray(mean, np.float32)
    return centred / np.asarray(std, np.float32)


def pad(
    images: Sequence[Array], *, height: int | None = None, width: int | None = None, value: float = 0
) -> tuple[Array, Array]:
    """Put images, or maps of labels, of several sizes into one batch, each in the upper left corner.

    Args:
        images: Each (channels, height, width), or without channels; of one type.
        height: Rows of the batch; None: those of the highest image.
        width: Columns of the batch; None: those of the widest image.
        value: What fills the rest.

    Returns:
        The batch, (images, channels, height, width); and masks, (images, height, width) int64: 1 on an image.

    Raises:
        InputError: An image is larger than the batch, they have several numbers of channels, or the batch is too large
            (`check_extent`).
    """
    height = max(pixels.shape[-2] for pixels in images) if height is None else height
    width = max(pixels.shape[-1] for pixels in images) if width is None else width
    channels = images[0].shape[:-2]
    if height * width > max(pixels.shape[-2] * pixels.shape[-1] for pixels in images):
        check_extent("the batch would be padded to", height, width)
    batch = np.full((len(images), *channels, height, width), value, images[0].dtype)
    masks = np.zeros((len(images), height, width), np.int64)
    for index, pixels in enumerate(images):
        rows, columns = pixels.shape[-2:]
        if rows > height or columns > width:
            raise InputError(f"image {index} has {columns} x {rows} pixels, too many to pad it to {width} x {height}.")
        if pixels.shape[:-2] != channels:
            raise InputError(f"image {index} has {pixels.shape[0]} channels, but image 0 has {channels[0]}.")
        batch[index, ..., :rows, :columns] = pixels
        masks[index, :rows, :columns] = 1
    return batch, masks
