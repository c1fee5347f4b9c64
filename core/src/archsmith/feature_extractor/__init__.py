"""Feature extractors: audio in, the numbers that a model takes out."""

from archsmith.lazy import lazy_face

__getattr__, __dir__ = lazy_face(__name__)
