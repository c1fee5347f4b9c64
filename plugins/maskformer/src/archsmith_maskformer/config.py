"""Configurations of MaskFormer and of its transformer decoder."""

from collections.abc import Iterator, Mapping
from typing import Any

from archsmith.backbone_config import BackboneHostConfig
from archsmith.config import Activation, Depth, NonNegative, PreTrainedConfig, Probability, Size, field
from archsmith_maskformer.swin_config import SwinConfig

__all__ = ["DetrConfig", "MaskFormerConfig"]

#: Groups in which the pixel decoder normalises channels.
GROUPS = 32

#: The Swin-B of maskformer-swin-base-ade.
_PUBLISHED: Mapping[str, Any] = {
    "image_size": 384,
    "embed_dim": 128,
    "depths": [2, 2, 18, 2],
    "num_heads": [4, 8, 16, 32],
    "window_size": 12,
    "drop_path_rate": 0.3,
}


class DetrConfig(PreTrainedConfig):
    """The configuration of MaskFormer's transformer decoder, which is DETR's. The defaults are those of detr-resnet-50.

    It is known inside a `MaskFormerConfig` alone; what files say about the rest of a DETR is kept, but not read.
    """

    model_type = "detr"
    attribute_map = {
        "hidden_size": "d_model",
        "num_attention_heads": "encoder_attention_heads",
        "num_hidden_layers": "encoder_layers",
    }

    descriptive = (*PreTrainedConfig.descriptive, "encoder_ffn_dim")  # of the encoder that MaskFormer does not have

    num_queries: Size = field(default=100, doc="Queries: the most segments that can be found in an image.")
    d_model: Size = field(default=256, doc="Width of the queries; must be divisible by 4.")
    decoder_layers: Depth = field(default=6, doc="Layers of the decoder.")
    decoder_ffn_dim: Size = field(default=2048, doc="Width inside the feed-forward blocks.")
    decoder_attention_heads: Size = field(default=8, doc="Attention heads in each layer; must divide d_model.")
    encoder_layers: Depth = field(default=6, doc="Layers of DETR's encoder, which MaskFormer does not have.")
    encoder_attention_heads: Size = field(default=8, doc="Attention heads of DETR's encoder, likewise.")
    encoder_ffn_dim: Size = field(default=2048, doc="Width inside the feed-forward blocks of DETR's encoder, likewise.")
    activation_function: Activation = field(default="relu", doc="Activation function of the feed-forward blocks.")
    dropout: Probability = field(default=0.1, doc="Dropout of what each block adds.")
    attention_dropout: Probability = field(default=0.0, doc="Dropout of the attention probabilities.")
    activation_dropout: Probability = field(default=0.0, doc="Dropout inside the feed-forward blocks.")
    init_std: NonNegative = field(default=0.02, doc="Standard deviation of the initial weights.")
    auxiliary_loss: bool = field(default=False, doc="Normalise the queries after every layer, not the last alone.")

    def rules(self) -> Iterator[str]:
        """Yield the broken rules between fields."""
        yield from super().rules()
        if self.d_model % self.decoder_attention_heads:
            yield f"decoder_attention_heads is {self.decoder_attention_heads}, but must divide d_model {self.d_model}"
        if self.d_model % 4:
            yield f"d_model must be divisible by 4, for sines and cosines of rows and columns, but is {self.d_model}"


class MaskFormerConfig(BackboneHostConfig):
    """The configuration of a MaskFormer. The defaults are those of maskformer-swin-base-ade, with two classes.

    Any backbone may be chosen, as `archsmith.BackboneHostConfig` says; without a choice it is the published Swin-B.

    Example:
        >>> from archsmith import MaskFormerConfig
        >>> config = MaskFormerConfig(num_labels=5, decoder_config={"decoder_layers": 3})
        >>> config.backbone_config.model_type, config.backbone_config.depths
        ('swin', [2, 2, 18, 2])
        >>> config.decoder_config.decoder_layers
        3
    """

    model_type = "maskformer"
    attribute_map = {"hidden_size": "mask_feature_size"}
    computed = ("num_attention_heads", "num_hidden_layers")

    backbone_config: SwinConfig | PreTrainedConfig | None = field(default=None, doc="Configuration of the backbone.")
    decoder_config: DetrConfig | None = field(
        default=None, doc="Configuration of the transformer decoder; none: DETR's."
    )
    fpn_feature_size: Size = field(default=256, doc="Channels of the pixel decoder; must be divisible by 32.")
    mask_feature_size: Size = field(default=256, doc="Channels in which masks and pixels are compared.")
    no_object_weight: NonNegative = field(
        default=0.1, doc="Weight of queries that match nothing, in the cross entropy."
    )
    use_auxiliary_loss: bool = field(default=False, doc="Predict and learn after every layer, not the last alone.")
    output_auxiliary_logits: bool | None = field(default=None, doc="Return the predictions after every layer.")
    init_std: NonNegative = field(default=0.02, doc="Standard deviation of the initial weights.")
    init_xavier_std: NonNegative = field(default=1.0, doc="Gain of the initial weights of pixel decoder and mask head.")
    dice_weight: NonNegative = field(default=1.0, doc="Weight of the dice loss.")
    cross_entropy_weight: NonNegative = field(default=1.0, doc="Weight of the cross entropy of the classes.")
    mask_weight: NonNegative = field(default=20.0, doc="Weight of the focal loss of the masks.")

    @property
    def decoder(self) -> DetrConfig:
        """The configuration of the transformer decoder."""
        return self.decoder_config or DetrConfig.from_dict({})

    @property
    def num_attention_heads(self) -> int:
        """The attention heads that ``decoder_config`` gives DETR's encoder, under which name files have it."""
        return self.decoder.encoder_attention_heads

    @property
    def num_hidden_layers(self) -> int:
        """The layers that ``decoder_config`` gives DETR's encoder, likewise."""
        return self.decoder.encoder_layers

    def derived(self) -> dict[str, Any]:
        """Return DETR's decoder and the published Swin-B, where nothing was chosen."""
        found: dict[str, Any] = {}
        if self.decoder_config is None:
            found["decoder_config"] = DetrConfig.from_dict({})
        if self.backbone_config is None and self.backbone is None:
            found["backbone_config"] = SwinConfig.from_dict(_PUBLISHED)
        return found

    def rules(self) -> Iterator[str]:
        """Yield the broken rules between fields."""
        yield from super().rules()
        if not self.num_labels:
            yield "id2label must hold at least one class, but is empty"
        if self.fpn_feature_size % GROUPS:
            yield f"fpn_feature_size must be divisible by {GROUPS}, but is {self.fpn_feature_size}"
