"""What this distribution provides, by name. It imports nothing but archsmith.plugin, so that listing it is cheap."""

from collections.abc import Iterator

from archsmith.plugin import Architecture, hookimpl

_ENCODER = {
    "hidden_size": 16,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 24,
}


@hookimpl
def architectures() -> Iterator[Architecture]:
    """Yield SampleNet."""
    yield Architecture(
        model_type="sample-net",
        config="archsmith_sample_net.config:SampleNetConfig",
        private_configs=(
            "archsmith_sample_net.config:SampleNetTextConfig",
            "archsmith_sample_net.config:SampleNetVisionConfig",
        ),
        models={
            "base": "archsmith_sample_net.model:SampleNetModel",
            "zero-shot-image-classification": "archsmith_sample_net.model:SampleNetModel",
        },
        tokenizer="archsmith_sample_net.tokenizer:SampleNetTokenizer",
        tokenizer_fast="archsmith_sample_net.tokenizer:SampleNetTokenizerFast",
        image_processor="archsmith_sample_net.image_processor:SampleNetImageProcessor",
        processor="archsmith_sample_net.processor:SampleNetProcessor",
        tiny={
            "text_config": {**_ENCODER, "vocab_size": 40, "max_position_embeddings": 12},
            "vision_config": {**_ENCODER, "hidden_size": 24, "image_size": 16, "patch_size": 8},
            "projection_dim": 12,
        },
    )
