"""Read the metadata of installed distributions: who declares entry points for archsmith, and is that in order?

Nothing here imports a plugin, and nothing here fails because of a damaged one: what is wrong with it is a value.
"""

import os
import re
import stat
import sys
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import importlib_metadata

from archsmith.messages import clean, reason, shown
from archsmith.plugin import MODEL_TYPE

if TYPE_CHECKING:
    from packaging.specifiers import SpecifierSet

__all__ = ["Declared", "Kind", "find_declared", "normal_name"]

_DOTTED = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*", re.ASCII)
_ARCHSMITH = re.compile(r"archsmith(?![\w.-])", re.IGNORECASE)
_NAME = re.compile(r"\w([\w.-]{0,98}\w)?")
_VERSION = re.compile(r"[A-Z0-9][A-Z0-9._!+*-]{0,99}", re.IGNORECASE | re.ASCII)
#: An object reference: a module, perhaps an object in it, perhaps extras, which say nothing to us.
_REFERENCE = re.compile(r"([\w.]+)\s*(:\s*[\w.]+)?\s*(\[.*\])?", re.ASCII)
#: A file, or a header, of more characters is not what it should be; nor are so many entry points.
_MOST = 2**20
_MOST_POINTS = 500
_LONGEST = 100

_Answer = TypeVar("_Answer")
_Otherwise = TypeVar("_Otherwise")


class Kind(StrEnum):
    """What an entry point declares."""

    ARCHITECTURE = "architecture"
    EXTENSION = "extension"
    PROCESSOR = "processor"
    COMMAND = "command"
    FORMAT = "format"

    @property
    def noun(self) -> str:
        """What the name of such an entry point is, in a message."""
        return "model_type" if self is Kind.ARCHITECTURE else self

    @property
    def is_alone(self) -> bool:
        """Whether the entry point names an object, which is loaded by itself, and no manifest."""
        return self in (Kind.COMMAND, Kind.FORMAT)


#: Entry-point groups. A break of the plugin contract changes the number at the end (none: the first contract).
_GROUPS = {f"archsmith.{kind}s": kind for kind in Kind}

