"""Configurations: typed, checked, and written as the field's config.json. Free of torch."""

import copy
import dataclasses
import functools
import inspect
import os
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar, Self, TypeVar, dataclass_transform, get_type_hints

import msgspec

from archsmith.checkpoint import (
    CONFIG_FILE,
    Checkpoint,
    encode_json,
    read_json,
    refuse_remote_code,
    save_folder,
    write_file,
)
from archsmith.errors import ArchsmithWarning, ConfigError, OptionError, did_you_mean
from archsmith.fields import (
    Activation,
    Count,
    DType,
    NonNegative,
    Probability,
    ProblemType,
    Size,
    TokenId,
    convert,
    field,
    shown,
    to_json,
)

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
    id2label: dict[int, str] = dataclasses.field(
        default_factory=_two_labels, metadata={"doc": "Class index to class name."}
    )
    label2id: dict[str, int] = dataclasses.field(
        default_factory=lambda: {"LABEL_0": 0, "LABEL_1": 1}, metadata={"doc": "Class name to class index."}
    )
    problem_type: ProblemType | None = field(None, doc="Loss of a classification head; none: decided by the labels.")
    output_hidden_states: bool = field(default=False, doc="Return the hidden states of every layer.")
    output_attentions: bool = field(default=False, doc="Return the attention maps of every layer.")
    return_dict: bool = field(default=True, doc="Return an output object rather than a tuple.")
    tie_word_embeddings: bool = field(default=True, doc="Input and output embeddings are one matrix.")
    pruned_heads: dict[int, list[int]] = field({}, doc="Layer to the attention heads that were removed.")

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
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
        found = values.pop("model_type", cls.model_type)
        if cls.model_type and found != cls.model_type:
            raise ConfigError(
                f"{source or 'the values'}: model_type is {found!r}, but {cls.__name__} reads {cls.model_type!r}. "
                "Use AutoConfig, which picks the class by model_type."
            )
        values.pop("archsmith", None)
        config = cls.__new__(cls)
        config._fill(values, unknown_allowed=True, source=source, overrides=overrides)  # noqa: SLF001  # its own kind
        return config

    def update(self, **values: Any) -> None:
        """Change several fields at once: all of them, or none if any is wrong.

        Raises:
            ConfigError: A value is wrong, a name is no field, or the result breaks a rule.
        """
        changed = copy.copy(self)
        current = {name: getattr(self, name) for name in _fields(type(self))}
        changed._fill(current, unknown_allowed=False, overrides=values)  # noqa: SLF001  # its own kind
        self.__dict__.update(changed.__dict__)

    # ---- writing --------------------------------------------------------------------------------------------

    def to_dict(self) -> dict[str, Any]:
        """Return every field as JSON values, with ``model_type`` and the unknown keys of the file it came from."""
        return self._json(_fields(type(self)))

    def to_diff_dict(self) -> dict[str, Any]:
        """Return only what differs from the defaults, with ``model_type``."""
        return self._json(self._differing())

    def to_json_string(self, *, use_diff: bool = False) -> str:
        """Return sorted JSON: the content of config.json, or only what differs from the defaults."""
        return encode_json(self.to_diff_dict() if use_diff else self._file_dict()).decode()

    def to_json_file(self, path: str | os.PathLike[str], *, use_diff: bool = False) -> None:
        """Write `to_json_string` to a file. Raises `SaveFailed` as `save_pretrained`."""
        write_file(Path(path), self.to_json_string(use_diff=use_diff).encode())

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
        properties: dict[str, Any] = {"model_type": {"const": cls.model_type}}
        definitions: dict[str, Any] = {}
        for name, declared in sorted(_fields(cls).items()):
            (schema,), more = msgspec.json.schema_components([_hints(cls)[name]])
            definitions |= more
            if declared.metadata.get("doc"):
                schema = {**schema, "description": declared.metadata["doc"]}
            default = _default(declared)
            if default is not dataclasses.MISSING:
                schema = {**schema, "default": to_json(default)}
            properties[name] = schema
        result: dict[str, Any] = {
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "title": cls.__name__,
            "type": "object",
            "properties": properties,
        }
        required = sorted(name for name, declared in _fields(cls).items() if _default(declared) is dataclasses.MISSING)
        if required:
            result["required"] = required
        return result | ({"$defs": definitions} if definitions else {})

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
        faults: list[str] = []
        for name in _fields(type(self)):
            _, fault = convert(name, getattr(self, name), _hints(type(self))[name])
            faults += fault
        self._raise(faults or list(self.rules()))

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
        known, unknown = self._own_names(values, faults)
        replaced, wrong = self._own_names(overrides or {}, faults)
        if not unknown_allowed:
            wrong |= unknown
        elif unknown:
            self.extra.update(unknown)
            self._announce_near_misses(unknown, known, source)
        faults += [f"{name!r} is not a field of {type(self).__name__}.{self._hint(name)}" for name in wrong]
        known = _labels(_labels(known, faults, {}), faults, replaced)
        for name, declared in _fields(type(self)).items():
            value = known.get(name, dataclasses.MISSING)
            if value is dataclasses.MISSING:
                value = _default(declared)
            if value is dataclasses.MISSING:
                faults.append(f"{name} must be given: {declared.metadata.get('doc', '')}")
                continue
            converted, fault = convert(name, value, _hints(type(self))[name])
            faults += fault
            object.__setattr__(self, name, converted)
        self._raise(faults or list(self.rules()), source)

    def _own_names(self, values: Mapping[str, Any], faults: list[str]) -> tuple[dict[str, Any], dict[str, Any]]:
        """Translate common names to this class's own; split known from unknown."""
        fields = _fields(type(self))
        known: dict[str, Any] = {}
        unknown: dict[str, Any] = {}
        said: dict[str, str] = {}
        for name, value in values.items():
            own = _OLD_NAMES.get(name, self.attribute_map.get(name, name))
            if own not in fields and own != "num_labels":
                unknown[name] = value
            elif own in known and known[own] != value:
                faults.append(f"{said[own]} is {known[own]!r} and {name} is {value!r}, but they are one field")
            else:
                known[own], said[own] = value, name
        return known, unknown

    def _announce_near_misses(self, unknown: Mapping[str, Any], known: Mapping[str, Any], source: str) -> None:
        """Warn of a key in a file that looks like a misspelt field: it would change nothing without a word."""
        absent = [name for name in (*_fields(type(self)), *self.attribute_map) if name not in known]
        for name in unknown:
            if hint := did_you_mean(name, absent, cutoff=0.85):
                file, kind = source or CONFIG_FILE, type(self).__name__
                warnings.warn(
                    f"{file}: {name!r} is not a field of {kind} and has no effect.{hint}",
                    ArchsmithWarning,
                    stacklevel=2,
                )

    def _hint(self, name: str) -> str:
        return did_you_mean(name, [*_fields(type(self)), *self.attribute_map, "num_labels"])

    def _raise(self, faults: Iterable[str], source: str = "") -> None:
        listed = tuple(fault.rstrip(".") if not fault.endswith("?") else fault for fault in faults)
        if listed:
            where = f"{source}: {type(self).__name__}" if source else type(self).__name__
            text = listed[0] if len(listed) == 1 else "".join(f"\n  - {fault}" for fault in listed)
            end = "" if text.endswith("?") else "."
            raise ConfigError(f"{where}: {text}{end}", faults=listed, source=source)

    def _differing(self) -> list[str]:
        return [
            name
            for name, declared in _fields(type(self)).items()
            if _default(declared) is dataclasses.MISSING or getattr(self, name) != _default(declared)
        ]

    def _file_dict(self) -> dict[str, Any]:
        """Return what config.json holds: the class's own fields, and of the common ones those that differ."""
        common = _fields(PreTrainedConfig).keys() - inspect.get_annotations(type(self)).keys()
        own = [name for name in _fields(type(self)) if name not in common]
        return self._json([*own, *(name for name in self._differing() if name in common)])

    def _json(self, names: Iterable[str]) -> dict[str, Any]:
        values = {name: to_json(getattr(self, name)) for name in names}
        model_type = {"model_type": self.model_type} if self.model_type else {}
        return copy.deepcopy(self.extra) | values | model_type

    def __getattr__(self, name: str) -> Any:
        if own := type(self).attribute_map.get(name):
            return getattr(self, own)
        raise AttributeError(f"{type(self).__name__} has no field {name!r}.{self._hint(name)}", name=name, obj=self)

    def __setattr__(self, name: str, value: Any) -> None:
        own = _OLD_NAMES.get(name, self.attribute_map.get(name, name))
        faults: list[str] = []
        if own in ("num_labels", "id2label", "label2id"):
            for label_field, labels in _labels({}, faults, {own: value}).items():
                converted, fault = convert(label_field, labels, _hints(type(self))[label_field])
                faults += fault
                if not faults:
                    self.__dict__[label_field] = converted
        elif own in _fields(type(self)):
            converted, faults = convert(own, value, _hints(type(self))[own])
            if not faults:
                self.__dict__[own] = converted
        else:
            faults = [f"{name!r} is not a field of {type(self).__name__}.{self._hint(name)}"]
        self._raise(faults)

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and self.to_dict() == other.to_dict()

    def __repr__(self) -> str:
        return f"{type(self).__name__} {self.to_json_string().rstrip()}"


