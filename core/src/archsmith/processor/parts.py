"""Which preprocessing classes the files of a checkpoint need, and what they read."""

from collections.abc import Mapping
from typing import Any

from archsmith.config.settings import find_values
from archsmith.errors import ConfigError, PluginError
from archsmith.files.checkpoint import Checkpoint
from archsmith.files.names import CONFIG_FILE, PREPROCESSOR_FILE, PROCESSOR_FILE, TOKENIZER_CONFIG_FILE, TOKENIZER_FILE
from archsmith.registry.base import registry
from archsmith.registry.resolve import model_type_of, provider_of

__all__ = [
    "architecture_of", "held_parts", "named_architecture", "read_part", "read_settings", "tokenizer_architecture",
]  # fmt: skip

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
        return _read_tokenizer(checkpoint, model_type)
    return read_settings(kind, checkpoint, model_type)


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


def read_settings(kind: str, checkpoint: Checkpoint, model_type: str | None, **overrides: Any) -> Any:
    """Read the image processor or the feature extractor of a checkpoint; see `read_part`."""
    found = find_values(checkpoint, kind)
    values, source = found[0] if found else ({}, "")
    named = named_architecture(kind, values, source, first=model_type)
    owner = named or model_type or architecture_of(checkpoint)
    owner = owner or values.get("model_type") or registry.identify(values)  # of a config.json that was named itself
    if not found and (owner is None or getattr(registry.get(owner), kind) is None):
        checkpoint.path(PREPROCESSOR_FILE)  # says what is missing
    if owner is None:
        checkpoint.path(CONFIG_FILE)  # which would tell
    return registry.load(str(owner), kind).read(checkpoint, **overrides)


def tokenizer_architecture(checkpoint: Checkpoint, known: str | None = None, *, fallback: str | None = None) -> str:
    """Return the architecture whose tokenizer a checkpoint needs.

    The class that tokenizer_config.json names decides, because a tokenizer may be another architecture's; a general
    class, or none, leaves it to the configuration.

    Args:
        checkpoint: Where to look.
        known: The architecture of the caller's configuration; None: that of the checkpoint's config.json.
        fallback: The architecture, where nothing else tells it.

    Raises:
        UnknownArchitecture: Neither file tells, or no installed plugin provides the class.
    """
    path = checkpoint.find(TOKENIZER_CONFIG_FILE)
    named = checkpoint.read_json(TOKENIZER_CONFIG_FILE).get("tokenizer_class") if path else None
    if isinstance(named, str) and named.removesuffix("Fast") not in _GENERAL_TOKENIZERS:
        return provider_of("tokenizer_class", named, ("tokenizer", "tokenizer_fast"), source=str(path), first=known)
    found = known or architecture_of(checkpoint) or fallback
    if found is None:
        checkpoint.path(CONFIG_FILE)  # which would tell
    return str(found)


def named_architecture(role: str, values: Mapping[str, Any], source: str, *, first: str | None = None) -> str | None:
    """Return the architecture whose class the file of a part names, or None if it names none.

    Args:
        role: ``"image_processor"`` or ``"feature_extractor"``.
        values: The content of the file.
        source: The file.
        first: An architecture to ask before the others.

    Raises:
        UnknownArchitecture: No installed plugin provides the class.
    """
    keys = [f"{role}_type", "feature_extractor_type"]  # the second one is older, and of both
    key = next((key for key in keys if isinstance(values.get(key), str)), None)
    return None if key is None else provider_of(key, values[key], (role,), source=source, first=first)


def _read_tokenizer(checkpoint: Checkpoint, model_type: str | None) -> Any:
    found = tokenizer_architecture(checkpoint, fallback=model_type)
    role = "tokenizer_fast" if registry.get(found).tokenizer_fast is not None else "tokenizer"
    return registry.load(found, role).read(checkpoint)


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
    path = checkpoint.find(CONFIG_FILE)
    return None if path is None else model_type_of(checkpoint.read_json(CONFIG_FILE), source=str(path))


def _kind_of(values: Mapping[str, Any], model_type: str | None) -> str:
    """Return which kind of object a preprocessor_config.json is of."""
    if "image_processor_type" in values:
        return "image_processor"
    named = values.get("feature_extractor_type")
    if isinstance(named, str):  # in older files of an image processor too
        try:
            provider_of("feature_extractor_type", named, ("image_processor",), source=PREPROCESSOR_FILE)
        except PluginError:
            return "feature_extractor"
        return "image_processor"
    has_images = model_type is not None and registry.get(model_type).image_processor is not None
    return "image_processor" if has_images else "feature_extractor"
