"""How the constructor of a model ends: with initial values and tied weights, or without, for files to bring them."""

import contextlib
import threading
from collections.abc import Iterator
from typing import Any

from archsmith.errors import OptionError
from archsmith.model.facts import SharedWork
from archsmith.model.loading import initialise, mark_finished
from archsmith.model.meta import with_values
from archsmith.model.pruning import cut_configured_heads

__all__ = ["ModelType", "foreign_modules", "from_files", "refuse_abstract", "values_come_from_files"]


class _Building(threading.local):
    """How many model constructors are running in this thread, and whether their weights will come from files."""

    depth = 0
    from_files = False


_building = _Building()


class ModelType(type):
    """Finishes a model when its outermost constructor returns, so that no author has to remember it."""

    def __call__(cls, *args: Any, **kwargs: Any) -> Any:
        """Build a model; the outermost one gets its values."""
        refuse_abstract(cls)
        _building.depth += 1
        try:
            model = super().__call__(*args, **kwargs)
        finally:
            _building.depth -= 1
        if _building.depth == 0:
            _prune(model)
        if _building.depth == 0 and not _building.from_files:
            if not any(parameter.is_meta for parameter in model.parameters()):  # built under torch.device("meta")
                initialise(model, set(model.state_dict()))
            model.tie_weights()
            mark_finished(model)
        return model


def _prune(model: SharedWork) -> None:
    """Take out the heads that the configurations of a new model, and of the new models inside it, call pruned."""
    for module in model.modules():
        if isinstance(module, SharedWork) and module.base_model is module and not module._finished:  # noqa: SLF001  # between the two halves of one class
            cut_configured_heads(module)


@contextlib.contextmanager
def from_files() -> Iterator[None]:
    """Leave models that are built inside without values."""
    before = _building.from_files
    _building.from_files = True
    try:
        yield
    finally:
        _building.from_files = before


def values_come_from_files() -> bool:
    """Return whether the model that is being built in this thread will get its values from files."""
    return _building.from_files


@contextlib.contextmanager
def foreign_modules(model: Any) -> Iterator[None]:
    """Build the modules of a model inside with another library: on the CPU, with the values that it gives them.

    These values stay, whatever is built around the model. If it comes from files, their tensors take the place of them.

    Args:
        model: The model, whose constructor is running.
    """
    with with_values():
        yield
    mark_finished(model)


def refuse_abstract(cls: type[Any]) -> None:
    """Refuse a model class that names no configuration class.

    Raises:
        OptionError: There is nothing to build.
    """
    if not hasattr(cls, "config_class"):
        raise OptionError(f"{cls.__name__} is not an architecture. Use AutoModel, or the class of an architecture.")
