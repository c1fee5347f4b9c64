"""Checks of the fields of a configuration: each does something, or says that it does nothing."""

import ast
import dataclasses
import functools
import inspect
import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Literal, get_args, get_origin, get_type_hints

import torch
from torch import Tensor

from archsmith.backbone_config import BackboneConfig, BackboneHostConfig
from archsmith.config import PreTrainedConfig
from archsmith.errors import ArchsmithError
from archsmith.model import PreTrainedModel
from archsmith_devkit.harness import Harness, assert_near, outputs_of
from archsmith_devkit.labels import labels_for
from archsmith_devkit.sources import sources

__all__ = [
    "Behaviour",
    "FieldChecks",
    "built_config",
    "changed_values",
    "other_values",
    "own_fields",
    "own_paths",
    "value_at",
]

_BASES = (PreTrainedConfig, BackboneConfig, BackboneHostConfig)
#: Fields that others check, or that are there for who writes texts with a model.
_OF_OTHERS = {
    declared.name for cls in _BASES for declared in dataclasses.fields(cls)
} | {
    "bos_token_id", "eos_token_id", "sep_token_id", "cls_token_id", "decoder_start_token_id", "pad_token_id",
    "use_cache", "is_decoder", "is_encoder_decoder", "add_cross_attention", "torch_dtype",
}  # fmt: skip
#: Two outputs are one where no number is further apart.
_SAME = 1e-9
#: So many switches are turned while it is looked for what a field does.
_SWITCHES = 12
#: How arguments are called that a loss is made of; and tasks whose losses take others.
_LABELS, _UNKNOWN = ("labels", "positions", "indices"), ("pre-training", "masked-image-modeling")


