"""GPT-2 for archsmith."""

from typing import TYPE_CHECKING

from archsmith.lazy import lazy_attributes

if TYPE_CHECKING:
    from archsmith_gpt2.config import GPT2Config
    from archsmith_gpt2.heads import GPT2ForSequenceClassification, GPT2ForTokenClassification, GPT2LMHeadModel
    from archsmith_gpt2.model import GPT2Model, GPT2PreTrainedModel

__all__ = [
    "GPT2Config",
    "GPT2ForSequenceClassification",
    "GPT2ForTokenClassification",
    "GPT2LMHeadModel",
    "GPT2Model",
    "GPT2PreTrainedModel",
]


__getattr__ = lazy_attributes(
    __name__,
    {
        "config": ["GPT2Config"],
        "heads": ["GPT2ForSequenceClassification", "GPT2ForTokenClassification", "GPT2LMHeadModel"],
        "model": ["GPT2Model", "GPT2PreTrainedModel"],
    },
)
