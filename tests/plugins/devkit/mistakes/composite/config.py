from collections.abc import Iterator
from typing import Any

from archsmith.config import Activation, Count, Depth, NonNegative, PreTrainedConfig, Size, field


class PairingTextConfig(PreTrainedConfig):
    """The configuration of the tower of texts."""

    model_type = "pairing_text_model"
    base_config_key = "text_config"

    vocab_size: Size = field(default=49408, doc="Tokens in the vocabulary.")
    hidden_size: Size = field(default=512, doc="Width of the hidden states.")
    num_hidden_layers: Depth = field(default=12, doc="Transformer layers.")
    num_attention_heads: Size = field(default=8, doc="Attention heads in each layer; must divide hidden_size.")
    intermediate_size: Size = field(default=2048, doc="Width inside the feed-forward blocks.")
    hidden_act: Activation = field(default="quick_gelu", doc="Activation function of the feed-forward blocks.")
    max_position_embeddings: Size = field(default=77, doc="The most tokens.")
    layer_norm_eps: NonNegative = field(default=1e-5, doc="Added to the variance in every normalisation.")
    initializer_range: NonNegative = field(default=0.02, doc="Standard deviation of the initial weights.")
    pad_token_id: Count = field(default=0, doc="Token that pads.")

    def rules(self) -> Iterator[str]:
        yield from super().rules()
        if self.hidden_size % self.num_attention_heads:
            yield f"num_attention_heads is {self.num_attention_heads}, but must divide hidden_size {self.hidden_size}"
        if self.pad_token_id >= self.vocab_size:
            yield f"pad_token_id is {self.pad_token_id}, but must be below vocab_size {self.vocab_size}"


class PairingVisionConfig(PreTrainedConfig):
    """The configuration of the tower of images."""

    model_type = "pairing_vision_model"
    base_config_key = "vision_config"

    hidden_size: Size = field(default=768, doc="Width of the hidden states.")
    num_hidden_layers: Depth = field(default=12, doc="Transformer layers.")
    num_attention_heads: Size = field(default=12, doc="Attention heads in each layer; must divide hidden_size.")
    intermediate_size: Size = field(default=3072, doc="Width inside the feed-forward blocks.")
    hidden_act: Activation = field(default="quick_gelu", doc="Activation function of the feed-forward blocks.")
    image_size: Size = field(default=224, doc="Pixels of an image in each direction.")
    patch_size: Size = field(default=32, doc="Pixels of a patch in each direction.")
    num_channels: Size = field(default=3, doc="Channels of an image.")
    layer_norm_eps: NonNegative = field(default=1e-5, doc="Added to the variance in every normalisation.")
    initializer_range: NonNegative = field(default=0.02, doc="Standard deviation of the initial weights.")

    def rules(self) -> Iterator[str]:
        yield from super().rules()
        if self.hidden_size % self.num_attention_heads:
            yield f"num_attention_heads is {self.num_attention_heads}, but must divide hidden_size {self.hidden_size}"
        if self.patch_size > self.image_size:
            yield f"patch_size is {self.patch_size}, but must be at most image_size {self.image_size}"


class PairingConfig(PreTrainedConfig):
    """The configuration of both towers, and of what compares them."""

    model_type = "pairing"

    text_config: PairingTextConfig | None = field(default=None, doc="The tower of texts; none: the usual one.")
    vision_config: PairingVisionConfig | None = field(default=None, doc="The tower of images; none: the usual one.")
    projection_dim: Size = field(default=512, doc="Width of the vectors that are compared.")
    logit_scale_init_value: float = field(default=2.6592, doc="Logarithm of the scale of the logits, at first.")
    initializer_range: NonNegative = field(default=0.02, doc="Standard deviation of the initial weights.")

    def derived(self) -> dict[str, Any]:
        found: dict[str, Any] = {}
        if self.text_config is None:
            found["text_config"] = PairingTextConfig()
        if self.vision_config is None:
            found["vision_config"] = PairingVisionConfig()
        return found
