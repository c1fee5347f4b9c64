"""What a plugin's manifest may import: the records it yields and the hooks it implements.

A manifest is a small module named by an entry point. It imports the standard library and this module, nothing else::

    from collections.abc import Iterator

    from archsmith.plugin import Architecture, hookimpl


    @hookimpl
    def architectures() -> Iterator[Architecture]:
        yield Architecture(
            model_type="toy",
            config="archsmith_toy.config:ToyConfig",
            models={"base": "archsmith_toy.model:ToyModel"},
        )

References are strings, ``"module:Class"``; nothing is imported before it is used. A reference without a colon is the
name of a class that another plugin exports.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

import pluggy

from archsmith.errors import PluginError

__all__ = ["COMPONENTS", "Architecture", "Extension", "ManifestError", "PluginSpec", "hookimpl", "waiver_faults"]

hookspec = pluggy.HookspecMarker("archsmith")
#: Marks a function of a manifest as one of the hooks of `PluginSpec`.
hookimpl = pluggy.HookimplMarker("archsmith")

#: The preprocessing parts an architecture may name.
COMPONENTS = ("tokenizer", "tokenizer_fast", "image_processor", "feature_extractor", "processor")

#: What a model_type looks like. A dot separates it from the name of an extension.
MODEL_TYPE = re.compile(r"[a-z0-9][a-z0-9_-]*")

_TASK = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_DOTTED = r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*"
_REFERENCE = re.compile(rf"{_DOTTED}:[A-Za-z_]\w*", re.ASCII)
_CLASS = re.compile(r"[A-Z]\w*", re.ASCII)
#: A reason has at least as many words; "n/a" and "todo" are none.
_REASON_WORDS = 4


class ManifestError(PluginError, ValueError):
    """A record of a manifest is malformed. The registry reports it as a broken plugin, with the plugin's name."""


@dataclass(frozen=True, kw_only=True)
class Architecture:
    """One architecture: its ``model_type`` and the names of the classes that implement it.

    Attributes:
        model_type: The key in config.json, and the name of the entry point.
        config: Reference to the configuration class.
        models: Task key → reference to a model class; ``"base"`` is the model without a head.
        tokenizer: Reference to the tokenizer in Python.
        tokenizer_fast: Reference to the tokenizer on the Rust library.
        image_processor: Reference to the image processor.
        feature_extractor: Reference to the feature extractor for audio.
        processor: Reference to the processor that wraps several of these.
        presets: Well-known checkpoint ids → configuration values (random weights, no network).
        aliases: Older class names → the names of this plugin's own classes.
        private_configs: References to sub-configurations that only this plugin reads.
        tiny: Configuration values that make a model small enough to be checked in a moment (`archsmith_devkit`).
        waivers: Names of conformance checks that this architecture does not pass → the reason, which every report
            shows.

    Raises:
        ManifestError: A field is malformed; the message lists every fault.
    """

    model_type: str
    config: str
    models: Mapping[str, str] = field(default_factory=dict)
    tokenizer: str | None = None
    tokenizer_fast: str | None = None
    image_processor: str | None = None
    feature_extractor: str | None = None
    processor: str | None = None
    presets: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    aliases: Mapping[str, str] = field(default_factory=dict)
    private_configs: tuple[str, ...] = ()
    tiny: Mapping[str, Any] = field(default_factory=dict)
    waivers: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        faults = [*_model_type_faults(self.model_type), *_reference_faults("config", self.config)]
        faults += _models_faults(self.models)
        for component in COMPONENTS:
            if (reference := getattr(self, component)) is not None:
                faults += _reference_faults(component, reference)
        faults += _presets_faults(self.presets)
        faults += _aliases_faults(self.aliases)
        faults += _private_faults(self.private_configs)
        faults += _tiny_faults(self.tiny)
        faults += waiver_faults(self.waivers)
        _raise_faults(f"Architecture({self.model_type!r})", faults or _exports_faults(self))
        object.__setattr__(self, "private_configs", tuple(self.private_configs))
        for name in ("models", "presets", "aliases", "tiny", "waivers"):
            object.__setattr__(self, name, MappingProxyType(dict(getattr(self, name))))

    def references(self) -> dict[str, str]:
        """Return every reference by the role it plays, such as ``config``, ``models.base`` or ``tokenizer``."""
        return _public(self) | {f"private_configs.{i}": reference for i, reference in enumerate(self.private_configs)}

    def exports(self) -> dict[str, str]:
        """Return class name → reference for what others may import: older names included, private parts left out."""
        classes = _classes(_public(self).values())
        return classes | {old: classes[new] for old, new in self.aliases.items()}


@dataclass(frozen=True, kw_only=True)
class Extension:
    """New tasks for an architecture that another distribution owns.

    Attributes:
        model_type: The architecture that is extended.
        models: Task key → reference to a model class.

    Raises:
        ManifestError: A field is malformed; the message lists every fault.
    """

    model_type: str
    models: Mapping[str, str]

    def __post_init__(self) -> None:
        faults = [*_model_type_faults(self.model_type), *_models_faults(self.models)]
        if not self.models:
            faults.append("models must name at least one task")
        _raise_faults(f"Extension({self.model_type!r})", faults)
        object.__setattr__(self, "models", MappingProxyType(dict(self.models)))

    def references(self) -> dict[str, str]:
        """Return every reference by the role it plays: ``models.<task>``."""
        return {f"models.{task}": reference for task, reference in self.models.items()}

    def exports(self) -> dict[str, str]:
        """Return class name → reference for what others may import."""
        return _classes(self.models.values())


