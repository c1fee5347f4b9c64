"""Whose fault it is that a plugin does not load: its own, of a file that hides a library, or of a library."""

import contextlib
import sys
import traceback
from collections.abc import Iterator
from importlib.machinery import PathFinder
from itertools import chain, islice
from pathlib import Path
from types import ModuleType
from typing import Any

import importlib_metadata

from archsmith.errors import ArchsmithError
from archsmith.messages import said_by
from archsmith.registry.installed import Entry
from archsmith.registry.metadata import normal_name

__all__ = ["describe", "find_culprit"]

#: Module → the distribution that brings it, where the names differ.
_DISTRIBUTIONS = {"PIL": "pillow"}


#: Libraries whose import ended half-way, which no second import can repair: why the first one did.
_half_imported: dict[str, tuple[str, str]] = {}


def describe(error: BaseException) -> str:
    """Return the type and the message of a stranger's exception, whatever its ``__str__`` does."""
    message = said_by(error)
    return f"{type(error).__name__}: {message}" if message else type(error).__name__


def find_culprit(entry: Entry, error: BaseException) -> tuple[str, str] | None:
    """Return what outside of a plugin keeps it from being loaded, as a clause, and the remedy; None: it is its own."""
    own = entry.module.partition(":")[0].partition(".")[0]
    with contextlib.suppress(Exception):  # a damaged environment, a strange error: what is known is the error itself
        for cause in islice(_causes(error), 10):
            suspects = _suspects(cause)
            half = [name for name in suspects if name not in sys.modules and f"{name}._C" in sys.modules]
            for found in filter(None, map(_half_imported.get, half)):
                return found
            hidden = (_hidden(package, own) for package in suspects)
            lacking = (_lacking(package, own, cause, entry) for package in suspects)
            for clause, remedy in filter(None, chain([_damaged(cause)], hidden, lacking)):
                found = f"{clause} ({describe(cause)})", remedy
                _half_imported.update(dict.fromkeys(half, found))
                return found
    return None


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    """Yield an error and what it came from; without an end if it came from itself."""
    while error is not None:
        yield error
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)


def _suspects(error: BaseException) -> list[str]:
    """Return the packages that an error is about: the one that it names, and the one whose import it has ended."""
    names: list[Any] = [error.name] if isinstance(error, ImportError) and not isinstance(error, ArchsmithError) else []
    if isinstance(error, AttributeError) and isinstance(error.obj, ModuleType):
        names.append(error.obj.__name__)
    if isinstance(error, SyntaxError) and error.filename:
        file = Path(error.filename).with_suffix("")
        names += [file.relative_to(place).parts[0] for place in sys.path if place and file.is_relative_to(place)]
    frames = [frame for frame, _ in traceback.walk_tb(error.__traceback__) if frame.f_code.co_name == "<module>"]
    names += [frame.f_globals.get("__name__") for frame in frames[-1:]]
    return [name.partition(".")[0] for name in names if isinstance(name, str)]


def _damaged(error: BaseException) -> tuple[str, str] | None:
    """Tell of somebody's metadata over which a library has stumbled: torch reads all of it as it is imported."""
    for frame, _ in traceback.walk_tb(error.__traceback__):
        place = getattr(frame.f_locals.get("self"), "_path", None)
        if place and frame.f_globals.get("__name__") in ("importlib.metadata", "importlib_metadata"):
            damaged = f"the metadata in {str(place)!r} is damaged, and a library reads it"
            return damaged, f"Uninstall that distribution, or delete {str(place)!r}."
    return None


def _places(package: str) -> list[Path]:
    """Return where ``sys.path`` has a package, in its order: a folder with an ``__init__``, or the file of a module."""
    found = (PathFinder.find_spec(package, [place]) for place in sys.path)
    files = [Path(spec.origin) for spec in found if spec and spec.has_location and spec.origin]
    return list(dict.fromkeys(file.parent if file.stem == "__init__" else file for file in files))


def _hidden(package: str, own: str) -> tuple[str, str] | None:
    """Tell of a file, as one that is named like a library, which is imported instead of it."""
    first, second = [*_places(package), None, None][:2]
    is_checkout = package == own and first and not first.is_file()
    if not first or not second or is_checkout or any(first.parent.glob(f"{package}-*.*-info")):  # installed there
        return None
    return (
        f"{package!r} is imported from {str(first)!r}, which hides {str(second)!r}",
        f"Rename {str(first)!r}, or take its folder off the import path.",
    )


def _lacking(package: str, own: str, error: BaseException, entry: Entry) -> tuple[str, str] | None:
    """Tell of a library that is missing, that is not of the version that was asked for, or that does not import."""
    from packaging.requirements import Requirement

    if package in (own, "archsmith", "__main__") or package in sys.stdlib_module_names:
        return None
    name = normal_name(_DISTRIBUTIONS.get(package, package))
    lines = [line for owner in (entry.distribution, "archsmith") for line in importlib_metadata.requires(owner) or ()]
    asked = [each for each in map(Requirement, lines) if normal_name(each.name) == name]
    if isinstance(error, ModuleNotFoundError) and error.name == package:  # what it did not ask for is its own fault
        return (f"the library {package!r} is not installed", f"Run: pip install {asked[0].name}") if asked else None
    for requirement in asked:
        version = importlib_metadata.version(requirement.name)
        if not requirement.specifier.contains(version, prereleases=True):
            wanted = f"{requirement.name}{requirement.specifier}"
            return f"it needs {wanted}, but {version} is installed", f'Run: pip install --upgrade "{wanted}"'
    module = sys.modules.get(package)
    if getattr(module, "__file__", None) or not importlib_metadata.version(name):
        return None
    return f"the library {package!r} does not import, or is not whole", f"Run: pip install --force-reinstall {name}"
