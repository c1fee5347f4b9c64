"""The files of a checkpoint, and how they are read and written. Free of torch."""

from archsmith.lazy import lazy_face

__getattr__, __dir__ = lazy_face(__name__)
