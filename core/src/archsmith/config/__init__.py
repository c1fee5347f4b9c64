"""Configurations: typed, checked, and written as the field's config.json. Free of torch."""

from typing import TYPE_CHECKING

from archsmith.lazy import lazy_attributes

if TYPE_CHECKING:
    from archsmith.config.base import PreTrainedConfig
    from archsmith.config.fields import (
        Activation,
        Count,
        Depth,
        DType,
        NonNegative,
        Probability,
        Size,
        TokenId,
        expected,
        field,
        to_json,
    )

__all__ = [
    "Activation", "Count", "DType", "Depth", "NonNegative", "PreTrainedConfig", "Probability", "Size", "TokenId",
    "expected", "field", "to_json",
]  # fmt: skip

__getattr__ = lazy_attributes(
    __name__,
    {
        "base": ["PreTrainedConfig"],
        "fields": [
            "Activation", "Count", "DType", "Depth", "NonNegative", "Probability", "Size", "TokenId", "expected",
            "field", "to_json",
        ],
    },
)  # fmt: skip
