from archsmith.registry.base import Registry, registry
from archsmith.registry.exports import Export
from archsmith.registry.installed import Entry, Kind, Owner, State, may_claim
from archsmith.registry.known import KNOWN_CLASSES, KNOWN_PLUGINS, known_distribution, known_model_type, squash
from archsmith.registry.metadata import normal_name
from archsmith.registry.preferences import CONFIG_VARIABLE, Pin, Settings, Switch, find_faults
from archsmith.registry.registered import register
from archsmith.registry.resolve import Preset, all_presets, find_preset, model_type_of

__all__ = [
    "CONFIG_VARIABLE", "KNOWN_CLASSES", "KNOWN_PLUGINS",
    "Entry", "Export", "Kind", "Owner", "Pin", "Preset", "Registry", "Settings", "State", "Switch",
    "all_presets", "find_faults", "find_preset", "known_distribution", "known_model_type", "may_claim",
    "model_type_of", "normal_name", "register", "registry", "squash",
]  # fmt: skip
