"""What images come as: files, bytes, images of Pillow, arrays and tensors, alone, in lists or in batches."""

import io
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from stat import S_ISREG
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from archsmith.errors import CheckpointCorrupt, InputError
from archsmith.files.paths import mode_of, working_directory
from archsmith.image_processor.steps import CHANNELS, Array, check_extent, checked, import_pillow, narrowed, to_rgb
from archsmith.messages import announce, reason, shown

if TYPE_CHECKING:
    from PIL.Image import Image

__all__ = ["FORMATS", "ChannelOrder", "flatten", "open_image", "read_image"]

ChannelOrder = Literal["channels_first", "channels_last"]

#: The kinds of files that are opened; Pillow has many more readers, most of them for rare and untrusted formats.
FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "GIF", "TIFF")

_DEPTH = 8
_BATCH, _IMAGE, _PLANE = 4, 3, 2  # axes
_ORIENTATION = 0x0112
_UPRIGHT = 1


def flatten(images: Any) -> list[Any]:
    """Return the single images of what was passed: one, a batch in one array, or lists of these, also nested.

    Images of Pillow are loaded here, because two threads must not load one.

    Raises:
        InputError: There is no image, or lists are nested too deeply.
    """
    sources = list(_single(images, _DEPTH))
    if not sources:
        raise InputError(f"images holds no image: {shown(images)}.")
    for source in filter(_is_pillow, sources):
        if _is_series(source):
            announce(f"{source!r} holds several images; the one at which it stands is used.")
        _load(source, repr(source))
    return sources


def read_image(source: Any, *, order: ChannelOrder | None, rgb: bool) -> "Image | Array":
    """Read one image: an upright one of Pillow, an array or a tensor.

    Args:
        source: The image, as `open_image` returns it.
        order: Where the channels of arrays are; None: found out.
        rgb: Turn it into red, green and blue; else it stays grey, or keeps its opacity, where Pillow has it so.

    Returns:
        An image of Pillow, in mode RGB, L or RGBA; or pixels (height, width, channels), uint8 or float32.

    Raises:
        InputError: It is not an image, or damaged.
        MissingDependency: Pillow is needed, but not installed.
    """
    if _is_pillow(source):
        return _from_pillow(source, rgb=rgb)
    pixels = checked(_channels_last(_as_array(source), order))
    return to_rgb(pixels) if rgb else pixels


def open_image(source: Any, notes: list[str]) -> tuple[Any, int | None]:
    """Return what a caller passed for an image: of a path, the bytes of a file or an image of Pillow the upright image.

    Args:
        source: What was passed.
        notes: Gets what should be announced.

    Returns:
        The image, whole and upright, and how it lay before, as EXIF numbers it from 1 to 8, or 0 where it does not say;
        of anything else itself and None.

    Raises:
        InputError: The file is not an image, is damaged, or too large.
    """
    if isinstance(source, str | os.PathLike | bytes | bytearray | memoryview):
        return _upright(_opened(source, notes))
    if not _is_pillow(source):
        return source, None
    _load(source, "it")
    return _upright(source)


def _single(images: Any, depth: int) -> Iterator[Any]:
    if isinstance(images, list | tuple):
        if depth == 0:
            raise InputError(f"images is nested deeper than {_DEPTH} lists.")
        for item in images:
            yield from _single(item, depth - 1)
    elif not isinstance(images, memoryview) and getattr(images, "ndim", 0) == _BATCH:
        yield from images
    else:
        yield images


# ---- files --------------------------------------------------------------------------------------------------


def _opened(source: Any, notes: list[str]) -> "Image":
    """Open a file, or the bytes of one, by one of `FORMATS`, and load its first image."""
    pillow = import_pillow()
    if isinstance(source, str | os.PathLike):
        file: Any = _regular_file(source)
        name = repr(str(file))
    else:
        file, name = io.BytesIO(source), f"the file of {len(source)} bytes"
    try:
        image: Image = pillow.open(file, formats=FORMATS)
    except pillow.UnidentifiedImageError as error:
        raise InputError(f"{name} is damaged, or not of a known format; expected {', '.join(FORMATS)}") from error
    except (pillow.DecompressionBombError, pillow.DecompressionBombWarning) as error:
        raise InputError(f"{name} is too large: {error}") from error
    except Exception as error:  # Pillow's readers let through what they stumble over
        raise InputError(f"{name} cannot be opened: {reason(error)}") from error
    with image:
        if _is_series(image):
            notes.append(f"{name} holds several images; the first one is used.")
        _load(image, name)
    return image


