"""What is installed, read from package metadata alone: no code of a plugin runs here.

Everything that can be known without importing a plugin is settled in one scan: which distributions declare which
entry points, which of them the user switched off, which ask for another archsmith, and which claim the same name.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from functools import cached_property
from typing import NamedTuple

from archsmith._version import __version__
from archsmith.messages import did_you_mean
from archsmith.plugin import COMPONENTS
from archsmith.registry.metadata import Declared, Kind, find_declared, normal_name
from archsmith.registry.preferences import KEYS, Pin, Settings, Switch

__all__ = ["Entry", "Index", "Kind", "Owner", "State", "may_claim", "part_of", "scan"]


#: What the tasks and parts of an architecture come from.
_OWNING = (Kind.ARCHITECTURE, Kind.EXTENSION)


class State(StrEnum):
    """What is known about an entry; all but ``BROKEN`` are exact from metadata."""

    OK = "ok"
    DISABLED = "disabled"
    CONFLICTING = "conflicting"
    INCOMPATIBLE = "incompatible"
    BROKEN = "broken"


class Owner(NamedTuple):
    """What tasks and preprocessing belong to: an architecture, or preprocessing that no architecture owns.

    Attributes:
        name: The model_type, or the name of the preprocessing.
        kind: Which of the two.
    """

    name: str
    kind: Kind = Kind.ARCHITECTURE


@dataclass(frozen=True)
class Entry:
    """One entry point of one distribution, and what is known about it.

    Attributes:
        kind: Architecture, extension, processor, command or format.
        name: The model_type, ``<model_type>.<extension>``, the name of the preprocessing, the verb, or the format.
        module: The module that the entry point names; for a command or a format ``"module:object"``.
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
        """The architecture that this entry declares or extends; the name of preprocessing without one."""
        return self.name.split(".", 1)[0]

    @property
    def owner(self) -> Owner:
        """What it declares, or what it extends."""
        return Owner(self.model_type, Kind.PROCESSOR if self.kind is Kind.PROCESSOR else Kind.ARCHITECTURE)

    @cached_property
    def key(self) -> str:
        """The distribution's name in its normal form: lower case, with ``-`` alone."""
        return normal_name(self.distribution)

    def __str__(self) -> str:
        return f"{self.distribution} {self.version}"


@dataclass(frozen=True)
class Index:
    """The result of one scan.

    Attributes:
        entries: Every entry point of our groups, sorted by kind, name and distribution; the owner that a pin
            names comes first.
        problems: What is wrong with the settings: unknown names, malformed pins.
        notes: What is unusual but allowed, such as a plugin that states no archsmith version.
        pins: By the name that is pinned.
    """

    entries: tuple[Entry, ...]
    problems: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    pins: Mapping[str, Pin] = field(default_factory=dict)

    def of(self, kind: Kind, name: str) -> list[Entry]:
        """Return the entries of one kind and name, usable or not."""
        return [entry for entry in self.entries if entry.kind is kind and entry.name == name]

    def declared_by(self, distribution: str) -> tuple[Entry, ...]:
        """Return the entries of one distribution, apart from its commands and formats."""
        return self._by_distribution.get(normal_name(distribution), ())

    @cached_property
    def _by_distribution(self) -> dict[str, tuple[Entry, ...]]:
        groups: dict[str, tuple[Entry, ...]] = {}
        for entry in self.entries:
            if not entry.kind.is_alone:
                groups[entry.key] = (*groups.get(entry.key, ()), entry)
        return groups


def scan(settings: Settings, registered: Iterable[Declared] = ()) -> Index:
    """Read all entry points, and settle every state that metadata alone can settle.

    Args:
        settings: What the user switched off and pinned.
        registered: What counts as installed although no metadata tells of it.
    """
    entries: list[Entry] = []
    notes: list[str] = []
    for plugin in {normal_name(plugin.name): plugin for plugin in [*registered, *find_declared(notes)]}.values():
        verdict = _verdict(plugin)
        entries += [Entry(*point, plugin.name, plugin.version, *verdict) for point in plugin.points]
        if not plugin.asked and not plugin.fault and not all(kind.is_alone for kind, _, _ in plugin.points):
            notes.append(f"{plugin} does not say which archsmith it needs (no Requires-Dist: archsmith).")
    settings, short = _with_full_names(settings, entries)
    entries = [_apply_switches(entry, settings) for entry in entries]
    pins = {pin.name: pin for pin in settings.pins}
    entries = _settle_conflicts(entries, pins)
    problems = (*settings.faults, *short, *_unknown_names(settings, entries))
    return Index(tuple(entries), problems, tuple(sorted([*notes, *_orphans(entries)])), pins)


