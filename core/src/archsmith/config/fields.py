"""The types that configuration fields have, and how a value is held against one."""

import copy
import dataclasses
import functools
import json
import math
import re
from collections.abc import Callable, Iterator
from typing import Annotated, Any, Literal, get_args, get_origin

import msgspec

from archsmith.errors import OptionError
from archsmith.messages import shown

__all__ = [
    "Activation", "Count", "DType", "Depth", "NonNegative", "Probability", "ProblemType", "ReadBy", "Size",
    "TokenId", "convert", "convert_json", "expected", "field", "to_json",
]  # fmt: skip

#: A dimension or a number of layers: at least one.
Size = Annotated[int, msgspec.Meta(ge=1, le=2**31 - 1)]
#: A number of layers that each get a name: bounded, so that one number in a file cannot take all memory.
Depth = Annotated[int, msgspec.Meta(ge=1, le=10_000)]
#: A number of things that may be none.
Count = Annotated[int, msgspec.Meta(ge=0, le=2**31 - 1)]
#: A row of the vocabulary.
TokenId = Annotated[int, msgspec.Meta(ge=0, le=2**31 - 1)]
#: A dropout rate or another share, 0 to 1.
Probability = Annotated[float, msgspec.Meta(ge=0, le=1)]
#: A standard deviation or an epsilon.
NonNegative = Annotated[float, msgspec.Meta(ge=0)]

#: The type of saved weights.
DType = Literal["float16", "bfloat16", "float32", "float64"]
#: The loss of a classification head.
ProblemType = Literal["regression", "single_label_classification", "multi_label_classification"]
#: The names under which `archsmith.layers.activations` knows its functions.
Activation = Literal[
    "gelu", "gelu_10", "gelu_accurate", "gelu_fast", "gelu_new", "gelu_python", "gelu_python_tanh",
    "gelu_pytorch_tanh", "hardswish", "laplace", "leaky_relu", "linear", "mish", "quick_gelu", "relu", "relu2",
    "relu6", "sigmoid", "silu", "sqrtsoftplus", "swish", "tanh",
]  # fmt: skip


@dataclasses.dataclass(frozen=True)
class ReadBy:
    """A mark on a field's type (`typing.Annotated`) of which a value has several forms: what reads them.

    Attributes:
        read: Takes the name of the field and a value, and returns what the field holds; or raises `OptionError` with
            one sentence on what is wrong.
    """

    read: Callable[[str, Any], Any]


def field(*, default: Any = dataclasses.MISSING, doc: str = "") -> Any:
    """Declare a configuration field with its default and what it means; by keyword, as type checkers read it.

    Args:
        default: The default; a list or dictionary is copied for each configuration. Leave it out for a field that
            must be given.
        doc: One line: what the value is, in which unit.
    """
    metadata = {"doc": doc}
    if isinstance(default, list | dict | set):
        return dataclasses.field(default_factory=functools.partial(copy.deepcopy, default), metadata=metadata)
    return dataclasses.field(default=default, metadata=metadata)


def convert(name: str, value: Any, hint: Any) -> tuple[Any, list[str]]:
    """Return the value in the type that the hint asks for, and no fault; or None and one sentence that says why not."""
    value = False if value is None and hint is bool else value  # null turns it off
    for mark in getattr(hint, "__metadata__", ()):
        if isinstance(mark, ReadBy) and value is not None:
            try:
                return mark.read(name, value), []
            except OptionError as error:
                return None, [error.message]
    try:
        converted = msgspec.convert(_plain(value, hint), hint, str_keys=True)
    except (ValueError, TypeError, AttributeError, RuntimeError, OverflowError) as error:
        # The library stumbles over some foreign objects before it says that they have the wrong type.
        places = re.fullmatch(r".* - at `\$((?:\[\d+\])+)`", str(error))
        for place in re.findall(r"\d+", places[1]) if places else ():
            name, hint, value = f"{name}[{place}]", _of_elements(hint), [*_plain(value, hint)][int(place)]
        said, kind = shown(value), type(value).__name__
        what = "" if type(value).__module__ == "builtins" or kind.lower() in said.lower() else f", a {kind}"
        return None, [f"{name} must be {expected(hint)}, but is {said}{what}"]
    for leaf in _leaves(converted):
        if isinstance(leaf, float) and not math.isfinite(leaf):
            return None, [f"{name} must be finite, but is {shown(value)}"]
        if isinstance(leaf, str) and re.search("[\ud800-\udfff]", leaf):  # halves of characters
            return None, [f"{name} must be text that UTF-8 can hold, but is {shown(value)}"]
    return converted, []


