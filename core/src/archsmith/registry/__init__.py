"""The installed plugins: found by their metadata, loaded when they are asked for."""

from typing import TYPE_CHECKING

from archsmith.lazy import lazy_attributes

if TYPE_CHECKING:
    from archsmith.registry.base import KNOWN_PLUGINS, Export, Registry, known_model_type, registry
    from archsmith.registry.installed import Entry, Kind, State
    from archsmith.registry.metadata import normal_name
    from archsmith.registry.presets import Preset, all_presets, find_preset
    from archsmith.registry.settings import CONFIG_VARIABLE, Pin, Settings, Switch, find_faults

__all__ = [
    "CONFIG_VARIABLE",
    "KNOWN_PLUGINS",
    "Entry",
    "Export",
    "Kind",
    "Pin",
    "Preset",
    "Registry",
    "Settings",
    "State",
    "Switch",
    "all_presets",
    "find_faults",
    "find_preset",
    "known_model_type",
    "normal_name",
    "registry",
]

__getattr__ = lazy_attributes(
    __name__,
    {
        "base": ["Export", "KNOWN_PLUGINS", "Registry", "known_model_type", "registry"],
        "installed": ["Entry", "Kind", "State"],
        "metadata": ["normal_name"],
        "presets": ["Preset", "all_presets", "find_preset"],
        "settings": ["CONFIG_VARIABLE", "Pin", "Settings", "Switch", "find_faults"],
    },
)
