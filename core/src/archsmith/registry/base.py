"""Find an installed architecture, load its manifest, and then exactly the class that was asked for.

The registry knows every *name* from package metadata (`archsmith.discovery`). A manifest is imported when its name is
asked for, a class when its role is, a command when its verb is invoked; nothing else of a plugin ever runs. A plugin
is registered whole or not at all. Before the registry refuses a name, it looks once more at what is installed.
"""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from archsmith._version import __version__
from archsmith.errors import ClassNotAvailable, PluginConflict, PluginError, UnknownArchitecture, UnknownTask
from archsmith.messages import announce, did_you_mean, shorten, shown
from archsmith.plugin import Architecture
from archsmith.registry.blame import describe
from archsmith.registry.catalog import Catalog
from archsmith.registry.installed import Entry, Index, Kind, State
from archsmith.registry.known import KNOWN_PLUGINS, install_hint, known_model_type, names_class_of, squash
from archsmith.registry.manifest import Manifest, break_plugin, load_class

__all__ = ["Export", "Registry", "registry"]

_WRITER = re.compile(r"[A-Za-z0-9][\w.-]{0,99}( [A-Za-z0-9][\w.+!-]{0,49})?", re.ASCII)


@dataclass(frozen=True)
class Export:
    """A class that a plugin provides.

    Attributes:
        entry: The entry point under which the plugin provides it.
        reference: ``"module:Class"``, or the name of a class that another plugin exports.
    """

    entry: Entry
    reference: str


