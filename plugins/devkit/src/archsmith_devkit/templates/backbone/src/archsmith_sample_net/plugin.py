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
            "backbone": "archsmith_sample_net.backbone:SampleNetBackbone",
        },
        image_processor="archsmith_sample_net.image_processor:SampleNetImageProcessor",
        tiny={"hidden_sizes": [6, 8, 10], "depths": [1, 2, 1]},
    )
