"""What this distribution provides, by name."""

from collections.abc import Iterator
from typing import Any

from archsmith.plugin import Architecture, hookimpl

_TINY = {"embed_dim": 96, "depths": [2, 2, 6, 2], "num_heads": [3, 6, 12, 24], "window_size": 7, "image_size": 224}
_SWINS: dict[str, dict[str, Any]] = {
    "tiny": _TINY,
    "small": {**_TINY, "depths": [2, 2, 18, 2]},
    "base": {},
    "large": {"embed_dim": 192, "num_heads": [6, 12, 24, 48]},
}
_BASE = {"embed_dim": 128, "depths": [2, 2, 18, 2], "num_heads": [4, 8, 16, 32], "window_size": 12, "image_size": 384}
_TOY_SWIN = {"embed_dim": 8, "depths": [1, 2], "num_heads": [1, 2], "window_size": 4, "image_size": 32}
_WAIVERS = {
    "gradients_reach_every_parameter": "The last normalisation of Swin lies in the published checkpoints, behind the "
    "feature maps that are used.",
}
_CLASSES = {"ade": 150, "coco": 133}
_RESNET = {"model_type": "resnet", "out_features": ["stage1", "stage2", "stage3", "stage4"]}


def _presets() -> dict[str, dict[str, Any]]:
    """Return the published checkpoints: each Swin, trained on each set of images; and two around a ResNet."""
    swins = {
        f"facebook/maskformer-swin-{size}-{images}": {
            "backbone_config": {"model_type": "swin", "drop_path_rate": 0.3, **_BASE, **swin},
            "num_labels": classes,
        }
        for size, swin in _SWINS.items()
        for images, classes in _CLASSES.items()
    }
    return swins | {
        "facebook/maskformer-resnet50-ade": {"backbone_config": _RESNET, "num_labels": 150},
        "facebook/maskformer-resnet101-ade": {
            "backbone_config": {**_RESNET, "depths": [3, 4, 23, 3]},
            "num_labels": 150,
        },
    }


@hookimpl
def architectures() -> Iterator[Architecture]:
    """Yield MaskFormer, and the Swin that is its backbone."""
    yield Architecture(
        model_type="maskformer",
        config="archsmith_maskformer.config:MaskFormerConfig",
        models={
            "base": "archsmith_maskformer.model:MaskFormerModel",
            "instance-segmentation": "archsmith_maskformer.segmentation:MaskFormerForInstanceSegmentation",
        },
        image_processor="archsmith_maskformer.image_processor:MaskFormerImageProcessor",
        tiny={
            "backbone_config": {"model_type": "swin", **_TOY_SWIN},
            "decoder_config": {"d_model": 16, "decoder_layers": 2, "decoder_attention_heads": 2, "num_queries": 5},
            "fpn_feature_size": 32,
            "mask_feature_size": 16,
        },
        waivers=_WAIVERS,
        aliases={
            "MaskFormerFeatureExtractor": "MaskFormerImageProcessor",
            "MaskFormerImageProcessorFast": "MaskFormerImageProcessor",
            "MaskFormerImageProcessorPil": "MaskFormerImageProcessor",
        },
        private_configs=("archsmith_maskformer.config:DetrConfig", "archsmith_maskformer.swin_config:SwinConfig"),
        presets=_presets(),
    )
    yield Architecture(
        model_type="maskformer-swin",
        config="archsmith_maskformer.swin_config:MaskFormerSwinConfig",
        tiny={**_TOY_SWIN, "out_features": ["stage1", "stage2"]},
        waivers=_WAIVERS,
        models={
            "base": "archsmith_maskformer.swin:MaskFormerSwinModel",
            "backbone": "archsmith_maskformer.swin:MaskFormerSwinBackbone",
        },
    )
