"""Classes of a package that are imported when they are first asked for (PEP 562)."""

import importlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

__all__ = ["lazy_attributes"]


def lazy_attributes(package: str, homes: Mapping[str, Sequence[str]]) -> Callable[[str], Any]:
    """Return a module's ``__getattr__`` that imports each name from the submodule it lives in.

    Args:
        package: The package's ``__name__``.
        homes: Submodule → the names it provides.

    Example:
        In a package's ``__init__``::

            __getattr__ = lazy_attributes(__name__, {"config": ["ToyConfig"], "model": ["ToyModel"]})
    """
    home_of = {name: home for home, names in homes.items() for name in names}

    def __getattr__(name: str) -> Any:  # noqa: N807  # this is what it becomes
        if name not in home_of:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        try:
            home = importlib.import_module(f"{package}.{home_of[name]}")
        except AttributeError as error:  # ``from package import name`` would take it for a missing name
            raise ImportError(f"{package}.{home_of[name]} does not import: {error}") from error
        return getattr(home, name)

    return __getattr__
