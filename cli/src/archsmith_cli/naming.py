"""What the user means by a NAME: an architecture by its model_type, or a preset by its id."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from archsmith.errors import UnknownArchitecture
from archsmith.messages import did_you_mean
from archsmith.registry import registry
from archsmith.registry.installed import Entry, Kind, State
from archsmith.registry.presets import all_presets, find_preset

__all__ = ["Named", "find_entry", "resolve_name"]


@dataclass(frozen=True)
class Named:
    """An architecture, and the configuration values of the preset if one was named.

    Attributes:
        model_type: The architecture.
        preset: The preset's id, or None.
        values: The preset's configuration values.
    """

    model_type: str
    preset: str | None = None
    values: Mapping[str, Any] = field(default_factory=dict)


def resolve_name(name: str) -> Named:
    """Find out which architecture, or which preset of one, a name means. A model_type goes before a preset.

    Raises:
        UnknownArchitecture: It is neither.
        PluginConflict: Several architectures have a preset of that name.
        PluginError: The architecture cannot be used.
    """
    try:
        registry.get(name)
    except UnknownArchitecture as error:
        if getattr(error, "install", None):
            raise
    else:
        return Named(name)
    preset = find_preset(name)
    if preset is None:
        known = [*registry.names(), *all_presets()]
        installed = ", ".join(registry.names()) or "none"
        raise UnknownArchitecture(
            f"{name!r} is neither an architecture nor a preset of an installed plugin. Installed architectures: "
            f"{installed}.{did_you_mean(name, known)}{_unusable()}"
        )
    return Named(preset.model_type, preset.name, preset.values)


def find_entry(model_type: str) -> Entry:
    """Return the usable entry of an architecture that `resolve_name` has found."""
    return next(entry for entry in registry.index.of(Kind.ARCHITECTURE, model_type) if entry.state is State.OK)


def _unusable() -> str:
    entries = registry.entries(Kind.ARCHITECTURE)
    names = sorted({f"{entry} ({entry.state})" for entry in entries if entry.state is not State.OK})
    return f" Not asked: {', '.join(names)}." if names else ""