def part_of(name: str) -> str | None:
    """Return the architecture of which a pin names a part, as ``whisper.processor``; None: it names none.

    Example:
        >>> part_of("bert.image_processor"), part_of("bert"), part_of("bert.more")
        ('bert', None, None)
    """
    model_type, _, role = name.partition(".")
    return model_type if role in COMPONENTS else None


def _with_full_names(settings: Settings, entries: list[Entry]) -> tuple[Settings, list[str]]:
    """Replace short names, as ``vit`` for archsmith-vit, by those of the distributions; return what is to be announced.

    A short name is what follows "archsmith-", or a name that one distribution alone claims. To take it for the
    name of a distribution that is not installed would switch off, or leave on, what was not meant.
    """
    known = {entry.key: entry.distribution for entry in entries}
    said: list[str] = []

    def full(name: str, source: str) -> str:
        key = normal_name(name)
        owners = {known[f"archsmith-{key}"]} if f"archsmith-{key}" in known else _claimants(name, entries)
        if key in known or len(owners) != 1:
            return name
        said.append(f"{source} names {name!r}, which is taken for the distribution {min(owners)!r}.")
        return min(owners)

    def switch(of: Switch) -> Switch:
        names = {name: full(name, of.source) for name in of.names}
        return replace(of, names=tuple(names.values()), short={there: name for name, there in names.items()})

    pins = tuple(replace(pin, distribution=full(pin.distribution, pin.source)) for pin in settings.pins)
    return replace(settings, only=switch(settings.only), disable=switch(settings.disable), pins=pins), said


def _claimants(name: str, entries: list[Entry]) -> set[str]:
    """Return the distributions that claim a model_type; if there is none, those of preprocessing of that name."""
    claims = [entry for entry in entries if entry.name == name.lower()]
    found = {kind: {entry.distribution for entry in claims if entry.kind is kind} for kind in Kind}
    return found[Kind.ARCHITECTURE] or found[Kind.PROCESSOR]


def mark(entry: Entry, state: State, reason: str, remedy: str) -> Entry:
    """Return a copy of an entry with another state."""
    return replace(entry, state=state, reason=reason, remedy=remedy)


def repair(distribution: str) -> str:
    """Return the remedy for a broken distribution."""
    return f"Run: pip install --upgrade {distribution} (or: pip uninstall {distribution})"


def _verdict(plugin: Declared) -> tuple[State, str, str]:
    """Return state, reason and remedy of a distribution by itself: whole, or not at all."""
    if plugin.fault:
        return State.BROKEN, f"{plugin} is broken: {plugin.fault}.", repair(plugin.name)
    for specifier in plugin.asked:
        if not specifier.contains(__version__, prereleases=True):  # a pre-release counts as what it is
            reason = f"{plugin} asks for archsmith{specifier}, but archsmith {__version__} is installed."
            return State.INCOMPATIBLE, reason, f"Run: pip install --upgrade archsmith {plugin.name}"
    if earlier := _written_for(plugin):
        asks = f"{plugin} asks for archsmith>={earlier} and names no end, so it was written for an earlier contract"
        reason = f"{asks} than that of archsmith {__version__}, which is installed."
        return State.INCOMPATIBLE, reason, f"Run: pip install --upgrade {plugin.name}"
    return State.OK, "", ""


def _written_for(plugin: Declared) -> str:
    """Return the earlier version that an open range begins with: before 1.0 each minor version breaks the contract."""
    from packaging.version import Version

    current = Version(__version__)
    specifiers = [specifier for each in plugin.asked for specifier in each if specifier.operator != "!="]
    if current.major or not specifiers or not all(specifier.operator in (">", ">=") for specifier in specifiers):
        return ""
    begin = max(Version(specifier.version) for specifier in specifiers)
    return str(begin) if begin.release[:2] < current.release[:2] else ""


def _apply_switches(entry: Entry, settings: Settings) -> Entry:
    """Apply the list of disabled distributions, and that of allowed ones, which is about architectures, not verbs.

    They go before any other state.
    """
    only, disable, name = settings.only, settings.disable, entry.distribution
    if only.names and not entry.kind.is_alone and entry.key not in map(normal_name, only.names):
        remedy = f"Run: archsmith enable {name}" if only.in_file else f"Add {name} to {only.source}"
        return mark(entry, State.DISABLED, f"{entry} is not listed in {only.source}.", remedy)
    if entry.key in map(normal_name, disable.names):
        name = disable.short.get(name, name)
        remedy = f"Run: archsmith enable {name}" if disable.in_file else f"Remove {name} from {disable.source}"
        return mark(entry, State.DISABLED, f"{entry} is switched off by {disable.source}.", remedy)
    return entry


