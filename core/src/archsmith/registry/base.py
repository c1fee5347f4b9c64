"""Find an installed architecture, load its manifest, and then exactly the class that was asked for.

The registry knows every *name* from package metadata (`archsmith.registry.metadata`). A manifest is imported when its
name is asked for, a class when its role is, a command when its verb is invoked; nothing else of a plugin ever runs. A
plugin is registered whole or not at all. Before the registry refuses a name, it looks once more at what is installed.
"""

import os
import re
from collections.abc import Mapping
from typing import Any

from archsmith._version import __version__
from archsmith.errors import ClassNotAvailable, PluginConflict, PluginError, UnknownArchitecture, UnknownTask
from archsmith.messages import announce, did_you_mean, shorten, shown
from archsmith.plugin import COMPONENTS, Architecture
from archsmith.registry.blame import describe
from archsmith.registry.catalog import Catalog
from archsmith.registry.exports import Export, class_names, find_export, manifest_of
from archsmith.registry.installed import Entry, Index, Kind, Owner, State
from archsmith.registry.known import KNOWN_PLUGINS
from archsmith.registry.manifest import Record, break_plugin, load_class, named_role
from archsmith.registry.metadata import normal_name
from archsmith.registry.preferences import Pin

__all__ = ["PROGRAM", "Registry", "registry"]

#: What stands for a distribution where the program has registered single classes, which go before those of others.
PROGRAM = "this-program"

#: Part → what its class inherits from, by name: what holds the parts needs the registry.
_BASES: Mapping[str, str] = {
    "tokenizer": "PreTrainedTokenizerBase",
    "tokenizer_fast": "PreTrainedTokenizerBase",
    "image_processor": "ImageProcessor",
    "feature_extractor": "SequenceFeatureExtractor",
    "processor": "Processor",
}
_WRITER = re.compile(r"[A-Za-z0-9][\w.-]{0,99}( [A-Za-z0-9][\w.+!-]{0,49})?", re.ASCII)


