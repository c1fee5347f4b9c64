"""The files of a tokenizer: read by from_pretrained, written by save_pretrained."""

import os
from abc import abstractmethod
from collections.abc import Mapping
from typing import Any, Self

from archsmith.errors import CheckpointCorrupt, OptionError
from archsmith.files.checkpoint import Checkpoint, refuse_remote_code
from archsmith.files.commit import save_folder, write_files
from archsmith.files.strictjson import encode_json
from archsmith.tokenizer.new_tokens import GrowingVocabulary
from archsmith.tokenizer.settings import (
    SPECIAL_TOKENS_FILE,
    TOKENIZER_CONFIG_FILE,
    load_tokenizer_config,
    read_settings,
    setting_hints,
    split_settings,
)

__all__ = ["SavedTokenizer"]


class SavedTokenizer(GrowingVocabulary):
    """A tokenizer that comes from files and goes to files."""

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
        """Read a tokenizer from a folder or a hub id.

        Args:
            id_or_path: A folder, which never leads to the network, or a hub id.
            revision: Branch, tag or commit on the hub.
            token: Access token for the hub.
            cache_dir: Where the hub's files are kept.
            local_files_only: Ask the cache alone.
            subfolder: A folder below that holds the files.
            trust_remote_code: Refused.
            **overrides: Options that replace those of tokenizer_config.json.

        Raises:
            OptionError: An override is not an option, has a wrong value, or can have no effect on this tokenizer.
            CheckpointNotFound, CheckpointCorrupt, HubError: The files cannot be had.
            MissingDependency: The library ``tokenizers`` is needed, but not installed.
        """
        refuse_remote_code(trust_remote_code)
        read_settings(cls.Settings, overrides, owner=f"{cls.__name__}.from_pretrained")
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
        """Read a tokenizer from an opened checkpoint. Raises as `from_pretrained`."""
        values, where = load_tokenizer_config(checkpoint, needs_added=cls._needs_added_tokens(checkpoint))
        known, extra = split_settings(cls.Settings, values, where=where)
        arguments, inert = cls._open(checkpoint, {**known, **overrides})
        for name in overrides.keys() & inert.keys():
            raise OptionError(f"{name}={overrides[name]!r} can have no effect: {inert[name]}.")
        settings = {name: value for name, value in known.items() if name not in inert}
        tokenizer = cls._build_from(arguments, settings, overrides, where=where)
        tokenizer.extra = extra | {name: values[name] for name in inert if name in values}
        return tokenizer

    @classmethod
    def _build_from(
        cls, arguments: Mapping[str, Any], settings: Mapping[str, Any], overrides: Mapping[str, Any], *, where: str
    ) -> Self:
        """Call the constructor; what it refuses is the file's fault, unless only the overrides are to blame."""
        try:
            return cls(**arguments, **{**settings, **overrides})
        except OptionError as error:
            if not overrides:
                raise CheckpointCorrupt(f"{where}: {error.message}") from error
            cls._build_from(arguments, settings, {}, where=where)
            raise

    def save_pretrained(self, save_directory: str | os.PathLike[str]) -> tuple[str, ...]:
        """Write the vocabulary, tokenizer_config.json and special_tokens_map.json into a folder.

        Returns:
            The paths of the files.

        Raises:
            SaveFailed: The system refused.
        """
        return _write_files(save_directory, self.file_contents())

    def file_contents(self, *, processor_class: str | None = None) -> dict[str, bytes]:
        """Return name → content of the files that `save_pretrained` writes.

        Args:
            processor_class: The processor that the tokenizer is saved with, if it is.
        """
        more = {} if processor_class is None else {"processor_class": processor_class}
        contents = self._vocabulary_files()
        contents[SPECIAL_TOKENS_FILE] = encode_json(self._special_tokens_dict())
        contents[TOKENIZER_CONFIG_FILE] = encode_json(self._config_dict() | more)
        return contents

    def save_vocabulary(self, save_directory: str | os.PathLike[str]) -> tuple[str, ...]:
        """Write the vocabulary alone into a folder, in its plainest form: vocab.txt for WordPiece.

        Tokens that were added to the vocabulary and settings are left out; `save_pretrained` writes all.

        Returns:
            The paths of the files.

        Raises:
            OptionError: The plain file cannot hold this vocabulary.
            SaveFailed: The system refused.
        """
        return _write_files(save_directory, self._plain_files())

    @classmethod
    @abstractmethod
    def _open(cls, checkpoint: Checkpoint, settings: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, str]]:
        """Find the vocabulary of a checkpoint.

        Args:
            checkpoint: Where to look.
            settings: What tokenizer_config.json and the caller say.

        Returns:
            The arguments that give it to the constructor; and setting → why it can have no effect on this vocabulary.
        """

    @classmethod
    @abstractmethod
    def _needs_added_tokens(cls, checkpoint: Checkpoint) -> bool:
        """Tell whether the vocabulary of a checkpoint lacks the tokens that were added to it."""

    @abstractmethod
    def _vocabulary_files(self) -> dict[str, bytes]:
        """Return name → content of the files that hold the vocabulary."""

    def _plain_files(self) -> dict[str, bytes]:
        """Return name → content of the files that hold the vocabulary alone."""
        return self._vocabulary_files()

    def _special_tokens_dict(self) -> dict[str, Any]:
        others = {"additional_special_tokens": self._others} if self._others else {}
        return self._special | others

    def _plain_settings(self) -> dict[str, Any]:
        """Return the settings that are no tokens, as far as they were given or are not the class's own."""
        values: dict[str, Any] = {}
        for name in setting_hints(type(self).Settings):
            value = getattr(self, name)
            if name in self._given or value != getattr(type(self), name, None) or name == "model_max_length":
                values[name] = list(value) if isinstance(value, tuple) else value
        return values

    def _config_dict(self) -> dict[str, Any]:
        """Return the content of tokenizer_config.json."""
        from archsmith.registry.base import registry

        values: dict[str, Any] = self.extra | self._plain_settings()
        added = {str(number): token.to_dict() for number, token in self.added_tokens_decoder.items()}
        values["added_tokens_decoder"] = added  # with it, special_tokens_map.json no longer counts
        unread = {name: token for name, token in self._special.items() if not name.endswith("_token")}
        if unread:
            values["model_specific_special_tokens"] = unread
        unset = {name: None for name in self.default_tokens if name not in self._special}
        values |= unset | self._special_tokens_dict()
        values["tokenizer_class"] = self._class_name()
        return values | {"archsmith": registry.provenance(type(self))}

    @classmethod
    def _class_name(cls) -> str:
        """Return the name for tokenizer_config.json, by which both the fast and the slow class are found."""
        name: str = vars(cls).get("tokenizer_class", cls.__name__.removesuffix("Fast"))
        return name


def _write_files(directory: str | os.PathLike[str], contents: Mapping[str, bytes]) -> tuple[str, ...]:
    folder = save_folder(directory)
    write_files(folder, contents)
    return tuple(str(folder / name) for name in contents)
