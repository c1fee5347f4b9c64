"""Preprocessing parts, of an architecture or without one, built from settings or to fit a model, and written."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from archsmith.config import PreTrainedConfig
from archsmith.errors import OptionError, PluginConflict, UnknownTask
from archsmith.files import Checkpoint
from archsmith.messages import announce
from archsmith.plugin import COMPONENTS
from archsmith.registry import Owner, registry

__all__ = ["KINDS", "kinds_of", "write_component", "write_fitting"]

#: What ``create --kind`` takes beside ``model`` and ``backbone`` → the parts of a manifest, the first that there is.
KINDS: Mapping[str, tuple[str, ...]] = {
    "tokenizer": ("tokenizer_fast", "tokenizer"),
    "image-processor": ("image_processor",),
    "feature-extractor": ("feature_extractor",),
    "processor": ("processor",),
}
#: The parts that need nothing but settings, so that a new model can have them beside it.
_FITTING = ("image_processor", "feature_extractor")


def kinds_of(owner: Owner) -> list[str]:
    """Return what ``create --kind`` takes for an owner, models left out."""
    roles = registry.roles(*owner)
    return [kind for kind, parts in KINDS.items() if not roles.keys().isdisjoint(parts)]


def write_component(owner: Owner, kind: str, settings: Mapping[str, Any], vocabulary: str | None, out: Path) -> str:
    """Build one part from settings and write its files; return the name of its class.

    Raises:
        UnknownTask: The owner has no such part.
        OptionError: A setting is wrong, or a vocabulary is missing or in vain.
    """
    part = _build(owner, kind, settings, vocabulary)
    part.save_pretrained(out)
    return type(part).__name__


def write_fitting(config: PreTrainedConfig, out: Path) -> list[str]:
    """Write the parts that a model of this configuration is used with and that need no vocabulary; return their names.

    Torch is not imported for them. One that several plugins claim is left out, with an announcement.
    """
    written = []
    for part in _FITTING:
        if part in registry.roles(config.model_type):
            try:
                part_class: Any = registry.load(config.model_type, part)
            except PluginConflict as error:
                announce(f"the {part.replace('_', ' ')} is left out: {error}")
                continue
            component = part_class.for_model(config)
            component.save_pretrained(out)
            written.append(type(component).__name__)
    return written


def _build(owner: Owner, kind: str, settings: Mapping[str, Any], vocabulary: str | None) -> Any:
    part_class = registry.load(owner.name, _role(owner, kind), kind=owner.kind)
    if kind == "processor":
        return part_class(**_parts(owner, part_class, settings, vocabulary))
    if kind != "tokenizer":
        if vocabulary is not None:
            raise OptionError(f"--vocab is for a tokenizer or a processor; {part_class.__name__} has no vocabulary.")
        return part_class(**settings)
    if vocabulary is None:
        raise OptionError(f"{part_class.__name__} needs a vocabulary. Pass --vocab FILE.")
    return part_class(**_vocabulary_of(part_class, vocabulary, settings), **settings)


def _vocabulary_of(tokenizer_class: Any, path: str, settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments that hold the vocabulary: a file, or those files of a folder that the class reads."""
    name, ways = tokenizer_class.__name__, tokenizer_class.vocab_files
    if not Path(path).is_dir():
        named = [argument for way in ways if len(way) == 1 for argument, file in way.items() if file == Path(path).name]
        several = next((way for way in ways if "vocab_file" in way and len(way) > 1), None)
        if several and not named:
            files = " and ".join(several.values())
            raise OptionError(f"{name} has its vocabulary in {files}. Pass the folder that holds them: --vocab FOLDER.")
        return {named[0] if named else "vocab_file": path}
    found: dict[str, Any] = tokenizer_class.read_vocabulary(Checkpoint.open(path))
    unused = tokenizer_class.unused_settings(found)
    for setting in settings.keys() & unused.keys():
        raise OptionError(f"{setting}={settings[setting]!r} can have no effect: {unused[setting]}.")
    return found


def _parts(owner: Owner, processor_class: Any, settings: Mapping[str, Any], vocabulary: str | None) -> dict[str, Any]:
    """Build the parts of a processor: the settings are those of its image processor or feature extractor."""
    parts: dict[str, Any] = {}
    for name in processor_class.parts or ():
        kind = name.replace("_", "-")
        own = {} if kind == "tokenizer" else settings
        parts[name] = _build(owner, kind, own, vocabulary if kind == "tokenizer" else None)
    return parts


def _role(owner: Owner, kind: str) -> str:
    """Return the part of the manifest that a kind means. Raises `UnknownTask`."""
    roles = registry.roles(*owner)
    for role in KINDS[kind]:
        if role in roles:
            return role
    had = [part.replace("_", "-") for part in COMPONENTS if part in roles]
    raise UnknownTask(
        f"{owner.name!r} has no {kind.replace('-', ' ')}. Its preprocessing: {', '.join(had) or 'none'}.",
        model_type=owner.name,
        role=kind,
    )
