"""The installed plugins: found by their metadata, loaded when they are asked for."""

from typing import TYPE_CHECKING

from archsmith.lazy import lazy_attributes

if TYPE_CHECKING:
    from archsmith.registry.base import KNOWN_PLUGINS, Export, Registry, known_model_type, registry

__all__ = [
    "KNOWN_PLUGINS",
    "Export",
    "Registry",
    "known_model_type",
    "registry",
]

__getattr__ = lazy_attributes(
    __name__,
    {
        "base": ["Export", "KNOWN_PLUGINS", "Registry", "known_model_type", "registry"],
    },
)
