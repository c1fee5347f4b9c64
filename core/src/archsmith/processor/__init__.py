"""Processors: the preprocessing objects of a model that takes several kinds of input, as one."""

from archsmith.lazy import lazy_face

__getattr__, __dir__ = lazy_face(__name__)
