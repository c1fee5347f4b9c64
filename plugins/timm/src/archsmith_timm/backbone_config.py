"""The configuration of a model of timm as a backbone. Free of timm and of torch."""

import copy
from collections.abc import Iterator, Sequence
from typing import Any, Self

from archsmith.backbone_config import BackboneConfig
from archsmith.config import Size, field

__all__ = ["TimmBackboneConfig"]


class TimmBackboneConfig(BackboneConfig):
    """The configuration of a backbone that timm builds.

    Its stages are those of timm's ``feature_info``. They are known once a model is built: the configuration that the
    model holds then names them, and has both ``out_features`` and ``out_indices``.

    Example:
        >>> from archsmith import TimmBackboneConfig
        >>> config = TimmBackboneConfig("resnet18", out_indices=[1, -1])
        >>> config.stage_names, config.out_features
        (None, None)
    """

    model_type = "timm_backbone"
    positional = ("backbone",)
    invalidates = {**BackboneConfig.invalidates, "backbone": ("stage_names",)}
    computed = ()

    backbone: str | None = field(
        default=None, doc="Name of timm's model, as resnet50, with or without the tag of its weights."
    )
    num_channels: Size = field(default=3, doc="Channels of an image.")
    features_only: bool = field(default=True, doc="As other programs write it: a backbone gives features only.")
    use_pretrained_backbone: bool = field(default=False, doc="Start a new model from timm's weights.")
    freeze_batch_norm_2d: bool = field(default=False, doc="Batch normalisation is fixed: statistics and parameters.")
    output_stride: Size | None = field(
        default=None, doc="Pixels that a place of the last map stands for; none: the model's."
    )
    stage_names: list[str] | None = field(default=None, doc="Stages, as timm names them; none: no model was built yet.")

    def with_stages(self, names: Sequence[str]) -> Self:
        """Return a copy, for a model to hold, that knows the stages, and has ``out_features`` and ``out_indices``.

        Raises:
            ConfigError: There are no such stages.
        """
        known = copy.deepcopy(self)
        known.update(stage_names=list(names))
        return known

    def derived(self) -> dict[str, Any]:
        """Return ``out_features`` and ``out_indices``, counted from the start where the stages are known."""
        if not self.stage_names:
            is_chosen = self.out_indices is not None or self.out_features is not None
            return {} if is_chosen else {"out_indices": [-1]}
        found, count = super().derived(), len(self.stage_names)
        places = [index % count for index in found.get("out_indices", self.out_indices) or ()]
        if places and not any(super().rules()):
            found["out_indices"] = places
        return found

    def rules(self) -> Iterator[str]:
        """Yield the broken rules between fields."""
        yield from super().rules()
        if not self.features_only:
            yield "features_only is False, but must be true. For scores use TimmWrapperForImageClassification"
        if self.stage_names == []:
            yield "stage_names must name at least one stage, but is empty"
        if [] in (self.out_indices, self.out_features):
            yield "out_indices and out_features must name at least one stage, but one is empty"
