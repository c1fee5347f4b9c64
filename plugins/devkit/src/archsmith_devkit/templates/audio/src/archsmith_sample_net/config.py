"""SampleNet's configuration."""

from collections.abc import Iterator

from archsmith.config import NonNegative, PreTrainedConfig, Size, field

__all__ = ["SampleNetConfig"]


class SampleNetConfig(PreTrainedConfig):
    """The configuration of a SampleNet. The defaults are for audio at 16000 Hz."""

    model_type = "sample-net"

    window: Size = field(default=400, doc="Samples that a frame is made of.")
    hop: Size = field(default=160, doc="Samples from one frame to the next.")
    hidden_size: Size = field(default=256, doc="Numbers in each frame.")
    num_hidden_layers: Size = field(default=4, doc="Blocks.")
    kernel_size: Size = field(default=9, doc="Frames that a block looks at; must be odd.")
    initializer_range: NonNegative = field(default=0.02, doc="Standard deviation of the initial weights.")

    def rules(self) -> Iterator[str]:
        """Yield the broken rules between fields."""
        yield from super().rules()
        if self.kernel_size % 2 == 0:
            yield f"kernel_size is {self.kernel_size}, but must be odd, so that it has a middle"
        if self.hop > self.window:
            yield f"hop is {self.hop}, but must be at most window {self.window}, so that no sample is lost"