class Registry:
    """The installed architectures, by name. One instance serves the process; it is safe to use from many threads.

    Example:
        >>> from archsmith.registry import registry
        >>> "distilbert" in registry.names()
        True
        >>> registry.get("distilbert").config
        'archsmith_distilbert.config:DistilBertConfig'
    """

    def __init__(self) -> None:
        self._catalog = Catalog()

    # ---- what is installed ----------------------------------------------------------------------------------

    @property
    def index(self) -> Index:
        """What package metadata says: entries, problems of the settings, notes."""
        return self._catalog.index

    def refresh(self) -> None:
        """Forget the scan and every plugin that did not load; what was installed or repaired meanwhile is found."""
        self._catalog.refresh()

    def names(self) -> list[str]:
        """Return every claimed model_type, whatever its state, without loading any plugin."""
        return sorted({entry.name for entry in self.index.entries if entry.kind is Kind.ARCHITECTURE})

    def entries(self, kind: Kind | None = None) -> list[Entry]:
        """Return what is installed, with the state as far as it is known now; loads nothing."""
        return [entry for entry in self._catalog.entries() if kind in (None, entry.kind)]

    def load_all(self) -> None:
        """Load every usable manifest, so that `entries` tells which of them are broken. Commands are not loaded."""
        for entry in self._catalog.usable():
            self._catalog.load(entry)

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
        return self._find(model_type, source, written_by)[1]

    def tasks(self, model_type: str) -> dict[str, Export]:
        """Return task key → class reference for an architecture, with what installed extensions add.

        Extensions that cannot be used are left out. Of two plugins that claim one task the owner of the architecture
        is listed, and `load` refuses that task.

        Raises:
            PluginError: As for `get`.
        """
        return {task: claims[0] for task, claims in self._claimed_tasks(model_type).items()}

    def load(self, model_type: str, role: str) -> type[Any]:
        """Import and return the class that plays a role, such as ``config``, ``models.<task>`` or ``tokenizer``.

        A check may reach every reference of a plugin in this way, its ``private_configs.<number>`` included.

        Raises:
            UnknownTask: The architecture has no such task or component.
            PluginConflict: Two plugins provide this task.
            PluginBroken: The reference does not lead to a class.
            PluginError: As for `get`.
        """
        if role.startswith("models."):
            return self._resolve(self._find_task(model_type, role.removeprefix("models.")))
        entry, record = self._find(model_type)
        references = record.references()
        if role not in references:
            message = f"{model_type!r} ({entry}) has no {role.replace('_', ' ')}.{did_you_mean(role, references)}"
            raise UnknownTask(message, model_type=model_type, role=role)
        return self._resolve(Export(entry, references[role]))

    def command(self, verb: str) -> Any:
        """Import and return what a command's entry point names, a function or a typer app; nothing imports it before.

        Raises:
            PluginError: No installed plugin provides it.
            PluginDisabled, PluginConflict, PluginIncompatible, PluginBroken: One does, but it cannot be used.
        """
        entry = self._catalog.find(Kind.COMMAND, verb)
        if entry is None:
            verbs = sorted({each.name for each in self.entries(Kind.COMMAND)})
            known = f"Installed: {shorten(verbs, 20)}.{did_you_mean(verb, verbs)}"
            raise PluginError(f"No installed plugin provides the command {verb!r}. {known}", verb=verb)
        return self._catalog.use(entry)

    def identify(self, config: Mapping[str, Any]) -> str | None:
        """Return the architecture of a config.json that names none which is installed; None if no plugin recognises it.

        Every usable plugin is asked, in the order of their names. A hook that fails or answers nonsense is announced,
        and the others still get their turn.

        Args:
            config: The content of config.json.
        """
        owners = {entry.key: entry for entry in self._catalog.usable() if entry.kind is Kind.ARCHITECTURE}
        for _, entry in sorted(owners.items()):
            manifest = self._manifest(entry)
            try:
                answer = manifest.identify(config)
            except KeyboardInterrupt:
                raise
            except BaseException as error:  # noqa: BLE001  # a stranger's code
                announce(f"{entry}: its identify() failed: {describe(error)}.")
                continue
            if isinstance(answer, str) and answer in manifest.architectures:
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
        return self._resolve(self._find_export(name))

    def class_names(self) -> set[str]:
        """Return the names of all classes that usable plugins export; each manifest is loaded for that."""
        return {name for entry in self._catalog.usable() for name in self._manifest(entry).exports(entry)}

    def exports(self, entry: Entry) -> dict[str, str]:
        """Return class name → reference for what one plugin provides under one entry, older names included.

        Raises:
            PluginDisabled, PluginConflict, PluginIncompatible, PluginBroken: It cannot be used.
        """
        return self._catalog.use(entry).exports(entry)  # type: ignore[no-any-return]

    def provider(self, cls: type[Any]) -> Entry | None:
        """Return the entry of the plugin that a configuration, model or preprocessing class comes from."""

        def nearness(entry: Entry) -> tuple[int, bool]:
            shared = os.path.commonprefix([entry.module.split("."), cls.__module__.split(".")])  # noqa: RUF071  # of lists
            return len(shared), entry.state is State.OK

        plugins = (entry for entry in self.index.entries if entry.kind is not Kind.COMMAND)
        nearest = max(plugins, key=nearness, default=None)
        return nearest if nearest and nearness(nearest)[0] else None

    def provenance(self, cls: type[Any]) -> dict[str, str]:
        """Return what a saved file says about who wrote it: core version, plugin name and plugin version."""
        entry = self.provider(cls)
        written = {"version": __version__}
        return written | {"plugin": entry.distribution, "plugin_version": entry.version} if entry else written

    # ---- how they are found ---------------------------------------------------------------------------------

    def _find(
        self, model_type: str, source: str | None = None, written_by: str | None = None
    ) -> tuple[Entry, Architecture]:
        entry = self._catalog.find(Kind.ARCHITECTURE, model_type)
        if entry is not None:
            return entry, self._catalog.use(entry, source=source).architectures[model_type]
        message = f"No installed plugin provides model_type {shown(model_type)}."
        if source:
            message = f"{source} needs model_type {shown(model_type)}, which no installed plugin provides."
        if known := KNOWN_PLUGINS.get(model_type):
            message += f" Run: pip install {known}"
        else:
            if written_by and _WRITER.fullmatch(written_by):
                message += f" The checkpoint says it was written by {written_by}."
            names = self.names()
            message += f" Installed: {shorten(names, 20)}.{did_you_mean(model_type, [*names, *KNOWN_PLUGINS])}"
        raise UnknownArchitecture(message, model_type=model_type, install=known)

    def _claimed_tasks(self, model_type: str) -> dict[str, list[Export]]:
        """Return who claims each task; the owner of the architecture comes first."""
        owner, record = self._find(model_type)
        claims = {task: {reference: Export(owner, reference)} for task, reference in record.models.items()}
        for entry in self._catalog.usable():
            if entry.kind is Kind.EXTENSION and entry.model_type == model_type:
                for task, reference in self._manifest(entry).extension_models(model_type).items():
                    claims.setdefault(task, {}).setdefault(reference, Export(entry, reference))
        return {task: list(found.values()) for task, found in claims.items()}

    def _find_task(self, model_type: str, task: str) -> Export:
        claims = self._claimed_tasks(model_type)
        if task not in claims:
            owner, _ = self._find(model_type)
            held = shorten(sorted(claims), 20)
            message = f"{model_type!r} ({owner}) has no model for the task {task!r}. It has: {held}."
            for entry in self.entries(Kind.EXTENSION):
                if entry.model_type == model_type and entry.state is not State.OK:
                    message += f" Not asked: {entry.reason}"
            raise UnknownTask(message + did_you_mean(task, claims), model_type=model_type, task=task)
        if len(claims[task]) > 1:
            first, second, *_ = claims[task]
            raise PluginConflict(
                f"task {task!r} of {model_type!r} is provided by {first.entry} and by the extension {second.entry}. "
                f"Uninstall one, or switch it off: archsmith disable {second.entry.distribution}",
                model_type=model_type,
                task=task,
                distributions=tuple(str(claim.entry) for claim in claims[task]),
            )
        return claims[task][0]

    def _find_export(self, name: str) -> Export:
        """Return who exports a class; before giving up, look again at what is installed."""
        export = self._search_export(name)
        if export is None:
            self._catalog.look_again()
            export = self._search_export(name)
        if export is None:
            raise self._absence(name)
        return export

    def _search_export(self, name: str) -> Export | None:
        """Search the plugins whose model_type begins the name, then the others; load no more than that takes."""
        usable = self._catalog.usable()
        near = [entry for entry in usable if name.lower().startswith(squash(entry.model_type))]
        for group in (near, [entry for entry in usable if entry not in near]):
            owners: dict[str, Export] = {}
            for entry in group:
                if reference := self._manifest(entry).exports(entry).get(name):
                    owners.setdefault(reference, Export(entry, reference))
            if len(owners) > 1:
                claims = " and ".join(sorted(f"{owner.entry} ({owner.reference})" for owner in owners.values()))
                remedy = "Import it from the package that you mean, or switch one off: archsmith disable"
                raise ClassNotAvailable(f"{name} is exported by {claims}. {remedy}", name=name)
            if owners:
                return next(iter(owners.values()))
        return None

    def _absence(self, name: str) -> ClassNotAvailable | AttributeError:
        """Say why no plugin exports a class: its plugin cannot be used, is not installed, or there is none."""
        unusable = [each for each in self.entries() if each.kind is not Kind.COMMAND and each.state is not State.OK]
        for entry in sorted(unusable, key=lambda entry: -len(entry.model_type)):
            if names_class_of(name, entry.model_type):
                return ClassNotAvailable(f"{name} cannot be imported: {entry.reason} {entry.remedy}", name=name)
        model_type = known_model_type(name)
        if model_type and model_type not in self.names():
            missing = f"{name} belongs to {model_type!r}, which no installed plugin provides.{install_hint(name)}"
            return ClassNotAvailable(missing, name=name)
        message = f"module 'archsmith' has no attribute {name!r}, and no installed plugin exports it."
        if unusable:
            message += f" Not asked: {shorten(sorted({f'{entry} ({entry.state})' for entry in unusable}), 20)}."
        return AttributeError(message + did_you_mean(name, self.class_names()), name=name)

    def _manifest(self, entry: Entry) -> Manifest:
        """Return what the plugin of an entry declares: nothing, if it does not load."""
        manifest = self._catalog.load(entry)
        return manifest if isinstance(manifest, Manifest) else Manifest({}, ())

    def _resolve(self, export: Export) -> type[Any]:
        """Import the class that a reference names; one without a colon leads to another plugin."""
        entry, reference = export.entry, export.reference
        if ":" in reference:
            return load_class(entry, reference)
        try:
            foreign = self._find_export(reference)
        except ClassNotAvailable as error:
            raise ClassNotAvailable(f"{entry} needs a class of another plugin. {error}", name=reference) from error
        except AttributeError as error:
            raise break_plugin(entry, f"it refers to {reference!r}, which no installed plugin exports") from error
        return load_class(foreign.entry, foreign.reference)


#: The registry of this process.
registry = Registry()
