"""Names that every configuration of the field has beside its fields, and what is set although it is no field."""

from collections.abc import Iterator, Mapping
from typing import Any

from archsmith.config.checked import CheckedFields
from archsmith.config.fields import convert_json
from archsmith.config.names import field_names, is_equal
from archsmith.errors import ConfigError
from archsmith.messages import announce

__all__ = ["CommonNames"]

#: Name that is not a field, but that the field writes into every config.json or sets on every configuration → the value
#: with which it means what holds anyway: an argument may have that one only; ``...``: any, for no result depends on it.
_COMMON: Mapping[str, Any] = {
    **dict.fromkeys(["_commit_hash", "_name_or_path", "archsmith", "auto_map", "custom_pipelines"], ...),
    **dict.fromkeys(["finetuning_task", "processor_class", "task_specific_params", "tokenizer_class"], ...),
    **dict.fromkeys(["name_or_path", "transformers_version"], ...),
    **dict.fromkeys(["add_cross_attention", "gradient_checkpointing", "is_decoder", "is_encoder_decoder"], False),
    **dict.fromkeys(["tie_encoder_decoder", "torchscript", "use_bfloat16", "use_cache"], False),
    **{"chunk_size_feed_forward": 0, "cross_attention_hidden_size": None},  # noqa: PIE800
}
#: Fields that may hold the configuration of what writes texts.
_TEXT_PARTS = ("decoder", "generator", "text_config")


class CommonNames(CheckedFields):
    """What a configuration knows beside its fields, since tools and programs of the field ask for it or set it.

    A name that is not a field and not misspelt is kept in `extra` when it is set, and read as an attribute.
    """

    common = _COMMON

    @property
    def name_or_path(self) -> str:
        """Where it was loaded from: a folder, or a hub id; empty if it was not. It is not saved."""
        return str(self.__dict__.get("_name_or_path", ""))

    @name_or_path.setter
    def name_or_path(self, source: str) -> None:
        self.__dict__["_name_or_path"] = source

    _name_or_path = name_or_path

    @property
    def sub_configs(self) -> dict[str, type[Any]]:
        """Field → class, of the configurations inside that there are."""
        parts = {name: getattr(self, name) for name in sorted(field_names(type(self)).nested)}
        return {name: type(part) for name, part in parts.items() if part is not None}

    def get_text_config(self, *, decoder: bool | None = None, encoder: bool | None = None) -> "CommonNames":
        """Return the configuration of the part that reads or writes texts: itself, where there is no such part.

        Args:
            decoder: Only of what writes.
            encoder: Only of what reads.

        Raises:
            ConfigError: There are several, or of a flat encoder and decoder one side is asked for.
        """
        is_any = bool(decoder) == bool(encoder)
        wanted = ("text_encoder",) * (is_any or not decoder) + _TEXT_PARTS * (is_any or bool(decoder))
        found = [name for name in wanted if name in self.sub_configs]
        if len(found) > 1:
            raise ConfigError(
                f"{type(self).__name__} has several parts for texts; use one of {', '.join(found)} itself."
            )
        if not found and not is_any and self.is_encoder_decoder:
            raise ConfigError(f"{type(self).__name__} has encoder and decoder in one; read its own fields.")
        return getattr(self, found[0]) if found else self

    def value_of(self, name: str, default: Any = None) -> Any:
        """Return a field or a property of the class, by any of its names, else the default: `extra` does not count."""
        is_own = hasattr(type(self), name) or field_names(type(self)).knows(name)
        return getattr(self, name) if is_own else default

    def __iter__(self) -> Iterator[str]:
        """Iterate over the names of what `to_dict` holds of it; so ``in`` says whether there is one."""
        return iter([*field_names(type(self)).fields, *self.extra])

    def __getattr__(self, name: str) -> Any:
        names = field_names(type(self))
        for held in (self.extra, names.inert):
            if name in held and not name.startswith("_") and name not in names.others and held[name] is not ...:
                return held[name]
        return super().__getattr__(name)

    def __delattr__(self, name: str) -> None:
        if self.extra.pop(name, self) is self:
            super().__delattr__(name)

    # ---- internals ------------------------------------------------------------------------------------------

    def _set_other(self, name: str, value: Any) -> None:
        """Keep what is set although it is not a field, unless it is a misspelt one, or hides what the class has."""
        names, of_class = field_names(type(self)), getattr(type(self), name, None)
        if getattr(of_class, "fset", None):
            object.__setattr__(self, name, value)
        elif hasattr(type(self), name) or name in names.advice:
            hint = names.hint(name) if name in names.advice else " It is something else that the class has, and stays"
            self._raise([f"{name!r} {self._no_field()}.{hint}"])
        elif name.startswith("_"):
            self.__dict__[name] = value
        else:
            for _, hint in () if name in names.inert else names.near_misses({name: value}, ()):
                self._raise([f"{name!r} {self._no_field()}.{hint}"])
            if name in self or not names.is_inert(name, value):
                self._keep_set(name, value)

    def _keep_set(self, name: str, value: Any) -> None:
        """Keep what is set, in `extra` if a file can hold it, and say what becomes of it."""
        converted, faults = convert_json(name, value)
        is_saved = not faults and is_equal(converted, _with_lists(value))
        kept, other = (self.extra, self.__dict__) if is_saved else (self.__dict__, self.extra)
        other.pop(name, None)
        names = field_names(type(self))
        if not names.is_inert(name, value) and (name not in kept or name in names.inert):
            what = "and saved, but has no effect" if is_saved else "but not saved, as JSON would not give it back"
            announce(f"{name!r} {self._no_field()}. It is kept, {what}.{names.hint(name)}")
        kept[name] = converted if is_saved else value


def _with_lists(value: Any) -> Any:
    """Return a value with lists for its tuples, which JSON has not."""
    if isinstance(value, dict):
        return {key: _with_lists(item) for key, item in value.items()}
    return [_with_lists(item) for item in value] if isinstance(value, list | tuple) else value
