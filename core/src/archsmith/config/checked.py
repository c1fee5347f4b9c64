"""Classes of typed fields: every value is held against its type, and all faults come in one error."""

import copy
import dataclasses
import inspect
from collections.abc import Collection, Iterable, Iterator, Mapping
from types import MappingProxyType
from typing import Any, ClassVar, Self, dataclass_transform

from archsmith.config.fields import convert_json, field
from archsmith.config.names import field_names, is_equal
from archsmith.config.nested import configs_inside
from archsmith.errors import ArchsmithError, ConfigError, OptionError, UnknownField
from archsmith.files.strictjson import encode_json
from archsmith.messages import announce, listed, shown

__all__ = ["CheckedFields"]


@dataclass_transform(kw_only_default=True, field_specifiers=(field, dataclasses.field))
@dataclasses.dataclass(init=False, repr=False, eq=False)
class CheckedFields:  # noqa: PLW1641  # no hash: what can be changed has none
    """Fields with types, defaults and rules, checked when they are set; what configurations and settings are made of.

    A subclass declares its fields; it becomes a dataclass by itself.

    Attributes:
        noun: What messages call a field.
        attribute_map: Other name → field.
        positional: The fields that arguments without a name are for.
        merged: Names that only mean something together: `merge_values` makes fields of them.
        advice: Name that other libraries take here → what to do instead.
        invalidates: Field → fields that no longer hold when it is given anew, because they follow from it.
        computed: Properties that a file holds too: left out when it is read, because they follow from the fields.
        common: Name that is not a field → the value with which it is taken all the same; ``...``: any.
    """

    noun: ClassVar[str] = "field"
    attribute_map: ClassVar[Mapping[str, str]] = {}
    positional: ClassVar[tuple[str, ...]] = ()
    merged: ClassVar[tuple[str, ...]] = ()
    advice: ClassVar[Mapping[str, str]] = {}
    invalidates: ClassVar[Mapping[str, tuple[str, ...]]] = {}
    computed: ClassVar[tuple[str, ...]] = ()
    common: ClassVar[Mapping[str, Any]] = {}

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        typed = inspect.get_annotations(cls)
        for name in dataclasses.fields(cls):  # those of the classes above
            if name.name in vars(cls) and name.name not in typed:
                raise OptionError(f"{cls.__name__}.{name.name} has a new default, but no type: it would be ignored.")
        dataclasses.dataclass(init=False, repr=False, eq=False)(cls)

    @property
    def extra(self) -> dict[str, Any]:
        """What is not a field, of the file it came from or set since: never read by anything here, but written back."""
        return self.__dict__.setdefault("_extra", {})  # type: ignore[no-any-return]

    def __copy__(self) -> Self:
        new = object.__new__(type(self))
        new.__dict__.update(self.__dict__, _extra=dict(self.extra))
        return new

    # ---- writing --------------------------------------------------------------------------------------------

    def to_dict(self) -> dict[str, Any]:
        """Return what its file holds, as JSON values."""
        raise NotImplementedError

    def to_json_string(self) -> str:
        """Return sorted JSON: the content of the file. Raises as `to_dict`."""
        return encode_json(self.to_dict()).decode()

    # ---- changing -------------------------------------------------------------------------------------------

    def update(self, values: Mapping[str, Any] = MappingProxyType({}), /, **more: Any) -> None:
        """Change several fields at once: all of them, or none if any is wrong. Raises as `changed`.

        A configuration inside stays the object that it is, unless it becomes one of another class.
        """
        self._become(self.changed(**{**values, **more}))

    def changed(self, /, **values: Any) -> Self:
        """Return a copy with other values.

        Raises:
            ConfigError: A value is wrong, a name is not a field, or the result breaks a rule.
        """
        new = copy.copy(self)
        told = {*self._differing(), *field_names(type(self)).nested}  # the others follow from these again
        current = {name: getattr(self, name) for name in told}
        current |= {name: copy.deepcopy(current[name]) for name in field_names(type(self)).nested}
        new._fill(current, unknown_allowed=False, overrides=values)  # noqa: SLF001  # its own kind
        return new

    # ---- checking -------------------------------------------------------------------------------------------

    def rules(self) -> Iterator[str]:
        """Yield one sentence for each rule between fields that is broken. Override it and yield from ``super()``."""
        yield from ()

    def check(self) -> None:
        """Check every field and every rule.

        Raises:
            ConfigError: Names every fault.
        """
        self._raise(self.faults())

    def faults(self) -> list[str]:
        """Return one sentence for each field that is wrong, or else for each rule that is broken."""
        return self._field_faults() or list(self.rules())

    def derived(self) -> dict[str, Any]:
        """Return fields that follow from others, with their values. Override it; it is asked before the rules."""
        return {}

    def merge_values(self, known: dict[str, Any], replaced: dict[str, Any], faults: list[str]) -> dict[str, Any]:  # noqa: ARG002
        """Take out of the given values those that only mean something together, and return what they come to.

        Args:
            known: The values that were given.
            replaced: The values that go over them.
            faults: Gets one sentence for each thing that is wrong.
        """
        return {}

    def put_in_order(self, known: dict[str, Any], replaced: Mapping[str, Any]) -> dict[str, Any]:  # noqa: ARG002
        """Change, in place, values of a file that are not to the letter but clear, and return the old ones to tell of.

        Args:
            known: The values of the file.
            replaced: What goes over them.
        """
        return {}

    def error_for(self, source: str) -> type[ArchsmithError]:  # noqa: ARG002
        """Return the class of the error for faults in values that come from a file (``source``), or from the caller."""
        return ConfigError

    # ---- internals ------------------------------------------------------------------------------------------

    def _fill(
        self,
        values: Mapping[str, Any],
        *,
        unknown_allowed: bool,
        source: str = "",
        overrides: Mapping[str, Any] | None = None,
    ) -> list[str]:
        """Set every field from values and overrides, or raise one error with all faults.

        Args:
            values: What is known: of a file, or arguments.
            unknown_allowed: They are of a file: names that are not fields are kept, and what is clear is put in order.
            source: The file.
            overrides: What goes over the values, which are not looked at where it does.

        Returns:
            What was put in order, a sentence for each.
        """
        faults, passed = list[str](), list[str]()
        names = field_names(type(self))
        known, unknown = names.split(values, faults)
        replaced, wrong = names.split(overrides or {}, passed)
        held = {name: value for name, value in known.items() if value is not None}  # null stands for the default
        parts = {name: held.get(name, names.default(name)) for name in names.nested & replaced.keys()}
        known = {name: value for name, value in known.items() if replaced.get(name) is None}
        old = self.put_in_order(known, replaced) if unknown_allowed else {}
        if unknown_allowed:
            self._keep(unknown, known.keys() | replaced.keys(), source, faults)
        else:
            wrong |= unknown
        said = {name: value for name, value in wrong.items() if names.is_inert(name, value)}
        for name in said.keys() - {"archsmith", "model_type", *self.computed}:  # these are written anew
            if name.endswith("name_or_path"):
                self.__dict__["_name_or_path"] = said[name]
            elif not name.startswith("_"):
                self.extra.update(_checked_extra({name: said[name]}, passed))
        passed += [f"{name!r} {self._no_field()}.{names.hint(name)}" for name in wrong.keys() - said.keys()]
        known, replaced = ({name: names.off(name, value) for name, value in each.items()} for each in (known, replaced))
        count, merged = len(replaced), list[str]()
        together = self.merge_values(known, replaced, merged)
        (passed if len(replaced) < count else faults).extend(merged)
        for follower in [other for name in replaced for other in self.invalidates.get(name, ())]:
            known.pop(follower, None)
        known |= replaced | together
        for name in names.fields:
            value = known[name] if name in known else names.default(name)
            if value is dataclasses.MISSING:
                faults.append(f"{name} must be given: {names.doc(name)}")
                continue
            given = name in replaced or not unknown_allowed
            converted, fault = names.convert(name, value, given=given, over=parts.get(name))
            (passed if name in replaced else faults).extend(fault)
            object.__setattr__(self, name, self._alone(name, converted))
        if source and faults:
            passed = [f"{fault.rstrip('.')}, as the call has it" for fault in passed]
        self._raise(passed + faults, source if faults else "")
        self.__dict__.update(self.derived())
        notes = [f"{name} {shown(value)} is read as {shown(getattr(self, name))}" for name, value in old.items()]
        told = f" ({'; '.join(notes)})" if notes else ""
        changed = f", with {', '.join(overrides)} of the call" if source and overrides else ""
        broken = [*self.rules(), *self._computed_faults(said)]
        self._raise([fault.rstrip(".") + told for fault in broken], source + changed)
        return notes

    def _computed_faults(self, said: Mapping[str, Any]) -> Iterator[str]:
        """Say where what is given for a property of `computed` is not what it comes to."""
        for name in said.keys() & {*self.computed}:
            if not is_equal(said[name], value := getattr(self, name)):
                yield f"{name} follows from other fields: it must be {shown(value)}, but is {shown(said[name])}"

    def _alone(self, name: str, value: Any) -> Any:
        """Return a copy of a configuration that another field holds too, at any depth: a change is one of one part."""
        names = field_names(type(self)).nested
        if name not in names or value is None:
            return value
        others = [held for other in names - {name} if (held := self.__dict__.get(other)) is not None]
        known = {id(part) for held in others for part in configs_inside(held)}
        return copy.deepcopy(value) if any(id(part) in known for part in configs_inside(value)) else value

    def _become(self, new: Self) -> None:
        """Take over the values of another object of this class, which nobody else holds."""
        for name in field_names(type(self)).nested:
            old, part = getattr(self, name, None), getattr(new, name)
            if old is not None and type(old) is type(part):
                old._become(copy.deepcopy(part))  # noqa: SLF001  # its own kind; the caller may hold the part
                part = old
            new.__dict__[name] = self._alone(name, part)
        self.__dict__.update(new.__dict__)

    def _keep(self, unknown: Mapping[str, Any], known: Collection[str], source: str, faults: list[str]) -> None:
        """Keep the keys of a file that are not fields; announce those that look like one."""
        unknown = {name: value for name, value in unknown.items() if name not in self.computed}
        self.extra.update(_checked_extra(unknown, faults))
        for name, hint in field_names(type(self)).near_misses(unknown, known):
            announce(f"{source or 'config.json'}: {name!r} {self._no_field()} and has no effect.{hint}")

    def _field_faults(self) -> list[str]:
        """Say what is wrong with single values, changed in place since they were checked."""
        faults: list[str] = []
        names = field_names(type(self))
        for name in names.fields:
            faults += names.convert(name, getattr(self, name))[1]
        _checked_extra(self.extra, faults)
        return faults

    def _raise(self, faults: Iterable[str], source: str = "") -> None:
        if found := tuple(fault.rstrip(".") for fault in faults):
            where = f"{source}: {type(self).__name__}" if source else type(self).__name__
            is_unknown = any(f"' is not a {self.noun} of " in fault for fault in found)
            raise (UnknownField if is_unknown else self.error_for(source))(
                listed(where, found), faults=found, source=source
            )

    def _set_other(self, name: str, value: Any) -> None:  # noqa: ARG002
        """Set what is not a field: refused, unless a class knows better."""
        self._raise([f"{name!r} {self._no_field()}.{field_names(type(self)).hint(name)}"])

    def _no_field(self) -> str:
        return f"is not a {self.noun} of {type(self).__name__}"

    def _differing(self) -> list[str]:
        names = field_names(type(self))
        return [name for name in names.fields if getattr(self, name) != names.default(name)]

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and self.to_dict() == other.to_dict()

    def __repr__(self) -> str:
        try:
            return f"{type(self).__name__} {self.to_json_string().rstrip()}"
        except (ConfigError, OptionError, UnicodeEncodeError) as error:
            return f"<{error}>"

    def __getattr__(self, name: str) -> Any:
        names = field_names(type(self))
        if name in names.others:
            return getattr(self, names.own(name))
        raise AttributeError(f"{name!r} {self._no_field()}.{names.hint(name)}", name=name, obj=self)

    def __setattr__(self, name: str, value: Any) -> None:
        names = field_names(type(self))
        own = names.own(name)
        if own in names.nested:
            value, faults = names.convert(own, value)  # a mapping is a whole part here
            self._raise(faults)
        if own in names.merged and value is None:
            self._raise([f"{name} must be given, but is None"])
        if own in self.invalidates or own in names.merged:
            self.update(**{own: value})
        elif own not in names.fields:
            self._set_other(name, value)
        else:
            converted, faults = names.convert(own, value)
            self._raise(faults)
            self.__dict__[own] = self._alone(own, converted)


def _checked_extra(unknown: Mapping[str, Any], faults: list[str]) -> dict[str, Any]:
    checked = {}
    for name, value in unknown.items():
        checked[name], fault = convert_json(name, value)
        faults += fault or convert_json(f"the key {shown(name)}", name)[1]
    return checked
