"""Which preprocessing classes the files of a checkpoint need, and what they read."""

from collections.abc import Mapping
from typing import Any

from archsmith.config.settings import find_values
from archsmith.errors import CheckpointNotFound, ConfigError, PluginError
from archsmith.files.checkpoint import Checkpoint
from archsmith.files.names import CONFIG_FILE, PREPROCESSOR_FILE, TOKENIZER_CONFIG_FILE, TOKENIZER_FILE
from archsmith.options import read_flags
from archsmith.registry.base import registry
from archsmith.registry.installed import Owner
from archsmith.registry.resolve import model_type_of, provider_of

__all__ = ["architecture_of", "held_parts", "read_part", "read_tokenizer"]

#: What tokenizer_config.json may name although it says nothing about the architecture.
_GENERAL_TOKENIZERS = ("PreTrainedTokenizer", "TokenizersBackend")
#: Any of these tells that a checkpoint has a tokenizer.
_TOKENIZER_FILES = (TOKENIZER_CONFIG_FILE, TOKENIZER_FILE, "vocab.txt", "vocab.json")


def held_parts(checkpoint: Checkpoint, owner: Owner | None) -> list[str]:
    """Return the kinds of preprocessing objects that a checkpoint has files of."""
    found = {kind: find_values(checkpoint, kind) for kind in ("feature_extractor", "image_processor")}
    kinds = [kind for kind, contents in found.items() if contents]
    if (
        len(kinds) > 1 and len({contents[-1][1] for contents in found.values()}) == 1
    ):  # one file, which is of one of them
        nested = [kind for kind, contents in found.items() if len(contents) > 1]
        kinds = nested or [_kind_of(checkpoint.read_json(PREPROCESSOR_FILE), owner)]
    elif not kinds and _config_has_images(checkpoint):
        kinds = ["image_processor"]  # config.json tells all of it
    if any(checkpoint.find(file) for file in _TOKENIZER_FILES):
        kinds.append("tokenizer")
    return kinds


def read_part(kind: str, checkpoint: Checkpoint, owner: Owner | None, **overrides: Any) -> Any:
    """Read one part of a processor: its file names its class, else it is that of an owner.

    Args:
        kind: ``"tokenizer"``, ``"image_processor"`` or ``"feature_extractor"``.
        checkpoint: Where to look.
        owner: Whose part it is, where its own file does not tell the class.
        **overrides: Settings that replace those of the file.

    Raises:
        UnknownArchitecture, PluginError: No usable plugin provides the class.
        CheckpointNotFound, CheckpointCorrupt, HubError: The file cannot be had, or nothing tells the class.
    """
    if kind == "tokenizer":
        return read_tokenizer(checkpoint, owner, **overrides)
    found = find_values(checkpoint, kind)
    values, source = found[0] if found else ({}, "")
    keys = (f"{kind}_type", "feature_extractor_type")  # the second one is older, and of both
    key = next((key for key in keys if isinstance(values.get(key), str)), None)
    if key is not None:
        owner = provider_of(key, values[key], (kind,), source=source, first=owner)
    else:  # the last two are of a config.json that was named itself
        owner = owner or architecture_of(checkpoint) or _owner_in(values)
    if not found and (owner is None or kind not in registry.roles(*owner)):
        checkpoint.path(PREPROCESSOR_FILE)  # says what is missing
    return _class_of(owner, kind, source, keys[0], checkpoint).read(checkpoint, **overrides)


def read_tokenizer(checkpoint: Checkpoint, owner: Owner | None, *, use_fast: bool = True, **overrides: Any) -> Any:
    """Read the tokenizer of a checkpoint; see `read_part`.

    The class that tokenizer_config.json names decides, because a tokenizer may be another architecture's; a general
    class, or none, leaves it to the architecture. Raises as `read_part`.
    """
    read_flags(use_fast=use_fast)
    path, key = checkpoint.find(TOKENIZER_CONFIG_FILE), "tokenizer_class"
    named = checkpoint.read_json(TOKENIZER_CONFIG_FILE).get(key) if path else None
    if isinstance(named, str) and named.removesuffix("Fast") not in _GENERAL_TOKENIZERS:
        owner = provider_of(key, named, ("tokenizer", "tokenizer_fast"), source=str(path), first=owner)
    else:
        owner = owner or architecture_of(checkpoint)
    roles = registry.roles(*owner) if owner else {}
    is_fast = use_fast and ("tokenizer_fast" in roles or "tokenizer" not in roles)
    role = "tokenizer_fast" if is_fast else "tokenizer"
    return _class_of(owner, role, str(path or ""), key, checkpoint).read(checkpoint, **overrides)


def _owner_in(values: Mapping[str, Any]) -> Owner | None:
    """Return the architecture that the content of a config.json is of; None if it is that of another file."""
    model_type = values.get("model_type") or registry.identify(values)
    return Owner(model_type) if model_type is not None else None


def _class_of(owner: Owner | None, role: str, source: str, key: str, checkpoint: Checkpoint) -> Any:
    """Return the class that plays a role. Raises `CheckpointNotFound`: nothing tells whose."""
    if owner is not None:
        return registry.load(owner.name, role, kind=owner.kind)
    named = f"{source} names no {key} of its own" if source else f"there is no {TOKENIZER_CONFIG_FILE}"
    raise CheckpointNotFound(
        f"{checkpoint.source!r} has no file {CONFIG_FILE!r}, and {named}, so that nothing tells the class. Use "
        "from_pretrained of the class itself, or pass config=… of its architecture."
    )


def _config_has_images(checkpoint: Checkpoint) -> bool:
    """Return whether an architecture's image processor takes its settings from config.json, as timm's does."""
    try:
        owner = architecture_of(checkpoint)
    except (ConfigError, PluginError):
        return False
    if owner is None or "image_processor" not in registry.roles(*owner):
        return False
    return not registry.load(owner.name, "image_processor").needs_file


def architecture_of(checkpoint: Checkpoint) -> Owner | None:
    """Return the architecture that the checkpoint's config.json names; None if there is no such file."""
    path = checkpoint.find(CONFIG_FILE)
    return Owner(model_type_of(checkpoint.read_json(CONFIG_FILE), source=str(path))) if path else None


def _kind_of(values: Mapping[str, Any], owner: Owner | None) -> str:
    """Return which kind of object a preprocessor_config.json is of that could be of either."""
    named = values.get("feature_extractor_type")
    if isinstance(named, str):  # in older files of an image processor too
        try:
            provider_of("feature_extractor_type", named, ("image_processor",), source=PREPROCESSOR_FILE)
        except PluginError:
            return "feature_extractor"
        return "image_processor"
    has_images = owner is not None and "image_processor" in registry.roles(*owner)
    return "image_processor" if has_images else "feature_extractor"
