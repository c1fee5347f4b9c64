"""BERT for archsmith."""

from typing import TYPE_CHECKING

from archsmith.lazy import lazy_attributes

if TYPE_CHECKING:
    from archsmith_bert.causal import BertLMHeadModel
    from archsmith_bert.config import BertConfig
    from archsmith_bert.heads import (
        BertForMultipleChoice,
        BertForQuestionAnswering,
        BertForSequenceClassification,
        BertForTokenClassification,
    )
    from archsmith_bert.model import BertModel, BertPreTrainedModel
    from archsmith_bert.pretraining import (
        BertForMaskedLM,
        BertForNextSentencePrediction,
        BertForPreTraining,
        BertForPreTrainingOutput,
    )
    from archsmith_bert.tokenizer import BertTokenizer, BertTokenizerFast

__all__ = [
    "BertConfig",
    "BertForMaskedLM",
    "BertForMultipleChoice",
    "BertForNextSentencePrediction",
    "BertForPreTraining",
    "BertForPreTrainingOutput",
    "BertForQuestionAnswering",
    "BertForSequenceClassification",
    "BertForTokenClassification",
    "BertLMHeadModel",
    "BertModel",
    "BertPreTrainedModel",
    "BertTokenizer",
    "BertTokenizerFast",
]


__getattr__ = lazy_attributes(
    __name__,
    {
        "causal": ["BertLMHeadModel"],
        "config": ["BertConfig"],
        "heads": [
            "BertForMultipleChoice",
            "BertForQuestionAnswering",
            "BertForSequenceClassification",
            "BertForTokenClassification",
        ],
        "model": ["BertModel", "BertPreTrainedModel"],
        "pretraining": [
            "BertForMaskedLM",
            "BertForNextSentencePrediction",
            "BertForPreTraining",
            "BertForPreTrainingOutput",
        ],
        "tokenizer": ["BertTokenizer", "BertTokenizerFast"],
    },
)