def _of_elements(hint: Any) -> Any:
    """Return the type of the elements of the list that a type admits."""
    if get_origin(hint) is list:
        return get_args(hint)[0]
    return next((_of_elements(part) for part in get_args(hint) if list in (get_origin(part), part)), Any)


def convert_json(name: str, value: Any) -> tuple[Any, list[str]]:
    """Return a value of a key that no field explains as JSON gives it back, and no fault; or None and a fault."""
    try:
        text = json.dumps(value, allow_nan=False, ensure_ascii=False)
        text.encode()
        return json.loads(text), []
    except (ValueError, TypeError, RecursionError):
        return None, [f"{name} must be something that JSON can hold, but is {shown(value)}"]


def expected(hint: Any) -> str:
    """Say in words which values a type admits, as ``"an integer from 1 to 10 or null"``."""
    origin = get_origin(hint)
    if origin is Annotated:
        base, *marks = get_args(hint)
        limits = next((mark for mark in marks if isinstance(mark, msgspec.Meta)), None)
        return expected(base) + (_limits(limits) if limits else "")
    if origin is Literal:
        choices = [repr(choice) for choice in get_args(hint)]
        return choices[0] if len(choices) == 1 else f"one of {', '.join(choices)}"
    if origin is list:
        return f"a list of {_several(expected(get_args(hint)[0]))}"
    if origin is dict:
        key, value = get_args(hint)
        return f"a mapping of {_several(expected(key))} to {_several(expected(value))}"
    if (get_args(hint) and type(None) in get_args(hint)) or (origin is not None and len(get_args(hint)) > 1):
        return " or ".join(expected(part) for part in get_args(hint))
    plain = {int: "an integer", float: "a number", str: "a string", bool: "true or false", type(None): "null"}
    return plain.get(hint, getattr(hint, "__name__", str(hint)))


def _several(one: str) -> str:
    """Return the plural of what `expected` says, as ``"integers from 1 to 10"``."""
    return one if " or " in one else re.sub(r"^an? (\S+)", r"\1s", one)


def _limits(limits: msgspec.Meta) -> str:
    if limits.ge is not None and limits.le is not None:
        return f" from {limits.ge} to {limits.le}"
    words = {"of at least": limits.ge, "above": limits.gt, "of at most": limits.le, "below": limits.lt}
    return " and".join(f" {word} {limit}" for word, limit in words.items() if limit is not None)


def _plain(value: Any, hint: Any) -> Any:
    """Return what a NumPy or torch scalar, an array of one axis, or a torch dtype stands for."""
    if hint == DType | None and (isinstance(value, str) or type(value).__module__ == "torch"):
        return str(value).removeprefix("torch.")
    shape = getattr(value, "shape", None)
    if isinstance(shape, tuple) and len(shape) <= 1 and hasattr(value, "tolist"):
        return value.tolist()
    return value


def _leaves(value: Any) -> Iterator[Any]:
    if isinstance(value, dict):
        value = [*value, *value.values()]
    if isinstance(value, list | tuple):
        for item in value:
            yield from _leaves(item)
    else:
        yield value


def to_json(value: Any) -> Any:
    """Return a value in what JSON has: dictionaries with string keys, lists, strings, numbers, booleans, null."""
    return msgspec.to_builtins(value, str_keys=True)
