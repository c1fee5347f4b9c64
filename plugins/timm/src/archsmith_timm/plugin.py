"""What this distribution provides, by name."""

from collections.abc import Iterator

from archsmith.plugin import Architecture, hookimpl


@hookimpl
def architectures() -> Iterator[Architecture]:
    """Yield timm's models as backbones."""
    yield Architecture(
        model_type="timm_backbone",
        config="archsmith_timm.backbone_config:TimmBackboneConfig",
        models={"backbone": "archsmith_timm.backbone:TimmBackbone"},
    )