class FieldChecks(Harness):
    """A field that does nothing is a promise that is not kept: what a published file says there is ignored."""

    def test_every_field_has_an_effect(self) -> None:
        """A field that nothing reads, or an eps written into the code, makes published files come out wrong.

        Fix: read the field where the number or function is written, or remove it; a field that is there for
        others belongs in the configuration's descriptive.
        """
        usual = Behaviour(self, self.values())
        left = {name: others for name, others in self._varied().items() if not usual.differs_by(name, others)}
        if usual.has_unknown_losses:  # what counts in a loss that is not made here is looked for in the source
            read = _read_in_source(self)
            left = {name: others for name, others in left.items() if name.rpartition(".")[2] not in read}
        for switch in self._switches() if left else ():  # some fields count only where another says so
            turned = Behaviour(self, changed_values(self.config(), self.values(), switch))
            left = {name: others for name, others in left.items() if not turned.differs_by(name, others)}
        config, who = self.config(), ", ".join(cls.__name__ for cls in self.models().values())
        told = "; ".join(
            f"{name} = {others[0]!r} in place of {value_at(config, name)!r}" for name, others in left.items()
        )
        failed = "".join(f". {usual.failures[name]}" for name in left if name in usual.failures)
        assert not left, (
            f"{type(config).__name__}: no parameter, output, loss, initial value or training step of {who} changes "
            f"with {told}{failed}"
        )

    def _varied(self) -> dict[str, list[Any]]:
        """Return field → other values with which the configuration can be built; ``part_config.field`` in a part."""
        config, values, found = self.config(), self.values(), {}
        for path in own_paths(config) if self.models() else ():
            outer, _, name = path.rpartition(".")
            holder = getattr(config, outer) if outer else config
            possible = [
                other
                for other in other_values(type(holder), name, getattr(holder, name))
                if built_config(type(config), changed_values(config, values, {path: other}))
            ]
            if possible:
                found[path] = possible
        return found

    def _switches(self) -> list[dict[str, Any]]:
        """Return changes that turn something on or choose another way, one field each."""
        config = self.config()
        found = [
            {name: other}
            for name, others in self._varied().items()
            for other in others[:2]
            if _is_switch(value_at(config, name), other)
        ]
        return sorted(found, key=lambda switch: any(isinstance(value, str) for value in switch.values()))[:_SWITCHES]

    def test_dropout_is_for_training(self) -> None:
        """Dropout of a published configuration must not disturb what a model answers: it is for training alone.

        Fix: hand self.training to every dropout, as F.dropout(hidden, self.dropout, self.training), or a share of 0.
        """
        for task, cls in self.models().items():
            usual = _model(cls, self.config())
            for name in _fields_of(self.config()) if usual is not None else ():
                if "drop" not in name or not isinstance(getattr(self.config(), name), float | None):
                    continue
                other = _model(cls, built_config(self.config_class(), {**self.values(), name: 0.5}))
                if other is not None and usual is not None and other.state_dict().keys() == usual.state_dict().keys():
                    other.load_state_dict(usual.state_dict())
                    found, wanted = (outputs_of(model, self.inputs(model)) for model in (other, usual))
                    assert_near(f"{cls.__name__} ({task}) in evaluation mode with {name} = 0.5", found, wanted)

    def test_descriptive_fields_have_none(self) -> None:
        """A file that has a descriptive field wrong is read with its default: that must change no result.

        Fix: take the field out of the configuration's descriptive.
        """
        config, usual = self.config(), Behaviour(self, self.values())
        for name in config.descriptive:
            if name in _fields_of(config) and name not in _OF_OTHERS:
                for other in other_values(type(config), name, getattr(config, name)):
                    assert not usual.differs({name: other}), (
                        f"{type(config).__name__}.{name} is descriptive, but {name} = {other!r} changes what "
                        f"{usual.who} computes"
                    )

    def test_nested_fields_survive(self) -> None:
        """Each value of a configuration inside another must reach it, its file, and come back.

        Fix: type the field as the nested configuration's class, and let the base class read and write it.
        """
        config = self.config()
        for outer in _fields_of(config):
            inner = getattr(config, outer)
            if not isinstance(inner, PreTrainedConfig):
                continue
            for name in _fields_of(inner):
                if name in _OF_OTHERS:
                    continue
                for other in list(other_values(type(inner), name, getattr(inner, name)))[:1]:
                    nested = {**inner.to_dict(), name: other}
                    changed = built_config(type(config), {**self.values(), outer: nested})
                    if changed is None:
                        continue
                    what = f"{type(config).__name__}.{outer}.{name} = {other!r}"
                    assert getattr(getattr(changed, outer), name) == other, (
                        f"{what}: it is {getattr(getattr(changed, outer), name)!r} in the configuration"
                    )
                    for how, values in (
                        ("to_dict", changed.to_dict()),
                        ("config.json", json.loads(changed.to_json_string())),
                    ):
                        again = type(config).from_dict(values)
                        found = getattr(getattr(again, outer), name)
                        assert found == other, f"{what}: it is {found!r} after {how}"


