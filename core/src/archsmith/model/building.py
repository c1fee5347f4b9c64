"""How the constructor of a model ends: with initial values and tied weights, or without, for files to bring them."""

import contextlib
import inspect
import math
import threading
from collections.abc import Iterator, Mapping
from typing import Any, TypeVar

from archsmith.config.base import PreTrainedConfig
from archsmith.errors import OptionError
from archsmith.files.weights import Weights
from archsmith.model.initial_values import initialise
from archsmith.model.linear import choose_kernels
from archsmith.model.marker import AnyModel, BuildRecord, link_parts, refuse_unequal_ties
from archsmith.model.matching import shapes_and_kinds
from archsmith.model.meta import OnMeta
from archsmith.model.pruning import cut_configured_heads

__all__ = ["ModelType", "build_for", "foreign_modules", "from_files", "refuse_abstract", "values_come_from_files"]


class _Building(threading.local):
    """What is being built in this thread.

    Attributes:
        unfinished: The models whose constructors began, without values of their own so far; None: nothing is built.
        on_meta: What keeps tensors without values, where files will bring them; None: they have initial values.
    """

    unfinished: set[Any] | None = None
    on_meta: OnMeta | None = None


_building = _Building()

#: While a model is built for weights, this many torch functions may be called, and that many more for each tensor.
_CALLS, _CALLS_PER_TENSOR = 10_000, 100
#: Likewise, of the numbers in tensors that another library makes: so many, and so many times those in the files.
_NUMBERS, _NUMBERS_PER_NUMBER = 2**29, 8

_Model = TypeVar("_Model", bound=AnyModel)


class ModelType(type):
    """Finishes a model when its outermost constructor returns, so that no author has to remember it.

    Only a metaclass sees that moment: the last ``__init__`` to return is that of a class that is not ours.
    """

    def __call__(cls, *args: Any, **kwargs: Any) -> Any:
        """Build a model; the outermost one is finished, with the models inside that were built along with it."""
        refuse_abstract(cls)
        model: Any = cls.__new__(cls, *args, **kwargs)  # type: ignore[arg-type]
        names = [*inspect.signature(cls.__init__).parameters][1:]  # type: ignore[misc]
        given = dict(zip(names, args, strict=False)) | kwargs
        options = {name: value for name, value in given.items() if name != names[0]}  # beside the configuration
        if _building.unfinished is not None:
            _building.unfinished.add(model)
            model.__init__(*args, **kwargs)
            model.build_record = BuildRecord(options)
            return model
        _building.unfinished = {model}
        try:
            model.__init__(*args, **kwargs)
            held = _finish(model, _building.unfinished)
        finally:
            _building.unfinished = None
        link_parts(model)
        choose_kernels(model)
        model.build_record = BuildRecord(options, model.config.to_dict(), shapes_and_kinds(held))
        return model


def _finish(model: AnyModel, unfinished: set[Any]) -> dict[str, Any]:
    """Take out the heads that configurations call pruned, and give initial values unless files will bring others.

    Returns:
        The model's ``state_dict``.
    """
    finished = []
    for path, module in model.named_modules(remove_duplicate=False):
        if isinstance(module, AnyModel) and module not in unfinished:
            finished.append(f"{path}." if path else "")
        elif isinstance(module, AnyModel) and module.base_model is module:
            cut_configured_heads(module)
    held = model.state_dict()
    refuse_unequal_ties(model)
    if _building.on_meta is not None:
        return held
    if not any(parameter.is_meta for parameter in model.parameters()):  # else it is built under torch.device("meta")
        initialise(model, {name for name in held if not name.startswith(tuple(finished))}, held=held)
    model.tie_weights()
    return held


def build_for(weights: Weights, cls: type[_Model], config: PreTrainedConfig, options: Mapping[str, Any]) -> _Model:
    """Build a model without values, for weights to bring them: its tensors are on the meta device.

    Args:
        weights: What the model may not be far larger than, so that a number in a file cannot take all memory and time.
        cls: The class of the model.
        config: What it is built from.
        options: What its constructor takes beside that.

    Raises:
        TooLarge: It is.
    """
    at_most = _CALLS + _CALLS_PER_TENSOR * len(weights.tensors)
    at_most_numbers = _NUMBERS + _NUMBERS_PER_NUMBER * sum(math.prod(each.shape) for each in weights.tensors.values())
    with from_files(at_most=at_most, at_most_numbers=at_most_numbers):
        return cls(config, **options)


@contextlib.contextmanager
def from_files(*, at_most: int, at_most_numbers: int) -> Iterator[None]:
    """Leave models that are built inside without values.

    Args:
        at_most: The most calls of torch functions.
        at_most_numbers: The most numbers in tensors of `foreign_modules`.

    Raises:
        TooLarge: There were more.
    """
    before = _building.unfinished, _building.on_meta
    _building.unfinished, _building.on_meta = None, OnMeta(at_most, at_most_numbers)
    try:
        with _building.on_meta:
            yield
    finally:
        _building.unfinished, _building.on_meta = before


def values_come_from_files() -> bool:
    """Return whether the model that is being built in this thread will get its values from files."""
    return _building.on_meta is not None


@contextlib.contextmanager
def foreign_modules(model: Any) -> Iterator[None]:
    """Build the modules of a model inside with another library: on the CPU and with values, even within `from_files`.

    Its constructors compute with the values of what they make. These values stay, whatever is built around the model.
    If it comes from files, their tensors take the place of them.

    Args:
        model: The model, whose constructor is running.
    """
    mode = _building.on_meta or OnMeta(0, 0)  # which is not in force
    before, mode.paused = mode.paused, True
    try:
        yield
    finally:
        mode.paused = before
    if _building.unfinished is not None:
        _building.unfinished.difference_update(model.modules())


def refuse_abstract(cls: type[Any]) -> None:
    """Refuse a model class that names no configuration class.

    Raises:
        OptionError: There is nothing to build.
    """
    if not hasattr(cls, "config_class"):
        raise OptionError(f"{cls.__name__} is not an architecture. Use AutoModel, or the class of an architecture.")
