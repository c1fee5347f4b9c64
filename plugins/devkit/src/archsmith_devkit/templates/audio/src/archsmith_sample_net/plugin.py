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
            "audio-classification": "archsmith_sample_net.model:SampleNetForAudioClassification",
        },
        feature_extractor="archsmith_sample_net.feature_extractor:SampleNetFeatureExtractor",
        tiny={"window": 100, "hop": 40, "hidden_size": 16, "num_hidden_layers": 2, "kernel_size": 3},
    )
