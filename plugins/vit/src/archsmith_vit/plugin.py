"""What this distribution provides, by name."""

from collections.abc import Iterator

from archsmith.plugin import Architecture, hookimpl

_LARGE = {"hidden_size": 1024, "num_hidden_layers": 24, "num_attention_heads": 16, "intermediate_size": 4096}
_HUGE = {"hidden_size": 1280, "num_hidden_layers": 32, "num_attention_heads": 16, "intermediate_size": 5120}
_SMALL = {"hidden_size": 384, "num_attention_heads": 6, "intermediate_size": 1536}
_TINY = {"hidden_size": 192, "num_attention_heads": 3, "intermediate_size": 768}
_IMAGENET = {"num_labels": 1000}
_PATCH32 = {"patch_size": 32}
_PATCH8 = {"patch_size": 8}


@hookimpl
def architectures() -> Iterator[Architecture]:
    """Yield the Vision Transformer."""
    yield Architecture(
        model_type="vit",
        config="archsmith_vit.config:ViTConfig",
        models={
            "base": "archsmith_vit.model:ViTModel",
            "backbone": "archsmith_vit.backbone:ViTBackbone",
            "image-classification": "archsmith_vit.heads:ViTForImageClassification",
            "masked-image-modeling": "archsmith_vit.heads:ViTForMaskedImageModeling",
        },
        image_processor="archsmith_vit.image_processor:ViTImageProcessor",
        tiny={
            "hidden_size": 16,
            "num_attention_heads": 2,
            "num_hidden_layers": 2,
            "intermediate_size": 24,
            "image_size": 12,
            "patch_size": 4,
            "encoder_stride": 4,
        },
        aliases={"ViTFeatureExtractor": "ViTImageProcessor", "ViTImageProcessorFast": "ViTImageProcessor"},
        presets={
            "google/vit-base-patch16-224": _IMAGENET,
            "google/vit-base-patch16-384": {**_IMAGENET, "image_size": 384},
            "google/vit-base-patch32-384": {**_IMAGENET, **_PATCH32, "image_size": 384},
            "google/vit-large-patch16-224": {**_IMAGENET, **_LARGE},
            "google/vit-large-patch16-384": {**_IMAGENET, **_LARGE, "image_size": 384},
            "google/vit-large-patch32-384": {**_IMAGENET, **_LARGE, **_PATCH32, "image_size": 384},
            "google/vit-base-patch16-224-in21k": {},
            "google/vit-base-patch32-224-in21k": _PATCH32,
            "google/vit-large-patch16-224-in21k": _LARGE,
            "google/vit-large-patch32-224-in21k": {**_LARGE, **_PATCH32},
            "google/vit-huge-patch14-224-in21k": {**_HUGE, "patch_size": 14},
            "facebook/dino-vits16": _SMALL,
            "facebook/dino-vits8": {**_SMALL, **_PATCH8},
            "facebook/dino-vitb16": {},
            "facebook/dino-vitb8": _PATCH8,
            "facebook/deit-tiny-patch16-224": {**_IMAGENET, **_TINY},
            "facebook/deit-small-patch16-224": {**_IMAGENET, **_SMALL},
            "facebook/deit-base-patch16-224": _IMAGENET,
            "facebook/deit-base-patch16-384": {**_IMAGENET, "image_size": 384},
        },
    )
