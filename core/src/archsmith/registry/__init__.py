"""The installed plugins: found by their metadata, loaded when they are asked for."""

from archsmith.lazy import lazy_face

__getattr__, __dir__ = lazy_face(__name__)
