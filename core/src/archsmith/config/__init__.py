"""Configurations: typed, checked, and written as the field's config.json. Free of torch."""

from archsmith.lazy import lazy_face

__getattr__, __dir__ = lazy_face(__name__)
