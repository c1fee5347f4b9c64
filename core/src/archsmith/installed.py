"""What is installed, read from package metadata alone: no code of a plugin runs here.

Everything that can be known without importing a plugin is settled in one scan: which distributions declare which
entry points, which of them the user switched off, which ask for another archsmith, and which claim the same name.
"""

import dataclasses
import os
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from email.parser import HeaderParser
from enum import StrEnum
from typing import Any

import importlib_metadata

import archsmith

__all__ = ["Entry", "Index", "Kind", "Settings", "State", "scan"]

_MODEL_TYPE = re.compile(r"[a-z0-9][a-z0-9_-]*")
_MODULE = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*", re.ASCII)


class Kind(StrEnum):
    """What an entry point declares."""

    ARCHITECTURE = "architecture"
    EXTENSION = "extension"
    COMMAND = "command"


#: Entry-point groups. A break of the plugin contract changes the number at the end (none: the first contract).
GROUPS = {
    "archsmith.architectures": Kind.ARCHITECTURE,
    "archsmith.extensions": Kind.EXTENSION,
    "archsmith.commands": Kind.COMMAND,
}


class State(StrEnum):
    """What is known about an entry; all but ``BROKEN`` are exact from metadata."""

    OK = "ok"
    DISABLED = "disabled"
    CONFLICTING = "conflicting"
    INCOMPATIBLE = "incompatible"
    BROKEN = "broken"


@dataclass(frozen=True)
class Entry:
    """One entry point of one distribution, and what is known about it.

    Attributes:
        kind: Architecture, extension or command.
        name: The model_type, ``<model_type>.<extension>``, or the command's verb.
        module: What the entry point names.
        distribution: The name of the distribution, as its metadata spells it.
        version: The version of the distribution.
        state: ``ok`` means that nothing is known against it.
        reason: Why the state is not ``ok``, as a full sentence; else empty.
        remedy: What the user can do about it; else empty.
    """

    kind: Kind
    name: str
    module: str
    distribution: str
    version: str
    state: State = State.OK
    reason: str = ""
    remedy: str = ""

    @property
    def model_type(self) -> str:
        """The architecture that this entry declares or extends."""
        return self.name.split(".", 1)[0]

    @property
    def key(self) -> str:
        """The distribution's name in its normal form: lower case, with ``-`` alone."""
        return normal_name(self.distribution)

    def __str__(self) -> str:
        return f"{self.distribution} {self.version}"


@dataclass(frozen=True)
class Settings:
    """Which plugins the user allows, switches off and prefers.

    Attributes:
        only: ``ARCHSMITH_PLUGINS``: these distributions alone; empty means all.
        disable: ``ARCHSMITH_DISABLE``: not these distributions.
        pins: ``ARCHSMITH_PIN``: entry name → the distribution that may have it.
        faults: What could not be understood in these variables.
    """

    only: tuple[str, ...] = ()
    disable: tuple[str, ...] = ()
    pins: tuple[tuple[str, str], ...] = ()
    faults: tuple[str, ...] = ()

    @classmethod
    def from_environment(cls, environ: Mapping[str, str] = os.environ) -> "Settings":
        """Read the three variables; an empty one counts as unset."""
        pins, faults = [], []
        for item in _items(environ.get("ARCHSMITH_PIN")):
            name, equals, distribution = (part.strip() for part in item.partition("="))
            if name and equals and distribution:
                pins.append((name, distribution))
            else:
                faults.append(f"ARCHSMITH_PIN holds {item!r}; expected model_type=distribution, comma-separated.")
        return cls(
            only=_items(environ.get("ARCHSMITH_PLUGINS")),
            disable=_items(environ.get("ARCHSMITH_DISABLE")),
            pins=tuple(pins),
            faults=tuple(faults),
        )


@dataclass(frozen=True)
class Index:
    """The result of one scan.

    Attributes:
        entries: Every entry point of the three groups, sorted by kind, name and distribution.
        problems: What is wrong with the settings: unknown names, malformed pins.
        notes: What is unusual but allowed, such as a plugin that states no archsmith version.
    """

    entries: tuple[Entry, ...]
    problems: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    def of(self, kind: Kind, name: str) -> list[Entry]:
        """Return the entries of one kind and name, usable or not."""
        return [entry for entry in self.entries if entry.kind is kind and entry.name == name]


