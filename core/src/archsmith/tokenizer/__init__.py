"""Tokenizers: in Python, and on the Rust library ``tokenizers``, which is imported when the first one is made."""

from archsmith.lazy import lazy_face

__getattr__, __dir__ = lazy_face(__name__)
