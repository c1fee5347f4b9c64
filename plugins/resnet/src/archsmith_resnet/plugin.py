"""What this distribution provides, by name."""

from collections.abc import Iterator

from archsmith.plugin import Architecture, hookimpl

_IMAGENET = {"num_labels": 1000}
_BASIC = {"layer_type": "basic", "hidden_sizes": [64, 128, 256, 512]}


@hookimpl
def architectures() -> Iterator[Architecture]:
    """Yield ResNet."""
    yield Architecture(
        model_type="resnet",
        config="archsmith_resnet.config:ResNetConfig",
        models={
            "base": "archsmith_resnet.model:ResNetModel",
            "backbone": "archsmith_resnet.backbone:ResNetBackbone",
            "image-classification": "archsmith_resnet.model:ResNetForImageClassification",
        },
        image_processor="ConvNextImageProcessor",
        tiny={"embedding_size": 4, "hidden_sizes": [8, 12, 20], "depths": [1, 2, 1]},
        presets={
            "microsoft/resnet-18": {**_IMAGENET, **_BASIC, "depths": [2, 2, 2, 2]},
            "microsoft/resnet-26": {**_IMAGENET, "depths": [2, 2, 2, 2]},
            "microsoft/resnet-34": {**_IMAGENET, **_BASIC},
            "microsoft/resnet-50": _IMAGENET,
            "microsoft/resnet-101": {**_IMAGENET, "depths": [3, 4, 23, 3]},
            "microsoft/resnet-152": {**_IMAGENET, "depths": [3, 8, 36, 3]},
        },
    )
