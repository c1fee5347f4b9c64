"""wav2vec 2.0's configuration."""

import math
from collections.abc import Iterator, Mapping
from typing import Any, Literal, Self

from archsmith.config import Activation, Count, Depth, NonNegative, PreTrainedConfig, Probability, Size, TokenId, field
from archsmith.errors import ConfigError

__all__ = ["Wav2Vec2Config"]

_NO_PADDING, _ADAPTER_PADDING = 0, 1


class Wav2Vec2Config(PreTrainedConfig):
    """The configuration of a wav2vec 2.0 model. The defaults are those of facebook/wav2vec2-base-960h.

    Example:
        >>> from archsmith import Wav2Vec2Config
        >>> config = Wav2Vec2Config(num_hidden_layers=3)
        >>> config.inputs_to_logits_ratio, config.min_samples, config.frames(16000)
        (320, 400, 49)
    """

    model_type = "wav2vec2"
    descriptive = (*PreTrainedConfig.descriptive, "bos_token_id", "eos_token_id")
    computed = ("num_feat_extract_layers",)

    vocab_size: Size = field(default=32, doc="Tokens that a CTC head tells apart.")
    hidden_size: Size = field(default=768, doc="Width of the hidden states.")
    num_hidden_layers: Depth = field(default=12, doc="Transformer layers.")
    num_attention_heads: Size = field(default=12, doc="Attention heads in each layer; must divide hidden_size.")
    intermediate_size: Size = field(default=3072, doc="Width inside the feed-forward blocks.")
    hidden_act: Activation = field(default="gelu", doc="Activation function of the feed-forward blocks.")
    hidden_dropout: Probability = field(default=0.1, doc="Dropout of the hidden states.")
    activation_dropout: Probability = field(default=0.1, doc="Dropout inside the feed-forward blocks.")
    attention_dropout: Probability = field(default=0.1, doc="Dropout of the attention probabilities.")
    feat_proj_dropout: Probability = field(default=0.0, doc="Dropout behind the projection of the features.")
    feat_quantizer_dropout: Probability = field(default=0.0, doc="Dropout of the features that are quantized.")
    final_dropout: Probability = field(default=0.1, doc="Dropout before the CTC head.")
    layerdrop: Probability = field(default=0.1, doc="Share of transformer layers that a training step skips.")
    initializer_range: NonNegative = field(default=0.02, doc="Standard deviation of the initial weights.")
    layer_norm_eps: NonNegative = field(default=1e-5, doc="Added to the variance in the transformer's normalisations.")
    feat_extract_norm: Literal["group", "layer"] = field(
        default="group",
        doc="Normalisation of the convolutions: of the first one's channels over time, or of every frame.",
    )
    feat_extract_activation: Activation = field(default="gelu", doc="Activation function of the convolutions.")
    conv_dim: list[Size] = field(default=[512] * 7, doc="Channels of each convolution.")
    conv_stride: list[Size] = field(default=[5, 2, 2, 2, 2, 2, 2], doc="Stride of each convolution.")
    conv_kernel: list[Size] = field(default=[10, 3, 3, 3, 3, 2, 2], doc="Kernel of each convolution.")
    conv_bias: bool = field(default=False, doc="Convolutions have a bias.")
    num_conv_pos_embeddings: Size = field(default=128, doc="Kernel of the convolution that tells positions.")
    num_conv_pos_embedding_groups: Size = field(default=16, doc="Its groups; must divide hidden_size.")
    do_stable_layer_norm: bool = field(default=False, doc="Normalise before attention and feed-forward, not after.")
    apply_spec_augment: bool = field(default=True, doc="Mask features in training.")
    mask_time_prob: Probability = field(default=0.05, doc="Share of frames that masks cover, overlaps not counted.")
    mask_time_length: Size = field(default=10, doc="Frames of one mask.")
    mask_time_min_masks: Count = field(default=2, doc="The fewest masks of frames in a clip.")
    mask_feature_prob: Probability = field(default=0.0, doc="Share of features that masks cover, overlaps not counted.")
    mask_feature_length: Size = field(default=10, doc="Features of one mask.")
    mask_feature_min_masks: Count = field(default=0, doc="The fewest masks of features in a clip.")
    num_codevectors_per_group: Size = field(default=320, doc="Entries of each codebook.")
    num_codevector_groups: Size = field(default=2, doc="Codebooks; must divide codevector_dim.")
    contrastive_logits_temperature: NonNegative = field(
        default=0.1, doc="Divides the similarities of the contrastive loss."
    )
    num_negatives: Size = field(default=100, doc="Distractors of each masked frame.")
    codevector_dim: Size = field(default=256, doc="Width of the quantized features.")
    proj_codevector_dim: Size = field(default=256, doc="Width in which features and quantized features are compared.")
    diversity_loss_weight: NonNegative = field(default=0.1, doc="Weight of the diversity loss.")
    ctc_loss_reduction: Literal["sum", "mean", "none"] = field(
        default="sum", doc="How the losses of the clips become one."
    )
    ctc_zero_infinity: bool = field(default=False, doc="Leave clips out of the loss that are too short for their text.")
    use_weighted_layer_sum: bool = field(default=False, doc="Classify a learned average of all layers.")
    classifier_proj_size: Size = field(default=256, doc="Width of the projection before the classifier.")
    tdnn_dim: list[Size] = field(default=[512, 512, 512, 512, 1500], doc="Width of each time-delay layer.")
    tdnn_kernel: list[Size] = field(default=[5, 3, 3, 1, 1], doc="Kernel of each time-delay layer.")
    tdnn_dilation: list[Size] = field(default=[1, 2, 3, 1, 1], doc="Dilation of each time-delay layer.")
    xvector_output_dim: Size = field(default=512, doc="Width of the vector that stands for a speaker.")
    pad_token_id: TokenId | None = field(default=0, doc="The blank of CTC.")
    bos_token_id: TokenId | None = field(default=1, doc="Token that begins a text.")
    eos_token_id: TokenId | list[TokenId] | None = field(default=2, doc="Token that ends a text.")
    add_adapter: bool = field(default=False, doc="Shorten the hidden states with convolutions behind the transformer.")
    adapter_kernel_size: Size = field(default=3, doc="Kernel of these convolutions.")
    adapter_stride: Size = field(default=2, doc="Their stride.")
    num_adapter_layers: Depth = field(default=3, doc="Their number.")
    output_hidden_size: Size | None = field(default=None, doc="Their width; none: hidden_size.")
    adapter_attn_dim: Size | None = field(
        default=None, doc="Width of the language adapter in each layer; none: no adapters."
    )

    @classmethod
    def from_dict(cls, values: Mapping[str, Any], /, *, source: str = "", **overrides: Any) -> Self:
        """Build a configuration from the content of a config.json; see `PreTrainedConfig.from_dict`.

        Files of the field also count the convolutions, which must fit.
        """
        counted = dict(values).get("num_feat_extract_layers") if isinstance(values, Mapping) else None  # type: ignore[redundant-expr]
        if counted is not None:
            values = {name: value for name, value in values.items() if name != "num_feat_extract_layers"}
            listed = values.get("conv_dim")
            if isinstance(listed, list) and counted != len(listed) and "conv_dim" not in overrides:
                raise ConfigError(
                    f"{source or 'the values'}: conv_dim must have num_feat_extract_layers {counted!r} entries, but "
                    f"has {len(listed)}."
                )
        return super().from_dict(values, source=source, **overrides)

    def rules(self) -> Iterator[str]:
        """Yield the broken rules between fields."""
        yield from super().rules()
        lengths = len(self.conv_dim), len(self.conv_stride), len(self.conv_kernel)
        if len(set(lengths)) > 1 or not self.conv_dim:
            numbers = f"{lengths[0]}, {lengths[1]} and {lengths[2]}"
            yield f"conv_dim, conv_stride and conv_kernel must have one entry for each convolution, but have {numbers}"
        lengths = len(self.tdnn_dim), len(self.tdnn_kernel), len(self.tdnn_dilation)
        if len(set(lengths)) > 1 or not self.tdnn_dim:
            numbers = f"{lengths[0]}, {lengths[1]} and {lengths[2]}"
            yield f"tdnn_dim, tdnn_kernel and tdnn_dilation must have one entry for each layer, but have {numbers}"
        if self.hidden_size % self.num_attention_heads:
            yield f"num_attention_heads is {self.num_attention_heads}, but must divide hidden_size {self.hidden_size}"
        if self.hidden_size % self.num_conv_pos_embedding_groups:
            yield (
                f"num_conv_pos_embedding_groups is {self.num_conv_pos_embedding_groups}, but must divide hidden_size "
                f"{self.hidden_size}"
            )
        if self.codevector_dim % self.num_codevector_groups:
            yield (
                f"num_codevector_groups is {self.num_codevector_groups}, but must divide codevector_dim "
                f"{self.codevector_dim}"
            )
        if self.pad_token_id is not None and self.pad_token_id >= self.vocab_size:
            yield f"pad_token_id is {self.pad_token_id}, but must be below vocab_size {self.vocab_size}"
        if self.adapter_attn_dim is not None and not self.do_stable_layer_norm:
            yield (
                f"adapter_attn_dim is {self.adapter_attn_dim}, but must be null: only layers with "
                "do_stable_layer_norm=True have language adapters"
            )
        if not self.contrastive_logits_temperature:
            yield "contrastive_logits_temperature is 0, but must be above it, because it divides"

    @property
    def num_feat_extract_layers(self) -> int:
        """The number of convolutions before the transformer."""
        return len(self.conv_dim)

    @property
    def inputs_to_logits_ratio(self) -> int:
        """The samples from one frame to the next."""
        return math.prod(self.conv_stride)

    @property
    def adapted_size(self) -> int:
        """The width of the last hidden states."""
        return (self.output_hidden_size or self.hidden_size) if self.add_adapter else self.hidden_size

    @property
    def min_samples(self) -> int:
        """The fewest samples that give a frame behind every convolution."""
        samples = 1
        for kernel, stride, padding in reversed(self._convolutions(adapted=True)):
            samples = max((samples - 1) * stride + kernel - 2 * padding, 1)
        return samples

    def frames(self, samples: Any, *, adapted: bool = True) -> Any:
        """Return how many frames so many samples become.

        Args:
            samples: An integer, or a tensor of integers.
            adapted: Count behind the adapter, where there is one.
        """
        for kernel, stride, padding in self._convolutions(adapted=adapted):
            samples = (samples + 2 * padding - kernel) // stride + 1
        return samples

    def _convolutions(self, *, adapted: bool) -> list[tuple[int, int, int]]:
        """Return kernel, stride and padding of every convolution."""
        layers = [(*layer, _NO_PADDING) for layer in zip(self.conv_kernel, self.conv_stride, strict=True)]
        if adapted and self.add_adapter:
            adapter = (self.adapter_kernel_size, self.adapter_stride, _ADAPTER_PADDING)
            layers += [adapter] * self.num_adapter_layers
        return layers
