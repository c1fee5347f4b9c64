"""What this distribution provides, by name."""

from collections.abc import Iterator

from archsmith.plugin import Preprocessing, hookimpl


@hookimpl
def processors() -> Iterator[Preprocessing]:
    """Yield ConvNeXt's image processor, which ResNet uses too."""
    yield Preprocessing(
        name="convnext-images",
        image_processor="archsmith_convnext_images.image_processor:ConvNextImageProcessor",
        aliases={
            "ConvNextFeatureExtractor": "ConvNextImageProcessor",
            "ConvNextImageProcessorFast": "ConvNextImageProcessor",
            "ConvNextImageProcessorPil": "ConvNextImageProcessor",
        },
    )
