"""What this distribution provides, by name."""

from collections.abc import Iterator

from archsmith.plugin import Architecture, hookimpl

_LARGE = {"hidden_size": 1024, "num_hidden_layers": 24, "num_attention_heads": 16, "intermediate_size": 4096}
_MINI = {"hidden_size": 384, "intermediate_size": 1536}


@hookimpl
def architectures() -> Iterator[Architecture]:
    """Yield BERT."""
    yield Architecture(
        model_type="bert",
        config="archsmith_bert.config:BertConfig",
        models={
            "base": "archsmith_bert.model:BertModel",
            "pre-training": "archsmith_bert.pretraining:BertForPreTraining",
            "masked-lm": "archsmith_bert.pretraining:BertForMaskedLM",
            "causal-lm": "archsmith_bert.causal:BertLMHeadModel",
            "next-sentence-prediction": "archsmith_bert.pretraining:BertForNextSentencePrediction",
            "sequence-classification": "archsmith_bert.heads:BertForSequenceClassification",
            "token-classification": "archsmith_bert.heads:BertForTokenClassification",
            "question-answering": "archsmith_bert.heads:BertForQuestionAnswering",
            "multiple-choice": "archsmith_bert.heads:BertForMultipleChoice",
        },
        tokenizer="BertTokenizer",
        tokenizer_fast="BertTokenizerFast",
        tiny={
            "hidden_size": 16,
            "num_attention_heads": 2,
            "num_hidden_layers": 2,
            "intermediate_size": 24,
            "vocab_size": 40,
            "max_position_embeddings": 12,
        },
        presets={
            "google-bert/bert-base-uncased": {},
            "google-bert/bert-base-cased": {"vocab_size": 28996},
            "google-bert/bert-base-chinese": {"vocab_size": 21128},
            "google-bert/bert-base-german-cased": {"vocab_size": 30000},
            "google-bert/bert-base-multilingual-cased": {"vocab_size": 119547},
            "google-bert/bert-base-multilingual-uncased": {"vocab_size": 105879},
            "google-bert/bert-large-uncased": _LARGE,
            "google-bert/bert-large-cased": {**_LARGE, "vocab_size": 28996},
            "google-bert/bert-large-uncased-whole-word-masking": _LARGE,
            "google-bert/bert-large-cased-whole-word-masking": {**_LARGE, "vocab_size": 28996},
            "google/bert_uncased_L-2_H-128_A-2": {
                "hidden_size": 128,
                "num_hidden_layers": 2,
                "num_attention_heads": 2,
                "intermediate_size": 512,
            },
            "sentence-transformers/all-MiniLM-L6-v2": {**_MINI, "num_hidden_layers": 6},
            "sentence-transformers/all-MiniLM-L12-v2": _MINI,
            "nlptown/bert-base-multilingual-uncased-sentiment": {
                "vocab_size": 105879,
                "id2label": {0: "1 star", 1: "2 stars", 2: "3 stars", 3: "4 stars", 4: "5 stars"},
            },
            "ProsusAI/finbert": {"id2label": {0: "positive", 1: "negative", 2: "neutral"}},
        },
    )