class Registry:
    """The installed architectures, by name. One instance serves the process; it is safe to use from many threads.

    Example:
        >>> from archsmith.registry import registry
        >>> "distilbert" in registry.names()
        True
        >>> registry.get("distilbert").config
        'archsmith_distilbert.config:DistilBertConfig'

    Attributes:
        catalog: The entries, and what was loaded of them.
    """

    def __init__(self) -> None:
        self.catalog = Catalog()

    # ---- what is installed ----------------------------------------------------------------------------------

    @property
    def index(self) -> Index:
        """What package metadata says: entries, problems of the settings, notes."""
        return self.catalog.index

    def refresh(self) -> None:
        """Forget the scan and every plugin that did not load; what was installed or repaired meanwhile is found."""
        self.catalog.refresh()

    def names(self) -> list[str]:
        """Return every claimed model_type, whatever its state, without loading any plugin."""
        return sorted({entry.name for entry in self.index.entries if entry.kind is Kind.ARCHITECTURE})

    def entries(self, kind: Kind | None = None) -> list[Entry]:
        """Return what is installed, with the state as far as it is known now; loads nothing."""
        return [entry for entry in self.catalog.entries() if kind in (None, entry.kind)]

    def load_all(self) -> None:
        """Load every usable manifest, so that `entries` tells which of them are broken. Commands are not loaded."""
        for entry in self.catalog.usable():
            self.catalog.load(entry)

    # ---- one name -------------------------------------------------------------------------------------------

    def get(self, model_type: str, *, source: str | None = None, written_by: str | None = None) -> Architecture:
        """Return the manifest record of one architecture; loads that plugin's manifest and no other.

        Args:
            model_type: The key in config.json.
            source: What asks for it ("config.json", a path), for the error message.
            written_by: What the checkpoint says it was written by, a name and a version, for the error
                message; anything else is left out of it.

        Raises:
            UnknownArchitecture: No installed plugin provides it.
            PluginDisabled, PluginConflict, PluginIncompatible, PluginBroken: One does, but it cannot be used.
        """
        return self._find(Owner(model_type), source, written_by)[1]  # type: ignore[return-value]

    def roles(self, name: str, kind: Kind = Kind.ARCHITECTURE) -> dict[str, Export]:
        """Return role → class reference of an architecture's tasks and parts, with what installed extensions add.

        Extensions that cannot be used are left out. Of two plugins that claim one role the owner of the architecture
        is listed, unless a pin says otherwise, and `load` refuses that role.

        Args:
            name: A model_type; or that of preprocessing which no architecture owns.
            kind: Which of the two: ``Kind.ARCHITECTURE`` or ``Kind.PROCESSOR``.

        Raises:
            PluginError: As for `get`.
        """
        claims = self.claims(Owner(name, kind))
        return {role: found[0] for role, found in claims.items() if not role.startswith("private_configs.")}

    def tasks(self, model_type: str) -> dict[str, Export]:
        """Return task key → class reference, of those that `roles` returns."""
        roles = self.roles(model_type)
        return {role.removeprefix("models."): roles[role] for role in roles if role.startswith("models.")}

    def load(self, name: str, role: str, *, kind: Kind = Kind.ARCHITECTURE) -> type[Any]:
        """Import and return the class that plays a role, such as ``config``, ``models.<task>`` or ``tokenizer``.

        A check may reach every reference of a plugin in this way, its ``private_configs.<number>`` included.

        Args:
            name: As for `roles`.
            role: The role.
            kind: As for `roles`.

        Raises:
            UnknownTask: The architecture has no such task or component.
            PluginConflict: Two plugins provide it.
            PluginBroken: The reference does not lead to a class, or not to one that can play the role.
            PluginError: As for `get`.
        """
        owner = Owner(name, kind)
        claims = self.claims(owner, role).get(role)
        if not claims:
            raise self._missing_role(owner, role)
        if pin := self._pin(owner, role):
            claims = [claim for claim in claims if claim.entry.key == normal_name(pin.distribution)]
        if len(claims) != 1:
            raise self._conflict(owner, role)
        found, base = self.resolve(claims[0]), _BASES.get(role)
        inherited = {each.__name__ for each in found.__mro__ if each.__module__.partition(".")[0] == "archsmith"}
        if base and base not in inherited:
            cause = f"{claims[0].reference!r}, {named_role(role)} of {name!r}, must be a subclass of {base}, but is not"
            raise break_plugin(claims[0].entry, cause)
        return found

    def command(self, name: str, kind: Kind = Kind.COMMAND) -> Any:
        """Import and return what an entry point names that has no manifest; nothing imports it before.

        Args:
            name: The verb of a command, or the name of a format.
            kind: Which of the two: ``Kind.COMMAND`` or ``Kind.FORMAT``.

        Raises:
            PluginError: No installed plugin provides it.
            PluginDisabled, PluginConflict, PluginIncompatible, PluginBroken: One does, but it cannot be used.
        """
        entry = self.catalog.find(kind, name)
        if entry is None:
            raise self._unknown(kind, name)
        return self.catalog.use(entry)

    def identify(self, config: Mapping[str, Any]) -> str | None:
        """Return the architecture of a config.json that names none which is installed; None if no plugin recognises it.

        Every usable plugin is asked, in the order of their names. A hook that fails or answers nonsense is announced,
        and the others still get their turn.

        Args:
            config: The content of config.json.
        """
        owners = {entry.key: entry for entry in self.catalog.usable() if entry.kind is Kind.ARCHITECTURE}
        for _, entry in sorted(owners.items()):
            manifest = manifest_of(self.catalog, entry)
            try:
                answer = manifest.identify(config)
            except KeyboardInterrupt:
                raise
            except BaseException as error:  # noqa: BLE001  # a stranger's code
                announce(f"{entry}: its identify() failed: {describe(error)}.")
                continue
            if isinstance(answer, str) and answer in manifest.names(Kind.ARCHITECTURE):
                return answer
            if answer is not None:
                announce(f"{entry}: its identify() answered {shown(answer)}, which is not a model_type of this plugin.")
        return None

    # ---- classes --------------------------------------------------------------------------------------------

    def find_class(self, name: str) -> type[Any]:
        """Return the class that ``from archsmith import <name>`` means.

        The plugins whose model_type begins the name are asked first, then all of them.

        Raises:
            ClassNotAvailable: Its plugin is known but not installed or not usable, or two plugins export the name.
            PluginBroken: Its plugin exports the name, but the class does not import.
            AttributeError: No plugin exports it.
        """
        return self.resolve(find_export(self.catalog, name))

    def class_names(self) -> set[str]:
        """Return the names of all classes that usable plugins export; each manifest is loaded for that."""
        return class_names(self.catalog)

    def exports(self, entry: Entry) -> dict[str, str]:
        """Return class name → reference for what one plugin provides under one entry, older names included.

        Raises:
            PluginDisabled, PluginConflict, PluginIncompatible, PluginBroken: It cannot be used.
        """
        return self.catalog.use(entry).exports(entry)  # type: ignore[no-any-return]

    def records(self, entry: Entry) -> list[Record]:
        """Return what a plugin declares under one entry: a record, or several extensions. Raises as `exports`."""
        return self.catalog.use(entry).of(entry)  # type: ignore[no-any-return]

    def provider(self, cls: type[Any]) -> Entry | None:
        """Return the entry of the plugin that a configuration, model or preprocessing class comes from."""

        def nearness(entry: Entry) -> tuple[int, bool]:
            shared = os.path.commonprefix([entry.module.split("."), cls.__module__.split(".")])  # noqa: RUF071  # of lists
            return len(shared), entry.state is State.OK

        plugins = (entry for entry in self.index.entries if not entry.kind.is_alone)
        nearest = max(plugins, key=nearness, default=None)
        return nearest if nearest and nearness(nearest)[0] else None

    def provenance(self, cls: type[Any]) -> dict[str, str]:
        """Return what a saved file says about who wrote it: core version, plugin name and plugin version."""
        entry = self.provider(cls)
        written = {"version": __version__}
        return written | {"plugin": entry.distribution, "plugin_version": entry.version} if entry else written

    def owner_of(self, cls: type[Any]) -> Owner | None:
        """Return the architecture, or the preprocessing without one, whose plugin names a class."""
        nearest = self.provider(cls)
        naming = (entry for entry, exported in self._exports_beside(nearest) if cls.__name__ in exported)
        found = next(naming, nearest)
        return found.owner if found else None

    def older_names(self, cls: type[Any]) -> dict[str, str]:
        """Return older class name → name, of what the plugin of a class exports."""
        found = self._exports_beside(self.provider(cls))
        return {name: reference.partition(":")[2] for _, exported in found for name, reference in exported.items()}

    def _exports_beside(self, entry: Entry | None) -> list[tuple[Entry, dict[str, str]]]:
        """Return the usable entries of one distribution, with what each exports."""
        entries = self.index.declared_by(entry.distribution) if entry else ()
        usable = [each for each in entries if each.state is State.OK]
        return [(each, manifest_of(self.catalog, each).exports(each)) for each in usable]

    # ---- how they are found ---------------------------------------------------------------------------------

    def owners(self) -> list[Owner]:
        """Return the usable architectures, and then the preprocessing that none of them owns."""
        usable = [entry.owner for entry in self.catalog.usable() if entry.kind is not Kind.EXTENSION]
        return sorted(usable, key=lambda owner: (owner.kind is Kind.PROCESSOR, owner.name))

    def claims(self, owner: Owner, role: str = "") -> dict[str, list[Export]]:
        """Return who claims each role; the one that is pinned comes first, then the owner.

        Args:
            owner: An architecture, or preprocessing without one.
            role: The one that is asked for; extensions are loaded only if they can bring it. Empty: all.
        """
        entry, record = self._find(owner)
        found = {each: {reference: Export(entry, reference)} for each, reference in record.references().items()}
        if owner.kind is Kind.ARCHITECTURE and (not role or role in COMPONENTS or role.startswith("models.")):
            for other in self.catalog.usable():
                if other.kind is Kind.EXTENSION and other.model_type == owner.name:
                    for each, reference in manifest_of(self.catalog, other).references(other).items():
                        found.setdefault(each, {}).setdefault(reference, Export(other, reference))
        return {each: self._by_pin(owner, each, [*claims.values()]) for each, claims in found.items()}

    def _pin(self, owner: Owner, role: str) -> Pin | None:
        is_pinnable = owner.kind is Kind.ARCHITECTURE and role in COMPONENTS
        return self.index.pins.get(f"{owner.name}.{role}") if is_pinnable else None

    def _by_pin(self, owner: Owner, role: str, claims: list[Export]) -> list[Export]:
        pinned = normal_name(pin.distribution) if (pin := self._pin(owner, role)) else ""
        claims = [claim for claim in claims if claim.entry.distribution == PROGRAM] or claims
        return sorted(claims, key=lambda claim: claim.entry.key != pinned)

    def resolve(self, export: Export) -> type[Any]:
        """Import the class that a reference names; one without a colon leads to another plugin."""
        entry, reference = export.entry, export.reference
        if ":" in reference:
            return load_class(entry, reference)
        try:
            foreign = find_export(self.catalog, reference)
        except ClassNotAvailable as error:
            raise ClassNotAvailable(f"{entry} needs a class of another plugin. {error}", name=reference) from error
        except AttributeError as error:
            raise break_plugin(entry, f"it refers to {reference!r}, which no installed plugin exports") from error
        return load_class(foreign.entry, foreign.reference)

    def _find(self, owner: Owner, source: str | None = None, written_by: str | None = None) -> tuple[Entry, Record]:
        entry = self.catalog.find(owner.kind, owner.name)
        if entry is None:
            raise self._unknown(owner.kind, owner.name, source, written_by)
        (record,) = self.catalog.use(entry, source=source).of(entry)
        return entry, record

    def _unknown(self, kind: Kind, name: str, source: str | None = None, written_by: str | None = None) -> PluginError:
        """Return the error for a name that no distribution claims."""
        what = f"{'' if kind is Kind.ARCHITECTURE else 'the '}{kind.noun} {shown(name)}"
        message = f"{source} needs {what}, which no installed plugin provides." if source else ""
        message = message or f"No installed plugin provides {what}."
        known = KNOWN_PLUGINS if kind is Kind.ARCHITECTURE else {}
        if name in known:
            message += f" Run: pip install {known[name]}"
        else:
            if written_by and _WRITER.fullmatch(written_by):
                message += f" The checkpoint says it was written by {written_by}."
            names = sorted({entry.name for entry in self.entries(kind)})
            message += f" Installed: {shorten(names, 20)}.{did_you_mean(name, [*names, *known])}"
        if kind is Kind.ARCHITECTURE:
            return UnknownArchitecture(message, model_type=name, install=known.get(name))
        return PluginError(message, name=name)

    def _missing_role(self, owner: Owner, role: str) -> UnknownTask:
        """Return the error for a task or a part that nobody brings."""
        entry, _ = self._find(owner)
        claims, held, what = [*self.claims(owner)], f"has no {role.replace('_', ' ')}.", {"role": role}
        if role.startswith("models."):
            role, what = role.removeprefix("models."), {"task": role.removeprefix("models.")}
            claims = sorted(each.removeprefix("models.") for each in claims if each.startswith("models."))
            held = f"has no model for the task {role!r}. It has: {shorten(claims, 20)}."
        message = f"{owner.name!r} ({entry}) {held}"
        for other in self.entries(Kind.EXTENSION) if owner.kind is Kind.ARCHITECTURE else ():
            if other.model_type == owner.name and other.state is not State.OK:
                message += f" Not asked: {other.reason}"
        return UnknownTask(message + did_you_mean(role, claims), model_type=owner.name, **what)

    def _conflict(self, owner: Owner, role: str) -> PluginConflict:
        """Return the error for a task or a part that several plugins bring, or another one than the pinned."""
        claims, name = self.claims(owner, role)[role], f"{owner.name}.{role}"
        who = " and by the extension ".join(str(claim.entry) for claim in claims)
        message = f"{named_role(role).removeprefix('the ')} of {owner.name!r} is provided by {who}."
        if pin := self._pin(owner, role):
            message = f"{pin.source} gives {name!r} to {pin.distribution}, but the {message}"
        last = claims[-1].entry.distribution
        remedy = f"Uninstall one, or switch it off: archsmith disable {last}"
        if role in COMPONENTS:
            remedy += f". Or pin one: archsmith pin {name} {last}"
        return PluginConflict(
            f"{message} {remedy}",
            model_type=owner.name,
            role=role,
            distributions=tuple(str(claim.entry) for claim in claims),
        )


#: The registry of this process.
registry = Registry()
