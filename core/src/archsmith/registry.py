"""Find an installed architecture, load its manifest, and then exactly the class that was asked for.

The registry knows every *name* from package metadata (`archsmith.installed`). A manifest is imported when its name is
asked for, a class when its role is; nothing else of a plugin ever runs. A plugin is registered whole or not at all.
"""

import dataclasses
import importlib
import os
import re
import threading
import warnings
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from archsmith.errors import (
    ArchsmithError,
    ArchsmithWarning,
    ClassNotAvailable,
    PluginBroken,
    PluginConflict,
    PluginDisabled,
    PluginError,
    PluginIncompatible,
    UnknownArchitecture,
    UnknownTask,
    did_you_mean,
)
from archsmith.installed import Entry, Index, Kind, Settings, State, mark, repair, scan
from archsmith.manifest import Manifest, load_manifest
from archsmith.plugin import Architecture

__all__ = ["KNOWN_PLUGINS", "Registry", "registry"]

#: Architectures whose plugin the core can name when it is not installed.
KNOWN_PLUGINS: Mapping[str, str] = {
    "bert": "archsmith-bert",
    "distilbert": "archsmith-distilbert",
    "maskformer": "archsmith-maskformer",
    "maskformer-swin": "archsmith-maskformer",
    "resnet": "archsmith-resnet",
    "timm_backbone": "archsmith-timm",
    "timm_wrapper": "archsmith-timm",
    "vit": "archsmith-vit",
    "wav2vec2": "archsmith-wav2vec2",
}

_STATE_ERRORS: Mapping[State, type[PluginError]] = {
    State.DISABLED: PluginDisabled,
    State.CONFLICTING: PluginConflict,
    State.INCOMPATIBLE: PluginIncompatible,
    State.BROKEN: PluginBroken,
}
_CLASS_SUFFIX = re.compile(
    r"(config|model|backbone|pretrainedmodel|tokenizer|tokenizerfast|imageprocessor|featureextractor|processor|for\w+)"
)
_VARIABLES = ("ARCHSMITH_PLUGINS", "ARCHSMITH_DISABLE", "ARCHSMITH_PIN")