def _settle_conflicts(entries: list[Entry], pins: Mapping[str, Pin]) -> list[Entry]:
    """Apply the pins, mark the entries that still claim one name, and sort."""
    owners = {(entry.kind, entry.name) for entry in entries if _is_pinned(entry, pins)}
    entries = [_apply_pin(entry, pins, owners) for entry in entries]
    claims: dict[tuple[Kind, str], list[Entry]] = defaultdict(list)
    for entry in sorted(entries, key=lambda entry: entry.key):
        if entry.state is State.OK:
            claims[entry.kind, entry.name].append(entry)
    settled = [_mark_conflict(entry, claims[entry.kind, entry.name]) for entry in entries]
    return sorted(settled, key=lambda entry: (entry.kind, entry.name, not _is_pinned(entry, pins), entry.key))


def _is_pinned(entry: Entry, pins: Mapping[str, Pin]) -> bool:
    return entry.name in pins and normal_name(pins[entry.name].distribution) == entry.key


def _apply_pin(entry: Entry, pins: Mapping[str, Pin], owners: set[tuple[Kind, str]]) -> Entry:
    """Switch off an entry whose name is pinned to another distribution, be that one installed or not.

    A pin is about a name; if its distribution claims the name as an architecture, a command of that name is safe, and
    so is an extension that happens to be called like the part which is pinned.
    """
    pin = pins.get(entry.name)
    if entry.state is not State.OK or pin is None or _is_pinned(entry, pins):
        return entry
    is_other = any(name == entry.name for _, name in owners) or part_of(entry.name)
    if (entry.kind, entry.name) not in owners and is_other:
        return entry
    reason = f"{pin.source} gives {entry.name!r} to {pin.distribution}, not to {entry}."
    return mark(entry, State.DISABLED, reason, f"Pin it instead: {_how_to_pin(entry, pin.source)}")


def _mark_conflict(entry: Entry, rivals: list[Entry]) -> Entry:
    if entry.state is not State.OK or len(rivals) == 1:
        return entry
    names = ", ".join(map(str, rivals))
    reason = f"{entry.kind.noun} {entry.name!r} is claimed by {len(rivals)} distributions: {names}."
    remedy = f"Uninstall all but one, or pin one: {_how_to_pin(rivals[0])}"
    return mark(entry, State.CONFLICTING, reason, remedy)


def _how_to_pin(entry: Entry, source: str = "") -> str:
    """Return the command, or where a variable has the last word the variable."""
    if source == KEYS["pin"]:
        return f"{source}={entry.name}={entry.distribution}"
    return f"archsmith pin {entry.name} {entry.distribution}"


def _unknown_names(settings: Settings, entries: list[Entry]) -> list[str]:
    """Report names in the settings that no installed plugin bears."""
    known = {entry.key: entry.distribution for entry in entries}
    model_types = [entry.name for entry in entries if entry.kind in (Kind.ARCHITECTURE, Kind.PROCESSOR)]
    problems = []
    for switch in (settings.only, settings.disable):
        can_go = switch.in_file and switch is settings.disable
        problems += [
            f"{switch.source} names {name!r}, which is not an installed plugin."
            + (_several(name, entries) or did_you_mean(name, [*known.values(), *model_types]))
            + (f" To take it off the list: archsmith enable {name}" if can_go else "")
            for name in switch.names
            if normal_name(name) not in known
        ]
    for pin in settings.pins:
        claimants = {entry.key: entry.distribution for entry in entries if may_claim(entry, pin.name)}
        if normal_name(pin.distribution) not in claimants:
            problems.append(
                f"{pin.source} gives {pin.name!r} to {pin.distribution!r}, which is not installed or does not claim it."
                + did_you_mean(pin.distribution, claimants.values())
                + ("" if claimants else did_you_mean(pin.name, _pinnable(entries), cutoff=0.8))
                + (f" To take the pin back: archsmith unpin {pin.name}" if pin.in_file else "")
            )
    return problems


def may_claim(entry: Entry, name: str) -> bool:
    """Tell whether a pin of that name can be about an entry; whether a plugin brings a part, its manifest tells."""
    return entry.name == name or (entry.kind in _OWNING and entry.model_type == part_of(name))


def _pinnable(entries: list[Entry]) -> list[str]:
    """Return what a pin may name."""
    owning = {entry.model_type for entry in entries if entry.kind in _OWNING}
    return [*(entry.name for entry in entries), *(f"{each}.{part}" for each in owning for part in COMPONENTS)]


def _several(name: str, entries: list[Entry]) -> str:
    owners = sorted(_claimants(name, entries))
    return f" As a model_type it is claimed by {' and '.join(owners)}; name the distribution." if owners else ""


def _orphans(entries: list[Entry]) -> list[str]:
    """Note the extensions of architectures that nobody provides."""
    provided = {entry.name for entry in entries if entry.kind is Kind.ARCHITECTURE}
    return [
        f"{entry} extends {entry.model_type!r}, which no installed plugin provides."
        for entry in entries
        if entry.kind is Kind.EXTENSION and entry.state is State.OK and entry.model_type not in provided
    ]