#: What the name of an entry point looks like, and how to call that.
_NAMES = {
    Kind.ARCHITECTURE: (MODEL_TYPE.pattern, "a model_type (lower-case letters, digits, '_' and '-')"),
    Kind.EXTENSION: (rf"{MODEL_TYPE.pattern}\.[a-z0-9][a-z0-9_.-]*", "of the form <model_type>.<extension>"),
    Kind.PROCESSOR: (MODEL_TYPE.pattern, "the name of preprocessing (lower-case letters, digits, '_' and '-')"),
    Kind.COMMAND: (r"[a-z][a-z0-9]*(-[a-z0-9]+)*", "a verb (lower-case letters, digits and '-')"),
    Kind.FORMAT: (r"[a-z][a-z0-9]*(-[a-z0-9]+)*", "the name of a format (lower-case letters, digits and '-')"),
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


def find_declared(notes: list[str] | None = None) -> Iterator[Declared]:
    """Yield every installed distribution that declares entry points in our groups.

    This is not ``importlib_metadata.entry_points()``, which fails as a whole when one file of one distribution is
    damaged. Of several metadata folders of one distribution (an editable install beside stale metadata, what an
    interrupted uninstall left behind) the first complete one on ``sys.path`` counts, as for an import.

    Args:
        notes: Takes a sentence for each distribution of which it cannot be told whether it is one of ours.
    """
    notes = [] if notes is None else notes
    folders: dict[str, list[Any]] = defaultdict(list)
    for distribution in _installed(notes):
        folders[_attempt("", _folder_name, distribution)[0]].append(distribution)
    for coded, found in folders.items():
        folder = os.fsencode(coded).decode("utf-8", "replace")  # whatever the system's encoding makes of it
        if folder[:1].isalnum():  # pip renames what it could not delete to "~name"
            declared, fault = _attempt(None, _read_declared, folder, found)
            if declared:
                yield declared
            elif fault:
                notes.append(f"Whether {shown(folder)} is a plugin cannot be told: its entry_points.txt: {fault}.")


def _attempt(otherwise: _Otherwise, step: Callable[..., _Answer], *given: Any) -> tuple[_Answer | _Otherwise, str]:
    """Take a step through the metadata of others; return its answer and no fault, or another answer and the fault.

    This is the one place where they fail: a library may stumble over them in any way, with `RecursionError` and
    `MemoryError` too.
    """
    try:
        return step(*given), ""
    except Exception as error:  # noqa: BLE001
        return otherwise, reason(error)


def _installed(notes: list[str]) -> list[Any]:
    """Return all distributions; if somebody's finder fails, or an entry of ``sys.path``, those of each entry alone."""
    none: list[Any] = []
    found, fault = _attempt(none, lambda: list(importlib_metadata.distributions()))
    if not fault:
        return found
    notes.append(f"A finder of installed packages failed, so that what it alone knows is not seen: {fault}.")
    return [each for place in sys.path for each in _attempt(none, _find_in, place)[0]]


def _find_in(place: str) -> list[Any]:
    finder: Any = importlib_metadata.MetadataPathFinder
    return list(finder.find_distributions(importlib_metadata.DistributionFinder.Context(path=[place])))  # type: ignore[no-untyped-call]


def _folder_name(distribution: Any) -> str:
    """Return the name in the metadata folder's own name, which costs no read."""
    return normal_name(distribution._normalized_name)  # noqa: SLF001  # what entry_points() itself goes by


def _read_header(distribution: Any) -> str:
    """Return what comes before the first empty line: the fields without the description, each on one line."""
    text = _read(distribution, "METADATA") or _read(distribution, "PKG-INFO")
    header, end, _ = text.partition("\n\n")
    if len(text) > _MOST and not end:
        raise ValueError(f"its header has more than {_MOST} characters")
    return re.sub(r"\n[ \t]+", " ", header)


def _read(distribution: Any, file: str, errors: str = "strict") -> str:
    """Return the text of a metadata file, its first MiB and one character more; empty if there is none."""
    folder = getattr(distribution, "_path", None)
    try:
        if folder is None:
            return str(distribution.read_text(file) or "")
        if isinstance(folder, Path):
            stream = open(folder / file, encoding="utf-8", errors=errors, opener=_open_regular)  # noqa: SIM115
        else:  # inside a zip file
            stream = folder.joinpath(file).open(encoding="utf-8", errors=errors)
        with stream:
            return str(stream.read(_MOST + 1))
    except (FileNotFoundError, NotADirectoryError, KeyError):
        return ""


def _open_regular(path: str, flags: int) -> int:
    """Open a file, but no pipe or device: to read from that might never end."""
    descriptor = os.open(path, flags | getattr(os, "O_NONBLOCK", 0))
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError("it is not a regular file")
    return descriptor


def _parse_points(text: str) -> Iterator[_Point]:
    """Parse entry_points.txt; yield what is in our groups, without exact repetitions."""
    seen = set()
    kind = None
    for line in map(str.strip, text.splitlines() if "archsmith." in text else ()):
        if line.startswith("[") and line.endswith("]"):
            kind = _GROUPS.get(line[1:-1].strip())
        elif "[archsmith." in line and not line.startswith(("#", ";")):
            yield Kind.ARCHITECTURE, line, ""  # a damaged header: not to lose what is below it without a word
        elif kind and line and not line.startswith(("#", ";")):
            name, _, value = (part.strip() for part in line.partition("="))
            if reference := _REFERENCE.fullmatch(value):
                value = reference[1] + re.sub(r"\s", "", reference[2] or "")
            if (kind, name, value) not in seen:
                seen.add((kind, name, value))
                yield kind, name, value


def _read_declared(folder: str, found: list[Any]) -> Declared | None:
    """Read what one distribution declares, and hold it against what it must be; None if it is not one of ours."""
    if len(found) > 1:
        found = [each for each in found if _attempt("", _read_header, each)[0]] or found
    text = _read(found[0], "entry_points.txt", "surrogateescape")
    points = tuple(islice(_parse_points(text), _MOST_POINTS + 1))
    if len(text) > _MOST and not points:
        raise ValueError(f"it has more than {_MOST} characters")
    if not points:
        return None
    header, fault = _attempt("", _read_header, found[0])
    fields: dict[str, list[str]] = defaultdict(list)
    for line in header.splitlines():
        field, _, value = line.partition(":")
        fields[field.lower()].append(value.strip())
    name, version = next(iter(fields["name"]), ""), next(iter(fields["version"]), "")
    fault = f"its METADATA cannot be read: {fault}" if fault else _identity_fault(folder, name, version)
    if fault:
        name, version = folder if _NAME.fullmatch(folder) else shown(folder), "(unknown version)"
    elif len(text) > _MOST or len(points) > _MOST_POINTS:
        fault = f"its entry_points.txt has more than {_MOST} characters, or declares more than {_MOST_POINTS}"
    fault = fault or _points_fault(points)
    asked: list[SpecifierSet] = []
    for requirement in filter(_ARCHSMITH.match, fields["requires-dist"]):
        specifiers, wrong = _attempt((), _asked, requirement)
        asked += specifiers
        fault = fault or (wrong and f"its requirement {shown(requirement)} cannot be read")
    if fault:
        points = tuple((kind, clean(name)[:_LONGEST], clean(value)[:_LONGEST]) for kind, name, value in points)
    return Declared(name, version, points[:_MOST_POINTS], tuple(asked), fault)


def _identity_fault(folder: str, name: str, version: str) -> str:
    """Return what is wrong with the name and the version that METADATA gives; empty if nothing is."""
    if not name or not version:
        return "its METADATA is missing or damaged"
    # An older tool leaves a hyphen in the folder's name, where it ends the name.
    if not _NAME.fullmatch(name) or not f"{normal_name(name)}-".startswith(f"{folder}-"):
        return f"its METADATA gives the name {shown(name)}, but its folder that of {shown(folder)}"
    return "" if _VERSION.fullmatch(version) else f"its METADATA gives the version {shown(version)}"


@lru_cache(maxsize=256)  # most plugins write the very same line
def _asked(line: str) -> "tuple[SpecifierSet, ...]":
    """Return what a requirement asks for in this environment, if its marker applies."""
    from packaging.requirements import Requirement

    requirement = Requirement(line)
    for specifier in requirement.specifier:
        specifier.contains("0")  # reads the version, which is put off until then
    applies = requirement.marker is None or requirement.marker.evaluate({"extra": ""})
    return (requirement.specifier,) if applies else ()


def _points_fault(points: Iterable[_Point]) -> str:
    """Return what makes the entry points of one distribution unusable; empty if nothing does."""
    for kind, name, value in points:
        pattern, expected = _NAMES[kind]
        if not re.fullmatch(pattern, name) or len(name) > _LONGEST:
            return f"the entry point {shown(name)} is not {expected}"
        parts = value.split(":") if kind.is_alone else [value]
        if not all(map(_DOTTED.fullmatch, parts)) or len(parts) != 1 + kind.is_alone:
            objects = {Kind.COMMAND: "a function or a typer app, 'module:name'", Kind.FORMAT: "a class, 'module:name'"}
            what = objects.get(kind, "a module")
            return f"the entry point {shown(name)} must name {what}, but names {shown(value)}"
    for (_, name), count in Counter((kind, name) for kind, name, _ in points).items():
        if count > 1:
            return f"it declares the entry point {shown(name)} {count} times"
    return ""
