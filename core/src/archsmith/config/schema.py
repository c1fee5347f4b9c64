"""The JSON Schema of a config.json."""

import dataclasses
from collections.abc import Mapping
from typing import Any

import msgspec

from archsmith.config.fields import to_json
from archsmith.config.nested import nested_kinds, nested_schema

__all__ = ["json_schema"]


def json_schema(
    title: str, model_type: str, *, hints: Mapping[str, Any], defaults: Mapping[str, Any], docs: Mapping[str, str]
) -> dict[str, Any]:
    """Return the JSON Schema of what config.json holds for one architecture; keys that it does not name are allowed.

    Args:
        title: The name of the configuration class.
        model_type: The key of the architecture; empty if the class has none.
        hints: Field name → type.
        defaults: Field name → default; `dataclasses.MISSING` for one that must be given.
        docs: Field name → what the field means, or an empty string.
    """
    properties: dict[str, Any] = {"model_type": {"const": model_type}} if model_type else {}
    definitions: dict[str, Any] = {}
    for name, default in sorted(defaults.items()):
        if nested_kinds(hints[name]):
            schema = nested_schema(hints[name])
        else:
            (schema,), more = msgspec.json.schema_components([hints[name]])
            definitions |= more
        if docs[name]:
            schema = {**schema, "description": docs[name]}
        if default is not dataclasses.MISSING:
            schema = {**schema, "default": to_json(default)}
        properties[name] = schema
    result: dict[str, Any] = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": title,
        "type": "object",
        "properties": properties,
    }
    if required := sorted(name for name, default in defaults.items() if default is dataclasses.MISSING):
        result["required"] = required
    return result | ({"$defs": definitions} if definitions else {})
