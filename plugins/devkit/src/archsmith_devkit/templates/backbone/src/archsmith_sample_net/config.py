"""SampleNet's configuration."""

from collections.abc import Iterator

from archsmith.backbone_config import BackboneConfig
from archsmith.config import NonNegative, Size, field

__all__ = ["SampleNetConfig"]


class SampleNetConfig(BackboneConfig):
    """The configuration of a SampleNet. Its stages are ``stage1``, ``stage2``, …, finest first."""

    model_type = "sample-net"
    # From both follow the stages, so a new value of either makes an old choice of stages void.
    invalidates = {**BackboneConfig.invalidates, "hidden_sizes": (), "depths": ()}

    num_channels: Size = field(default=3, doc="Channels of an image.")
    hidden_sizes: list[Size] = field(default=[64, 128, 256, 512], doc="Channels of each stage.")
    depths: list[Size] = field(default=[2, 2, 2, 2], doc="Blocks of each stage.")
    initializer_range: NonNegative = field(default=0.02, doc="Standard deviation of the initial weights.")

    @property
    def stage_names(self) -> list[str]:
        """The names of the stages."""
        return [f"stage{number}" for number in range(1, len(self.hidden_sizes) + 1)]

    def rules(self) -> Iterator[str]:
        """Yield the broken rules between fields."""
        yield from super().rules()
        if not self.hidden_sizes:
            yield "hidden_sizes must have a number for each stage, at least for one, but is empty"
        if len(self.hidden_sizes) != len(self.depths):
            sizes = f"hidden_sizes has {len(self.hidden_sizes)} and depths has {len(self.depths)} numbers"
            yield f"{sizes}, but both must have one for each stage"
