"""What this distribution provides, by name."""

from collections.abc import Iterator, Mapping
from typing import Any

from archsmith.plugin import Architecture, hookimpl


@hookimpl
def architectures() -> Iterator[Architecture]:
    """Yield timm's models, as backbones and as classifiers."""
    yield Architecture(
        model_type="timm_backbone",
        config="archsmith_timm.backbone_config:TimmBackboneConfig",
        models={"backbone": "archsmith_timm.backbone:TimmBackbone"},
        tiny={"backbone": "test_resnet", "out_indices": [1, -1]},
    )
    yield Architecture(
        model_type="timm_wrapper",
        config="archsmith_timm.wrapper_config:TimmWrapperConfig",
        models={
            "base": "archsmith_timm.wrapper:TimmWrapperModel",
            "image-classification": "archsmith_timm.wrapper:TimmWrapperForImageClassification",
        },
        image_processor="archsmith_timm.image_processor:TimmWrapperImageProcessor",
        tiny={"architecture": "test_resnet", "num_labels": 3},
    )


@hookimpl
def identify(config: Mapping[str, Any]) -> str | None:
    """Claim the config.json of timm's own repositories."""
    is_timms = isinstance(config.get("architecture"), str) and isinstance(config.get("pretrained_cfg"), Mapping)
    return "timm_wrapper" if is_timms else None
