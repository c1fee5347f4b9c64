"""The manifest of ConvNeXt."""

from collections.abc import Iterator

from archsmith.plugin import Architecture, hookimpl


@hookimpl
def architectures() -> Iterator[Architecture]:
    """Declare ConvNeXt."""
    yield Architecture(
        model_type="convnext",
        config="acme_convnext.config:ConvNextConfig",
        models={
            "base": "acme_convnext.model:ConvNextModel",
            "image-classification": "acme_convnext.model:ConvNextForImageClassification",
            "backbone": "acme_convnext.model:ConvNextBackbone",
        },
        image_processor="ConvNextImageProcessor",
        tiny={"hidden_sizes": [4, 6, 8, 10], "depths": [1, 1, 2, 1], "image_size": 48},
        presets={
            "facebook/convnext-tiny-224": {},
            "facebook/convnext-small-224": {"depths": [3, 3, 27, 3]},
            "facebook/convnext-base-224": {"depths": [3, 3, 27, 3], "hidden_sizes": [128, 256, 512, 1024]},
        },
    )
