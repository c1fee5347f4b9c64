from collections.abc import Iterator

from archsmith.plugin import Architecture, hookimpl


@hookimpl
def architectures() -> Iterator[Architecture]:
    yield Architecture(
        model_type="listening",
        config="acme_listening.config:ListeningConfig",
        models={
            "base": "acme_listening.model:ListeningModel",
            "ctc": "acme_listening.model:ListeningForCTC",
        },
        feature_extractor="acme_listening.feature_extractor:ListeningFeatureExtractor",
        tiny={
            "vocab_size": 12,
            "hidden_size": 16,
            "num_hidden_layers": 2,
            "num_attention_heads": 2,
            "intermediate_size": 24,
            "conv_dim": [8, 16],
            "conv_kernel": [10, 3],
            "conv_stride": [5, 2],
        },
    )
