"""CLIP's configurations: that of texts, that of images, and that of both."""

from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

from archsmith.config import Activation, Count, Depth, NonNegative, PreTrainedConfig, Probability, Size, TokenId, field
from archsmith.messages import announce

__all__ = ["CLIPConfig", "CLIPTextConfig", "CLIPVisionConfig"]


class CLIPTowerConfig(PreTrainedConfig):
    """What the configurations of both halves have."""

    hidden_size: Size = field(default=512, doc="Width of the hidden states.")
    intermediate_size: Size = field(default=2048, doc="Width inside the two-layer networks.")
    projection_dim: Size = field(default=512, doc="Width of the space that texts and images share.")
    num_hidden_layers: Depth = field(default=12, doc="Number of layers.")
    num_attention_heads: Size = field(default=8, doc="Attention heads of each layer.")
    hidden_act: Activation = field(default="quick_gelu", doc="Activation function inside the layers.")
    layer_norm_eps: NonNegative = field(default=1e-5, doc="Epsilon of the normalisations.")
    attention_dropout: Probability = field(default=0.0, doc="Share of attention probabilities that training drops.")
    initializer_range: NonNegative = field(default=0.02, doc="Standard deviation of the initial embeddings.")
    initializer_factor: NonNegative = field(default=1.0, doc="What all initial standard deviations are multiplied by.")

    def rules(self) -> Iterator[str]:
        """Yield the broken rules between fields."""
        yield from super().rules()
        if self.hidden_size % self.num_attention_heads:
            heads = self.num_attention_heads
            yield f"hidden_size is {self.hidden_size}, but must be divisible by num_attention_heads {heads}"


class CLIPTextConfig(CLIPTowerConfig):
    """The configuration of the half that reads texts."""

    model_type = "clip_text_model"
    descriptive = (*CLIPTowerConfig.descriptive, "initializer_range")  # which no text model of the field reads
    base_config_key: ClassVar[str] = "text_config"

    vocab_size: Size = field(default=49408, doc="Tokens in the vocabulary.")
    max_position_embeddings: Size = field(default=77, doc="The most tokens of a text.")
    pad_token_id: Count | None = field(default=1, doc="Token that pads; nothing reads it.")
    bos_token_id: TokenId | None = field(default=49406, doc="Token that begins a text; nothing reads it.")
    eos_token_id: TokenId = field(
        default=49407, doc="Token whose state stands for a text, where it is first; 2: the token of the highest number."
    )


class CLIPVisionConfig(CLIPTowerConfig):
    """The configuration of the half that looks at images."""

    model_type = "clip_vision_model"
    base_config_key: ClassVar[str] = "vision_config"

    hidden_size: Size = field(default=768, doc="Width of the hidden states.")
    intermediate_size: Size = field(default=3072, doc="Width inside the two-layer networks.")
    num_attention_heads: Size = field(default=12, doc="Attention heads of each layer.")
    num_channels: Size = field(default=3, doc="Channels of an image.")
    image_size: Size = field(default=224, doc="Side of an image, in pixels.")
    patch_size: Size = field(default=32, doc="Side of a patch, in pixels.")

    def rules(self) -> Iterator[str]:
        """Yield the broken rules between fields."""
        yield from super().rules()
        if self.patch_size > self.image_size:
            yield f"patch_size is {self.patch_size}, but must be at most image_size {self.image_size}"


class CLIPConfig(PreTrainedConfig):
    """The configuration of CLIP: those of its halves, and what stands between them."""

    model_type = "clip"
    merged = (*PreTrainedConfig.merged, "text_config_dict", "vision_config_dict")

    text_config: CLIPTextConfig | None = field(default=None, doc="Configuration of the half that reads texts.")
    vision_config: CLIPVisionConfig | None = field(default=None, doc="Configuration of the half that looks at images.")
    projection_dim: Size = field(default=512, doc="Width of the space that texts and images share.")
    logit_scale_init_value: float = field(default=2.6592, doc="Initial logarithm of what similarities are scaled by.")
    initializer_factor: NonNegative = field(default=1.0, doc="What initial standard deviations are multiplied by.")

    def derived(self) -> dict[str, Any]:
        """Return the halves that were not given, with their defaults."""
        kinds = {"text_config": CLIPTextConfig, "vision_config": CLIPVisionConfig}
        return {name: kind() for name, kind in kinds.items() if getattr(self, name) is None}

    def merge_values(self, known: dict[str, Any], replaced: dict[str, Any], faults: list[str]) -> dict[str, Any]:
        """Read ``text_config_dict`` of older files, which stands in the place of ``text_config``; of images too."""
        merged = super().merge_values(known, replaced, faults)
        for name in ("text_config", "vision_config"):
            for values in (known, replaced):
                older, half = values.pop(f"{name}_dict", None), values.get(name)
                if older is None:
                    continue
                if isinstance(half, Mapping) and isinstance(older, Mapping):
                    differing = sorted(key for key in half if key in older and half[key] != older[key])
                    if differing:
                        announce(f"{name} and {name}_dict differ in {', '.join(differing)}; {name}_dict counts.")
                values[name] = older
        return merged
