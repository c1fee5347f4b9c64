"""Options of a call: each checked, with a message that says what it may be."""

import functools
import operator
from collections.abc import Callable
from typing import Any, Literal, ParamSpec, TypeVar

from archsmith.errors import OptionError
from archsmith.messages import did_you_mean, shown

__all__ = ["HUGE", "TensorType", "check_tensor_type", "choice", "known_options", "read_count", "read_flags"]

_P = ParamSpec("_P")
_R = TypeVar("_R")

#: No row can be as long as this: a model_max_length from here on means that the model has none.
HUGE = 2**31
#: ``"pt"`` is torch, ``"np"`` is numpy.
TensorType = Literal["pt", "np"]


def known_options(function: Callable[_P, _R]) -> Callable[_P, _R]:
    """Have a method refuse arguments that it does not have with an `OptionError`, which names the nearest."""

    @functools.wraps(function)
    def checked(*args: _P.args, **options: _P.kwargs) -> _R:
        try:
            return function(*args, **options)
        except TypeError as error:
            if error.__traceback__ is not None and error.__traceback__.tb_next is not None:
                raise  # from inside
            code = function.__code__
            known = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
            for name in [name for name in options if name not in known]:
                hint = did_you_mean(name, known)
                raise OptionError(f"{checked.__name__}: {name!r} is not an option.{hint}") from error
            raise OptionError(f"{checked.__name__}: {str(error).partition('() ')[2] or error}.") from error

    return checked


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
