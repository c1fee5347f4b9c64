"""Checks of a configuration: what it says survives, and what is wrong is refused before a model is built of it."""

import dataclasses
import json
import math
from collections.abc import Iterator
from typing import Any

import torch

from archsmith.auto import AutoConfig
from archsmith.config import PreTrainedConfig
from archsmith.errors import ArchsmithError, InputError
from archsmith.model import PreTrainedModel
from archsmith.registry import registry
from archsmith_devkit.fields import changed_values, own_paths, value_at
from archsmith_devkit.harness import Harness, refusal, saved_and_loaded

__all__ = ["ConfigurationChecks"]

#: So many model classes of an architecture are built of each unusual configuration.
_MODELS = 2
#: So many refusals are no accident.
_MANY = 2
#: A value's type → what nobody can have meant in its place.
_NONSENSE: dict[type, tuple[Any, ...]] = {
    bool: ("perhaps", 7),
    int: ("seven", 1.5, math.nan),
    float: ("much", math.nan, math.inf),
    str: (7,),
    list: (7, [object()]),
    tuple: (7, [object()]),
    dict: (7, "a text"),
}


class ConfigurationChecks(Harness):
    """A configuration is what users write by hand, so it is where mistakes are made."""

    def test_configuration_round_trip(self) -> None:
        """A configuration must survive a dictionary, its difference from the defaults, and config.json.

        Fix: make every fact a declared field; what a rule or a property adds must follow from the fields.
        """
        config_class = self.config_class()
        assert config_class.model_type == self.model_type, (
            f"{config_class.__name__}.model_type is {config_class.model_type!r}, not {self.model_type!r}"
        )
        for config in (config_class(), self.config()):
            for how, values in (
                ("to_dict", config.to_dict()),
                ("to_diff_dict", config.to_diff_dict()),
                ("to_json_string", json.loads(config.to_json_string())),
            ):
                assert config_class.from_dict(values) == config, f"{config_class.__name__} changed by {how}"
            found = saved_and_loaded(config, AutoConfig)
            assert type(found) is config_class, f"AutoConfig gave {type(found).__name__} for {self.model_type!r}"
            assert found == config, f"{config_class.__name__} changed on its way through files"

    def test_presets_build(self) -> None:
        """A preset is the first thing that a user tries: it must be a valid configuration.

        Fix: correct the values of the preset in the manifest; its keys are fields of the configuration.
        """
        for name, values in registry.get(self.model_type).presets.items():
            said = refusal(ArchsmithError, self.config_class(), **values)
            assert said is None, f"the preset {name!r} is refused: {said}"

    def test_unknown_fields_are_refused(self) -> None:
        """A misspelt field that is ignored gives a model that nobody asked for.

        Fix: do not catch arguments in an __init__ of your own; declare fields instead.
        """
        said = refusal(ArchsmithError, self.config_class(), **self.values(), no_such_field=1)
        assert said is not None, f"{self.config_class().__name__} takes a field that does not exist"
        assert "no_such_field" in said, f"the message does not name the field: {said}"

    def test_nonsense_is_refused(self) -> None:
        """Every field must refuse what is not of its type, by name, when it is given, assigned or read from a file.

        Fix: give each field a type that says what it takes (archsmith.config: Size, Count, Probability, Literal, …).
        """
        for name, bad in self._nonsense():
            what = f"{self.config_class().__name__}.{name}"
            for how, said in self._ways(name, bad):
                assert said is not None, f"{what} takes {bad!r} ({how})"
                assert name in said, f"the message about {what} ({how}) does not name it: {said}"

    def test_what_is_accepted_builds(self) -> None:
        """A value that the configuration accepts must make a model that runs: else the error comes from deep inside.

        Fix: narrow the field's type, or yield a sentence from rules() for values that do not go together.
        """
        config = self.config()
        refused: dict[str, list[Exception | None]] = {path: [] for path in own_paths(config)}
        for path, value in self._unusual():
            values, name = changed_values(config, self.values(), {path: value}), path.rpartition(".")[2]
            said = refusal(ArchsmithError, self.config_class(), **values)
            if said is not None:
                assert name in said, f"the message about {path} = {value!r} does not name it: {said}"
                continue
            changed = self.config_class()(**values)
            for cls in list(self.models().values())[:_MODELS]:
                error = self._error_of(cls, changed)
                refused.setdefault(path, []).append(error)
                assert error is None or isinstance(error, ArchsmithError), (
                    f"{type(config).__name__} takes {path} = {value!r}, but {cls.__name__} fails with it: "
                    f"{type(error).__name__}: {error}"
                )
        for path in own_paths(config):  # one value may not go with the size of the inputs; that none does is a fault
            errors = refused[path]
            assert len(errors) < _MANY or not all(isinstance(error, InputError) for error in errors), (
                f"{type(config).__name__} takes other values of {path} than {value_at(config, path)!r}, but the models "
                f"refuse all inputs with each of them, as: {errors[0]}"
            )

    def _error_of(self, cls: type[PreTrainedModel], config: PreTrainedConfig) -> Exception | None:
        """Return what is raised by a model of a configuration; None if it runs, or refuses to be built."""
        try:
            model = cls(config).eval()
        except ArchsmithError:
            return None
        except Exception as error:  # noqa: BLE001  # a stranger's code
            return error
        try:
            with torch.no_grad():
                model(**self.inputs(model))
        except Exception as error:  # noqa: BLE001  # likewise
            return error
        return None

    def _nonsense(self) -> Iterator[tuple[str, Any]]:
        config = self.config()
        for name in _fields(config):
            yield name, object()
            for bad in _NONSENSE.get(type(getattr(config, name)), ()):
                yield name, bad

    def _ways(self, name: str, bad: Any) -> Iterator[tuple[str, str | None]]:
        """Yield each way of giving a value, with what is said against it."""
        yield "given", refusal(ArchsmithError, self.config_class(), **{**self.values(), name: bad})
        config, before = self.config(), self.config()
        yield "assigned", refusal(ArchsmithError, setattr, config, name, bad)
        yield "updated", refusal(ArchsmithError, config.update, **{name: bad})
        assert config == before, f"a refused value of {name} changed the configuration"
        if _is_json(bad) and name not in config.descriptive:  # whose default will do
            values = {**self.values(), name: bad}
            yield "read from a file", refusal(ArchsmithError, self.config_class().from_dict, values)

    def _unusual(self) -> Iterator[tuple[str, Any]]:
        """Yield fields with values of their own type that are not unlikely to break something."""
        config = self.config()
        parts = dict.fromkeys(path.partition(".")[0] for path in own_paths(config) if "." in path)
        held = {f"{name}.": getattr(config, name) for name in parts}
        for prefix, holder in {"": config, **held}.items():
            yield from _unusual_values(holder, prefix)


def _unusual_values(config: PreTrainedConfig, prefix: str) -> Iterator[tuple[str, Any]]:
    """Yield the fields of one configuration, behind a prefix, with such values."""
    for field in _fields(config):
        name, value = f"{prefix}{field}", getattr(config, field)
        if type(value) is int:
            yield from ((name, other) for other in (0, -1, value - 1, value + 1, value + 2, value * 2))
        elif type(value) is float:
            yield from ((name, other) for other in (0.0, -1.0, 2.0))
        elif type(value) is bool:
            yield name, not value
        elif type(value) is str:
            yield name, "no such value"
        elif isinstance(value, list | tuple) and value:
            yield from ((name, other) for other in ([], list(value)[:-1], [*value, value[-1]]))


def _fields(config: PreTrainedConfig) -> list[str]:
    return [declared.name for declared in dataclasses.fields(config) if declared.init]


def _is_json(value: Any) -> bool:
    try:
        json.dumps(value, allow_nan=False)
    except (TypeError, ValueError):
        return False
    return True
