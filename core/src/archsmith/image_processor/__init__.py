"""Image processors: images in, the numbers that a vision model takes out. Pillow is imported when it is needed."""

from archsmith.lazy import lazy_face

__getattr__, __dir__ = lazy_face(__name__)
