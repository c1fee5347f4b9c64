from collections.abc import Iterator

from archsmith.plugin import Architecture, hookimpl


@hookimpl
def architectures() -> Iterator[Architecture]:
    yield Architecture(
        model_type="textual",
        config="acme_textual.config:TextualConfig",
        models={
            "base": "acme_textual.model:TextualModel",
            "masked-lm": "acme_textual.heads:TextualForMaskedLM",
            "sequence-classification": "acme_textual.heads:TextualForSequenceClassification",
            "token-classification": "acme_textual.heads:TextualForTokenClassification",
        },
        tokenizer="acme_textual.tokenizer:TextualTokenizer",
        tokenizer_fast="acme_textual.tokenizer:TextualTokenizerFast",
        presets={"acme/textual-small": {"hidden_size": 64, "num_attention_heads": 4, "intermediate_size": 128}},
        tiny={
            "vocab_size": 60,
            "hidden_size": 16,
            "num_hidden_layers": 2,
            "num_attention_heads": 2,
            "intermediate_size": 24,
            "max_position_embeddings": 40,
        },
    )
