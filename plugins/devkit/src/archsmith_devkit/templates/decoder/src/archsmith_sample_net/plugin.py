"""What this distribution provides, by name. It imports nothing but archsmith.plugin, so that listing it is cheap."""

from collections.abc import Iterator

from archsmith.plugin import Architecture, hookimpl


@hookimpl
def architectures() -> Iterator[Architecture]:
    """Yield SampleNet."""
    yield Architecture(
        model_type="sample-net",
        config="archsmith_sample_net.config:SampleNetConfig",
        models={
            "base": "archsmith_sample_net.model:SampleNetModel",
            "causal-lm": "archsmith_sample_net.heads:SampleNetForCausalLM",
            "sequence-classification": "archsmith_sample_net.heads:SampleNetForSequenceClassification",
        },
        tokenizer="archsmith_sample_net.tokenizer:SampleNetTokenizer",
        tokenizer_fast="archsmith_sample_net.tokenizer:SampleNetTokenizerFast",
        tiny={
            "vocab_size": 40,
            "max_position_embeddings": 16,
            "hidden_size": 16,
            "num_hidden_layers": 2,
            "num_attention_heads": 4,
            "num_key_value_heads": 2,
            "intermediate_size": 24,
        },
    )
