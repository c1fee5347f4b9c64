"""What ``--set`` says: ``field=value`` and ``part.field=value``, for every verb that takes it."""

import json
from collections.abc import Iterable
from typing import Any

import typer

__all__ = ["parse_assignments"]


_PYTHON = {"True": True, "False": False, "None": None}


def parse_assignments(texts: Iterable[str], *, form: str = "field=value") -> dict[str, Any]:
    """Return what several ``--set`` say, by name; ``part.field`` becomes a field inside of a part.

    Args:
        texts: What the user wrote. A value is JSON, or True, False and None, as Python has them; else a string.
        form: What each must look like, for the message.

    Raises:
        BadParameter: One has no name or no value, or a name is set twice.
    """
    values: dict[str, Any] = {}
    for assignment in texts:
        name, equals, text = assignment.partition("=")
        name = name.strip()
        if not equals or not name:
            raise typer.BadParameter(f"{assignment!r} must be of the form {form}", param_hint="--set")
        *parts, last = map(str.strip, name.split("."))
        held: Any = values
        for part in parts:
            held = held.setdefault(part, {}) if isinstance(held, dict) else held
        if not isinstance(held, dict) or last in held:
            raise typer.BadParameter(f"{name!r} is set twice", param_hint="--set")
        try:
            held[last] = json.loads(text)
        except (ValueError, RecursionError):
            held[last] = _PYTHON.get(text, text)
    return values
