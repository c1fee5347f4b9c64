"""SampleNet's configuration."""

from collections.abc import Iterator

from archsmith.config import NonNegative, PreTrainedConfig, Size, field

__all__ = ["SampleNetConfig"]


class SampleNetConfig(PreTrainedConfig):
    """The configuration of a SampleNet."""

    model_type = "sample-net"

    num_channels: Size = field(default=3, doc="Channels of an image.")
    patch_size: Size = field(default=16, doc="Height and width of a patch, in pixels.")
    hidden_size: Size = field(default=256, doc="Channels of the features.")
    num_hidden_layers: Size = field(default=6, doc="Blocks.")
    kernel_size: Size = field(default=7, doc="Height and width of what a block looks at, in patches; must be odd.")
    initializer_range: NonNegative = field(default=0.02, doc="Standard deviation of the initial weights.")

    def rules(self) -> Iterator[str]:
        """Yield the broken rules between fields."""
        yield from super().rules()
        if self.kernel_size % 2 == 0:
            yield f"kernel_size is {self.kernel_size}, but must be odd, so that it has a middle"
