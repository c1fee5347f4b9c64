"""Declared settings of a preprocessing object: typed, checked, printed, read from its file and written back."""

import abc
import copy
import os
import stat
from collections.abc import Mapping
from typing import Any, ClassVar, Self

from archsmith.config.checked import CheckedFields
from archsmith.config.fields import to_json
from archsmith.config.names import field_names
from archsmith.errors import ArchsmithError, CheckpointCorrupt, CheckpointNotFound, OptionError
from archsmith.files.checkpoint import Checkpoint, refuse_remote_code
from archsmith.files.commit import save_folder, write_file
from archsmith.files.paths import local_path, mode_of
from archsmith.files.strictjson import encode_json, read_json
from archsmith.messages import shown

__all__ = ["PREPROCESSOR_FILE", "PROCESSOR_FILE", "DeclaredSettings"]

PREPROCESSOR_FILE = "preprocessor_config.json"
PROCESSOR_FILE = "processor_config.json"


class DeclaredSettings(CheckedFields, abc.ABC):  # noqa: PLW1641  # no hash: settings can be changed
    """A preprocessing object that is its settings: fields with types, defaults and rules, kept in a JSON file.

    Attributes:
        type_key: The key under which the file names the class.
        nested_keys: The keys under which processor_config.json may hold the settings; the first one is written.
    """

    no_field = "is not a setting of"
    type_key: ClassVar[str]
    nested_keys: ClassVar[tuple[str, ...]]

    def __init__(self, **values: Any) -> None:
        self._fill(values, unknown_allowed=False)

    # ---- files ----------------------------------------------------------------------------------------------

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
        """Read the settings from a folder, a hub id, or a path to the file itself.

        In a folder they are in preprocessor_config.json, or nested in processor_config.json; where they are in both,
        both must say the same.

        Args:
            id_or_path: A folder, which never leads to the network, a hub id, or a file.
            revision: Branch, tag or commit on the hub.
            token: Access token for the hub.
            cache_dir: Where the hub's files are kept.
            local_files_only: Ask the cache alone.
            subfolder: A folder below that holds the files.
            trust_remote_code: Refused.
            **overrides: Settings to replace; an unknown one is an error.

        Raises:
            OptionError: An override is not a setting.
            CheckpointNotFound, CheckpointCorrupt, HubError: The file cannot be had, holds a wrong value, or
                contradicts another.
        """
        refuse_remote_code(trust_remote_code)
        path = local_path("a preprocessor", id_or_path)
        if stat.S_ISREG(mode_of(path) or 0):
            return cls.from_dict(read_json(path), source=str(path), **overrides)
        checkpoint = Checkpoint.open(
            id_or_path,
            revision=revision,
            token=token,
            cache_dir=cache_dir,
            local_files_only=local_files_only,
            subfolder=subfolder,
        )
        return checkpoint.read_consistent(lambda: cls.read(checkpoint, **overrides))

    @classmethod
    def read(cls, checkpoint: Checkpoint, **overrides: Any) -> Self:
        """Read the settings from an opened checkpoint. Raises as `from_pretrained`."""
        found = [cls.from_dict(values, source=source, **overrides) for values, source in cls.find_values(checkpoint)]
        if not found:
            checkpoint.path(PREPROCESSOR_FILE)  # says what is missing
            raise CheckpointNotFound(
                f"{checkpoint.source!r} has no settings of a {cls.__name__}: {PREPROCESSOR_FILE} holds another kind's.",
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
    def find_values(cls, checkpoint: Checkpoint) -> list[tuple[dict[str, Any], str]]:
        """Return the settings of this kind that a checkpoint holds, and where: nested ones first.

        Raises:
            CheckpointCorrupt, HubError: A file cannot be read.
        """
        found: list[tuple[dict[str, Any], str]] = []
        if path := checkpoint.find(PROCESSOR_FILE):
            whole = checkpoint.read_json(PROCESSOR_FILE)
            key = next((key for key in cls.nested_keys if key in whole), None)
            if key is not None and not isinstance(whole[key], dict):
                raise CheckpointCorrupt(f"{path}: {key} must be an object with settings, but is {shown(whole[key])}.")
            if key is not None:
                found.append((whole[key], f"{path}, {key}"))
        if path := checkpoint.find(PREPROCESSOR_FILE):
            values = checkpoint.read_json(PREPROCESSOR_FILE)
            others = [kind for kind in ("feature_extractor_type", "image_processor_type") if kind != cls.type_key]
            if cls.type_key in values or not any(kind in values for kind in others):
                found.append((values, str(path)))
        return found

    @classmethod
    def from_dict(cls, values: Mapping[str, Any], /, *, source: str = "", **overrides: Any) -> Self:
        """Build the object from the content of its file.

        Keys that the class does not know are kept in `extra` and written back; nothing reads them.

        Args:
            values: The content of the file.
            source: Where it comes from, for the error message.
            **overrides: Settings to replace; an unknown one is an error.

        Raises:
            OptionError, CheckpointCorrupt: As `from_pretrained`; or the file is another class's.
        """
        if not isinstance(values, Mapping):
            raise OptionError(f"{cls.__name__} must be built from a mapping, but got {shown(values)}.")
        values = dict(values)
        named = values.pop(cls.type_key, cls.__name__)
        if not cls._is_called(named):
            raise CheckpointCorrupt(
                f"{source or 'the values'}: {cls.type_key} is {shown(named)}, but {cls.__name__} reads "
                f"{cls.__name__!r}. Use an Auto class, which picks the class by that name."
            )
        values.pop("archsmith", None)
        new = cls.__new__(cls)
        new._fill(values, unknown_allowed=True, source=source or PREPROCESSOR_FILE)  # noqa: SLF001  # its own kind
        if overrides:
            new.update(**overrides)
        return new

    def to_dict(self) -> dict[str, Any]:
        """Return every setting as JSON values, with the name of the class and the unknown keys of its file."""
        self.check()
        values = {name: to_json(getattr(self, name)) for name in field_names(type(self)).fields}
        return copy.deepcopy(self.extra) | values | {self.type_key: type(self).__name__}

    def to_json_string(self) -> str:
        """Return sorted JSON: the content of the file. Raises `OptionError`: a setting was broken in place."""
        return encode_json(self.to_dict()).decode()

    def to_file_dict(self) -> dict[str, Any]:
        """Return the content of the file, with who wrote it. Raises as `to_json_string`."""
        from archsmith.registry.base import registry

        return self.to_dict() | {"archsmith": registry.provenance(type(self))}

    def save_pretrained(self, save_directory: str | os.PathLike[str]) -> tuple[str, ...]:
        """Write preprocessor_config.json into a folder, which is made if needed.

        Returns:
            The path of the file.

        Raises:
            OptionError: A setting was broken in place.
            SaveFailed: The system refused; an older file is still there.
        """
        content = encode_json(self.to_file_dict())
        path = save_folder(save_directory) / PREPROCESSOR_FILE
        write_file(path, content)
        return (str(path),)

    def error_for(self, source: str) -> type[ArchsmithError]:
        """Return the class of the error for faults: a file is damaged, an argument is wrong."""
        return CheckpointCorrupt if source else OptionError

    @classmethod
    def _is_called(cls, name: object) -> bool:
        """Return whether this class is called so, today or in older files."""
        from archsmith.registry.base import registry

        if name == cls.__name__:
            return True
        owner = registry.provider(cls)
        return owner is not None and registry.get(owner.model_type).aliases.get(str(name)) == cls.__name__

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and self.to_dict() == other.to_dict()

    def __repr__(self) -> str:
        return f"{type(self).__name__} {self.to_json_string().rstrip()}"
