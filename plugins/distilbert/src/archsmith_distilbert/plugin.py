"""What this distribution provides, by name."""

from collections.abc import Iterator

from archsmith.plugin import Architecture, hookimpl


@hookimpl
def architectures() -> Iterator[Architecture]:
    """Yield DistilBERT."""
    yield Architecture(
        model_type="distilbert",
        config="archsmith_distilbert.config:DistilBertConfig",
        models={
            "base": "archsmith_distilbert.model:DistilBertModel",
            "masked-lm": "archsmith_distilbert.heads:DistilBertForMaskedLM",
            "sequence-classification": "archsmith_distilbert.heads:DistilBertForSequenceClassification",
            "token-classification": "archsmith_distilbert.heads:DistilBertForTokenClassification",
            "question-answering": "archsmith_distilbert.heads:DistilBertForQuestionAnswering",
            "multiple-choice": "archsmith_distilbert.heads:DistilBertForMultipleChoice",
        },
        tokenizer="archsmith_distilbert.tokenizer:DistilBertTokenizer",
        tokenizer_fast="archsmith_distilbert.tokenizer:DistilBertTokenizerFast",
        tiny={
            "dim": 16,
            "n_heads": 2,
            "n_layers": 2,
            "hidden_dim": 24,
            "vocab_size": 40,
            "max_position_embeddings": 12,
        },
        presets={
            "distilbert/distilbert-base-uncased": {},
            "distilbert/distilbert-base-cased": {"vocab_size": 28996},
            "distilbert/distilbert-base-multilingual-cased": {"vocab_size": 119547},
            "distilbert/distilbert-base-uncased-finetuned-sst-2-english": {
                "id2label": {0: "NEGATIVE", 1: "POSITIVE"},
            },
        },
    )
