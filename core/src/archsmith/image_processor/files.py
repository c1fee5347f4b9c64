"""The file of an image processor: where it is found, and what its older spellings mean."""

import os
import stat
from collections.abc import Collection, Mapping
from typing import Any

from archsmith.errors import CheckpointCorrupt
from archsmith.files.checkpoint import Checkpoint
from archsmith.files.names import CONFIG_FILE
from archsmith.files.paths import local_path, mode_of
from archsmith.files.strictjson import read_json
from archsmith.messages import shown

__all__ = ["IMAGE_PROCESSOR_FILE", "find_image_processor", "load_image_processor_file", "modern"]

IMAGE_PROCESSOR_FILE = "preprocessor_config.json"
PROCESSOR_FILE = "processor_config.json"
_PART = "image_processor"
#: What says who wrote the file.
_WRITTEN = ("image_processor_type", "feature_extractor_type", "archsmith")
#: Older names of settings that some image processors have.
_OLD_NAMES = {"reduce_labels": "do_reduce_labels", "size_divisibility": "size_divisor"}


def load_image_processor_file(id_or_path: str | os.PathLike[str], **hub_options: Any) -> tuple[dict[str, Any], str]:
    """Return what the file of an image processor holds, and where it was found.

    Args:
        id_or_path: A folder, a hub id, or the path of the file itself.
        **hub_options: As `Checkpoint.open`.

    Raises:
        CheckpointNotFound, CheckpointCorrupt, HubError: The file cannot be had.
    """
    path = local_path("an image processor", id_or_path)
    if stat.S_ISREG(mode_of(path) or 0):
        return _part(read_json(path), str(path)), str(path)
    checkpoint = Checkpoint.open(id_or_path, **hub_options)

    def read() -> tuple[dict[str, Any], str]:
        found = find_image_processor(checkpoint)
        return found or (checkpoint.read_json(IMAGE_PROCESSOR_FILE), "")  # which says what is missing

    return checkpoint.read_consistent(read)


def find_image_processor(checkpoint: Checkpoint) -> tuple[dict[str, Any], str] | None:
    """Return what a checkpoint says about its image processor, and in which file; None if it says nothing.

    Where there is no file for it, that is config.json for architectures whose image processor reads it.
    """
    for name in (PROCESSOR_FILE, IMAGE_PROCESSOR_FILE):
        path = checkpoint.find(name)
        values = {} if path is None else checkpoint.read_json(name)
        if path is not None and (name == IMAGE_PROCESSOR_FILE or _PART in values):
            return _part(values, str(path)), str(path)
    path = checkpoint.find(CONFIG_FILE)
    values = {} if path is None else checkpoint.read_json(CONFIG_FILE)
    return (values, str(path)) if _tells_all(values) else None


def _tells_all(config: Mapping[str, Any]) -> bool:
    """Return whether an architecture's image processor takes its settings from config.json, as timm's does."""
    from archsmith.registry.base import registry

    model_type = config.get("model_type")
    if not isinstance(model_type, str) or model_type not in registry.names():
        model_type = registry.identify(config) if config else None
    if model_type is None or registry.get(model_type).image_processor is None:
        return False
    return not registry.load(model_type, _PART).needs_file


def _part(values: dict[str, Any], source: str) -> dict[str, Any]:
    part = values.get(_PART, values)
    if not isinstance(part, dict):
        raise CheckpointCorrupt(f"{source!r}: {_PART} must be a mapping, but is {shown(part)}.")
    return part


def modern(values: Mapping[str, Any], names: Collection[str]) -> dict[str, Any]:
    """Return the content of a file in today's spelling, without what says who wrote it.

    Args:
        values: The content.
        names: The settings that the class knows.
    """
    current = {name: value for name, value in values.items() if name not in _WRITTEN}
    if isinstance(current.get("size"), int) and current.get("max_size") is not None:
        current["size"] = {"shortest_edge": current["size"], "longest_edge": current.pop("max_size")}
    for old, new in _OLD_NAMES.items():
        if old in current and old not in names and new in names:
            current.setdefault(new, current.pop(old))
    return current