def scan(settings: Settings) -> Index:
    """Read all entry points, and settle every state that metadata alone can settle."""
    entries: list[Entry] = []
    notes: list[str] = []
    for (name, version, requirements), points in _by_distribution().items():
        broken, reason, remedy = _handshake(name, version, requirements)
        if requirements == () and any(group != "archsmith.commands" for group, _, _ in points):
            notes.append(f"{name} {version} does not say which archsmith it needs (no Requires-Dist: archsmith).")
        for group, point, value in points:
            entry = Entry(GROUPS[group], point, value, name, version, broken, reason, remedy)
            entries.append(_checked(entry))
    entries = _without_disabled(entries, settings)
    entries = _settle_conflicts(entries, dict(settings.pins))
    entries = _whole_or_not(entries)
    entries.sort(key=lambda entry: (entry.kind, entry.name, entry.key))
    problems = (*settings.faults, *_unknown_names(settings, entries))
    return Index(tuple(entries), problems, tuple(sorted(notes)))


def normal_name(distribution: str) -> str:
    """Return the name under which pip knows a distribution (PEP 503)."""
    return re.sub(r"[-_.]+", "-", distribution).lower()


def _items(value: str | None) -> tuple[str, ...]:
    return tuple(item.strip() for item in (value or "").split(",") if item.strip())


_Header = tuple[str, str, tuple[str, ...]]
_Point = tuple[str, str, str]


def _by_distribution() -> dict[_Header, list[_Point]]:
    """Group our entry points by the header of the distribution that declares them.

    ``entry_points()`` itself keeps only the first of several metadata folders of one distribution on ``sys.path``, so
    an editable install beside stale metadata shows up once.
    """
    headers: dict[int, _Header] = {}
    found: dict[_Header, list[_Point]] = defaultdict(list)
    for point in importlib_metadata.entry_points():
        if point.group in GROUPS:
            header = headers.get(id(point.dist)) or headers.setdefault(id(point.dist), _header(point.dist))
            row = (point.group, point.name, point.value)
            if row not in found[header]:
                found[header].append(row)
    return found


def _header(distribution: Any) -> _Header:
    """Return name, version and the requirements that mention archsmith."""
    text = distribution.read_text("METADATA") or distribution.read_text("PKG-INFO") or ""
    message = HeaderParser().parsestr(text)
    name = message["Name"] or distribution._normalized_name or "unknown"  # noqa: SLF001  # damaged metadata
    requirements = message.get_all("Requires-Dist") or []
    ours = tuple(line for line in requirements if re.match(r"archsmith\s*($|[^\w.-])", line, re.IGNORECASE))
    return str(name), str(message["Version"] or "unknown"), ours


def _handshake(name: str, version: str, requirements: tuple[str, ...]) -> tuple[State, str, str]:
    """Hold what the distribution asks of archsmith against the archsmith that is running."""
    from packaging.requirements import InvalidRequirement, Requirement

    for line in requirements:
        try:
            requirement = Requirement(line)
            applies = requirement.marker is None or requirement.marker.evaluate({"extra": ""})
        except (InvalidRequirement, ValueError) as error:
            reason = f"{name} {version} states a requirement that cannot be read: {line!r} ({error})."
            return State.INCOMPATIBLE, reason, f"Run: pip install --upgrade {name}"
        if applies and not requirement.specifier.contains(archsmith.__version__, prereleases=True):
            reason = (
                f"{name} {version} asks for archsmith{requirement.specifier}, "
                f"but archsmith {archsmith.__version__} is installed."
            )
            return State.INCOMPATIBLE, reason, f"Run: pip install --upgrade archsmith {name}"
    return State.OK, "", ""


def _checked(entry: Entry) -> Entry:
    """Mark an entry whose name or value can not work."""
    if entry.state is not State.OK or entry.kind is Kind.COMMAND:
        return entry
    if entry.kind is Kind.ARCHITECTURE and not _MODEL_TYPE.fullmatch(entry.name):
        fault = f"the entry point {entry.name!r} is not a model_type (lower-case letters, digits, '_' and '-')"
    elif entry.kind is Kind.EXTENSION and not re.fullmatch(rf"{_MODEL_TYPE.pattern}\.[\w.-]+", entry.name):
        fault = f"the entry point {entry.name!r} is not of the form <model_type>.<extension>"
    elif not _MODULE.fullmatch(entry.module):
        fault = f"the entry point {entry.name!r} must name a module, but names {entry.module!r}"
    else:
        return entry
    return mark(entry, State.BROKEN, f"{entry} is broken: {fault}.", repair(entry.distribution))


