"""Configurations: typed, checked, and written as the field's config.json. Free of torch."""

import copy
import dataclasses
import inspect
import os
import stat
import warnings
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, ClassVar, Self, dataclass_transform

from archsmith.checkpoint import (
    CONFIG_FILE,
    Checkpoint,
    encode_json,
    local_path,
    mode_of,
    read_json,
    refuse_remote_code,
)
from archsmith.commit import save_folder, write_file
from archsmith.configuration.fields import (
    Activation,
    Count,
    DType,
    NonNegative,
    Probability,
    ProblemType,
    Size,
    TokenId,
    convert,
    convert_json,
    field,
    to_json,
)
from archsmith.configuration.labels import LABEL_FIELDS, labels_in_step
from archsmith.configuration.names import field_names
from archsmith.configuration.schema import json_schema
from archsmith.errors import ArchsmithWarning, ConfigError, OptionError

__all__ = ["Activation", "Count", "DType", "NonNegative", "PreTrainedConfig", "Probability", "Size", "TokenId", "field"]


def _two_labels() -> dict[int, str]:
    return {0: "LABEL_0", 1: "LABEL_1"}


@dataclass_transform(kw_only_default=True, field_specifiers=(field, dataclasses.field))
@dataclasses.dataclass(init=False, repr=False, eq=False)
class PreTrainedConfig:  # noqa: PLW1641  # no hash: a configuration can be changed
    """What every configuration is: fields with types, defaults and rules, read from and written to config.json.

    A subclass declares its fields; it becomes a dataclass by itself. Arguments are keyword-only (apart from those that
    ``positional`` names), every value is checked, and all faults come in one error. Assignment checks too.

    Example:
        >>> from archsmith import PreTrainedConfig
        >>> from archsmith.config import Size, field
        >>> class ToyConfig(PreTrainedConfig):
        ...     model_type = "toy"
        ...     attribute_map = {"hidden_size": "dim"}
        ...     dim: Size = field(8, doc="Width of the hidden states.")
        >>> ToyConfig(hidden_size=4).dim
        4
        >>> print(ToyConfig())
        ToyConfig {
          "dim": 8,
          "model_type": "toy"
        }
        >>> ToyConfig(dim=0)
        Traceback (most recent call last):
        archsmith.errors.ConfigError: ToyConfig: dim must be an integer from 1 to 2147483647, but is 0.

    Attributes:
        architectures: The model classes that the weights were saved from.
        dtype: The type of the saved weights.
        id2label: Class index → class name.
        label2id: Class name → class index.
        problem_type: The loss of a classification head; None: decided by the labels.
        output_hidden_states: Whether a model returns the hidden states of every layer unless told otherwise.
        output_attentions: Whether a model returns the attention maps of every layer unless told otherwise.
        return_dict: Whether a model returns an output object (True) or a tuple unless told otherwise.
        tie_word_embeddings: Whether input and output embeddings are one matrix.
        pruned_heads: Layer → attention heads that were removed.
    """

    model_type: ClassVar[str] = ""
    attribute_map: ClassVar[Mapping[str, str]] = {}
    positional: ClassVar[tuple[str, ...]] = ()

    architectures: list[str] | None = field(None, doc="Model classes that the weights were saved from.")
    dtype: DType | None = field(None, doc="Type of the saved weights.")
    id2label: dict[Count, str] = dataclasses.field(
        default_factory=_two_labels, metadata={"doc": "Class index to class name."}
    )
    label2id: dict[str, Count] = dataclasses.field(
        default_factory=lambda: {"LABEL_0": 0, "LABEL_1": 1}, metadata={"doc": "Class name to class index."}
    )
    problem_type: ProblemType | None = field(None, doc="Loss of a classification head; none: decided by the labels.")
    output_hidden_states: bool = field(default=False, doc="Return the hidden states of every layer.")
    output_attentions: bool = field(default=False, doc="Return the attention maps of every layer.")
    return_dict: bool = field(default=True, doc="Return an output object rather than a tuple.")
    tie_word_embeddings: bool = field(default=True, doc="Input and output embeddings are one matrix.")
    pruned_heads: dict[Count, list[Count]] = field({}, doc="Layer to the attention heads that were removed.")

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        typed = inspect.get_annotations(cls)
        for name in dataclasses.fields(cls):  # those of the classes above
            if name.name in vars(cls) and name.name not in typed:
                raise OptionError(f"{cls.__name__}.{name.name} has a new default, but no type: it would be ignored.")
        dataclasses.dataclass(init=False, repr=False, eq=False)(cls)

    def __init__(self, *args: Any, **values: Any) -> None:
        if len(args) > len(self.positional):
            allowed = f"only {', '.join(self.positional)} may be" if self.positional else "none may be"
            raise OptionError(f"{type(self).__name__} takes keyword arguments; {allowed} positional, got {len(args)}.")
        for name, value in zip(self.positional, args, strict=False):
            if name in values:
                raise OptionError(f"{type(self).__name__} got {name} twice, by place and by name.")
            values[name] = value
        self._fill(values, unknown_allowed=False)

    @property
    def extra(self) -> dict[str, Any]:
        """Keys of the config.json it came from that this class does not know: never read, but written back."""
        return self.__dict__.setdefault("_extra", {})  # type: ignore[no-any-return]

    # ---- reading --------------------------------------------------------------------------------------------

    @classmethod
    def from_pretrained(
        cls,
        id_or_path: str | os.PathLike[str],
        *,
        revision: str | None = None,
        token: str | bool | None = None,
        cache_dir: str | os.PathLike[str] | None = None,
        local_files_only: bool = False,
        subfolder: str = "",
        trust_remote_code: bool | None = None,
        **overrides: Any,
    ) -> Self:
        """Read config.json from a folder, a hub id, or a path to the file itself; overrides replace its values.

        Raises:
            ConfigError: A value is wrong, or an override is no field.
            CheckpointNotFound, CheckpointCorrupt, HubError: The file can not be had.
        """
        refuse_remote_code(trust_remote_code)
        values, source = load_config_file(
            id_or_path,
            revision=revision,
            token=token,
            cache_dir=cache_dir,
            local_files_only=local_files_only,
            subfolder=subfolder,
        )
        return cls.from_dict(values, source=source, **overrides)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any], /, *, source: str = "", **overrides: Any) -> Self:
        """Build a configuration from the content of a config.json.

        Keys that this class does not know are kept in `extra` and written back; nothing reads them.

        Args:
            values: The content of config.json.
            source: Where it comes from, for the error message.
            **overrides: Fields to replace; an unknown one is an error.

        Raises:
            ConfigError: A value is wrong, an override is no field, or the file is another architecture's.
        """
        if not isinstance(values, Mapping):
            raise ConfigError(f"{cls.__name__} must be built from a mapping, but got {values!r}.")
        values = dict(values)
        found = values.pop("model_type", cls.model_type) if cls.model_type else ""
        if not isinstance(found, str) or found != cls.model_type:
            raise ConfigError(
                f"{source or 'the values'}: model_type is {found!r}, but {cls.__name__} reads {cls.model_type!r}. "
                "Use AutoConfig, which picks the class by model_type."
            )
        values.pop("archsmith", None)
        config = cls.__new__(cls)
        config._fill(values, unknown_allowed=True, source=source, overrides=overrides)  # noqa: SLF001  # its own kind
        return config

    def update(self, /, **values: Any) -> None:
        """Change several fields at once: all of them, or none if any is wrong.

        Raises:
            ConfigError: A value is wrong, a name is no field, or the result breaks a rule.
        """
        changed = copy.copy(self)
        current = {name: getattr(self, name) for name in field_names(type(self)).fields}
        changed._fill(current, unknown_allowed=False, overrides=values)  # noqa: SLF001  # its own kind
        self.__dict__.update(changed.__dict__)

    # ---- writing --------------------------------------------------------------------------------------------

    def to_dict(self) -> dict[str, Any]:
        """Return every field as JSON values, with ``model_type`` and the unknown keys of the file it came from."""
        return self._json(field_names(type(self)).fields)

    def to_diff_dict(self) -> dict[str, Any]:
        """Return only what differs from the defaults, with ``model_type``."""
        return self._json(self._differing())

    def to_json_string(self, *, use_diff: bool = False) -> str:
        """Return sorted JSON: the content of config.json, or only what differs from the defaults.

        Raises:
            ConfigError: A value was changed in place to something that JSON can not hold.
        """
        return encode_json(self.to_diff_dict() if use_diff else self._file_dict()).decode()

    def to_json_file(self, path: str | os.PathLike[str], *, use_diff: bool = False) -> None:
        """Write `to_json_string` to a file. Raises `SaveFailed` as `save_pretrained`."""
        write_file(local_path("a configuration file", path), self.to_json_string(use_diff=use_diff).encode())

    def save_pretrained(self, save_directory: str | os.PathLike[str]) -> None:
        """Write config.json into a folder, which is made if needed.

        Raises:
            ConfigError: A field or a rule was broken since the configuration was built.
            SaveFailed: The system refused; an older config.json is still there.
        """
        content = encode_json(self.to_file_dict())
        write_file(save_folder(save_directory) / CONFIG_FILE, content)

    def to_file_dict(self) -> dict[str, Any]:
        """Return the content of config.json, with who wrote it, after checking every field and rule once more.

        Raises:
            ConfigError: A field or a rule was broken since the configuration was built.
        """
        from archsmith.registry import registry

        self.check()
        return self._file_dict() | {"archsmith": registry.provenance(type(self))}

    @classmethod
    def json_schema(cls) -> dict[str, Any]:
        """Return a JSON Schema of config.json for this architecture."""
        names = field_names(cls)
        defaults = {name: names.default(name) for name in names.fields}
        docs = {name: names.doc(name) for name in names.fields}
        return json_schema(cls.__name__, cls.model_type, hints=names.hints, defaults=defaults, docs=docs)

    # ---- checking -------------------------------------------------------------------------------------------

    def rules(self) -> Iterator[str]:
        """Yield one sentence for each rule between fields that is broken. Override it and yield from ``super()``."""
        for label, index in self.label2id.items():
            if self.id2label.get(index) != label:
                yield f"label2id says {label!r} is class {index}, but id2label says {self.id2label.get(index)!r}"
                return

    def check(self) -> None:
        """Check every field and every rule.

        Raises:
            ConfigError: Names every fault.
        """
        self._raise(self._field_faults() or list(self.rules()))

    @property
    def num_labels(self) -> int:
        """The number of classes: the length of ``id2label``. Assigning it gives the classes generic names."""
        return len(self.id2label)

    # ---- internals ------------------------------------------------------------------------------------------

    def _fill(
        self,
        values: Mapping[str, Any],
        *,
        unknown_allowed: bool,
        source: str = "",
        overrides: Mapping[str, Any] | None = None,
    ) -> None:
        """Set every field from values and overrides, or raise one error with all faults."""
        faults: list[str] = []
        names = field_names(type(self))
        known, unknown = names.split(values, faults)
        replaced, wrong = names.split(overrides or {}, faults)
        if not unknown_allowed:
            wrong |= unknown
        elif unknown:
            self.extra.update(_checked_extra(unknown, faults))
            for name, hint in names.near_misses(unknown, known):
                message = f"{source or CONFIG_FILE}: {name!r} is not a field of {type(self).__name__}"
                warnings.warn(f"{message} and has no effect.{hint}", ArchsmithWarning, stacklevel=2)
        faults += [f"{name!r} is not a field of {type(self).__name__}.{names.hint(name)}" for name in wrong]
        labels = labels_in_step({}, _pop_labels(known), names.hints, faults)
        labels |= labels_in_step(labels, _pop_labels(replaced), names.hints, faults)
        known |= replaced | labels
        for name, hint in names.hints.items():
            value = known[name] if name in known else names.default(name)
            if value is dataclasses.MISSING:
                faults.append(f"{name} must be given: {names.doc(name)}")
                continue
            converted, fault = convert(name, value, hint)
            faults += fault
            object.__setattr__(self, name, converted)
        self._raise(faults or list(self.rules()), source)

    def _field_faults(self) -> list[str]:
        """Say what is wrong with single values, changed in place since they were checked."""
        faults: list[str] = []
        for name, hint in field_names(type(self)).hints.items():
            faults += convert(name, getattr(self, name), hint)[1]
        _checked_extra(self.extra, faults)
        return faults

    def _raise(self, faults: Iterable[str], source: str = "") -> None:
        listed = tuple(fault.rstrip(".") if not fault.endswith("?") else fault for fault in faults)
        if listed:
            where = f"{source}: {type(self).__name__}" if source else type(self).__name__
            text = f" {listed[0]}" if len(listed) == 1 else "".join(f"\n  - {fault}" for fault in listed)
            end = "" if text.endswith("?") else "."
            raise ConfigError(f"{where}:{text}{end}", faults=listed, source=source)

    def _differing(self) -> list[str]:
        names = field_names(type(self))
        return [name for name in names.fields if getattr(self, name) != names.default(name)]

    def _file_dict(self) -> dict[str, Any]:
        """Return what config.json holds: the class's own fields, and of the common ones those that differ."""
        common = field_names(PreTrainedConfig).fields.keys() - inspect.get_annotations(type(self)).keys()
        own = [name for name in field_names(type(self)).fields if name not in common]
        return self._json([*own, *(name for name in self._differing() if name in common)])

    def _json(self, names: Iterable[str]) -> dict[str, Any]:
        self._raise(self._field_faults())
        values = {name: to_json(getattr(self, name)) for name in names}
        model_type = {"model_type": self.model_type} if self.model_type else {}
        return copy.deepcopy(self.extra) | values | model_type

    def __getattr__(self, name: str) -> Any:
        names = field_names(type(self))
        if name in names.others:
            return getattr(self, names.own(name))
        raise AttributeError(f"{type(self).__name__} has no field {name!r}.{names.hint(name)}", name=name, obj=self)

    def __setattr__(self, name: str, value: Any) -> None:
        names, faults = field_names(type(self)), list[str]()
        own = names.own(name)
        if own in LABEL_FIELDS and value is not None:
            self.__dict__.update(labels_in_step(self.__dict__, {own: value}, names.hints, faults))
        elif own in names.fields:
            converted, faults = convert(own, value, names.hints[own])
            if not faults:
                self.__dict__[own] = converted
        elif own == "num_labels":
            faults = ["num_labels must be an integer, but is None"]
        else:
            faults = [f"{name!r} is not a field of {type(self).__name__}.{names.hint(name)}"]
        self._raise(faults)

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and self.to_dict() == other.to_dict()

    def __repr__(self) -> str:
        try:
            return f"{type(self).__name__} {self.to_json_string().rstrip()}"
        except ConfigError as error:
            return f"<{error}>"


def load_config_file(id_or_path: str | os.PathLike[str], **hub_options: Any) -> tuple[dict[str, Any], str]:
    """Return the content of config.json and where it was found.

    Args:
        id_or_path: A folder, a hub id, or the path of the file itself.
        **hub_options: As `Checkpoint.open`.
    """
    path = local_path("a configuration", id_or_path)
    if stat.S_ISREG(mode_of(path) or 0):
        return read_json(path), str(path)
    checkpoint = Checkpoint.open(id_or_path, **hub_options)
    values = checkpoint.read_whole(lambda: checkpoint.read_json(CONFIG_FILE))
    return values, str(checkpoint.path(CONFIG_FILE))


def _pop_labels(values: dict[str, Any]) -> dict[str, Any]:
    return {name: values.pop(name) for name in LABEL_FIELDS if name in values}


def _checked_extra(unknown: Mapping[str, Any], faults: list[str]) -> dict[str, Any]:
    checked = {}
    for name, value in unknown.items():
        checked[name], fault = convert_json(name, value)
        faults += fault
    return checked
