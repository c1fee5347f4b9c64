"""Configurations inside a configuration: built from mappings as files hold them, and checked with the rest."""

from collections.abc import Mapping
from typing import Any, get_args

from archsmith.errors import ConfigError, UnknownArchitecture
from archsmith.messages import shown

__all__ = ["convert_nested", "nested_kinds", "nested_schema"]


def nested_kinds(hint: Any) -> tuple[type[Any], ...]:
    """Return the configuration classes that a field's type names; empty for a field that holds plain values.

    ``PreTrainedConfig`` among them stands for every registered architecture; a class of its own is one that need not
    be registered.
    """
    return tuple(part for part in (hint, *get_args(hint)) if isinstance(part, type) and hasattr(part, "attribute_map"))


def convert_nested(name: str, value: Any, hint: Any, *, owner: str) -> tuple[Any, list[str]]:
    """Return the configuration that a value is or describes, and no fault; or None and what is wrong.

    Args:
        name: The field.
        value: A configuration, a mapping such as config.json holds, or None.
        hint: The type of the field.
        owner: The class whose field it is, for messages.

    Raises:
        UnknownArchitecture, PluginError: No usable plugin provides the architecture that a mapping names.
    """
    kinds, optional = nested_kinds(hint), type(None) in get_args(hint)
    if value is None and optional:
        return None, []
    if isinstance(value, kinds):
        return value, [f"{name}.{fault}" for fault in value.faults()]
    if not isinstance(value, Mapping):
        names = " or ".join(f"a {kind.__name__}" for kind in kinds)
        null = ", or null" if optional else ""
        return None, [f"{name} must be {names}, or its values as a mapping{null}, but is {shown(value)}"]
    try:
        return _built(value, kinds, source=f"{owner}.{name}"), []
    except ConfigError as error:
        return None, [f"{name}.{fault}" for fault in error.faults] or [str(error)]


def _built(values: Mapping[str, Any], kinds: tuple[type[Any], ...], *, source: str) -> Any:
    """Build the configuration of the kind that has the mapping's ``model_type``, else of a registered architecture."""
    from archsmith.registry.resolve import config_from

    own = {kind.model_type: kind for kind in kinds if kind.model_type}
    given = values.get("model_type")
    if given is not None and not isinstance(given, str):
        raise ConfigError(source, faults=(f"model_type must be a string, but is {shown(given)}",))
    if given in own:
        return own[given].from_dict(values, source=source)
    if len(own) == len(kinds):
        if given is not None:
            expected = " or ".join(repr(name) for name in own)
            raise ConfigError(source, faults=(f"model_type must be {expected}, but is {given!r}",))
        return kinds[0].from_dict(values, source=source)
    try:
        found = config_from(values, source=source)
    except UnknownArchitecture as error:
        if given is not None:
            raise
        raise ConfigError(source, faults=("model_type must be given: it says which architecture this is",)) from error
    if isinstance(found, kinds):
        return found
    expected = " or ".join(kind.__name__ for kind in kinds)
    raise ConfigError(source, faults=(f"model_type must be that of a {expected}, but is {found.model_type!r}",))


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
