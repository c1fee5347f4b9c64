"""Presets: the configurations of well-known checkpoints, which plugins declare under the checkpoints' ids."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from archsmith.errors import PluginConflict
from archsmith.registry.base import registry
from archsmith.registry.installed import Kind, State

__all__ = ["Preset", "all_presets", "find_preset"]


@dataclass(frozen=True)
class Preset:
    """The configuration of one well-known checkpoint.

    Attributes:
        name: The checkpoint's id.
        model_type: The architecture.
        values: Configuration values; what they leave out has the architecture's defaults.
    """

    name: str
    model_type: str
    values: Mapping[str, Any]


def all_presets() -> dict[str, list[Preset]]:
    """Return every preset of every usable plugin by its id; each manifest is loaded for that."""
    registry.load_all()
    found: dict[str, list[Preset]] = {}
    for entry in registry.entries(Kind.ARCHITECTURE):
        if entry.state is State.OK:
            for name, values in registry.get(entry.name).presets.items():
                found.setdefault(name, []).append(Preset(name, entry.name, values))
    return found


def find_preset(name: str) -> Preset | None:
    """Return the preset of that id, or None if no plugin has one.

    Raises:
        PluginConflict: Several architectures have a preset of that id.
    """
    owners = all_presets().get(name, [])
    if len(owners) > 1:
        raise PluginConflict(
            f"preset {name!r} belongs to {' and '.join(sorted(owner.model_type for owner in owners))}. "
            "Switch one off (archsmith disable), or name the architecture and its values."
        )
    return owners[0] if owners else None
