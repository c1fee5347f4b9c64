"""The files of a tokenizer: what ``read`` and ``save_pretrained`` of every tokenizer do."""

from collections.abc import Mapping
from typing import Any

from archsmith.errors import CheckpointCorrupt, OptionError
from archsmith.files.checkpoint import Checkpoint
from archsmith.files.names import TOKENIZER_FILE
from archsmith.options import HUGE
from archsmith.tokenizer.chat import read_chat_templates
from archsmith.tokenizer.settings import load_tokenizer_config, read_settings, setting_hints, split_settings

__all__ = ["plain_settings", "read_tokenizer", "tokenizer_config"]

#: How the field writes that a model takes a row of any length.
ANY_LENGTH = int(1e30)


def read_tokenizer(cls: Any, checkpoint: Checkpoint, overrides: Mapping[str, Any]) -> Any:
    """Build a tokenizer from the files of a checkpoint.

    Args:
        cls: Its class.
        checkpoint: Where the files are.
        overrides: Settings that replace those of the files.

    Raises:
        OptionError: An override is not an option, has a wrong value, or can have no effect.
        CheckpointNotFound, CheckpointCorrupt, HubError: The files cannot be had.
    """
    read_settings(cls.Settings, overrides, owner=f"{cls.__name__}.from_pretrained")
    has_whole = any(TOKENIZER_FILE in files.values() for files in cls.vocab_files) and checkpoint.find(TOKENIZER_FILE)
    values, where = load_tokenizer_config(checkpoint, needs_added=not has_whole)
    known, extra = split_settings(cls.Settings, values, where=where)
    arguments = cls.read_vocabulary(checkpoint)
    unused = cls.unused_settings(arguments)
    for name in overrides.keys() & unused.keys():
        raise OptionError(f"{name}={overrides[name]!r} can have no effect: {unused[name]}.")
    settings = {name: value for name, value in known.items() if name not in unused}
    tokenizer = _build(cls, arguments, settings, overrides, where=where)
    tokenizer.extra = extra | {name: values[name] for name in unused if name in values}
    tokenizer.name_or_path = checkpoint.source
    tokenizer.read_side_files(checkpoint)
    read_chat_templates(tokenizer, checkpoint)
    return tokenizer


def _build(
    cls: Any, arguments: Mapping[str, Any], settings: Mapping[str, Any], overrides: Mapping[str, Any], *, where: str
) -> Any:
    """Call the constructor; what it refuses is the file's fault, unless only the overrides are to blame."""
    try:
        return cls(**arguments, **{**settings, **overrides})
    except OptionError as error:
        if not overrides:
            raise CheckpointCorrupt(f"{where}: {error.message}") from error
        _build(cls, arguments, settings, {}, where=where)
        raise


def tokenizer_config(tokenizer: Any) -> dict[str, Any]:
    """Return the content of tokenizer_config.json."""
    from archsmith.registry.base import registry

    cls = type(tokenizer)
    values: dict[str, Any] = tokenizer.extra | plain_settings(tokenizer)
    if values["model_max_length"] >= HUGE:
        values["model_max_length"] = ANY_LENGTH
    added = {str(number): token.to_dict() for number, token in tokenizer.added_tokens_decoder.items()}
    values["added_tokens_decoder"] = added  # with it, special_tokens_map.json no longer counts
    named = tokenizer.special_tokens.named
    if unread := {name: token for name, token in named.items() if not name.endswith("_token")}:
        values["model_specific_special_tokens"] = unread
    values |= {name: None for name in tokenizer.default_tokens if name not in named}
    values |= tokenizer.special_tokens.to_dict()
    values["tokenizer_class"] = vars(cls).get("tokenizer_class") or cls.__name__.removesuffix("Fast")
    return values | {"archsmith": registry.provenance(cls)}


def plain_settings(tokenizer: Any) -> dict[str, Any]:
    """Return the settings that are not tokens, as far as they were given or differ from the class's own."""
    values: dict[str, Any] = {}
    for name in setting_hints(type(tokenizer).Settings):
        value = getattr(tokenizer, name)
        is_own = name in tokenizer.given_settings or value != getattr(type(tokenizer), name, None)
        if is_own or name == "model_max_length":
            values[name] = list(value) if isinstance(value, tuple) else value
    return values
