"""Options of a call: each checked, with a message that says what it may be."""

import functools
import inspect
import operator
from collections.abc import Callable
from typing import Any, Literal, TypeVar

from archsmith.errors import OptionError
from archsmith.messages import did_you_mean, shown

__all__ = ["HUGE", "TensorType", "check_tensor_type", "checked_call", "choice", "read_count", "read_flags"]

#: No row can be as long as this: a model_max_length from here on means that the model has none.
HUGE = 2**31
#: ``"pt"`` is torch, ``"np"`` is numpy.
TensorType = Literal["pt", "np"]
_Method = TypeVar("_Method", bound=Callable[..., Any])


def check_tensor_type(tensor_type: object) -> None:
    """Refuse a type of tensor that there is none of. Raises `OptionError`."""
    if tensor_type is not None and (not isinstance(tensor_type, str) or tensor_type not in ("pt", "np")):
        raise OptionError(
            f"return_tensors is {shown(tensor_type)}; expected 'pt' for torch, 'np' for numpy, or None for lists."
        )


def read_count(name: str, value: Any, *, least: int, optional: bool = True) -> int | None:
    """Check a number of tokens. Raises `OptionError`."""
    if value is None and optional:
        return None
    is_whole = hasattr(type(value), "__index__") and not isinstance(value, bool)
    number = operator.index(value) if is_whole else least - 1
    if number < least or number >= HUGE:
        raise OptionError(f"{name} must be an integer from {least} to {HUGE - 1}, but is {shown(value)}.")
    return number


def read_flags(**flags: Any) -> None:
    """Check options that are on or off. Raises `OptionError`, naming the first that is neither."""
    for name, value in flags.items():
        if not isinstance(value, bool):
            raise OptionError(f"{name} must be True or False, but is {shown(value)}.")


def choice(name: str, value: Any, choices: tuple[str, ...], *, extra: str = "True, False") -> str:
    """Check an option that is one of several words. Raises `OptionError`."""
    if isinstance(value, str) and value in choices:
        return value
    hint = did_you_mean(value, choices) if isinstance(value, str) else ""
    listed = ", ".join([*([extra] if extra else []), *map(repr, choices)])
    raise OptionError(f"{name} is {shown(value)}; expected one of {listed}.{hint}")


def checked_call(method: _Method) -> _Method:
    """Decorate a method: arguments that it does not take are refused with an `OptionError`, which says what is near."""
    signature = inspect.signature(method)

    @functools.wraps(method)
    def call(self: Any, /, *args: Any, **options: Any) -> Any:
        try:
            signature.bind(self, *args, **options)
        except TypeError as error:
            raise OptionError(_misfit(signature, type(self).__name__, args, options, str(error))) from None
        return method(self, *args, **options)

    return call  # type: ignore[return-value]


def _misfit(signature: inspect.Signature, owner: str, args: tuple[Any, ...], options: Any, reason: str) -> str:
    """Say why arguments do not fit a signature."""
    names = list(signature.parameters)[1:]
    places = [name for name in names if signature.parameters[name].kind is inspect.Parameter.POSITIONAL_OR_KEYWORD]
    if len(args) > len(places):
        return (
            f"{owner} takes {len(places)} argument{'s' * (len(places) != 1)} without a name "
            f"({', '.join(places) or 'none'}), but got {len(args)}. Pass the others by name: "
            f"{', '.join(names[len(places) :])}."
        )
    unknown = [name for name in options if name not in names]
    if unknown:
        return f"{unknown[0]!r} is not an option of {owner}.{did_you_mean(unknown[0], names)}"
    return f"{owner}: {reason}."