_OLD_NAMES = {"torch_dtype": "dtype"}

_Function = TypeVar("_Function", bound=Callable[..., Any])
# functools.cache hides the signature and asks for hashable arguments; a class is one, but mypy looks at its instances.
_once: Callable[[_Function], _Function] = functools.cache  # type: ignore[assignment]


def load_config_file(id_or_path: str | os.PathLike[str], **hub_options: Any) -> tuple[dict[str, Any], str]:
    """Return the content of config.json and where it was found.

    Args:
        id_or_path: A folder, a hub id, or the path of the file itself.
        **hub_options: As `Checkpoint.open`.
    """
    if isinstance(id_or_path, str | os.PathLike) and Path(id_or_path).is_file():  # type: ignore[redundant-expr]
        path = Path(id_or_path)
        return read_json(path), str(path)
    checkpoint = Checkpoint.open(id_or_path, **hub_options)
    path = checkpoint.path(CONFIG_FILE)
    return checkpoint.read_json(CONFIG_FILE), str(path)


@_once
def _hints(cls: type[Any]) -> dict[str, Any]:
    return get_type_hints(cls, include_extras=True)


@_once
def _fields(cls: type[Any]) -> dict[str, dataclasses.Field[Any]]:
    return {declared.name: declared for declared in dataclasses.fields(cls) if declared.init}


