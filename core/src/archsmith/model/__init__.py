"""Models: a torch module with a configuration, built, loaded and saved in one way for every architecture."""

from archsmith.lazy import lazy_face

__getattr__, __dir__ = lazy_face(__name__)
