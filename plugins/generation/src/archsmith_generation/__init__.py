"""What decoders share when they write: the cache of keys and values, the strategies, their settings, streaming."""

from typing import TYPE_CHECKING

from archsmith.lazy import lazy_attributes

if TYPE_CHECKING:
    from archsmith_generation.cache import Cache

__all__ = ["Cache"]

__getattr__ = lazy_attributes(__name__, {"cache": ["Cache"]})
