"""The task sample-net for DistilBert."""

from typing import TYPE_CHECKING

from archsmith.lazy import lazy_attributes

if TYPE_CHECKING:
    from archsmith_sample_net.model import DistilBertForSampleNet

__all__ = ["DistilBertForSampleNet"]

__getattr__ = lazy_attributes(__name__, {"model": ["DistilBertForSampleNet"]})
