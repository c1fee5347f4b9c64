"""The filters that resize an image, and what other libraries call the settings of an image processor."""

from collections.abc import Mapping
from typing import Annotated, Any

from archsmith.config.fields import ReadBy
from archsmith.errors import OptionError
from archsmith.messages import did_you_mean, shown

__all__ = ["ADVICE", "RESAMPLE", "PerChannel", "Resample", "read_resample"]

#: The filters of Pillow by name.
RESAMPLE: Mapping[str, int] = {"NEAREST": 0, "LANCZOS": 1, "BILINEAR": 2, "BICUBIC": 3, "BOX": 4, "HAMMING": 5}

_ONE_KIND = "There is one kind of image processor, with the pixels of Pillow: leave it out."
#: What other libraries take here, and what to do instead.
ADVICE = {"use_fast": _ONE_KIND, "backend": _ONE_KIND, "device": "Move the result: processor(…).to(device)."}
_PREFIXES = ("", "PIL.Image.", "PIL.Image.Resampling.", "Image.", "Image.Resampling.", "Resampling.")


def read_resample(name: str, value: Any) -> int:
    """Return the number of a filter. ``name`` is what messages call the setting.

    Raises:
        OptionError: It is no filter.

    Example:
        >>> [read_resample("resample", value) for value in ("PIL.Image.BOX", "bicubic", 2)]
        [4, 3, 2]
    """
    if isinstance(value, str):
        prefix, _, word = value.rpartition(".")
        found = RESAMPLE.get(word.upper()) if f"{prefix}." in _PREFIXES or not prefix else None
    else:
        found = value.__index__() if hasattr(value, "__index__") and not isinstance(value, bool) else None
        found = found if found in RESAMPLE.values() else None
    if found is None:
        filters = ", ".join(f"{number} {name}" for name, number in RESAMPLE.items())
        hint = did_you_mean(value.rpartition(".")[2], RESAMPLE) if isinstance(value, str) else ""
        raise OptionError(f"{name} must be one of {filters}, by number or by name, but is {shown(value)}.{hint}")
    return found


#: The type of a setting that is a filter: what it holds is its number.
Resample = Annotated[Any, ReadBy(read_resample)]
#: The type of a setting that is one number for each channel, or one for all.
PerChannel = float | list[float] | None
