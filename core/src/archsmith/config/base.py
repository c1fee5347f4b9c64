"""Configurations: typed, checked, and written as the field's config.json. Free of torch."""

import copy
import inspect
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, ClassVar, Self

from archsmith.config.common import CommonNames
from archsmith.config.fields import Count, DType, ProblemType, field, to_json
from archsmith.config.labels import LABEL_FIELDS, LabelIndices, LabelNames, label_faults, merge_labels, pop_labels
from archsmith.config.names import field_names, nested_in
from archsmith.config.published import announce_together, put_in_order
from archsmith.config.schema import json_schema
from archsmith.errors import ConfigError, OptionError
from archsmith.files.checkpoint import Checkpoint
from archsmith.files.commit import save_files, write_file
from archsmith.files.names import CONFIG_FILE
from archsmith.files.paths import local_path
from archsmith.files.pretrained import FromPretrained
from archsmith.files.strictjson import encode_json
from archsmith.messages import shown
from archsmith.options import checked_call

__all__ = ["PreTrainedConfig"]


class PreTrainedConfig(FromPretrained, CommonNames):
    """What every configuration is: fields with types, defaults and rules, read from and written to config.json.

    A subclass declares its fields; it becomes a dataclass by itself. Arguments are keyword-only (apart from those that
    ``positional`` names), every value is checked, and all faults come in one error. Assignment checks too.

    Example:
        >>> from archsmith import PreTrainedConfig
        >>> from archsmith.config import Size, field
        >>> class ToyConfig(PreTrainedConfig):
        ...     model_type = "toy"
        ...     attribute_map = {"hidden_size": "dim"}
        ...     dim: Size = field(default=8, doc="Width of the hidden states.")
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
        base_config_key: For the configuration of a part, the key under which that of a whole holds it, as
            ``"text_config"``: `from_pretrained` then takes it out of the whole's config.json too.
        descriptive: Fields that no result depends on: a file that has them wrong is read with their defaults.
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
    base_config_key: ClassVar[str] = ""
    own_file = CONFIG_FILE
    merged = LABEL_FIELDS
    advice = {"model_type": "It is fixed by the class; AutoConfig picks the class by it."}
    descriptive: ClassVar[tuple[str, ...]] = ("architectures", "dtype")

    architectures: list[str] | None = field(default=None, doc="Model classes that the weights were saved from.")
    dtype: DType | None = field(default=None, doc="Type of the saved weights.")
    id2label: LabelNames = field(default={0: "LABEL_0", 1: "LABEL_1"}, doc="Class index to class name.")
    label2id: LabelIndices = field(default={"LABEL_0": 0, "LABEL_1": 1}, doc="Class name to class index.")
    problem_type: ProblemType | None = field(
        default=None, doc="Loss of a classification head; none: decided by labels."
    )
    output_hidden_states: bool = field(default=False, doc="Return the hidden states of every layer.")
    output_attentions: bool = field(default=False, doc="Return the attention maps of every layer.")
    return_dict: bool = field(default=True, doc="Return an output object rather than a tuple.")
    tie_word_embeddings: bool = field(default=True, doc="Input and output embeddings are one matrix.")
    pruned_heads: dict[Count, list[Count]] = field(default={}, doc="Layer to the attention heads that were removed.")

    def __init__(self, *args: Any, **values: Any) -> None:
        owner, given = type(self).__name__, dict(zip(self.positional, args, strict=False))
        if len(args) > len(given):
            allowed = f"only {', '.join(self.positional)} may be" if self.positional else "none may be"
            raise OptionError(f"{owner} takes keyword arguments; {allowed} positional, got {len(args)}.")
        for name in given.keys() & values.keys():
            raise OptionError(f"{owner} got multiple values for {name}: one positional, one by keyword.")
        self._fill(values | given, unknown_allowed=False)

    # ---- reading --------------------------------------------------------------------------------------------

    @classmethod
    def read(cls, checkpoint: Checkpoint, **overrides: Any) -> Self:
        """Read config.json from an opened checkpoint; overrides replace its values.

        Raises:
            ConfigError: A value is wrong, or an override is not a field.
            CheckpointNotFound, CheckpointCorrupt, HubError: The file cannot be had.
        """
        values = checkpoint.read_json(CONFIG_FILE)
        own, source = cls.own_values(values, str(checkpoint.path(CONFIG_FILE)))
        config = cls.from_dict(own, source=source, **overrides)
        config.name_or_path = checkpoint.source
        return config

    @classmethod
    def from_json_file(cls, json_file: str | os.PathLike[str]) -> Self:
        """Read a file such as `to_json_file` writes. Raises as `read`."""
        return cls.from_pretrained(local_path("a configuration file", json_file).absolute())

    @classmethod
    def own_values(cls, values: Mapping[str, Any], source: str) -> tuple[Mapping[str, Any], str]:
        """Return what a config.json holds of this class, and where: all of it, or what a whole has for this part.

        Raises:
            ConfigError: It is another kind's, as a tokenizer's, or a whole's whose part is another one, or says not
                which.
        """
        if "model_type" not in values and not any(map(field_names(cls).knows, values)):
            what = f"it has neither model_type nor a field of {cls.__name__}. Pass the folder, or its {CONFIG_FILE}"
            raise ConfigError(f"{source}: this is not the configuration of a model: {what}.")
        key, whole = cls.base_config_key, values.get("model_type")
        if not key or key not in values or whole == cls.model_type:
            return values, source
        part, where = values[key], f"{source}, {key}"
        if not isinstance(part, Mapping) or ("model_type" not in part and cls not in nested_in(whole, key)):
            raise ConfigError(
                f"{where}: it must be the values of a {cls.__name__}, with model_type {cls.model_type!r} among them, "
                f"but is {shown(part)}, in a configuration of model_type {shown(whole)}."
            )
        common = {name: values[name] for name in ("quantization_config",) if name in values}
        return common | dict(part), where

    @classmethod
    def from_dict(cls, values: Mapping[str, Any], /, *, source: str = "", **overrides: Any) -> Self:
        """Build a configuration from the content of a config.json.

        Keys that this class does not know are kept in `extra` and written back; nothing reads them. What the files of
        the field hold beside the letter, but clearly, is put in order and announced: see `put_in_order`.

        Args:
            values: The content of config.json.
            source: Where it comes from, for the error message.
            **overrides: Fields to replace; an unknown one is an error.

        Raises:
            ConfigError: A value is wrong, an override is not a field, or the file is another architecture's.
        """
        if not isinstance(values, Mapping):
            raise ConfigError(f"{cls.__name__} must be built from a mapping, but got {shown(values)}.")
        values = dict(values)
        found = values.pop("model_type", cls.model_type) if cls.model_type else ""
        if not isinstance(found, str) or found != cls.model_type:
            raise ConfigError(
                f"{source or 'the values'}: model_type is {shown(found)}, but {cls.__name__} reads {cls.model_type!r}. "
                "Use AutoConfig, which picks the class by model_type."
            )
        values.pop("archsmith", None)
        config = cls.__new__(cls)
        fill = config._fill  # noqa: SLF001  # its own kind
        announce_together(source, lambda: fill(values, unknown_allowed=True, source=source, overrides=overrides))
        return config

    # ---- writing --------------------------------------------------------------------------------------------

    def to_dict(self) -> dict[str, Any]:
        """Return every field as JSON values, with ``model_type`` and the unknown keys of the file it came from."""
        return self._json(field_names(type(self)).fields, PreTrainedConfig.to_dict)

    def to_diff_dict(self) -> dict[str, Any]:
        """Return only what differs from the defaults, with ``model_type``."""
        return self._json(self._differing(), PreTrainedConfig.to_diff_dict)

    def to_json_string(self, *, use_diff: bool = False) -> str:
        """Return sorted JSON: the content of config.json, or only what differs from the defaults.

        Raises:
            ConfigError: A value was changed in place to something that JSON cannot hold.
        """
        return encode_json(self.to_diff_dict() if use_diff else self._file_dict()).decode()

    def to_json_file(self, json_file_path: str | os.PathLike[str], *, use_diff: bool = False) -> None:
        """Write `to_json_string` to a file. Raises `SaveFailed` as `save_pretrained`."""
        write_file(local_path("a configuration file", json_file_path), self.to_json_string(use_diff=use_diff).encode())

    @checked_call
    def write(self, save_directory: str | os.PathLike[str]) -> tuple[str, ...]:
        """Write config.json into a folder, which is made if needed.

        Raises:
            ConfigError: A field or a rule was broken since the configuration was built.
            SaveFailed: The system refused; an older config.json is still there.
        """
        return save_files(save_directory, {CONFIG_FILE: encode_json(self.to_file_dict())})

    def to_file_dict(self) -> dict[str, Any]:
        """Return the content of config.json, with who wrote it, after checking every field and rule once more.

        Raises:
            ConfigError: A field or a rule was broken since the configuration was built.
        """
        from archsmith.registry.base import registry

        self.check()
        provenance = {"archsmith": registry.provenance(type(self))}
        return self._file_dict(PreTrainedConfig.to_file_dict) | provenance

    @classmethod
    def json_schema(cls) -> dict[str, Any]:
        """Return a JSON Schema of config.json for this architecture."""
        return json_schema(cls.__name__, cls.model_type, field_names(cls))

    # ---- checking -------------------------------------------------------------------------------------------

    def rules(self) -> Iterator[str]:
        """Yield one sentence for each rule between fields that is broken. Override it and yield from ``super()``."""
        yield from label_faults(self.id2label, self.label2id)

    def merge_values(self, known: dict[str, Any], replaced: dict[str, Any], faults: list[str]) -> dict[str, Any]:
        """Return ``id2label`` and ``label2id`` for what is given of them and of ``num_labels``."""
        hints = field_names(type(self)).hints
        given, passed = pop_labels(known), pop_labels(replaced)
        labels = merge_labels({}, given, hints, [] if passed else faults)  # what is passed mends what is given
        return labels | merge_labels(labels, passed, hints, faults)

    def put_in_order(self, known: dict[str, Any], replaced: Mapping[str, Any]) -> dict[str, Any]:
        """Read a file as it is meant: null is a default, or off; a name too little or too many counts for nothing.

        Of the classes ``id2label`` counts, of a negative token that there is none, and what no result depends on
        (`descriptive`) need not be right at all.
        """
        return put_in_order(known, replaced, field_names(type(self)), self.descriptive)

    @property
    def num_labels(self) -> int:
        """The number of classes: the length of ``id2label``. Assigning it gives the classes generic names."""
        return len(self.id2label)

    # ---- internals ------------------------------------------------------------------------------------------

    def _file_dict(self, nested: Callable[["PreTrainedConfig"], Any] | None = None) -> dict[str, Any]:
        """Return what config.json holds: the class's own fields, and of the common ones those that differ.

        Args:
            nested: Does the same for a configuration among them; None: this one, so that nobody says who wrote it.
        """
        common = field_names(PreTrainedConfig).fields.keys() - inspect.get_annotations(type(self)).keys()
        own = [name for name in field_names(type(self)).fields if name not in common]
        differing = [name for name in self._differing() if name in common]
        return self._json([*own, *differing], nested or PreTrainedConfig._file_dict)

    def _json(self, names: Iterable[str], nested: Callable[["PreTrainedConfig"], Any]) -> dict[str, Any]:
        """Return fields as JSON values; ``nested`` does the same for a configuration among them."""
        self._raise(self._field_faults())
        values = {
            name: nested(value) if isinstance(value := getattr(self, name), PreTrainedConfig) else to_json(value)
            for name in names
        }
        values |= {name: value for name in self.computed if (value := getattr(self, name)) is not None}
        model_type = {"model_type": self.model_type} if self.model_type else {}
        return copy.deepcopy(self.extra) | values | model_type
