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
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from types import MappingProxyType
from typing import Any

import pluggy

from archsmith.errors import PluginError

__all__ = [
    "COMPONENTS", "Architecture", "Extension", "ManifestError", "PluginSpec", "Preprocessing", "hookimpl",
    "waiver_faults",
]  # fmt: skip

hookspec = pluggy.HookspecMarker("archsmith")
#: Marks a function of a manifest as one of the hooks of `PluginSpec`.
hookimpl = pluggy.HookimplMarker("archsmith")

#: The preprocessing parts that a record may name.
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


class _Record:
    """What the records of a manifest share; each declares its own fields."""

    aliases: Mapping[str, str]

    def references(self) -> dict[str, str]:
        """Return every reference by the role it plays, such as ``config``, ``models.base`` or ``tokenizer``."""
        roles = {f"models.{task}": reference for task, reference in getattr(self, "models", {}).items()}
        return roles | {part: reference for part in COMPONENTS if (reference := getattr(self, part))}

    def exports(self) -> dict[str, str]:
        """Return class name → reference for what others may import: older names included, private parts left out."""
        public = [reference for role, reference in self.references().items() if not role.startswith("private_")]
        classes = {reference.partition(":")[2]: reference for reference in public if ":" in reference}
        return classes | {old: classes[new] for old, new in self.aliases.items()}

    def __post_init__(self) -> None:
        """Refuse a malformed record; make what a sound one holds read-only. Raises `ManifestError`."""
        values = {each.name: getattr(self, each.name) for each in fields(self)}  # type: ignore[arg-type]  # of a dataclass
        given = {name: value for name, value in values.items() if value is not None or name not in COMPONENTS}
        faults = [fault for name, value in given.items() for fault in _field_faults(name, value)]
        if not {"config", *COMPONENTS} & given.keys() and given.get("models", {}) == {}:
            tasks = "a task in models, or " if "models" in given else ""
            faults.append(f"there must be at least {tasks}one of {', '.join(COMPONENTS)}")
        if faults := faults or _exports_faults(self):
            named = next(iter(values.values()))
            raise ManifestError(f"{type(self).__name__}({named!r}): {'; '.join(faults)}")
        for name, value in given.items():
            if isinstance(value, Mapping):
                object.__setattr__(self, name, MappingProxyType(dict(value)))
            elif name == "private_configs":
                object.__setattr__(self, name, tuple(value))


@dataclass(frozen=True, kw_only=True)
class Architecture(_Record):
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

    def references(self) -> dict[str, str]:
        """Return every reference by the role it plays, such as ``config``, ``models.base`` or ``tokenizer``."""
        private = {f"private_configs.{i}": reference for i, reference in enumerate(self.private_configs)}
        return {"config": self.config} | super().references() | private


@dataclass(frozen=True, kw_only=True)
class Extension(_Record):
    """New tasks, or missing preprocessing, for an architecture that another distribution owns.

    Attributes:
        model_type: The architecture that is extended.
        models: Task key → reference to a model class.
        tokenizer: Reference to the tokenizer in Python.
        tokenizer_fast: Reference to the tokenizer on the Rust library.
        image_processor: Reference to the image processor.
        feature_extractor: Reference to the feature extractor for audio.
        processor: Reference to the processor that wraps several of these.
        aliases: Older class names → the names of this extension's own classes.
        waivers: Names of conformance checks that it does not pass → the reason.

    Raises:
        ManifestError: A field is malformed, or it adds nothing; the message lists every fault.
    """

    model_type: str
    models: Mapping[str, str] = field(default_factory=dict)
    tokenizer: str | None = None
    tokenizer_fast: str | None = None
    image_processor: str | None = None
    feature_extractor: str | None = None
    processor: str | None = None
    aliases: Mapping[str, str] = field(default_factory=dict)
    waivers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Preprocessing(_Record):
    """Preprocessing that no architecture owns: found by the names of its classes, and used by whoever names them.

    Attributes:
        name: The package's short name, and the name of the entry point.
        tokenizer: Reference to the tokenizer in Python.
        tokenizer_fast: Reference to the tokenizer on the Rust library.
        image_processor: Reference to the image processor.
        feature_extractor: Reference to the feature extractor for audio.
        processor: Reference to the processor that wraps several of these.
        aliases: Older class names → the names of this package's own classes.
        waivers: Names of conformance checks that it does not pass → the reason.

    Raises:
        ManifestError: A field is malformed, or there is no part; the message lists every fault.
    """

    name: str
    tokenizer: str | None = None
    tokenizer_fast: str | None = None
    image_processor: str | None = None
    feature_extractor: str | None = None
    processor: str | None = None
    aliases: Mapping[str, str] = field(default_factory=dict)
    waivers: Mapping[str, str] = field(default_factory=dict)


