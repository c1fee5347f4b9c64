"""What a template is told of a Python function that is a tool: its purpose, and its arguments as JSON schema."""

import inspect
import json
import re
import types
from collections.abc import Mapping
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from archsmith.errors import InputError
from archsmith.messages import said_by, shown

__all__ = ["described"]

_PLAIN = {str: "string", int: "integer", float: "number", bool: "boolean"}
_NONE = type(None)
#: A section of a docstring in Google's style; an argument in it; and the values that one may have.
_SECTION = re.compile(r"^(Args|Arguments|Returns|Raises|Yields|Examples?|Notes?|Attributes):[ \t]*$", re.MULTILINE)
_ARGUMENT = re.compile(r"^(\w+)[ \t]*(?:\([^)]*\))?:[ \t]*(.*(?:\n[ \t]+.*|\n[ \t]*$)*)", re.MULTILINE)
_VALUES = re.compile(r"\(choices:\s*(\[.*\])\)\s*$", re.DOTALL)


def described(tool: Any) -> Any:
    """Return the description of a function, of anything else what it is.

    Raises:
        InputError: An argument has no type or no description, or a type that JSON does not have.
    """
    if isinstance(tool, Mapping):
        return tool
    if not callable(tool) or isinstance(tool, type):
        raise InputError(f"a tool must be a description, as a mapping, or a function, but is {shown(tool)}.")
    name = getattr(tool, "__name__", type(tool).__name__)
    told = _sections(inspect.getdoc(tool) or "")
    if not told[""]:
        raise _refused(name, "has no docstring that says what it does")
    texts = {each[1]: _one_line(each[2]) for each in _ARGUMENT.finditer(inspect.cleandoc(told.get("Args", "")))}
    hints = _hints(name, tool)
    properties, required = {}, []
    for argument in inspect.signature(tool).parameters.values():
        if argument.kind in (argument.VAR_POSITIONAL, argument.VAR_KEYWORD) or argument.name not in hints:
            raise _refused(name, f"has an argument {argument.name!r} without a type hint, or of any number")
        if argument.name not in texts:
            raise _refused(name, f"has an argument {argument.name!r} that its docstring does not describe under Args:")
        properties[argument.name] = _property(name, argument.name, hints[argument.name], texts[argument.name])
        required += [argument.name] if argument.default is argument.empty else []
    parameters = {"type": "object", "properties": properties} | ({"required": required} if required else {})
    found = {"name": name, "description": told[""], "parameters": parameters}
    if hints.get("return", _NONE) is not _NONE:
        text = _one_line(told.get("Returns", ""))
        found["return"] = _schema(hints["return"], name, "return") | ({"description": text} if text else {})
    return {"type": "function", "function": found}


def _sections(text: str) -> dict[str, str]:
    """Return the sections of a docstring; what comes before them is called ""."""
    parts = _SECTION.split(text)
    found = {"": parts[0].strip()}
    for name, content in zip(parts[1::2], parts[2::2], strict=True):
        found["Args" if name == "Arguments" else name] = content
    return found


def _hints(name: str, tool: Any) -> dict[str, Any]:
    try:
        return get_type_hints(tool if inspect.isroutine(tool) else tool.__call__)
    except Exception as error:
        raise _refused(name, f"has type hints that cannot be read: {said_by(error)}") from error


def _property(name: str, argument: str, hint: Any, text: str) -> dict[str, Any]:
    found = _schema(hint, name, argument)
    if values := _VALUES.search(text):
        try:
            found["enum"] = json.loads(values[1])
        except ValueError as error:
            raise _refused(name, f"has choices of {argument!r} that are not JSON: {shown(values[1])}") from error
        text = text[: values.start()].strip()
    return found | {"description": text}


def _schema(hint: Any, name: str, argument: str) -> dict[str, Any]:
    """Return the schema of a type."""
    origin, inside = get_origin(hint), get_args(hint)
    if hint is Any or hint in _PLAIN:
        return {"type": _PLAIN[hint]} if hint in _PLAIN else {}
    if origin in (Union, types.UnionType):
        return _any_of([_schema(each, name, argument) for each in inside if each is not _NONE], _NONE in inside)
    if origin is Literal and {*map(type, inside)} <= _PLAIN.keys():
        kinds = [*dict.fromkeys(_PLAIN[type(each)] for each in inside)]
        return {"type": kinds[0] if len(kinds) == 1 else kinds, "enum": [*inside]}
    schemas = [_schema(each, name, argument) for each in inside if each is not Ellipsis]
    if list in (hint, origin) or (origin is tuple and Ellipsis in inside):
        return {"type": "array"} | ({"items": schemas[0]} if schemas else {})
    if origin is tuple:
        return {"type": "array", "prefixItems": schemas}
    if dict in (hint, origin):
        return {"type": "object"} | ({"additionalProperties": schemas[1]} if schemas else {})
    raise _refused(name, f"has {argument!r} of the type {shown(hint)}, which JSON does not have")


def _any_of(schemas: list[dict[str, Any]], nullable: bool) -> dict[str, Any]:
    if len(schemas) == 1:
        found = schemas[0]
    elif all(each.keys() == {"type"} and isinstance(each["type"], str) for each in schemas):
        found = {"type": sorted(each["type"] for each in schemas)}
    else:
        found = {"anyOf": schemas}
    return found | ({"nullable": True} if nullable else {})


def _one_line(text: str) -> str:
    return " ".join(line.strip() for line in text.splitlines() if line.strip())


def _refused(name: str, what: str) -> InputError:
    return InputError(
        f"the tool {name!r} {what}. Give each argument a type hint and a line under Args: in the docstring, or pass "
        "its JSON schema as a dictionary."
    )
