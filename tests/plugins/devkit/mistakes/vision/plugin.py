from collections.abc import Iterator

from archsmith.plugin import Architecture, hookimpl


@hookimpl
def architectures() -> Iterator[Architecture]:
    yield Architecture(
        model_type="vision",
        config="acme_vision.config:VisionConfig",
        models={
            "base": "acme_vision.model:VisionModel",
            "backbone": "acme_vision.model:VisionBackbone",
            "image-classification": "acme_vision.model:VisionForImageClassification",
        },
        image_processor="acme_vision.image_processor:VisionImageProcessor",
        tiny={
            "hidden_size": 16,
            "num_hidden_layers": 2,
            "num_attention_heads": 2,
            "intermediate_size": 24,
            "image_size": [32, 48],
            "patch_size": 8,
        },
    )
