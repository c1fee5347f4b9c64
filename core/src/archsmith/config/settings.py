"""Declared settings of a preprocessing object: typed, checked, printed, read from its file and written back."""

import abc
import copy
import os
from collections.abc import Mapping
from typing import Any, ClassVar, Self

from archsmith.config.checked import CheckedFields
from archsmith.config.fields import to_json
from archsmith.config.names import field_names
from archsmith.errors import ArchsmithError, CheckpointCorrupt, CheckpointNotFound, OptionError
from archsmith.files.checkpoint import Checkpoint
from archsmith.files.commit import save_files, write_file
from archsmith.files.names import CONFIG_FILE, PREPROCESSOR_FILE, PROCESSOR_FILE
from archsmith.files.paths import local_path
from archsmith.files.pretrained import FromPretrained
from archsmith.files.strictjson import encode_json
from archsmith.messages import shorten, shown
from archsmith.options import checked_call

__all__ = ["DeclaredSettings", "find_values", "kind_of"]

#: Keys that any file may have.
_ANY_FILE = {"archsmith", "processor_class", "image_processor_type", "feature_extractor_type"}

#: What a file holds → keys that tell it, where its type is not named, or is the older one, which is of both kinds.
_SIGNS = {
    "image_processor": {"do_resize", "size", "do_rescale", "image_mean", "image_std", "do_center_crop", "resample"},
    "feature_extractor": {"sampling_rate", "feature_size", "padding_value"},
    "configuration": {"model_type", "architectures"},
}
#: Kind of object → the keys under which processor_config.json may hold its settings.
_NESTED = {"image_processor": ("image_processor",), "feature_extractor": ("feature_extractor", "audio_processor")}


class DeclaredSettings(FromPretrained, CheckedFields, abc.ABC):
    """A preprocessing object that is its settings: fields with types, defaults and rules, kept in a JSON file.

    A setting that is left out has its default; in a call, and for `changed`, what the object has. None (null in a file)
    is not the same: it turns a flag off, and says that there is no number or list, which a step that needs one refuses.

    Attributes:
        kind: ``"image_processor"`` or ``"feature_extractor"``.
        needs_file: Whether the settings are in a file of their own. A class that can take them from config.json too
            says no; its `from_dict` then gets the content of either.
    """

    own_file = PREPROCESSOR_FILE
    noun = "setting"
    common = dict.fromkeys(["_processor_class", "_valid_processor_keys", "archsmith", "processor_class"], ...)
    kind: ClassVar[str]
    needs_file: ClassVar[bool] = True

    def __init__(self, **values: Any) -> None:
        try:
            self._check_writer(values, type(self).__name__)
        except CheckpointCorrupt as error:
            raise OptionError(error.message) from None
        self._fill(values, unknown_allowed=False)

    # ---- files ----------------------------------------------------------------------------------------------

    @classmethod
    def read(cls, checkpoint: Checkpoint, **overrides: Any) -> Self:
        """Read the settings from an opened checkpoint; overrides replace them.

        They are in preprocessor_config.json, or nested in processor_config.json; where they are in both, both must say
        the same.

        Raises:
            OptionError: An override is wrong, or not a setting.
            CheckpointNotFound, CheckpointCorrupt, HubError: The file cannot be had, holds a wrong value, or
                contradicts another.
        """
        contents = find_values(checkpoint, cls.kind)
        if not contents and not cls.needs_file and checkpoint.find(CONFIG_FILE):
            contents = [(checkpoint.read_json(CONFIG_FILE), str(checkpoint.path(CONFIG_FILE)))]
        found = [cls.from_dict(values, source=source, **overrides) for values, source in contents]
        if not found:
            checkpoint.path(PREPROCESSOR_FILE)  # says what is missing
            raise CheckpointNotFound(
                f"{checkpoint.source!r} has no settings of a {cls.__name__}: {PREPROCESSOR_FILE} holds another kind's. "
                "AutoProcessor reads whatever is there.",
                source=checkpoint.source,
            )
        first, *others = found
        for other in others:
            for name in field_names(cls).fields:
                one, two = getattr(first, name), getattr(other, name)
                if one != two:
                    raise CheckpointCorrupt(
                        f"{checkpoint.source!r}: {name} is {shown(one)} in {PROCESSOR_FILE}, but {shown(two)} in "
                        f"{PREPROCESSOR_FILE}. Delete the one that is out of date, or pass {name}=…"
                    )
        return first

    @classmethod
    def from_dict(cls, values: Mapping[str, Any], /, *, source: str = "", **overrides: Any) -> Self:
        """Build the object from the content of its file.

        Keys that the class does not know are kept in `extra` and written back; nothing reads them.

        Args:
            values: The content of the file.
            source: Where it comes from, for the error message.
            **overrides: Settings to replace; an unknown one is an error.

        Raises:
            OptionError, CheckpointCorrupt: As `read`; or the file is another class's.
        """
        if not isinstance(values, Mapping):
            raise OptionError(f"{cls.__name__} must be built from a mapping, but got {shown(values)}.")
        content = dict(values)
        cls._check_kind(content, source or "the values")
        cls._check_writer(content, source or "the values")
        content.pop("archsmith", None)
        own = field_names(cls).own
        kept = {name: value for name, value in content.items() if own(name) not in set(map(own, overrides))}
        new = cls.__new__(cls)
        new._fill(kept, unknown_allowed=True, source=source or PREPROCESSOR_FILE, overrides=overrides)  # noqa: SLF001
        return new

    def to_dict(self) -> dict[str, Any]:
        """Return every setting as JSON values, with the name of the class and the unknown keys of its file.

        Raises:
            OptionError: A setting was broken in place.
        """
        self._raise(self._field_faults())
        held = {name: getattr(self, name) for name in field_names(type(self)).fields}
        usual = field_names(type(self)).default
        values = {name: to_json(value) for name, value in held.items() if value is not None or usual(name) is not None}
        return copy.deepcopy(self.extra) | values | {f"{self.kind}_type": type(self).__name__}

    @classmethod
    def from_json_file(cls, json_file: str | os.PathLike[str]) -> Self:
        """Read a file such as `to_json_file` writes. Raises as `read`."""
        return cls.from_pretrained(local_path("a file of settings", json_file).absolute())

    def to_json_file(self, json_file_path: str | os.PathLike[str]) -> None:
        """Write `to_json_string` to a file. Raises as it, and `SaveFailed` as `save_pretrained`."""
        write_file(local_path("a file of settings", json_file_path), self.to_json_string().encode())

    def to_file_dict(self) -> dict[str, Any]:
        """Return the content of the file, with who wrote it. Raises as `to_json_string`."""
        from archsmith.registry.base import registry

        self.check()
        return self.to_dict() | {"archsmith": registry.provenance(type(self))}

    @checked_call
    def write(self, save_directory: str | os.PathLike[str]) -> tuple[str, ...]:
        """Write preprocessor_config.json into a folder, which is made if needed.

        Returns:
            The path of the file.

        Raises:
            OptionError: A setting was broken in place.
            SaveFailed: The system refused; an older file is still there.
        """
        return save_files(save_directory, {PREPROCESSOR_FILE: encode_json(self.to_file_dict())})

    # ---- internals ------------------------------------------------------------------------------------------

    def error_for(self, source: str) -> type[ArchsmithError]:
        """Return the class of the error for faults: a file is damaged, an argument is wrong."""
        return CheckpointCorrupt if source else OptionError

    @classmethod
    def _check_kind(cls, content: Mapping[Any, Any], source: str) -> None:
        """Refuse the content of a file that is not of this kind of object at all."""
        told, names = kind_of(content), field_names(cls)
        keys = {key for key in content if isinstance(key, str)} - _ANY_FILE
        is_strange = keys and not any(map(names.knows, keys)) and not any(names.near_misses(dict.fromkeys(keys), {}))
        if is_strange or told not in (None, cls.kind):
            what = f", but of a {told.replace('_', ' ')}" if told else ""
            raise CheckpointCorrupt(
                f"{source}: this is not the file of a {cls.__name__}{what}: it holds {shorten(sorted(keys))}."
            )

    @classmethod
    def _check_writer(cls, content: dict[str, Any], source: str) -> None:
        """Take the name of the class out of the content of a file, or of arguments, and refuse another one's."""
        key = f"{cls.kind}_type"
        named = content.pop(key, cls.__name__)
        if not cls._is_own_name(named):
            raise CheckpointCorrupt(
                f"{source}: {key} is {shown(named)}, but {cls.__name__} reads {cls.__name__!r}. "
                "Use an Auto class, which picks the class by that name."
            )

    @classmethod
    def _is_own_name(cls, named: Any) -> bool:
        """Return whether the class is known by a name, that of a class above it or an older one."""
        from archsmith.registry.base import registry

        if named in [each.__name__ for each in cls.__mro__]:
            return True
        return registry.older_names(cls).get(str(named)) == cls.__name__


