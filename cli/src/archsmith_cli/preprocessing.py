"""The preprocessing parts of an architecture, built from settings alone or to fit a model, and written to a folder."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from archsmith.config import PreTrainedConfig
from archsmith.errors import OptionError, UnknownTask
from archsmith.plugin import COMPONENTS
from archsmith.registry import registry

__all__ = ["KINDS", "write_component", "write_fitting"]

#: What ``create --kind`` takes beside ``model`` and ``backbone`` → the parts of a manifest, the first that there is.
KINDS: Mapping[str, tuple[str, ...]] = {
    "tokenizer": ("tokenizer_fast", "tokenizer"),
    "image-processor": ("image_processor",),
    "feature-extractor": ("feature_extractor",),
    "processor": ("processor",),
}
#: The parts that need nothing but settings, so that a new model can have them beside it.
_FITTING = ("image_processor", "feature_extractor")


def write_component(model_type: str, kind: str, settings: Mapping[str, Any], vocabulary: str | None, out: Path) -> str:
    """Build one part from settings and write its files; return the name of its class.

    Raises:
        UnknownTask: The architecture has no such part.
        OptionError: A setting is wrong, or a vocabulary is missing or in vain.
    """
    part = _build(model_type, kind, settings, vocabulary)
    part.save_pretrained(out)
    return type(part).__name__


def write_fitting(config: PreTrainedConfig, out: Path) -> list[str]:
    """Write the parts that a model of this configuration is used with and that need no vocabulary; return their names.

    Torch is not imported for them.
    """
    record, written = registry.get(config.model_type), []
    for part in _FITTING:
        if getattr(record, part):
            component = registry.load(config.model_type, part).for_model(config)
            component.save_pretrained(out)
            written.append(type(component).__name__)
    return written


def _build(model_type: str, kind: str, settings: Mapping[str, Any], vocabulary: str | None) -> Any:
    part_class = registry.load(model_type, _role(model_type, kind))
    if kind == "processor":
        return part_class(**_parts(model_type, part_class, settings, vocabulary))
    if kind != "tokenizer":
        if vocabulary is not None:
            raise OptionError(f"--vocab is for a tokenizer or a processor; {part_class.__name__} has no vocabulary.")
        return part_class(**settings)
    if vocabulary is None:
        raise OptionError(f"{part_class.__name__} needs a vocabulary. Pass --vocab FILE.")
    return part_class(vocab_file=vocabulary, **settings)


def _parts(
    model_type: str, processor_class: Any, settings: Mapping[str, Any], vocabulary: str | None
) -> dict[str, Any]:
    """Build the parts of a processor: the settings are those of its image processor or feature extractor."""
    parts: dict[str, Any] = {}
    for name in processor_class.parts or ():
        kind = name.replace("_", "-")
        own = {} if kind == "tokenizer" else settings
        parts[name] = _build(model_type, kind, own, vocabulary if kind == "tokenizer" else None)
    return parts


def _role(model_type: str, kind: str) -> str:
    """Return the part of the manifest that a kind means. Raises `UnknownTask`."""
    record = registry.get(model_type)
    for role in KINDS[kind]:
        if getattr(record, role):
            return role
    had = [part.replace("_", "-") for part in COMPONENTS if getattr(record, part)]
    raise UnknownTask(
        f"{model_type!r} has no {kind.replace('-', ' ')}. Its preprocessing: {', '.join(had) or 'none'}.",
        model_type=model_type,
        role=kind,
    )
