"""Options of a call: each checked, with a message that says what it may be; and the libraries that some need."""

import contextlib
import functools
import importlib
import inspect
import operator
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, TypeVar

from archsmith.errors import MissingDependency, OptionError
from archsmith.messages import did_you_mean, shown

__all__ = [
    "HUGE", "TensorType", "check_tensor_type", "checked_call", "choice", "drop_inert", "import_library", "known_as",
    "read_count", "read_flag", "read_flags",
]  # fmt: skip

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
    number = least - 1
    if not isinstance(value, bool):
        with contextlib.suppress(TypeError):  # it is no whole number
            number = operator.index(value)
    if number < least or number >= HUGE:
        raise OptionError(f"{name} must be an integer from {least} to {HUGE - 1}, but is {shown(value)}.")
    return number


def read_flags(**flags: Any) -> None:
    """Check options that are on or off. Raises `OptionError`, naming the first that is neither."""
    for name, value in flags.items():
        if not isinstance(value, bool):
            raise OptionError(f"{name} must be True or False, but is {shown(value)}.")


def read_flag(name: str, value: Any, default: bool) -> bool:
    """Return an option that is on or off; None: the default. Raises `OptionError`: it is neither."""
    if value is None:
        return default
    read_flags(**{name: value})
    return bool(value)


def choice(name: str, value: Any, choices: tuple[str, ...], *, extra: str = "True, False") -> str:
    """Check an option that is one of several words. Raises `OptionError`."""
    if isinstance(value, str) and value in choices:
        return value
    hint = did_you_mean(value, choices) if isinstance(value, str) else ""
    listed = ", ".join([*([extra] if extra else []), *map(repr, choices)])
    raise OptionError(f"{name} is {shown(value)}; expected one of {listed}.{hint}")


def drop_inert(options: dict[str, Any], inert: Mapping[str, tuple[tuple[Any, ...], str]]) -> None:
    """Take out of options those that users know from elsewhere and that mean nothing here, at a harmless value.

    Args:
        options: The options of a call; it is changed.
        inert: Name → the values that are harmless (none: each is), and what to do in place of any other.

    Raises:
        OptionError: One has another value.
    """
    for name in [name for name in options if name in inert]:
        (harmless, remedy), value = inert[name], options.pop(name)
        if harmless and not any(value is each for each in harmless):
            told = "…" if "token" in name else shown(value)
            raise OptionError(f"{name}={told} cannot be had here. {remedy}.")


def import_library(module: str, library: str, *, need: str, install: str) -> Any:
    """Import a module of an optional library.

    Args:
        module: The module.
        library: What the library is called, for the message.
        need: How the message begins, as ``"resampling needs"``.
        install: What pip has to install.

    Raises:
        MissingDependency: It is not installed, or a C library of its own is missing.
    """
    try:
        return importlib.import_module(module)
    except (ImportError, OSError) as error:
        said = f'{need} {library}, which is not installed. Run: pip install "{install}"'
        raise MissingDependency(said, library=library.rpartition(" ")[2]) from error


def known_as(**names: str) -> Callable[[_Method], _Method]:
    """Have a method take arguments under the names that users know from elsewhere: theirs → its own."""

    def decorate(method: _Method) -> _Method:
        @functools.wraps(method)
        def called(*args: Any, **options: Any) -> Any:
            for name, own in names.items():
                if name in options and own in options:
                    raise OptionError(f"{name} and {own} are one argument; pass {own}.")
            return method(*args, **{names.get(name, name): value for name, value in options.items()})

        return called  # type: ignore[return-value]

    return decorate


def checked_call(method: _Method) -> _Method:
    """Have a method refuse arguments that it does not take with an `OptionError`, which says which it has.

    An option that is declared as ``bool`` takes nothing but True and False, and ``return_tensors`` a type of tensor.
    """
    flags = [name for name, hint in method.__annotations__.items() if hint is bool]

    @functools.wraps(method)
    def checked(*args: Any, **options: Any) -> Any:
        read_flags(**{name: options[name] for name in flags if name in options})
        check_tensor_type(options.get("return_tensors"))
        try:
            return method(*args, **options)
        except TypeError as error:
            if error.__traceback__ is None or error.__traceback__.tb_next is not None:
                raise  # from inside
            raise _wrong_call(method, args, options) or error from None

    return checked  # type: ignore[return-value]


#: Options that users know from elsewhere → what to do here, where the nearest name would be another thing.
_INSTEAD = {
    "pad_to_max_length": " Pass padding='max_length'.",
    "text_target": " Tokenize targets in a call of their own: batch['labels'] = tokenizer(targets).input_ids.",
}


def _wrong_call(method: Callable[..., Any], args: Sequence[Any], options: Mapping[str, Any]) -> OptionError | None:
    owner, signature = type(args[0]).__name__, inspect.signature(method)
    _, *names = signature.parameters
    for name in options.keys() - set(names):
        hint = _INSTEAD.get(name) or did_you_mean(name, names)
        return OptionError(f"{name!r} is not an option of {owner}.{hint}")
    try:
        signature.bind(*args, **options)
    except TypeError as error:
        return OptionError(f"{owner}: {error}. Pass by name: {', '.join(names)}.")
    return None