class Behaviour:
    """What the models of a configuration compute, to be held against that of another."""

    def __init__(self, harness: Harness, values: Mapping[str, Any]) -> None:
        self.harness, self.values, self.who = harness, values, ""
        self.failures: dict[str, str] = {}  # field → how a model broke that was made of another value
        self.models = []
        for task, cls in harness.models().items():
            model = _model(cls, built_config(harness.config_class(), values))
            if model is not None:
                self.models.append((task, model, _computed(harness, task, model, {})))

    @property
    def has_unknown_losses(self) -> bool:
        """Whether a model takes labels that nobody knows here how to make."""
        return any(
            task in _UNKNOWN
            or (
                any(name.endswith(_LABELS) for name in inspect.signature(model.forward).parameters)
                and not labels_for(task, model, self.harness.inputs(model))
            )
            for task, model, _ in self.models
        )

    def differs_by(self, name: str, others: Iterable[Any]) -> bool:
        """Return whether any of some values of one field makes a difference."""
        return any(self.differs({name: other}) for other in others)

    def differs(self, changes: Mapping[str, Any]) -> bool:
        """Return whether any model becomes, computes or learns something else with other values."""
        changed = changed_values(self.harness.config(), self.values, changes)
        config = built_config(self.harness.config_class(), changed)
        if config is None:
            return False
        return any(self._differs(task, model, expected, config, changes) for task, model, expected in self.models)

    def _differs(
        self,
        task: str,
        model: PreTrainedModel,
        expected: dict[str, Tensor],
        config: PreTrainedConfig,
        changes: Mapping[str, Any],
    ) -> bool:
        self.who, failures = type(model).__name__, dict[str, Exception]()
        other = _model(type(model), config, failures)
        if other is None:  # a model that refuses a value reads it; one that breaks may do so because it does not
            return not self._breaks(failures, changes)
        own, state = model.state_dict(), other.state_dict()
        if {name: each.shape for name, each in own.items()} != {name: each.shape for name, each in state.items()}:
            return True
        if any(not torch.equal(own[name].nan_to_num(), state[name].nan_to_num()) for name in own):
            return True  # other initial values from the same random numbers
        found = _computed(self.harness, task, other, failures)
        failures = {way: error for way, error in failures.items() if way not in expected}
        return not self._breaks(failures, changes) and not _are_same(found, expected)

    def _breaks(self, failures: Mapping[str, Exception], changes: Mapping[str, Any]) -> bool:
        """Return whether anything broke, rather than be refused; and keep what is to be told about it."""
        broken = [error for error in failures.values() if not isinstance(error, ArchsmithError)]
        for name, value in changes.items() if broken else ():
            told = f"{self.who} fails with {name} = {value!r}: {type(broken[0]).__name__}: {broken[0]}"
            self.failures.setdefault(name, told)
        return bool(broken)


def _computed(harness: Harness, task: str, model: PreTrainedModel, failures: dict[str, Exception]) -> dict[str, Tensor]:
    """Return what a model computes in evaluation and in training: outputs, all that it may return, losses.

    Where it breaks, the error goes into failures, and its type stands for what is computed.
    """
    inputs, known = harness.inputs(model), inspect.signature(model.forward).parameters
    more = {name: True for name in ("output_hidden_states", "output_attentions") if name in known}
    found: dict[str, Tensor] = {}
    for training in (False, True):
        model.train(training)
        ways = {"": {}, "with all": more, "with labels": labels_for(task, model, inputs)}
        for way, options in ways.items():
            if options or not way:
                try:
                    computed = outputs_of(model, {**inputs, **options})
                except Exception as error:  # noqa: BLE001  # a stranger's code; other checks tell where it breaks
                    computed = {type(error).__name__: torch.zeros(())}
                    failures[f"{training} {way} {type(error).__name__}"] = error
                found |= {f"{training} {way} {name}": value for name, value in computed.items()}
    model.eval()
    return found


def _are_same(found: Mapping[str, Tensor], wanted: Mapping[str, Tensor]) -> bool:
    return found.keys() == wanted.keys() and all(
        found[name].shape == value.shape
        and torch.allclose(found[name].double(), value.double(), _SAME, _SAME, equal_nan=True)
        for name, value in wanted.items()
    )


def _model(
    cls: type[PreTrainedModel], config: PreTrainedConfig | None, failures: dict[str, Exception] | None = None
) -> PreTrainedModel | None:
    if config is None:
        return None
    try:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            return cls(config).eval()
    except Exception as error:  # noqa: BLE001  # likewise
        if failures is not None:
            failures["built"] = error
        return None


def built_config(config_class: type[PreTrainedConfig], values: Mapping[str, Any]) -> PreTrainedConfig | None:
    """Return a configuration of values; None where they are refused."""
    try:
        return config_class(**values)
    except ArchsmithError:
        return None


def own_paths(config: PreTrainedConfig) -> Iterator[str]:
    """Yield the fields of an architecture that do something; those of its own parts as ``part_config.field``."""
    for name in own_fields(config):
        held = getattr(config, name)
        if isinstance(held, PreTrainedConfig):
            if _package(held) != _package(config):
                continue  # a stranger's, of which a whole may need a few fields
            names = _fields_of(config)  # what the whole has too is the whole's: a part alone may need its own
            yield from (f"{name}.{inner}" for inner in own_fields(held) if inner not in names)
        else:
            yield name