def _default(declared: dataclasses.Field[Any]) -> Any:
    if declared.default_factory is not dataclasses.MISSING:
        return declared.default_factory()
    return declared.default


_LABEL_FIELDS = ("num_labels", "id2label", "label2id")
_MAX_LABELS = 10_000_000


def _labels(known: Mapping[str, Any], faults: list[str], replaced: Mapping[str, Any]) -> dict[str, Any]:
    """Merge new values over known ones, with ``id2label``, ``label2id`` and ``num_labels`` in step."""
    source = replaced or known
    given = {name: source[name] for name in _LABEL_FIELDS if source.get(name) is not None}
    merged = {name: value for name, value in {**known, **replaced}.items() if name != "num_labels"}
    for name in ("id2label", "label2id"):
        if merged.get(name) is None:
            merged.pop(name, None)
    if not given:
        return merged
    count = given.get("num_labels")
    present = known.get("id2label")
    if given.keys() == {"num_labels"} and isinstance(present, dict) and len(present) == count:
        return merged  # the number is right already: the names stay
    return merged | _labels_in_step(given, faults)


def _labels_in_step(given: Mapping[str, Any], faults: list[str]) -> dict[str, Any]:
    """Derive what is not given of the three label fields; leave what can not be understood to the type check."""
    count, names, indices = (given.get(name) for name in _LABEL_FIELDS)
    try:
        if names is None and indices is not None:
            names = {index: label for label, index in sorted(indices.items(), key=lambda item: item[1])}
        elif names is None:
            if isinstance(count, bool) or not isinstance(count, int) or not 1 <= count <= _MAX_LABELS:
                faults.append(f"num_labels must be an integer from 1 to {_MAX_LABELS}, but is {shown(count)}")
                return {}
            names = {index: f"LABEL_{index}" for index in range(count)}
        names = {int(index): label for index, label in names.items()}
        indices = {label: index for index, label in names.items()} if indices is None else indices
    except (TypeError, ValueError, AttributeError):
        return {name: given[name] for name in ("id2label", "label2id") if name in given}
    if count is not None and count != len(names):
        faults.append(f"num_labels is {shown(count)}, but id2label has {len(names)} entries")
    return {"id2label": names, "label2id": indices}