class PluginSpec:
    """The hooks that a manifest may implement."""

    @hookspec
    def architectures(self) -> Iterable[Architecture]:  # type: ignore[empty-body]
        """Yield the architectures that this manifest declares."""

    @hookspec
    def extensions(self) -> Iterable[Extension]:  # type: ignore[empty-body]
        """Yield new tasks, or missing preprocessing, for architectures that others own."""

    @hookspec
    def processors(self) -> Iterable[Preprocessing]:  # type: ignore[empty-body]
        """Yield preprocessing that no architecture owns."""

    @hookspec(firstresult=True)
    def identify(self, config: Mapping[str, Any]) -> str | None:
        """Return the model_type of a config.json that names none this registry knows, or None if it is not yours."""


def waiver_faults(waivers: object) -> Iterator[str]:
    """Yield one sentence for each waiver without a name or a reason."""
    return _field_faults("waivers", waivers)


def _field_faults(name: str, value: object) -> Iterator[str]:
    """Yield what is wrong with the value of a field of a record."""
    if name in ("model_type", "name"):
        if not isinstance(value, str) or not MODEL_TYPE.fullmatch(value):
            yield f"{name} must be lower-case letters, digits, '_' and '-', but is {value!r}"
    elif name == "private_configs":
        if isinstance(value, str) or not isinstance(value, Sequence):
            yield f"private_configs must be a tuple of references, but is {value!r}"
            return
        for reference in value:
            if not isinstance(reference, str) or not _REFERENCE.fullmatch(reference):
                yield f"private_configs must hold references 'module:Class', but holds {reference!r}"
    elif name not in _MAPPINGS:
        yield from _reference_faults(name, value)
    elif not isinstance(value, Mapping):
        yield f"{name} must map {_MAPPINGS[name][0]}, but is {value!r}"
    else:
        for key, each in value.items():
            yield from _MAPPINGS[name][1](key, each)


def _reference_faults(role: str, reference: object) -> Iterator[str]:
    if not isinstance(reference, str) or not (_REFERENCE.fullmatch(reference) or _CLASS.fullmatch(reference)):
        yield f"{role} must be a reference 'module:Class' (or the name of another plugin's class), but is {reference!r}"


def _model_faults(task: object, reference: object) -> Iterator[str]:
    from archsmith.tasks import published_task

    known = published_task(task) if isinstance(task, str) else None
    if known not in (None, task):
        yield f"the task key {task!r} is a known one that is spelt otherwise: write {known!r}"
    elif not isinstance(task, str) or not _TASK.fullmatch(task):
        yield f"a task key must be kebab-case, as 'masked-lm', but is {task!r}"
    yield from _reference_faults(f"models[{task!r}]", reference)


def _preset_faults(name: object, values: object) -> Iterator[str]:
    if not isinstance(name, str) or not isinstance(values, Mapping):
        yield f"presets[{name!r}] must be a mapping of configuration values, but is {values!r}"


def _alias_faults(old: object, new: object) -> Iterator[str]:
    if not all(isinstance(name, str) and _CLASS.fullmatch(name) for name in (old, new)):
        yield f"aliases must map class names to class names, but holds {old!r}: {new!r}"


def _tiny_faults(name: object, value: object) -> Iterator[str]:
    if not isinstance(name, str):
        yield f"tiny must map configuration fields to values, but holds {name!r}: {value!r}"


def _waiver_faults(name: object, reason: object) -> Iterator[str]:
    if not isinstance(name, str) or not isinstance(reason, str) or len(reason.split()) < _REASON_WORDS:
        yield f"waivers[{name!r}] must say in {_REASON_WORDS} words or more why, but is {reason!r}"


#: Field that is a mapping → what it maps, and what is wrong with one of its items.
_MAPPINGS: Mapping[str, tuple[str, Callable[[object, object], Iterator[str]]]] = {
    "models": ("task keys to references", _model_faults),
    "presets": ("checkpoint ids to configuration values", _preset_faults),
    "aliases": ("older class names to this plugin's class names", _alias_faults),
    "tiny": ("configuration fields to values", _tiny_faults),
    "waivers": ("names of checks to reasons", _waiver_faults),
}


def _exports_faults(record: _Record) -> list[str]:
    """Find class names that would mean two things, and older names that would mean nothing."""
    faults = []
    classes: dict[str, str] = {}
    for role, reference in record.references().items():
        name = "" if role.startswith("private_") else reference.partition(":")[2]
        if name and classes.setdefault(name, reference) != reference:
            faults.append(f"{name!r} names two classes: {classes[name]!r} and {reference!r}")
    for old, new in record.aliases.items():
        if new not in classes:
            known = ", ".join(sorted(classes))
            faults.append(f"the alias {old!r} leads to {new!r}, which is not a class of this record: {known}")
        if old in classes:
            faults.append(f"the alias {old!r} hides the class {classes[old]!r}")
    return faults
