"""Configurations inside a configuration: built from mappings as files hold them, and checked with the rest."""

from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import fields
from typing import Any, get_args, get_origin

from archsmith.errors import ConfigError, OptionError, UnknownArchitecture
from archsmith.messages import shown

__all__ = ["configs_inside", "convert_nested", "nested_kinds", "nested_schema"]


def nested_kinds(hint: Any) -> tuple[type[Any], ...]:
    """Return the configuration classes that a field's type names; empty for a field that holds plain values.

    ``PreTrainedConfig`` among them stands for every registered architecture; a class of its own is one that need not
    be registered.
    """
    parts = (hint, *get_args(hint))
    if any(nested_kinds(each) for part in parts if get_origin(part) in (list, dict, tuple) for each in get_args(part)):
        raise OptionError(f"a field cannot be {hint}. Declare a field of its own for each configuration inside.")
    return tuple(part for part in parts if isinstance(part, type) and hasattr(part, "attribute_map"))


def convert_nested(
    name: str, value: Any, hint: Any, *, owner: str, given: bool = True, over: Any = None
) -> tuple[Any, list[str]]:
    """Return the configuration that a value is or describes, and no fault; or None and what is wrong.

    Args:
        name: The field.
        value: A configuration, a mapping such as config.json holds, or None.
        hint: The type of the field.
        owner: The class whose field it is, for messages.
        given: The mapping was given in a call, where an unknown name is an error; else it is a file's.
        over: What the field held so far, as ``value``: a mapping of the same architecture changes some fields of it.

    Raises:
        UnknownArchitecture, PluginError: No usable plugin provides the architecture that a mapping names.
    """
    kinds, optional = nested_kinds(hint), type(None) in get_args(hint)
    if value is None and optional:
        return None, []
    if isinstance(value, kinds):
        return value, _lost_faults(name, value, kinds) or [_inside(name, fault) for fault in value.faults()]
    if not isinstance(value, Mapping):
        names = " or ".join(f"a {kind.__name__}" for kind in kinds)
        null = ", or null" if optional else ""
        said = shown(value) if type(value).__module__ == "builtins" else f"a {type(value).__name__}"
        return None, [f"{name} must be {names}, or its values as a mapping{null}, but is {said}"]
    try:
        if given:
            return _built(value, kinds, f"{owner}.{name}", over), []
        kind, values = _kind_of(value, kinds, f"{owner}.{name}")
        return kind.from_dict(values, source=f"{owner}.{name}"), []
    except ConfigError as error:
        return None, [_inside(name, fault) for fault in error.faults] or [str(error)]


def _lost_faults(name: str, value: Any, kinds: tuple[type[Any], ...]) -> list[str]:
    """Say why a file would not bring a configuration back: it leads to no class, to another, or to one of less fields.

    Raises:
        PluginError: The plugin of its architecture is not usable.
    """
    from archsmith.registry.base import registry

    own = {kind.model_type: kind for kind in kinds if kind.model_type}
    declared: Any = None
    with suppress(UnknownArchitecture):
        declared = own.get(value.model_type) or registry.load(value.model_type, "config")
    if declared is None or not isinstance(value, declared):
        leads = f"leads to {declared.__name__}" if declared else "no installed plugin provides"
        what = f"a {type(value).__name__}, whose model_type {value.model_type!r} {leads}"
        return [f"{name} must be of a registered architecture, for a file to bring it back, but is {what}"]
    lost = sorted({each.name for each in fields(value)} - {each.name for each in fields(declared)})
    what = f"a {type(value).__name__}, whose {', '.join(lost)} would not come back from a file"
    return [f"{name} must be a {declared.__name__}, but is {what}"] if lost else []


def configs_inside(config: Any) -> Iterator[Any]:
    """Yield a configuration and all that it holds, at every depth."""
    yield config
    for each in fields(config):
        if hasattr(value := getattr(config, each.name, None), "attribute_map"):
            yield from configs_inside(value)


def _inside(name: str, fault: str) -> str:
    """Return what is wrong inside a field with the whole path: of a name that is quoted, within the quotes."""
    return f"'{name}.{fault[1:]}" if fault.startswith("'") else f"{name}.{fault}"


def _built(changes: Mapping[Any, Any], kinds: tuple[type[Any], ...], source: str, over: Any) -> Any:
    """Build what a call gives: a change of what is there, if that is of the same architecture, else a whole part."""
    held = {"model_type": over.model_type} if isinstance(over, kinds) else over
    held = dict(held) if isinstance(held, Mapping) else {}
    types = [each.get("model_type") for each in (changes, held) if each.get("model_type") is not None]
    kind, held = _kind_of(held | ({"model_type": types[0]} if types else {}), kinds, source)
    if types and types[0] != types[-1]:
        over, held = None, {}
    given = {name: value for name, value in changes.items() if name != "model_type"}
    if wrong := [name for name in given if not isinstance(name, str) or name == "source"]:
        raise ConfigError(source, faults=(f"{shown(wrong[0])} is not a field of {kind.__name__}",))
    return over.changed(**given) if isinstance(over, kinds) else kind.from_dict(held, source=source, **given)


def _kind_of(values: Mapping[str, Any], kinds: tuple[type[Any], ...], source: str) -> tuple[type[Any], dict[str, Any]]:
    """Return the class that has the values' ``model_type``, else of a registered architecture; and its values."""
    from archsmith.registry.base import registry
    from archsmith.registry.resolve import model_type_of

    own = {kind.model_type: kind for kind in kinds if kind.model_type}
    given = values.get("model_type")
    if given is not None and not isinstance(given, str):
        raise ConfigError(source, faults=(f"model_type must be a string, but is {shown(given)}",))
    if given in own:
        return own[given], dict(values)
    if len(own) == len(kinds):
        if "model_type" in values:
            expected = " or ".join(repr(name) for name in own)
            raise ConfigError(source, faults=(f"model_type must be {expected}, but is {given!r}",))
        return kinds[0], dict(values)
    try:
        found = model_type_of(values, source=source)
    except UnknownArchitecture as error:
        if given is not None:
            raise
        raise ConfigError(source, faults=("model_type must be given: it says which architecture this is",)) from error
    kind = registry.load(found, "config")
    if not issubclass(kind, kinds):
        expected = " or ".join(kind.__name__ for kind in kinds)
        raise ConfigError(source, faults=(f"model_type must be that of a {expected}, but is {found!r}",))
    return kind, {**values, "model_type": found}


def nested_schema(hint: Any) -> dict[str, Any]:
    """Return the JSON Schema of a field that holds a configuration."""
    kinds = nested_kinds(hint)
    own = [kind.json_schema() for kind in kinds if kind.model_type]
    schemas = [{key: part for key, part in schema.items() if key != "$schema"} for schema in own]
    if len(own) < len(kinds):
        schemas.append({"type": "object", "required": ["model_type"]})
    if type(None) in get_args(hint):
        schemas.append({"type": "null"})
    return schemas[0] if len(schemas) == 1 else {"anyOf": schemas}
