"""Processors: the preprocessing objects of a model that takes several kinds of input, as one."""

from typing import TYPE_CHECKING

from archsmith.lazy import lazy_attributes

if TYPE_CHECKING:
    from archsmith.processor.base import Processor

__all__ = ["Processor"]

__getattr__ = lazy_attributes(__name__, {"base": ["Processor"]})