@dataclass(frozen=True)
class Export:
    """A class that a plugin exports by name."""

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
        self._lock = threading.RLock()
        self._index: Index | None = None
        self._index_settings: tuple[str | None, ...] = ()
        self._manifests: dict[tuple[str, str], Manifest | PluginBroken] = {}

    # ---- what is installed ----------------------------------------------------------------------------------

    @property
    def index(self) -> Index:
        """The latest scan; made anew when one of the ``ARCHSMITH_*`` variables has changed."""
        settings = tuple(os.environ.get(name) for name in _VARIABLES)
        with self._lock:
            if self._index is None or settings != self._index_settings:
                self._index = scan(Settings.from_environment())
                self._index_settings = settings
                for problem in self._index.problems:
                    warnings.warn(problem, ArchsmithWarning, stacklevel=3)
            return self._index

    def refresh(self) -> None:
        """Forget the scan and every plugin that did not load; what was installed meanwhile is found again."""
        importlib.invalidate_caches()
        with self._lock:
            self._index = None
            self._manifests = {
                key: manifest for key, manifest in self._manifests.items() if isinstance(manifest, Manifest)
            }

    def names(self) -> list[str]:
        """Return every claimed model_type, whatever its state, without loading any plugin."""
        return sorted({entry.name for entry in self.index.entries if entry.kind is Kind.ARCHITECTURE})

    def entries(self, kind: Kind | None = None) -> list[Entry]:
        """Return what is installed, with the state as far as it is known now; loads nothing."""
        return [self._current(entry) for entry in self.index.entries if kind in (None, entry.kind)]

    def load_all(self) -> None:
        """Load every usable manifest, so that `entries` tells which of them are broken."""
        for entry in self.index.entries:
            if entry.kind is not Kind.COMMAND and entry.state is State.OK:
                self._loaded(entry)

    # ---- one architecture -----------------------------------------------------------------------------------

    def get(self, model_type: str, *, source: str | None = None, written_by: str | None = None) -> Architecture:
        """Return the manifest record of one architecture; loads that plugin's manifest and no other.

        Args:
            model_type: The key in config.json.
            source: What asks for it ("config.json", a path), for the error message.
            written_by: The plugin that the checkpoint says it was written by, for the error message.

        Raises:
            UnknownArchitecture: No installed plugin provides it.
            PluginDisabled, PluginConflict, PluginIncompatible, PluginBroken: One does, but it can not be used.
        """
        entry = self._entry(model_type, source, written_by)
        return self._manifest(entry).architectures[model_type]

    def tasks(self, model_type: str) -> dict[str, Export]:
        """Return task key → class reference for an architecture, with what installed extensions add.

        A broken extension is left out with a warning; it does not take the architecture with it.

        Raises:
            PluginConflict: Two plugins provide one task of this architecture.
        """
        owner = self._entry(model_type)
        tasks = {task: Export(owner, ref) for task, ref in self.get(model_type).models.items()}
        for entry in self._extensions_of(model_type):
            manifest = self._loaded(entry)
            if isinstance(manifest, PluginBroken):
                warnings.warn(str(manifest), ArchsmithWarning, stacklevel=2)
                continue
            for task, reference in manifest.extension_models(model_type).items():
                known = tasks.setdefault(task, Export(entry, reference))
                if known.entry.key != entry.key:
                    raise PluginConflict(
                        f"task {task!r} of {model_type!r} is provided by {known.entry} and by the extension {entry}. "
                        f"Uninstall one, or switch it off: ARCHSMITH_DISABLE={entry.distribution}",
                        model_type=model_type,
                        distributions=(str(known.entry), str(entry)),
                    )
        return tasks

    def load(self, model_type: str, role: str) -> type[Any]:
        """Import and return the class that plays a role: ``config``, ``models.<task>``, ``tokenizer``, …

        Raises:
            UnknownTask: The architecture has no such task or component.
            PluginBroken: The reference does not lead to a class.
        """
        if role.startswith("models."):
            return self._load_model(model_type, role.removeprefix("models."))
        reference = self.get(model_type).references().get(role)
        if reference is None:
            what = role.replace("_", " ")
            raise UnknownTask(
                f"{model_type!r} ({self._entry(model_type)}) has no {what}.", model_type=model_type, role=role
            )
        return self._resolve(Export(self._entry(model_type), reference))

    def _load_model(self, model_type: str, task: str) -> type[Any]:
        tasks = self.tasks(model_type)
        if task not in tasks:
            hint = did_you_mean(task, tasks)
            raise UnknownTask(
                f"{model_type!r} ({self._entry(model_type)}) has no model for the task {task!r}. "
                f"It has: {', '.join(sorted(tasks)) or 'none'}.{hint}",
                model_type=model_type,
                task=task,
            )
        return self._resolve(tasks[task])

    def identify(self, config: Mapping[str, Any]) -> str | None:
        """Ask every usable plugin, in the order of their names, whose config.json without a known model_type this is.

        Args:
            config: The content of config.json.
        """
        for entry in self.index.entries:
            if entry.kind is not Kind.ARCHITECTURE or entry.state is not State.OK:
                continue
            manifest = self._loaded(entry)
            if isinstance(manifest, PluginBroken) or manifest.identify is None:
                continue
            try:
                model_type = manifest.identify(dict(config))
            except Exception as error:  # noqa: BLE001  # a stranger's code; the others still get their turn
                warnings.warn(f"{entry}: its identify() hook failed: {error!r}", ArchsmithWarning, stacklevel=2)
                continue
            if model_type is not None:
                if model_type in manifest.architectures:
                    return str(model_type)
                warnings.warn(
                    f"{entry}: its identify() hook answered {model_type!r}, which it does not provide.",
                    ArchsmithWarning,
                    stacklevel=2,
                )
        return None

    def provider(self, cls: type[Any]) -> Entry | None:
        """Return the entry of the plugin that a configuration, model or preprocessing class comes from."""
        package = cls.__module__.partition(".")[0]
        for entry in self.index.entries:
            if entry.kind is not Kind.COMMAND and entry.module.partition(".")[0] == package:
                return entry
        return None

    def provenance(self, cls: type[Any]) -> dict[str, str]:
        """Return what a saved file says about who wrote it: core version, plugin name and plugin version."""
        import archsmith

        entry = self.provider(cls)
        written = {"version": archsmith.__version__}
        return written | {"plugin": entry.distribution, "plugin_version": entry.version} if entry else written

    # ---- classes by name ------------------------------------------------------------------------------------

    def find_class(self, name: str) -> type[Any]:
        """Return the class that ``from archsmith import <name>`` means.

        The plugins whose model_type begins the name are asked first, then all of them.

        Raises:
            ClassNotAvailable: Its plugin is known but not installed or not usable, or two plugins export the name.
            AttributeError: No plugin exports it.
        """
        return self._resolve(self._find_export(name))

    def exports(self, entry: Entry) -> dict[str, str]:
        """Return class name → reference for what one plugin provides under one entry, older names included."""
        manifest = self._manifest(entry)
        if entry.kind is Kind.EXTENSION:
            return _classes(manifest.extension_models(entry.model_type).values())
        architecture = manifest.architectures[entry.name]
        classes = _classes(architecture.references().values())
        return classes | {old: classes[new] for old, new in architecture.aliases.items() if new in classes}

    def _find_export(self, name: str) -> Export:
        lowered = name.lower()
        entries = [entry for entry in self.entries() if entry.kind is not Kind.COMMAND]
        near = [entry for entry in entries if lowered.startswith(_squash(entry.model_type))]
        for group in (near, [entry for entry in entries if entry not in near]):
            owners = self._owners(name, group)
            if len(owners) > 1:
                names = " and ".join(sorted(str(owner.entry) for owner in owners))
                raise ClassNotAvailable(
                    f"{name} is exported by {names}. Import it from the package that you mean, or switch one off with "
                    "ARCHSMITH_DISABLE.",
                    name=name,
                )
            if owners:
                return owners[0]
        self._explain_absence(name, [self._current(entry) for entry in near])
        raise AttributeError(f"module 'archsmith' has no attribute {name!r}, and no installed plugin exports it.")

    def _owners(self, name: str, entries: list[Entry]) -> list[Export]:
        owners: dict[str, Export] = {}
        for entry in entries:
            if entry.state is State.OK and isinstance(self._loaded(entry), Manifest):
                reference = self.exports(entry).get(name)
                if reference is not None:
                    owners.setdefault(reference, Export(entry, reference))
        return list(owners.values())

    def _explain_absence(self, name: str, near: list[Entry]) -> None:
        """Raise if the name looks like a class of a plugin that can not be used or is not installed."""
        lowered = name.lower()
        unusable = sorted(
            (entry for entry in near if entry.state is not State.OK), key=lambda entry: -len(entry.model_type)
        )
        if unusable:
            entry = unusable[0]
            raise ClassNotAvailable(f"{name} can not be imported: {entry.reason} {entry.remedy}", name=name)
        for model_type in sorted(KNOWN_PLUGINS, key=len, reverse=True):
            prefix = _squash(model_type)
            if lowered.startswith(prefix) and _CLASS_SUFFIX.fullmatch(lowered.removeprefix(prefix)):
                if self.index.of(Kind.ARCHITECTURE, model_type):
                    return
                raise ClassNotAvailable(
                    f"{name} belongs to {model_type!r}, which no installed plugin provides. "
                    f"Run: pip install {KNOWN_PLUGINS[model_type]}",
                    name=name,
                )

    # ---- entries, manifests, references ---------------------------------------------------------------------

    def _entry(self, model_type: str, source: str | None = None, written_by: str | None = None) -> Entry:
        """Return the one usable entry of an architecture, or raise the error that fits its state."""
        claims = self.index.of(Kind.ARCHITECTURE, model_type)
        if not claims:
            self.refresh()
            claims = self.index.of(Kind.ARCHITECTURE, model_type)
        usable = [entry for entry in claims if entry.state is State.OK]
        if usable:
            return usable[0]
        if not claims:
            raise self._unknown(model_type, source, written_by)
        order = (State.CONFLICTING, State.INCOMPATIBLE, State.BROKEN, State.DISABLED)
        entry = min(claims, key=lambda claim: order.index(claim.state))
        asked = f"{source} needs model_type {model_type!r}, but " if source else ""
        raise _STATE_ERRORS[entry.state](
            f"{asked}{entry.reason} {entry.remedy}",
            model_type=model_type,
            distributions=tuple(str(claim) for claim in claims),
        )

    def _unknown(self, model_type: str, source: str | None, written_by: str | None) -> UnknownArchitecture:
        known = KNOWN_PLUGINS.get(model_type)
        names = self.names()
        message = f"{source} needs model_type" if source else "model_type"
        message += f" {model_type!r}, which no installed plugin provides."
        if known:
            message += f" Run: pip install {known}"
        else:
            if written_by:
                message += f" The checkpoint says it was written by {written_by}."
            message += f" Installed: {', '.join(names) or 'none'}."
            message += did_you_mean(model_type, [*names, *KNOWN_PLUGINS])
        return UnknownArchitecture(message, model_type=model_type, install=known)

    def _current(self, entry: Entry) -> Entry:
        """Return the entry with the state that loading its manifest has shown, if it was loaded."""
        failure = self._manifests.get((entry.key, entry.version))
        if entry.state is State.OK and entry.kind is not Kind.COMMAND and isinstance(failure, PluginBroken):
            return mark(entry, State.BROKEN, failure.reason, failure.remedy)
        return entry

    def _extensions_of(self, model_type: str) -> Iterator[Entry]:
        for entry in self.index.entries:
            if entry.kind is Kind.EXTENSION and entry.model_type == model_type and entry.state is State.OK:
                yield entry

    def _manifest(self, entry: Entry) -> Manifest:
        """Return the manifest behind an entry, or raise the error that names why there is none."""
        if entry.state is not State.OK:
            raise _STATE_ERRORS[entry.state](f"{entry.reason} {entry.remedy}", distributions=(str(entry),))
        manifest = self._loaded(entry)
        if isinstance(manifest, PluginBroken):
            # A fresh exception each time: a shared one would collect every caller's traceback.
            raise PluginBroken(
                str(manifest), reason=manifest.reason, remedy=manifest.remedy, distributions=(str(entry),)
            ) from manifest.__cause__
        return manifest

    def _loaded(self, entry: Entry) -> Manifest | PluginBroken:
        """Load all manifests of a distribution, once.

        No lock is held while a plugin's module is imported (it might import archsmith's classes from another thread);
        two threads that come at once both load, and the first result stays.
        """
        key = (entry.key, entry.version)
        manifest = self._manifests.get(key)
        if manifest is None:
            entries = [
                other for other in self.index.entries if other.key == entry.key and other.kind is not Kind.COMMAND
            ]
            try:
                loaded: Manifest | PluginBroken = load_manifest(entries)
            except PluginBroken as error:
                loaded = error
            with self._lock:
                manifest = self._manifests.setdefault(key, loaded)
        return manifest

    def _resolve(self, export: Export) -> type[Any]:
        """Import the class that a reference names."""
        entry, reference = export.entry, export.reference
        if ":" not in reference:
            return self._resolve(self._find_foreign(export))
        module_name, _, class_name = reference.partition(":")
        try:
            module = importlib.import_module(module_name)
            found = getattr(module, class_name)
        except ArchsmithError:
            raise
        except AttributeError as error:
            if "module" in locals():
                hint = did_you_mean(class_name, vars(module))
                raise _broken(entry, f"{reference!r} names no class of that module.{hint}") from error
            raise _broken(entry, f"{module_name}: {type(error).__name__}: {error}") from error
        except (Exception, SystemExit) as error:
            raise _broken(entry, f"{module_name}: {type(error).__name__}: {error}") from error
        if not isinstance(found, type):
            raise _broken(entry, f"{reference!r} is not a class but {type(found).__name__}")
        return found

    def _find_foreign(self, export: Export) -> Export:
        """Follow a reference without a colon to the plugin that exports the class."""
        try:
            return self._find_export(export.reference)
        except (AttributeError, ClassNotAvailable) as error:
            raise _broken(export.entry, f"it refers to {export.reference!r}: {error}") from error


def _broken(entry: Entry, cause: str) -> PluginBroken:
    reason = f"{entry} is broken: {cause.rstrip('.')}."
    remedy = repair(entry.distribution)
    return PluginBroken(f"{reason} {remedy}", reason=reason, remedy=remedy, distributions=(str(entry),))


def _classes(references: Iterable[str]) -> dict[str, str]:
    return {reference.partition(":")[2]: reference for reference in references if ":" in reference}


def _squash(model_type: str) -> str:
    return model_type.replace("_", "").replace("-", "")


registry = Registry()
