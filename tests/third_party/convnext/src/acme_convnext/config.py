"""ConvNeXt's configuration."""

from collections.abc import Iterator

from archsmith.backbone_config import BackboneConfig
from archsmith.config import Activation, Depth, NonNegative, Probability, Size, field

__all__ = ["ConvNextConfig"]


class ConvNextConfig(BackboneConfig):
    """The configuration of a ConvNeXt; the defaults are those of ConvNeXt-T.

    As a backbone its stages are ``stem``, the patches, and ``stage1``, ``stage2``, …
    """

    model_type = "convnext"
    invalidates = {**BackboneConfig.invalidates, "depths": (), "hidden_sizes": (), "num_stages": ()}

    num_channels: Size = field(default=3, doc="Channels of an image.")
    patch_size: Size = field(default=4, doc="Side of a patch of the stem, in pixels.")
    num_stages: Depth = field(default=4, doc="Number of stages.")
    hidden_sizes: list[Size] = field(default=[96, 192, 384, 768], doc="Channels of each stage.")
    depths: list[Depth] = field(default=[3, 3, 9, 3], doc="Layers of each stage.")
    hidden_act: Activation = field(default="gelu", doc="Activation function of each layer.")
    initializer_range: NonNegative = field(default=0.02, doc="Standard deviation of the initial weights.")
    layer_norm_eps: NonNegative = field(default=1e-12, doc="Epsilon of the last normalisation; the others have 1e-6.")
    layer_scale_init_value: NonNegative = field(default=1e-6, doc="Initial scale of each layer; 0: none is learnt.")
    drop_path_rate: Probability = field(default=0.0, doc="Share of images that skip the last layer; less before it.")
    image_size: Size = field(default=224, doc="Side of the images it was trained on, in pixels.")

    @property
    def stage_names(self) -> list[str]:
        """The stages of the backbone: the patches, and each stage of layers."""
        return ["stem", *(f"stage{number}" for number in range(1, len(self.depths) + 1))]

    def rules(self) -> Iterator[str]:
        """Yield the broken rules between fields."""
        yield from super().rules()
        for name in ("hidden_sizes", "depths"):
            if len(getattr(self, name)) != self.num_stages:
                found = len(getattr(self, name))
                yield f"{name} has {found} numbers, but must have one for each of num_stages = {self.num_stages} stages"
        if self.drop_path_rate == 1:
            yield "drop_path_rate must be below 1, but is 1.0"