class PluginSpec:
    """The hooks that a manifest may implement."""

    @hookspec
    def architectures(self) -> Iterable[Architecture]:  # type: ignore[empty-body]
        """Yield the architectures that this manifest declares."""

    @hookspec
    def extensions(self) -> Iterable[Extension]:  # type: ignore[empty-body]
        """Yield new tasks for architectures that others own."""

    @hookspec(firstresult=True)
    def identify(self, config: Mapping[str, Any]) -> str | None:
        """Return the model_type of a config.json that names none this registry knows, or None if it is not yours."""


def _model_type_faults(model_type: object) -> Iterator[str]:
    if not isinstance(model_type, str) or not MODEL_TYPE.fullmatch(model_type):
        yield f"model_type must be lower-case letters, digits, '_' and '-', but is {model_type!r}"


def _reference_faults(role: str, reference: object) -> list[str]:
    if isinstance(reference, str) and (_REFERENCE.fullmatch(reference) or _CLASS.fullmatch(reference)):
        return []
    return [f"{role} must be a reference 'module:Class' (or the name of another plugin's class), but is {reference!r}"]


def _models_faults(models: object) -> Iterator[str]:
    if not isinstance(models, Mapping):
        yield f"models must map task keys to references, but is {models!r}"
        return
    for task, reference in models.items():
        if not isinstance(task, str) or not _TASK.fullmatch(task):
            yield f"a task key must be kebab-case, as 'masked-lm', but is {task!r}"
        yield from _reference_faults(f"models[{task!r}]", reference)


def _presets_faults(presets: object) -> Iterator[str]:
    if not isinstance(presets, Mapping):
        yield f"presets must map checkpoint ids to configuration values, but is {presets!r}"
        return
    for name, values in presets.items():
        if not isinstance(name, str) or not isinstance(values, Mapping):
            yield f"presets[{name!r}] must be a mapping of configuration values, but is {values!r}"


def _aliases_faults(aliases: object) -> Iterator[str]:
    if not isinstance(aliases, Mapping):
        yield f"aliases must map older class names to this plugin's class names, but is {aliases!r}"
        return
    for old, new in aliases.items():
        if not all(isinstance(name, str) and _CLASS.fullmatch(name) for name in (old, new)):
            yield f"aliases must map class names to class names, but holds {old!r}: {new!r}"


def _private_faults(references: object) -> Iterator[str]:
    if isinstance(references, str) or not isinstance(references, Sequence):
        yield f"private_configs must be a tuple of references, but is {references!r}"
        return
    for reference in references:
        if not isinstance(reference, str) or not _REFERENCE.fullmatch(reference):
            yield f"private_configs must hold references 'module:Class', but holds {reference!r}"


def _tiny_faults(values: object) -> Iterator[str]:
    if not isinstance(values, Mapping) or not all(isinstance(name, str) for name in values):
        yield f"tiny must map configuration fields to values, but is {values!r}"


def waiver_faults(waivers: object) -> Iterator[str]:
    """Yield one sentence for each waiver without a name or a reason."""
    if not isinstance(waivers, Mapping):
        yield f"waivers must map names of checks to reasons, but is {waivers!r}"
        return
    for name, reason in waivers.items():
        if not isinstance(name, str) or not isinstance(reason, str) or len(reason.split()) < _REASON_WORDS:
            yield f"waivers[{name!r}] must say in {_REASON_WORDS} words or more why, but is {reason!r}"


def _public(record: Architecture) -> dict[str, str]:
    """Return the references that are not private, by role."""
    roles = {"config": record.config} | {f"models.{task}": reference for task, reference in record.models.items()}
    return roles | {part: reference for part in COMPONENTS if (reference := getattr(record, part))}


def _classes(references: Iterable[str]) -> dict[str, str]:
    """Return class name → reference; a reference without a colon is another plugin's class."""
    return {reference.partition(":")[2]: reference for reference in references if ":" in reference}


def _exports_faults(record: Architecture) -> list[str]:
    """Find class names that would mean two things, and older names that would mean nothing."""
    faults = []
    classes: dict[str, str] = {}
    for reference in _public(record).values():
        name = reference.partition(":")[2]
        if name and classes.setdefault(name, reference) != reference:
            faults.append(f"{name!r} names two classes: {classes[name]!r} and {reference!r}")
    for old, new in record.aliases.items():
        if new not in classes:
            known = ", ".join(sorted(classes))
            faults.append(f"the alias {old!r} leads to {new!r}, which is not a class of this record: {known}")
        if old in classes:
            faults.append(f"the alias {old!r} hides the class {classes[old]!r}")
    return faults


def _raise_faults(what: str, faults: list[str]) -> None:
    if faults:
        raise ManifestError(f"{what}: {'; '.join(faults)}")
