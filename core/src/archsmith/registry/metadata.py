"""Read the metadata of installed distributions: who declares entry points for archsmith, and is that in order?

Nothing here imports a plugin, and nothing here fails because of a damaged one: what is wrong with it is a value.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import importlib_metadata

from archsmith.plugin import MODEL_TYPE

if TYPE_CHECKING:
    from packaging.specifiers import SpecifierSet

__all__ = ["Declared", "Kind", "find_declared", "normal_name"]

_DOTTED = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*", re.ASCII)
_ARCHSMITH = re.compile(r"archsmith(?![\w.-])", re.IGNORECASE)


class Kind(StrEnum):
    """What an entry point declares."""

    ARCHITECTURE = "architecture"
    EXTENSION = "extension"
    COMMAND = "command"


#: Entry-point groups. A break of the plugin contract changes the number at the end (none: the first contract).
_GROUPS = {
    "archsmith.architectures": Kind.ARCHITECTURE,
    "archsmith.extensions": Kind.EXTENSION,
    "archsmith.commands": Kind.COMMAND,
}

#: What the name of an entry point looks like, and how to call that.
_NAMES = {
    Kind.ARCHITECTURE: (MODEL_TYPE, "a model_type (lower-case letters, digits, '_' and '-')"),
    Kind.EXTENSION: (
        re.compile(rf"{MODEL_TYPE.pattern}\.[a-z0-9][a-z0-9_.-]*"),
        "of the form <model_type>.<extension>",
    ),
    Kind.COMMAND: (re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*"), "a verb (lower-case letters, digits and '-')"),
}

_Point = tuple[Kind, str, str]


@dataclass(frozen=True)
class Declared:
    """One distribution that declares entry points for archsmith.

    Attributes:
        name: As its metadata spells it.
        version: As its metadata spells it.
        points: Kind, name and value of each entry point, without exact repetitions.
        asked: The versions of archsmith that it asks for in this environment.
        fault: What makes it unusable, as a clause; else empty.
    """

    name: str
    version: str
    points: tuple[_Point, ...]
    asked: "tuple[SpecifierSet, ...]" = ()
    fault: str = ""

    def __str__(self) -> str:
        return f"{self.name} {self.version}"


def normal_name(distribution: str) -> str:
    """Return the name under which pip knows a distribution (PEP 503)."""
    return re.sub(r"[-_.]+", "-", distribution).lower()


def find_declared() -> Iterator[Declared]:
    """Yield every installed distribution that declares entry points in our groups.

    This is not ``importlib_metadata.entry_points()``, which fails as a whole when one file of one distribution is
    damaged. Of several metadata folders of one distribution (an editable install beside stale metadata, what an
    interrupted uninstall left behind) the first complete one on ``sys.path`` counts, as for an import.
    """
    folders: dict[str, list[Any]] = defaultdict(list)
    for distribution in importlib_metadata.distributions():
        folders[_folder_name(distribution)].append(distribution)
    for folder, found in folders.items():
        if folder[:1].isalnum():  # pip renames what it could not delete to "~name"
            complete = [each for each in found if _read_header(each)] if len(found) > 1 else found
            distribution = (complete or found)[0]
            if points := tuple(_parse_points(_read(distribution, "entry_points.txt"))):
                yield _declared(folder, _read_header(distribution), points)


def _folder_name(distribution: Any) -> str:
    """Return the name in the metadata folder's own name, which costs no read; empty if there is none."""
    try:
        return normal_name(distribution._normalized_name)  # noqa: SLF001  # what entry_points() itself goes by
    except Exception:  # noqa: BLE001  # a stranger's distribution finder, or a folder with neither name nor metadata
        return ""


def _read_header(distribution: Any) -> str:
    """Return what comes before the first empty line: the fields without the description."""
    return (_read(distribution, "METADATA") or _read(distribution, "PKG-INFO")).partition("\n\n")[0]


def _read(distribution: Any, file: str) -> str:
    """Return the text of a metadata file; empty if there is none, or if it cannot be read."""
    try:
        return str(distribution.read_text(file) or "")
    except (OSError, ValueError):
        return ""


def _parse_points(text: str) -> Iterator[_Point]:
    """Parse entry_points.txt; yield what is in our groups, without exact repetitions."""
    seen = set()
    kind = None
    for line in map(str.strip, text.splitlines() if "archsmith." in text else ()):
        if line.startswith("[") and line.endswith("]"):
            kind = _GROUPS.get(line[1:-1].strip())
        elif kind and line and not line.startswith(("#", ";")):
            name, _, value = (part.strip() for part in line.partition("="))
            if (kind, name, value) not in seen:
                seen.add((kind, name, value))
                yield kind, name, value


def _declared(folder: str, header: str, points: tuple[_Point, ...]) -> Declared:
    """Parse the header of METADATA, and hold it and the entry points against what they must be."""
    fields: dict[str, list[str]] = defaultdict(list)
    for line in header.splitlines():
        field, _, value = line.partition(":")
        fields[field.lower()].append(value.strip())
    name, version = next(iter(fields["name"]), ""), next(iter(fields["version"]), "")
    asked: list[SpecifierSet] = []
    fault = _points_fault(points) if name and version else "its METADATA is missing or damaged"
    for requirement in filter(_ARCHSMITH.match, fields["requires-dist"]):
        try:
            asked += _asked(requirement)
        except ValueError:
            fault = fault or f"its requirement {requirement!r} cannot be read"
    return Declared(name or folder, version or "(unknown version)", points, tuple(asked), fault)


@lru_cache(maxsize=256)  # most plugins write the very same line
def _asked(line: str) -> "tuple[SpecifierSet, ...]":
    """Return what a requirement asks for in this environment, if its marker applies."""
    from packaging.requirements import Requirement

    requirement = Requirement(line)
    applies = requirement.marker is None or requirement.marker.evaluate({"extra": ""})
    return (requirement.specifier,) if applies else ()


def _points_fault(points: Iterable[_Point]) -> str:
    """Return what makes the entry points of one distribution unusable; empty if nothing does."""
    for kind, name, value in points:
        pattern, expected = _NAMES[kind]
        if not pattern.fullmatch(name):
            return f"the entry point {name!r} is not {expected}"
        module, _, attribute = value.partition(":")
        if kind is Kind.COMMAND and not (_DOTTED.fullmatch(module) and _DOTTED.fullmatch(attribute)):
            return f"the entry point {name!r} must name a function or a typer app, 'module:name', but names {value!r}"
        if kind is not Kind.COMMAND and not _DOTTED.fullmatch(value):
            return f"the entry point {name!r} must name a module, but names {value!r}"
    for (_, name), count in Counter((kind, name) for kind, name, _ in points).items():
        if count > 1:
            return f"it declares the entry point {name!r} {count} times"
    return ""
