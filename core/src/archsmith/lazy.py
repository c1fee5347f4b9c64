"""Classes of a package that are imported when they are first asked for (PEP 562)."""

import importlib
import sys
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any

__all__ = ["lazy_attributes", "lazy_face"]


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


def lazy_face(package: str) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """Return the ``__getattr__`` and the ``__dir__`` of a package whose stub says what it hands out.

    The stub, ``__init__.pyi``, is what type checkers read. Its imports say where each name lives, its ``__all__`` which
    of them are public. It is read when the first name is asked for.

    Args:
        package: The package's ``__name__``.

    Example:
        In a package's ``__init__``::

            __getattr__, __dir__ = lazy_face(__name__)
    """

    @cache
    def read_stub() -> tuple[list[str], Callable[[str], Any]]:
        import ast

        module: Any = sys.modules[package]
        stub = ast.parse(module.__spec__.loader.get_data(f"{module.__path__[0]}/__init__.pyi")).body
        imports = [each for each in stub if isinstance(each, ast.ImportFrom)]
        homes = {str(each.module).removeprefix(f"{package}."): [alias.name for alias in each.names] for each in imports}
        public = next(ast.literal_eval(each.value) for each in stub if isinstance(each, ast.Assign))  # of __all__
        return public, lazy_attributes(package, homes)

    def __getattr__(name: str) -> Any:  # noqa: N807
        public, find = read_stub()
        return public if name == "__all__" else find(name)

    return __getattr__, lambda: read_stub()[0]