def mark(entry: Entry, state: State, reason: str, remedy: str) -> Entry:
    """Return a copy of an entry with another state."""
    return dataclasses.replace(entry, state=state, reason=reason, remedy=remedy)


def repair(distribution: str) -> str:
    """Return the remedy for a broken distribution."""
    return f"Run: pip install --force-reinstall {distribution} (or: pip uninstall {distribution})"


def _without_disabled(entries: Iterable[Entry], settings: Settings) -> list[Entry]:
    only = {normal_name(name) for name in settings.only}
    disable = {normal_name(name) for name in settings.disable}
    kept = []
    for entry in entries:
        if only and entry.key not in only:
            reason = f"{entry} is not listed in ARCHSMITH_PLUGINS."
            kept.append(mark(entry, State.DISABLED, reason, f"Add {entry.distribution} to ARCHSMITH_PLUGINS"))
        elif entry.key in disable:
            reason = f"{entry} is switched off by ARCHSMITH_DISABLE."
            kept.append(mark(entry, State.DISABLED, reason, f"Remove {entry.distribution} from ARCHSMITH_DISABLE"))
        else:
            kept.append(entry)
    return kept


def _settle_conflicts(entries: list[Entry], pins: Mapping[str, str]) -> list[Entry]:
    """Apply the pins, then mark the entries that still claim one name."""
    entries = [_pinned(entry, pins.get(entry.name)) for entry in entries]
    claims: dict[tuple[Kind, str], list[Entry]] = defaultdict(list)
    for entry in entries:
        if entry.state is State.OK:
            claims[entry.kind, entry.name].append(entry)
    return [_rivalled(entry, claims[entry.kind, entry.name]) for entry in entries]


def _pinned(entry: Entry, pin: str | None) -> Entry:
    """Switch off an entry whose name is pinned to another distribution, installed or not."""
    if entry.state is not State.OK or pin is None or normal_name(pin) == entry.key:
        return entry
    reason = f"{entry} also claims {entry.name!r}, which ARCHSMITH_PIN gives to {pin}."
    return mark(entry, State.DISABLED, reason, f"Pin it instead: ARCHSMITH_PIN={entry.name}={entry.distribution}")


def _rivalled(entry: Entry, rivals: list[Entry]) -> Entry:
    if entry.state is not State.OK or len(rivals) == 1:
        return entry
    if len({rival.key for rival in rivals}) == 1:
        reason = f"{entry} is broken: it declares the entry point {entry.name!r} {len(rivals)} times."
        return mark(entry, State.BROKEN, reason, repair(entry.distribution))
    names = ", ".join(sorted(map(str, rivals)))
    what = "model_type" if entry.kind is Kind.ARCHITECTURE else entry.kind
    reason = f"{what} {entry.name!r} is claimed by {len(rivals)} distributions: {names}."
    remedy = f"Uninstall all but one, or pin one: ARCHSMITH_PIN={entry.name}={rivals[0].distribution}"
    return mark(entry, State.CONFLICTING, reason, remedy)


def _whole_or_not(entries: list[Entry]) -> list[Entry]:
    """Break every entry of a distribution when one of them is broken: a plugin is registered whole or not at all."""
    broken = {entry.key: entry for entry in entries if entry.state is State.BROKEN}
    return [
        mark(entry, State.BROKEN, broken[entry.key].reason, broken[entry.key].remedy)
        if entry.key in broken and entry.state is State.OK and entry.kind is not Kind.COMMAND
        else entry
        for entry in entries
    ]


def _unknown_names(settings: Settings, entries: list[Entry]) -> list[str]:
    """Report names in the settings that no installed plugin bears."""
    from archsmith.errors import did_you_mean

    known = {entry.key: entry.distribution for entry in entries}
    claimed = {(entry.name, entry.key) for entry in entries}
    problems = []
    for variable, names in (("ARCHSMITH_PLUGINS", settings.only), ("ARCHSMITH_DISABLE", settings.disable)):
        problems += [
            f"{variable} names {name!r}, which is not an installed plugin.{did_you_mean(name, known.values())}"
            for name in names
            if normal_name(name) not in known
        ]
    for name, distribution in settings.pins:
        if (name, normal_name(distribution)) not in claimed:
            problems.append(
                f"ARCHSMITH_PIN gives {name!r} to {distribution!r}, which is not installed or does not claim it."
                + did_you_mean(distribution, [entry.distribution for entry in entries if entry.name == name])
            )
    return problems