def _regular_file(source: str | os.PathLike[str]) -> Path:
    text: Any = os.fspath(source)
    if isinstance(text, bytes):
        raise InputError(f"a path must be a string, but is {shown(text)}")
    if "://" in text[:16] or text.startswith("data:"):
        raise InputError(
            f"{shown(text)} is an address; only local files are read, nothing is fetched. "
            "Download it and pass its path or its bytes"
        )
    try:
        path = Path(text).expanduser()
        mode = mode_of(path)
    except (CheckpointCorrupt, RuntimeError) as error:
        raise InputError(f"{shown(text)} cannot be opened: {reason(error)}") from error
    if mode is None:
        raise InputError(f"there is no file {shown(text)} (working directory: {working_directory()})")
    if not S_ISREG(mode):
        raise InputError(f"{shown(text)} is not a regular file")
    return path


def _is_series(image: "Image") -> bool:
    """Tell whether a file holds several images to be seen one after the other; pages of a TIFF count as such."""
    try:
        return image.format in FORMATS and bool(getattr(image, "is_animated", False))
    except Exception:  # noqa: BLE001  # it is damaged, which shows when it is loaded
        return False


def _load(image: "Image", name: str) -> None:
    """Decode an image of Pillow, whole or not at all. Raises `InputError`."""
    is_undecoded = bool(getattr(image, "tile", None))
    if is_undecoded:
        check_extent(f"{name} has", image.height, image.width)
    try:
        image.load()
    except Exception as error:  # Pillow's readers let through what they stumble over
        raise InputError(f"{name} is {'damaged' if is_undecoded else 'unusable'}: {reason(error)}.") from error


# ---- images of Pillow ---------------------------------------------------------------------------------------


def _is_pillow(source: Any) -> bool:
    kind = getattr(sys.modules.get("PIL.Image"), "Image", None)  # None too while another thread imports it
    return kind is not None and isinstance(source, kind)


def _from_pillow(image: "Image", *, rgb: bool) -> "Image | Array":
    if not image.width or not image.height:
        raise InputError(f"it has no pixels: {image.width} x {image.height}")
    if rgb:
        return to_rgb(image)
    if image.mode.startswith(("I", "F")):
        return narrowed(image)
    if image.mode == "1":
        return image.convert("L")
    return image if image.mode in ("L", "RGB", "RGBA") else to_rgb(image)


def _upright(image: "Image") -> tuple["Image", int]:
    """Return the image as its EXIF data says that it was meant to be seen, and the number by which it says so."""
    from PIL import ImageOps

    try:
        orientation = image.getexif().get(_ORIENTATION, 0)
        turned = image if orientation in (0, _UPRIGHT) else ImageOps.exif_transpose(image)
    except Exception as error:  # Pillow lets through what it stumbles over
        raise InputError(f"its EXIF data is damaged, so which side is up is not known: {reason(error)}") from error
    return turned, orientation if orientation in range(9) else 0


# ---- arrays -------------------------------------------------------------------------------------------------


def _as_array(source: Any) -> Array:
    torch = sys.modules.get("torch")
    if torch is not None and isinstance(source, torch.Tensor):
        if source.dtype == torch.bfloat16:
            source = source.float()
        try:
            source = source.detach().cpu().numpy()
        except (RuntimeError, TypeError, NotImplementedError) as error:
            raise InputError(f"its tensor cannot be read: {reason(error)}") from error
    if not isinstance(source, np.ndarray):
        raise InputError(
            "it must be a path, the bytes of a file, a PIL.Image.Image, a numpy array or a torch tensor, but is "
            f"{shown(source)} of type {type(source).__name__}"
        )
    return np.asarray(source)


def _channels_last(pixels: Array, order: ChannelOrder | None) -> Array:
    """Return pixels as (height, width, channels). Raises `InputError` if where the channels are cannot be told."""
    if pixels.ndim == _PLANE:
        pixels, order = pixels[:, :, None], "channels_last"
    if pixels.ndim != _IMAGE:
        raise InputError(
            f"its shape is {pixels.shape}; expected (height, width), (channels, height, width) or (height, width, "
            "channels), or a batch of the latter two"
        )
    if not pixels.size:
        raise InputError(f"it has no pixels: its shape is {pixels.shape}")
    is_first, is_last = (pixels.shape[axis] in CHANNELS for axis in (0, -1))
    if order is None and is_first and is_last:
        raise InputError(
            f"its shape {pixels.shape} can be read in two ways. Pass input_data_format='channels_first' or "
            "'channels_last'"
        )
    if not {"channels_first": is_first, "channels_last": is_last, None: is_first or is_last}[order]:
        where = {"channels_first": "first", "channels_last": "last", None: "first or last"}[order]
        raise InputError(f"its shape is {pixels.shape}; expected 1, 3 or 4 channels in the {where} place")
    return np.moveaxis(pixels, 0, -1) if order == "channels_first" or (order is None and is_first) else pixels
