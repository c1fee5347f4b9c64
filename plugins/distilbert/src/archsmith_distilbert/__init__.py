"""DistilBERT for archsmith."""

from typing import TYPE_CHECKING

from archsmith.lazy import lazy_attributes

if TYPE_CHECKING:
    from archsmith_distilbert.config import DistilBertConfig
    from archsmith_distilbert.heads import (
        DistilBertForMaskedLM,
        DistilBertForMultipleChoice,
        DistilBertForQuestionAnswering,
        DistilBertForSequenceClassification,
        DistilBertForTokenClassification,
    )
    from archsmith_distilbert.model import DistilBertModel, DistilBertPreTrainedModel
    from archsmith_distilbert.tokenizer import DistilBertTokenizer, DistilBertTokenizerFast

__all__ = [
    "DistilBertConfig",
    "DistilBertForMaskedLM",
    "DistilBertForMultipleChoice",
    "DistilBertForQuestionAnswering",
    "DistilBertForSequenceClassification",
    "DistilBertForTokenClassification",
    "DistilBertModel",
    "DistilBertPreTrainedModel",
    "DistilBertTokenizer",
    "DistilBertTokenizerFast",
]


__getattr__ = lazy_attributes(
    __name__,
    {
        "config": ["DistilBertConfig"],
        "heads": [
            "DistilBertForMaskedLM",
            "DistilBertForMultipleChoice",
            "DistilBertForQuestionAnswering",
            "DistilBertForSequenceClassification",
            "DistilBertForTokenClassification",
        ],
        "model": ["DistilBertModel", "DistilBertPreTrainedModel"],
        "tokenizer": ["DistilBertTokenizer", "DistilBertTokenizerFast"],
    },
)
