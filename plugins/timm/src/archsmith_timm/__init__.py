"""The models of the library timm, as backbones and as classifiers."""

from typing import TYPE_CHECKING

from archsmith.lazy import lazy_attributes

if TYPE_CHECKING:
    from archsmith_timm.backbone import TimmBackbone
    from archsmith_timm.backbone_config import TimmBackboneConfig
    from archsmith_timm.image_processor import TimmWrapperImageProcessor
    from archsmith_timm.wrapper import TimmWrapperForImageClassification, TimmWrapperModel, TimmWrapperPreTrainedModel
    from archsmith_timm.wrapper_config import TimmWrapperConfig

__all__ = [
    "TimmBackbone",
    "TimmBackboneConfig",
    "TimmWrapperConfig",
    "TimmWrapperForImageClassification",
    "TimmWrapperImageProcessor",
    "TimmWrapperModel",
    "TimmWrapperPreTrainedModel",
]


__getattr__ = lazy_attributes(
    __name__,
    {
        "backbone": ["TimmBackbone"],
        "backbone_config": ["TimmBackboneConfig"],
        "image_processor": ["TimmWrapperImageProcessor"],
        "wrapper": ["TimmWrapperForImageClassification", "TimmWrapperModel", "TimmWrapperPreTrainedModel"],
        "wrapper_config": ["TimmWrapperConfig"],
    },
)
