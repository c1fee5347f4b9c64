"""What published files hold that is clear, though not to the letter: read as it is meant, and announced."""

import dataclasses
from collections.abc import Callable, Collection, Mapping
from contextvars import ContextVar
from typing import Any

from archsmith.config.labels import pop_labels, settle_labels
from archsmith.config.names import FieldNames, is_equal
from archsmith.messages import announce

__all__ = ["announce_together", "put_in_order"]

#: What files call a type of numbers → its name.
_DTYPES = {"float": "float32", "half": "float16", "double": "float64"}
#: What was put in order so far in the configuration that is being read, around the one that is asked about.
_notes: ContextVar[list[str] | None] = ContextVar("_notes", default=None)


def put_in_order(
    known: dict[str, Any], replaced: Mapping[str, Any], names: FieldNames, descriptive: Collection[str]
) -> dict[str, Any]:
    """Change, in place, the values of a file to what they are read as; return those that are gone.

    Args:
        known: The values, by the names of fields.
        replaced: What goes over them.
        names: The fields.
        descriptive: Those that no result depends on: where one is wrong its default will do.
    """
    if replaced.get("id2label") is not None or replaced.get("label2id") is not None:
        pop_labels(known)  # all of it follows from these
    before = dict(known)
    known |= settle_labels(pop_labels(known), names.hints)
    for name in names.fields.keys() & known.keys():
        known[name] = _read_as(name, known[name], names, is_descriptive=name in descriptive)
        if known[name] is dataclasses.MISSING:
            del known[name]
    return {name: value for name, value in before.items() if name not in known or not is_equal(known[name], value)}


def _read_as(name: str, value: Any, names: FieldNames, *, is_descriptive: bool) -> Any:
    """Return what a value of a file stands for; `dataclasses.MISSING`: for nothing, so the default counts."""
    value, may_be_null = names.off(name, value), not names.convert(name, None)[1]
    if value is None and not may_be_null and names.default(name) is not dataclasses.MISSING:
        return dataclasses.MISSING
    is_token = name.endswith("_token_id") and type(value) is int
    if may_be_null and (value < 0 if is_token else name == "problem_type" and is_equal(value, "")):
        return None  # as others write that there is none
    if name == "dtype" and isinstance(value, str):
        value = _DTYPES.get(value.removeprefix("torch."), value)
    return dataclasses.MISSING if is_descriptive and names.convert(name, value)[1] else value


def announce_together(source: str, fill: Callable[[], list[str]]) -> None:
    """Fill a configuration from a file, and announce at once what was put in order in it and in those inside it."""
    outer, notes = _notes.get(), list[str]()
    token = _notes.set(notes)
    try:
        notes += fill()
    finally:
        _notes.reset(token)
    if outer is not None:
        outer += [f"{source.rpartition('.')[2]}.{note}" for note in notes]
    elif notes:
        announce(f"{source or 'config.json'}: {'; '.join(notes)}. Save it again to have it so in the file.")
