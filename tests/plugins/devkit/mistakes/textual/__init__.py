"""A BERT-like encoder of texts."""

from archsmith.lazy import lazy_attributes

__all__ = [
    "TextualConfig",
    "TextualForMaskedLM",
    "TextualForSequenceClassification",
    "TextualForTokenClassification",
    "TextualModel",
    "TextualTokenizer",
    "TextualTokenizerFast",
]

__getattr__ = lazy_attributes(
    __name__,
    {
        "config": ["TextualConfig"],
        "heads": ["TextualForMaskedLM", "TextualForSequenceClassification", "TextualForTokenClassification"],
        "model": ["TextualModel"],
        "tokenizer": ["TextualTokenizer", "TextualTokenizerFast"],
    },
)
