"""SampleNet's configuration, and those of its two encoders inside it."""

from collections.abc import Iterator
from typing import Any

from archsmith.config import NonNegative, PreTrainedConfig, Probability, Size, TokenId, field

__all__ = [
    "SampleNetConfig",
    "SampleNetTextConfig",
    "SampleNetVisionConfig",
]


class SampleNetEncoderConfig(PreTrainedConfig):
    """What both encoders have."""

    hidden_size: Size = field(default=128, doc="Width of the hidden states.")
    num_hidden_layers: Size = field(default=2, doc="Transformer blocks.")
    num_attention_heads: Size = field(default=4, doc="Attention heads in each block; must divide hidden_size.")
    intermediate_size: Size = field(default=512, doc="Width inside the feed-forward layers.")
    dropout: Probability = field(default=0.1, doc="Dropout of what each layer adds.")

    def rules(self) -> Iterator[str]:
        """Yield the broken rules between fields."""
        yield from super().rules()
        if self.hidden_size % self.num_attention_heads:
            yield f"num_attention_heads is {self.num_attention_heads}, but must divide hidden_size {self.hidden_size}"


class SampleNetTextConfig(SampleNetEncoderConfig):
    """The configuration of the encoder of texts."""

    model_type = "sample-net-text"

    vocab_size: Size = field(default=30522, doc="Tokens in the vocabulary.")
    max_position_embeddings: Size = field(default=64, doc="The most tokens in one text.")
    pad_token_id: TokenId = field(default=0, doc="Token that pads a batch.")

    def rules(self) -> Iterator[str]:
        """Yield the broken rules between fields."""
        yield from super().rules()
        if self.pad_token_id >= self.vocab_size:
            yield f"pad_token_id is {self.pad_token_id}, but must be below vocab_size {self.vocab_size}"


class SampleNetVisionConfig(SampleNetEncoderConfig):
    """The configuration of the encoder of images."""

    model_type = "sample-net-vision"

    image_size: Size = field(default=64, doc="Height and width of the images, in pixels.")
    patch_size: Size = field(default=16, doc="Height and width of a patch, in pixels; must divide image_size.")
    num_channels: Size = field(default=3, doc="Channels of the images.")

    def rules(self) -> Iterator[str]:
        """Yield the broken rules between fields."""
        yield from super().rules()
        if self.image_size % self.patch_size:
            yield f"patch_size is {self.patch_size}, but must divide image_size {self.image_size}"


class SampleNetConfig(PreTrainedConfig):
    """The configuration of a SampleNet: one inside it for each encoder."""

    model_type = "sample-net"

    text_config: SampleNetTextConfig | None = field(
        default=None,
        doc="Configuration of the encoder of texts.",
    )
    vision_config: SampleNetVisionConfig | None = field(
        default=None,
        doc="Configuration of the encoder of images.",
    )
    projection_dim: Size = field(default=64, doc="Width in which images and texts are compared.")
    logit_scale_init_value: float = field(default=2.6592, doc="Initial logarithm of what multiplies the scores.")
    initializer_range: NonNegative = field(default=0.02, doc="Standard deviation of the initial weights.")

    def derived(self) -> dict[str, Any]:
        """Return encoders with their defaults, where none was given."""
        encoders: dict[str, type[SampleNetEncoderConfig]] = {
            "text_config": SampleNetTextConfig,
            "vision_config": SampleNetVisionConfig,
        }
        return {name: cls() for name, cls in encoders.items() if getattr(self, name) is None}
