"""What an image processor is told: its settings, by name, with their types."""

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, TypedDict, get_type_hints

from archsmith.config.fields import convert
from archsmith.errors import OptionError
from archsmith.image_processor.reading import ChannelOrder
from archsmith.image_processor.sizes import Size, read_size
from archsmith.messages import did_you_mean, shown

__all__ = ["RESAMPLE", "ImageSettings", "Resample", "read_resample", "read_settings", "setting_hints"]

#: The filters of Pillow by name.
RESAMPLE: Mapping[str, int] = {"NEAREST": 0, "LANCZOS": 1, "BILINEAR": 2, "BICUBIC": 3, "BOX": 4, "HAMMING": 5}

Resample = Literal[0, 1, 2, 3, 4, 5]

_ONE_KIND = " There is one kind of image processor, with the pixels of Pillow: leave it out."
#: What other libraries take here.
_ELSEWHERE = {"use_fast": _ONE_KIND, "backend": _ONE_KIND, "device": " Move the result: processor(…).to(device)."}
_PREFIXES = ("", "PIL.Image.", "PIL.Image.Resampling.", "Image.", "Image.Resampling.", "Resampling.")


class ImageSettings(TypedDict, total=False):
    """The settings that every image processor has: in its constructor, in its file and in a call.

    An image processor with settings of its own declares a subclass of this as its ``Settings``, and a default for each
    as a class attribute.

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
        do_pad: Fill images up with zeros, to the right and below, to ``pad_size``.
        pad_size: Pixels, as ``crop_size``; without it the largest image of the batch counts.
        data_format: Where the channels of the result are: ``"channels_first"`` or ``"channels_last"``.
        input_data_format: Where the channels of arrays are; without it they are found.
    """

    do_convert_rgb: bool
    do_resize: bool
    size: int | Sequence[int] | Mapping[str, int]
    default_to_square: bool
    resample: int | str
    do_center_crop: bool
    crop_size: int | Sequence[int] | Mapping[str, int]
    do_rescale: bool
    rescale_factor: float
    do_normalize: bool
    image_mean: float | list[float]
    image_std: float | list[float]
    do_pad: bool
    pad_size: int | Sequence[int] | Mapping[str, int]
    data_format: ChannelOrder
    input_data_format: ChannelOrder


@functools.cache
def setting_hints(kind: type) -> dict[str, Any]:
    """Return name → type of the settings that a class of settings declares."""
    return get_type_hints(kind, include_extras=True)


def read_settings(kind: type, values: Mapping[str, Any], *, is_square: bool, owner: str) -> dict[str, Any]:
    """Check settings; those that are None are left out.

    Args:
        kind: `ImageSettings` or a subclass.
        values: Name → value.
        is_square: Whether one number as ``size`` means height and width, if the values do not say it.
        owner: What they are for, for the message.

    Raises:
        OptionError: Names are unknown or values wrong; the message has every fault.
    """
    hints = setting_hints(kind)
    clean: dict[str, Any] = {}
    faults: list[str] = []
    square = values.get("default_to_square")
    special: dict[str, Callable[[Any], Any]] = {
        "size": functools.partial(read_size, "size", is_square=is_square if square is None else bool(square)),
        "crop_size": functools.partial(_read_area, "crop_size"),
        "pad_size": functools.partial(_read_area, "pad_size"),
        "resample": read_resample,
    }
    for name, value in values.items():
        if name not in hints:
            hint = _ELSEWHERE.get(name) or did_you_mean(name, hints)
            faults.append(f"{name!r} is not a setting.{hint}")
        elif value is not None and name in special:
            try:
                clean[name] = special[name](value)
            except OptionError as error:
                faults.append(error.message)
        elif value is not None:
            clean[name], fault = convert(name, _listed(value), hints[name])
            faults += fault
    raise_faults(owner, faults)
    return clean


def raise_faults(owner: str, faults: list[str]) -> None:
    """Raise one `OptionError` that names every fault, if there is any."""
    if faults:
        listed = [fault.rstrip(".") for fault in faults]
        text = f" {listed[0]}" if len(listed) == 1 else "".join(f"\n  - {fault}" for fault in listed)
        raise OptionError(f"{owner}:{text}{'' if text.endswith('?') else '.'}")


def read_resample(value: Any) -> int:
    """Return the number of a filter.

    Raises:
        OptionError: It is no filter.

    Example:
        >>> read_resample("PIL.Image.BOX"), read_resample("bicubic"), read_resample(2)
        (4, 3, 2)
    """
    if isinstance(value, str):
        prefix, _, name = value.rpartition(".")
        found = RESAMPLE.get(name.upper()) if f"{prefix}." in _PREFIXES or not prefix else None
    else:
        found = value.__index__() if hasattr(value, "__index__") and not isinstance(value, bool) else None
        found = found if found in RESAMPLE.values() else None
    if found is None:
        filters = ", ".join(f"{number} {name}" for name, number in RESAMPLE.items())
        hint = did_you_mean(value.rpartition(".")[2], RESAMPLE) if isinstance(value, str) else ""
        raise OptionError(f"resample must be one of {filters}, by number or by name, but is {shown(value)}.{hint}")
    return found


def _read_area(name: str, value: Any) -> Size:
    area = read_size(name, value)
    if "height" not in area:
        raise OptionError(f"{name} must have a height and a width, but is {shown(value)}")
    return area


def _listed(value: Any) -> Any:
    """Return an array of one axis as a list; anything else as it is."""
    return value.tolist() if getattr(value, "ndim", 0) == 1 and hasattr(value, "tolist") else value
