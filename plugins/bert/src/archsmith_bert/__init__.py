"""BERT for archsmith."""

from typing import TYPE_CHECKING

from archsmith.lazy import lazy_attributes

if TYPE_CHECKING:
    from archsmith_bert.config import BertConfig
    from archsmith_bert.model import BertForMaskedLM, BertForSequenceClassification, BertModel, BertPreTrainedModel
    from archsmith_bert.tokenizer import BertTokenizer, BertTokenizerFast

__all__ = [
    "BertConfig",
    "BertForMaskedLM",
    "BertForSequenceClassification",
    "BertModel",
    "BertPreTrainedModel",
    "BertTokenizer",
    "BertTokenizerFast",
]


__getattr__ = lazy_attributes(
    __name__,
    {
        "config": ["BertConfig"],
        "model": ["BertForMaskedLM", "BertForSequenceClassification", "BertModel", "BertPreTrainedModel"],
        "tokenizer": ["BertTokenizer", "BertTokenizerFast"],
    },
)
