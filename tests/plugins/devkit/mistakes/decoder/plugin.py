from collections.abc import Iterator

from archsmith.plugin import Architecture, hookimpl


@hookimpl
def architectures() -> Iterator[Architecture]:
    yield Architecture(
        model_type="decoder",
        config="acme_decoder.config:DecoderConfig",
        models={
            "base": "acme_decoder.model:DecoderModel",
            "causal-lm": "acme_decoder.heads:DecoderForCausalLM",
            "sequence-classification": "acme_decoder.heads:DecoderForSequenceClassification",
        },
        tiny={
            "vocab_size": 60,
            "hidden_size": 16,
            "num_hidden_layers": 2,
            "num_attention_heads": 4,
            "num_key_value_heads": 2,
            "intermediate_size": 24,
            "max_position_embeddings": 40,
        },
    )
