from archsmith.config.base import PreTrainedConfig
from archsmith.config.checked import CheckedFields
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
from archsmith.config.rotary import rotary_faults

__all__ = [
    "Activation", "CheckedFields", "Count", "DType", "Depth", "NonNegative", "PreTrainedConfig", "Probability", "Size",
    "TokenId", "expected", "field", "rotary_faults", "to_json",
]  # fmt: skip
