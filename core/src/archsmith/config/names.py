"""The fields of a configuration class, and the names by which it knows them."""

import dataclasses
import functools
import itertools
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any, get_type_hints

from archsmith.config.fields import convert
from archsmith.config.nested import convert_nested, nested_kinds
from archsmith.messages import did_you_mean, shown

__all__ = ["FieldNames", "field_names", "is_equal", "nested_in"]

#: Unknown names of a file that are held against the fields; a thousandth one is no misspelling.
_COMPARED = 200
#: Older name → field, wherever a class has that field.
_OLD_NAMES = {
    "torch_dtype": "dtype", "use_return_dict": "return_dict", "reduce_labels": "do_reduce_labels",
    "size_divisibility": "size_divisor",
}  # fmt: skip


class FieldNames:
    """What a configuration class declares, found once: its fields with types and defaults, and their other names.

    Attributes:
        fields: Field name → its declaration.
        hints: Field name → its type.
        others: Other name → field name.
        nested: The fields that hold configurations.
        merged: Names that only mean something together, those of the classes above among them.
        advice: Name that is not a field → what to do instead.
        inert: Name that is not a field → the value with which it is taken all the same, as ``common`` of the class.
    """

    def __init__(self, cls: type[Any]) -> None:
        hints = get_type_hints(cls, include_extras=True)
        self.fields = {declared.name: declared for declared in dataclasses.fields(cls) if declared.init}
        self.hints = {name: hints[name] for name in self.fields}
        self.others = {name: own for name, own in _OLD_NAMES.items() if own in self.fields} | dict(cls.attribute_map)
        self.nested = frozenset(name for name, hint in self.hints.items() if nested_kinds(hint))
        self.merged = tuple(name for each in cls.__mro__ for name in vars(each).get("merged", ()))
        self.advice: Mapping[str, str] = cls.advice
        own = {name: value if value is ... else getattr(cls, name, value) for name, value in cls.common.items()}
        self.inert = {**own, **dict.fromkeys(cls.computed, ...), "model_type": getattr(cls, "model_type", None)}
        self._class = cls

    def convert(self, name: str, value: Any, *, given: bool = True, over: Any = None) -> tuple[Any, list[str]]:
        """Return a value in the type of its field, and no fault; or None and what is wrong with it.

        Args:
            name: The field.
            value: The value.
            given: It was given in a call; else it is a file's.
            over: What the field held so far, of which a mapping changes a part.
        """
        value = self.off(name, value)
        if name in self.nested:
            return convert_nested(name, value, self.hints[name], owner=self._class.__name__, given=given, over=over)
        return convert(name, value, self.hints[name])

    def off(self, name: str, value: Any) -> Any:
        """Return a value; of None, for a field that is on or off, False."""
        return False if value is None and self.hints.get(name) is bool else value

    def default(self, name: str) -> Any:
        """Return a field's default; `dataclasses.MISSING` if it has none."""
        make = self.fields[name].default_factory
        return self.fields[name].default if make is dataclasses.MISSING else make()

    def doc(self, name: str) -> str:
        """Return what a field means, as far as its class says it."""
        return str(self.fields[name].metadata.get("doc", ""))

    def own(self, name: str) -> str:
        """Return the field that a name means; the name itself if it means none."""
        return self.others.get(name, name)

    def hint(self, name: str) -> str:
        """Return ``" Did you mean 'x'?"`` for a name that is not a field, or an empty string."""
        if name.startswith("_"):
            return ""  # no field is called so, and Python itself asks for such names often
        if name in self.advice:
            return f" {self.advice[name]}"
        if self.inert.get(name, ...) is not ...:
            return f" Here it can only be {self.inert[name]!r}."
        return did_you_mean(name, [*self.fields, *self.others, *self.merged])

    def knows(self, name: str) -> bool:
        """Return whether a name can be given."""
        own = self.own(name)
        return own in self.fields or own in self.merged

    def is_inert(self, name: str, value: Any) -> bool:
        """Return whether a name that is not a field may be given with a value, since it changes nothing."""
        return name in self.inert and (self.inert[name] is ... or is_equal(self.inert[name], value))

    def split(self, values: Mapping[str, Any], faults: list[str]) -> tuple[dict[str, Any], dict[str, Any]]:
        """Return the values by field name, and apart from them those that are no fields of this class."""
        known: dict[str, Any] = {}
        unknown: dict[str, Any] = {}
        said: dict[str, str] = {}
        for name, value in values.items():
            if not isinstance(name, str):
                faults.append(f"a {self._class.noun}'s name must be a string, but is {shown(name)}")
                continue
            own = self.own(name)
            if not self.knows(name):
                unknown[name] = value
            elif own in known and not is_equal(self.off(own, known[own]), self.off(own, value)):
                faults.append(
                    f"{said[own]} is {shown(known[own])} and {name} is {shown(value)}, but they are one "
                    f"{self._class.noun}"
                )
            else:
                known[own], said[own] = value, name
        return known, unknown

    def near_misses(self, unknown: Mapping[str, Any], known: Collection[str]) -> Iterator[tuple[str, str]]:
        """Yield each of the first unknown names that looks like a misspelt field, with a hint which."""
        absent = [name for name in (*self.fields, *self.others, *self.merged) if self.own(name) not in known]
        for name in itertools.islice(unknown, _COMPARED):
            if not name.startswith("_") and (hint := did_you_mean(name, absent, cutoff=0.85)):
                yield name, hint


#: Returns what a configuration class declares. A class is hashable, but mypy looks at its instances.
field_names: Callable[[type[Any]], FieldNames] = functools.cache(FieldNames)  # type: ignore[assignment]


def is_equal(one: Any, other: Any) -> bool:
    """Return whether two values are the same, whatever they are."""
    try:
        return bool(one == other)
    except (ValueError, RuntimeError):
        return False  # as two arrays


def nested_in(model_type: Any, name: str) -> tuple[type[Any], ...]:
    """Return the configuration classes that a field of an installed architecture admits; none where it is not known."""
    from archsmith.registry.base import registry

    if model_type not in registry.names():
        return ()
    return nested_kinds(field_names(registry.load(model_type, "config")).hints.get(name))