def changed_values(config: PreTrainedConfig, values: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """Return values with changes in them, of which those of parts are called ``part_config.field``."""
    found = dict(values)
    for path, value in changes.items():
        outer, dot, name = path.partition(".")
        if dot:
            held = found.get(outer)
            found[outer] = {**(held if isinstance(held, Mapping) else getattr(config, outer).to_dict()), name: value}
        else:
            found[path] = value
    return found


def _package(config: PreTrainedConfig) -> str:
    return type(config).__module__.partition(".")[0]


def value_at(config: PreTrainedConfig, path: str) -> Any:
    """Return the value of a field, or of ``part_config.field``."""
    return functools.reduce(getattr, path.split("."), config)


def _fields_of(config: PreTrainedConfig) -> list[str]:
    return [declared.name for declared in dataclasses.fields(config) if declared.init]


def own_fields(config: PreTrainedConfig) -> list[str]:
    """Return the fields of an architecture itself that do something."""
    return [name for name in _fields_of(config) if name not in _OF_OTHERS and name not in config.descriptive]


def _is_switch(value: Any, other: Any) -> bool:
    """Return whether a value turns something on: another branch, or what was absent or zero."""
    return isinstance(value, bool | str) or (not value and bool(other)) or value is None


def other_values(config_class: type[PreTrainedConfig], name: str, value: Any) -> Iterator[Any]:
    """Yield other values of a field, of its type, that a small model can have."""
    hint = get_type_hints(config_class, include_extras=True)[name]
    for other in _candidates(hint, value):
        if other != value:
            yield other


def _candidates(hint: Any, value: Any) -> Iterator[Any]:
    choices = _choices(hint)
    if isinstance(value, bool):
        yield not value
    elif choices:
        wanted = ("tanh", "relu", "silu") if "tanh" in choices else choices
        yield from [choice for choice in wanted if choice != value][:2]
    elif isinstance(value, int):
        yield from (value * 2, value + 1, value - 1, 1, value + 2)
    elif isinstance(value, float):
        yield from (0.5, value + 1.0)
    elif isinstance(value, list) and value and all(isinstance(each, int) for each in value):
        yield from ([value[0] * 2, *value[1:]], [value[0] + 1, *value[1:]], [each * 2 for each in value])
    elif value is None:
        kinds = _kinds(hint)
        yield from (other for kind, others in _INSTEAD.items() if kind in kinds for other in others)


_INSTEAD: dict[type, tuple[Any, ...]] = {bool: (True,), int: (1, 2, 4), float: (0.5,)}


def _choices(hint: Any) -> tuple[Any, ...]:
    """Return the choices of a Literal, wherever it is in a type."""
    if get_origin(hint) is Literal:
        return get_args(hint)
    return next((found for part in get_args(hint) if (found := _choices(part))), ())


def _kinds(hint: Any) -> set[Any]:
    """Return every type inside a type."""
    parts = [part for part in get_args(hint) if not isinstance(part, str)]
    return {hint}.union(*map(_kinds, parts)) if parts else {hint}


def _read_in_source(harness: Harness) -> set[str]:
    """Return the attributes that the modules of the package read; what a configuration's rules read does not count."""
    package = harness.entry().module.partition(".")[0]
    trees = [tree for _, tree in sources(package)]
    rules = [
        node for tree in trees for node in ast.walk(tree) if isinstance(node, ast.FunctionDef) and node.name == "rules"
    ]
    ruled = {id(node) for rule in rules for node in ast.walk(rule)}
    nodes = [node for tree in trees for node in ast.walk(tree) if id(node) not in ruled]
    read = {node.attr for node in nodes if isinstance(node, ast.Attribute)}
    return read | {node.arg for node in nodes if isinstance(node, ast.arg)}  # or handed to a function of the package
