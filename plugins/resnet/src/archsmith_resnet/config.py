"""ResNet's configuration."""

from collections.abc import Iterator
from typing import Literal

from archsmith.backbone_config import BackboneConfig
from archsmith.config import Activation, Depth, Size, field

__all__ = ["REDUCTION", "ResNetConfig"]

#: How many times fewer channels a bottleneck layer has inside than outside.
REDUCTION = 4


class ResNetConfig(BackboneConfig):
    """The configuration of a ResNet. The defaults are those of resnet-50.

    As a backbone its stages are ``stem``, the embedded pixels, and ``stage1``, ``stage2``, …

    Example:
        >>> from archsmith import ResNetConfig
        >>> config = ResNetConfig(depths=[2, 2], hidden_sizes=[64, 128], layer_type="basic")
        >>> config.stage_names, config.out_features
        (['stem', 'stage1', 'stage2'], ['stage2'])
    """

    model_type = "resnet"
    # From both follow the stages, and one without the other breaks a rule.
    invalidates = {**BackboneConfig.invalidates, "depths": (), "hidden_sizes": ()}

    num_channels: Size = field(default=3, doc="Channels of an image.")
    embedding_size: Size = field(default=64, doc="Channels of the stem.")
    hidden_sizes: list[Size] = field(default=[256, 512, 1024, 2048], doc="Channels of each stage.")
    depths: list[Depth] = field(default=[3, 4, 6, 3], doc="Layers of each stage.")
    layer_type: Literal["basic", "bottleneck"] = field(
        default="bottleneck", doc="Layers of two 3 x 3 convolutions, or of one between two 1 x 1 ones."
    )
    hidden_act: Activation = field(default="relu", doc="Activation function of the stem, and behind each layer.")
    downsample_in_first_stage: bool = field(default=False, doc="The first stage halves the image too.")
    downsample_in_bottleneck: bool = field(
        default=False, doc="A bottleneck layer halves the image in its first convolution rather than its second."
    )

    @property
    def stage_names(self) -> list[str]:
        """The stages of the backbone: the embedded pixels, and each stage of layers."""
        return ["stem", *(f"stage{stage}" for stage in range(1, len(self.depths) + 1))]

    def rules(self) -> Iterator[str]:
        """Yield the broken rules between fields."""
        yield from super().rules()
        if not self.depths:
            yield "depths must have a number for each stage, at least for one, but is empty"
        if len(self.hidden_sizes) != len(self.depths):
            yield (
                f"hidden_sizes has {len(self.hidden_sizes)} and depths has {len(self.depths)} numbers, but both must "
                "have one for each stage"
            )
        if self.layer_type == "bottleneck" and min(self.hidden_sizes, default=REDUCTION) < REDUCTION:
            yield (
                f"hidden_sizes must be at least {REDUCTION} each for bottleneck layers, which have {REDUCTION} times "
                f"fewer channels inside, but holds {min(self.hidden_sizes)}"
            )
