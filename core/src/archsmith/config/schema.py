"""The JSON Schema of a config.json."""

import dataclasses
from typing import Any

import msgspec

from archsmith.config.fields import to_json
from archsmith.config.names import FieldNames
from archsmith.config.nested import nested_schema

__all__ = ["json_schema"]


def json_schema(title: str, model_type: str, names: FieldNames) -> dict[str, Any]:
    """Return the JSON Schema of what config.json holds for one architecture; keys that it does not name are allowed.

    Args:
        title: The name of the configuration class.
        model_type: The key of the architecture; empty if the class has none.
        names: The fields, with their types, defaults and meanings.
    """
    properties: dict[str, Any] = {"model_type": {"const": model_type}} if model_type else {}
    definitions: dict[str, Any] = {}
    required: list[str] = []
    for name in sorted(names.fields):
        if name in names.nested:
            schema = nested_schema(names.hints[name])
        else:
            (schema,), more = msgspec.json.schema_components([names.hints[name]])
            definitions |= more
        doc, default = names.doc(name), names.default(name)
        properties[name] = {**schema, "description": doc} if doc else schema
        if default is dataclasses.MISSING:
            required.append(name)
        else:
            properties[name] = {**properties[name], "default": to_json(default)}
    result: dict[str, Any] = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": title,
        "type": "object",
        "properties": properties,
    }
    return result | ({"required": required} if required else {}) | ({"$defs": definitions} if definitions else {})
