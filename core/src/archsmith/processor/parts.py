"""Which preprocessing classes the files of a checkpoint need, and what they read."""

from collections.abc import Mapping
from typing import Any

from archsmith.config.settings import find_values, kind_of
from archsmith.errors import ConfigError, PluginError
from archsmith.files.checkpoint import Checkpoint
from archsmith.files.names import CONFIG_FILE, PREPROCESSOR_FILE, PROCESSOR_FILE, TOKENIZER_CONFIG_FILE, TOKENIZER_FILE
from archsmith.options import read_flags
from archsmith.registry.base import registry
from archsmith.registry.resolve import provider_of, read_model_type

__all__ = ["architecture_of", "held_parts", "read_part", "read_preprocessor", "read_tokenizer"]

#: What tokenizer_config.json may name although it says nothing about the architecture.
_GENERAL_TOKENIZERS = ("PreTrainedTokenizer", "TokenizersBackend")
#: Any of these tells that a checkpoint has a tokenizer.
_TOKENIZER_FILES = (TOKENIZER_CONFIG_FILE, TOKENIZER_FILE, "vocab.txt", "vocab.json")


def read_part(kind: str, checkpoint: Checkpoint, model_type: str | None) -> Any:
    """Read one part of a processor: its file names its class, else it is that of an architecture.

    Args:
        kind: ``"tokenizer"``, ``"image_processor"`` or ``"feature_extractor"``.
        checkpoint: Where to look.
        model_type: The architecture, where the part's own file does not tell the class.
    """
    if kind == "tokenizer":
        return read_tokenizer(checkpoint, model_type)
    return read_preprocessor(kind, checkpoint, model_type)


def held_parts(checkpoint: Checkpoint, model_type: str | None) -> list[str]:
    """Return the kinds of preprocessing objects that a checkpoint has files of."""
    nested = checkpoint.read_json(PROCESSOR_FILE) if checkpoint.find(PROCESSOR_FILE) else {}
    kinds: list[str] = [kind for kind in ("feature_extractor", "image_processor") if kind in nested]
    if not kinds and checkpoint.find(PREPROCESSOR_FILE):
        values = checkpoint.read_json(PREPROCESSOR_FILE)
        kinds = [_kind_of(values, model_type)]
    elif not kinds and _config_has_images(checkpoint):
        kinds = ["image_processor"]  # config.json tells all of it
    if any(checkpoint.find(file) for file in _TOKENIZER_FILES):
        kinds.append("tokenizer")
    return kinds


def read_preprocessor(kind: str, checkpoint: Checkpoint, model_type: str | None, **overrides: Any) -> Any:
    """Read the image processor or the feature extractor of a checkpoint; see `read_part`.

    Raises:
        UnknownArchitecture, PluginError: No usable plugin provides the class.
        CheckpointNotFound, CheckpointCorrupt, HubError: The file cannot be had, or nothing tells the class.
    """
    found = find_values(checkpoint, kind)
    values, source = found[0] if found else ({}, "")
    keys = (f"{kind}_type", "feature_extractor_type")  # the second one is older, and of both
    key = next((key for key in keys if isinstance(values.get(key), str)), None)
    owner: Any
    if key is not None:
        owner = provider_of(key, values[key], (kind,), source=source, first=model_type)
    else:  # the last two are of a config.json that was named itself
        owner = model_type or architecture_of(checkpoint) or values.get("model_type") or registry.identify(values)
    if not found and (owner is None or getattr(registry.get(owner), kind) is None):
        checkpoint.path(PREPROCESSOR_FILE)  # says what is missing
    if owner is None:
        checkpoint.path(CONFIG_FILE)  # which would tell
    return registry.load(str(owner), kind).read(checkpoint, **overrides)


def read_tokenizer(checkpoint: Checkpoint, model_type: str | None, *, use_fast: bool = True, **overrides: Any) -> Any:
    """Read the tokenizer of a checkpoint; see `read_part`.

    The class that tokenizer_config.json names decides, because a tokenizer may be another architecture's; a general
    class, or none, leaves it to the architecture. Raises as `read_preprocessor`.
    """
    read_flags(use_fast=use_fast)
    path = checkpoint.find(TOKENIZER_CONFIG_FILE)
    named = checkpoint.read_json(TOKENIZER_CONFIG_FILE).get("tokenizer_class") if path else None
    if isinstance(named, str) and named.removesuffix("Fast") not in _GENERAL_TOKENIZERS:
        roles = ("tokenizer", "tokenizer_fast")
        owner = provider_of("tokenizer_class", named, roles, source=str(path), first=model_type)
    else:
        owner = model_type or read_model_type(checkpoint)
    architecture = registry.get(owner)
    is_fast = use_fast and (architecture.tokenizer_fast is not None or architecture.tokenizer is None)
    return registry.load(owner, "tokenizer_fast" if is_fast else "tokenizer").read(checkpoint, **overrides)


def _config_has_images(checkpoint: Checkpoint) -> bool:
    """Return whether an architecture's image processor takes its settings from config.json, as timm's does."""
    try:
        model_type = architecture_of(checkpoint)
    except (ConfigError, PluginError):
        return False
    if model_type is None or registry.get(model_type).image_processor is None:
        return False
    return not registry.load(model_type, "image_processor").needs_file


def architecture_of(checkpoint: Checkpoint) -> str | None:
    """Return the architecture that the checkpoint's config.json names; None if there is no such file."""
    return read_model_type(checkpoint) if checkpoint.find(CONFIG_FILE) else None


def _kind_of(values: Mapping[str, Any], model_type: str | None) -> str:
    """Return which kind of object a preprocessor_config.json is of."""
    told = kind_of(values)
    if told in ("image_processor", "feature_extractor"):
        return str(told)
    named = values.get("feature_extractor_type")
    if isinstance(named, str):  # in older files of an image processor too
        try:
            provider_of("feature_extractor_type", named, ("image_processor",), source=PREPROCESSOR_FILE)
        except PluginError:
            return "feature_extractor"
        return "image_processor"
    has_images = model_type is not None and registry.get(model_type).image_processor is not None
    return "image_processor" if has_images else "feature_extractor"