def find_values(checkpoint: Checkpoint, kind: str) -> list[tuple[dict[str, Any], str]]:
    """Return the settings of one kind of object that a checkpoint holds, and where: nested ones first.

    Args:
        checkpoint: Where to look.
        kind: ``"image_processor"`` or ``"feature_extractor"``.

    Raises:
        CheckpointCorrupt, HubError: A file cannot be read.
    """
    found: list[tuple[dict[str, Any], str]] = []
    for file in (PROCESSOR_FILE, PREPROCESSOR_FILE):
        path = checkpoint.find(file)
        values = checkpoint.read_json(file) if path else {}
        key = next((key for key in _NESTED[kind] if key in values), None)
        if key is not None:
            if not isinstance(values[key], dict):
                raise CheckpointCorrupt(f"{path}: {key} must be an object with settings, but is {shown(values[key])}.")
            found.append((values[key], f"{path}, {key}"))
        elif path and _is_of(kind, values, alone=not found, is_own=file == PREPROCESSOR_FILE):
            found.append((values, str(path)))
    return found


def kind_of(values: Mapping[str, Any]) -> str | None:
    """Return ``"image_processor"``, ``"feature_extractor"`` or ``"configuration"``; None: the values do not tell."""
    signs = [kind for kind, keys in _SIGNS.items() if keys & values.keys()]
    return "image_processor" if "image_processor_type" in values else signs[0] if len(signs) == 1 else None


def _is_of(kind: str, values: Mapping[str, Any], *, alone: bool, is_own: bool) -> bool:
    """Return whether a file is of one kind of object: preprocessor_config.json, its own, unless it says otherwise."""
    told, named = kind_of(values), [other for other in _NESTED if f"{other}_type" in values]
    if not is_own or (told in _NESTED and (alone or not named)):
        return told == kind
    return kind in named or not named or (alone and kind == "image_processor")
