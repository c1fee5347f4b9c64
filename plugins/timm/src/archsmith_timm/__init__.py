"""The models of the library timm, as backbones and as classifiers."""

from typing import TYPE_CHECKING

from archsmith.lazy import lazy_attributes

if TYPE_CHECKING:
    from archsmith_timm.backbone import TimmBackbone
    from archsmith_timm.backbone_config import TimmBackboneConfig

__all__ = ["TimmBackbone", "TimmBackboneConfig"]


__getattr__ = lazy_attributes(
    __name__,
    {
        "backbone": ["TimmBackbone"],
        "backbone_config": ["TimmBackboneConfig"],
    },
)
