"""MaskFormer without its heads: a backbone, a pyramid of its features, and queries that look at the coarsest of them.

Source: Cheng et al., "Per-Pixel Classification is Not All You Need for Semantic Segmentation" (arXiv:2107.06278),
section 3.3; the queries' decoder is that of Carion et al., "End-to-End Object Detection with Transformers"
(arXiv:2005.12872), section 3.2. Names of modules and parameters are those of the published checkpoints.
"""

import math
import re
from collections.abc import Sequence
from typing import Any, ClassVar

import torch
import torch.nn.functional as F  # noqa: N812  # the field's own abbreviation
from torch import Tensor, nn

from archsmith.backbone import load_backbone
from archsmith.errors import InputError
from archsmith.layers.activations import activation
from archsmith.layers.attention import attend, split_heads
from archsmith.layers.stack import Stack
from archsmith.messages import shown
from archsmith.model import PreTrainedModel
from archsmith.outputs import ModelOutput
from archsmith_maskformer.config import GROUPS, DetrConfig, MaskFormerConfig
from archsmith_maskformer.swin import MaskFormerSwinBackbone

__all__ = ["MaskFormerModel", "MaskFormerModelOutput", "MaskFormerPreTrainedModel"]


class MaskFormerModelOutput(ModelOutput):
    """What a MaskFormer without its heads returns.

    Attributes:
        encoder_last_hidden_state: ``(batch, channels, height, width)`` float: the coarsest features of the backbone.
        pixel_decoder_last_hidden_state: ``(batch, mask_feature_size, height, width)`` float: what the masks are
            compared with, as fine as the finest features of the backbone.
        transformer_decoder_last_hidden_state: ``(batch, queries, d_model)`` float.
        encoder_hidden_states: All features of the backbone, finest first.
        pixel_decoder_hidden_states: The features of the pixel decoder, coarsest first, each
            ``(batch, fpn_feature_size, height, width)``; without the coarsest of the backbone.
        transformer_decoder_hidden_states: The queries before each layer and at the end.
        hidden_states: The three above in one.
        attentions: How the queries attend to each other in each layer, ``(batch, heads, queries, queries)``.
    """

    encoder_last_hidden_state: Tensor | None = None
    pixel_decoder_last_hidden_state: Tensor | None = None
    transformer_decoder_last_hidden_state: Tensor | None = None
    encoder_hidden_states: tuple[Tensor, ...] | None = None
    pixel_decoder_hidden_states: tuple[Tensor, ...] | None = None
    transformer_decoder_hidden_states: tuple[Tensor, ...] | None = None
    hidden_states: tuple[Tensor, ...] | None = None
    attentions: tuple[Tensor, ...] | None = None


class ConvBlock(nn.Sequential):
    """A 3 x 3 convolution, normalised and rectified."""

    def __init__(self, inputs: int, outputs: int) -> None:
        convolution = nn.Conv2d(inputs, outputs, kernel_size=3, padding=1, bias=False)
        super().__init__(convolution, nn.GroupNorm(GROUPS, outputs), nn.ReLU())


class FusingLayer(nn.Module):
    """Adds finer features of the backbone to coarser ones of the pyramid."""

    def __init__(self, inputs: int, width: int) -> None:
        super().__init__()
        projection = nn.Conv2d(inputs, width, kernel_size=1, bias=False)
        self.proj = nn.Sequential(projection, nn.GroupNorm(GROUPS, width))
        self.block = ConvBlock(width, width)

    def forward(self, coarse: Tensor, fine: Tensor) -> Tensor:
        """Return ``(batch, width, height, width)``, as fine as ``fine``."""
        added = self.proj(fine)
        return self.block(F.interpolate(coarse, size=added.shape[-2:], mode="nearest") + added)  # type: ignore[no-any-return]


class FeaturePyramid(nn.Module):
    """Carries what the coarse features know to the fine ones (arXiv:1612.03144)."""

    def __init__(self, channels: Sequence[int], width: int) -> None:
        super().__init__()
        *finer, coarsest = channels
        self.stem = ConvBlock(coarsest, width)
        self.layers = nn.ModuleList(FusingLayer(inputs, width) for inputs in reversed(finer))

    def forward(self, features: Sequence[Tensor]) -> list[Tensor]:
        """Return the features at every scale, coarsest first."""
        *finer, coarsest = features
        pyramid = [self.stem(coarsest)]
        for layer, fine in zip(self.layers, reversed(finer), strict=True):
            pyramid.append(layer(pyramid[-1], fine))
        return pyramid


class PixelDecoder(nn.Module):
    """The pyramid, and the projection of its finest features that masks are compared with."""

    def __init__(self, channels: Sequence[int], config: MaskFormerConfig) -> None:
        super().__init__()
        self.fpn = FeaturePyramid(channels, config.fpn_feature_size)
        self.mask_projection = nn.Conv2d(config.fpn_feature_size, config.mask_feature_size, kernel_size=3, padding=1)

    def forward(self, features: Sequence[Tensor]) -> tuple[Tensor, tuple[Tensor, ...]]:
        """Return the features of the pixels, and those of the pyramid but the coarsest."""
        pyramid = self.fpn(features)
        return self.mask_projection(pyramid[-1]), tuple(pyramid[1:])


class PixelLevelModule(nn.Module):
    """Backbone and pixel decoder."""

    def __init__(self, backbone: nn.Module, channels: Sequence[int], config: MaskFormerConfig) -> None:
        super().__init__()
        self.encoder = backbone
        self.decoder = PixelDecoder(channels, config)

    def forward(self, pixel_values: Tensor) -> tuple[tuple[Tensor, ...], Tensor, tuple[Tensor, ...]]:
        """Return the features of the backbone, finest first, and what the pixel decoder makes of them."""
        features: tuple[Tensor, ...] = self.encoder(pixel_values, return_dict=True).feature_maps
        pixels, pyramid = self.decoder(features)
        return features, pixels, pyramid


class Attention(nn.Module):
    """Multi-head attention whose queries and keys, but not values, know positions."""

    def __init__(self, config: DetrConfig) -> None:
        super().__init__()
        self.head_size = config.d_model // config.decoder_attention_heads
        self.dropout = config.attention_dropout
        self.k_proj = nn.Linear(config.d_model, config.d_model)
        self.v_proj = nn.Linear(config.d_model, config.d_model)
        self.q_proj = nn.Linear(config.d_model, config.d_model)
        self.out_proj = nn.Linear(config.d_model, config.d_model)

    def forward(self, queries: Tensor, keys: Tensor, values: Tensor, *, eager: bool) -> tuple[Tensor, Tensor | None]:
        """Return the attended values, ``(batch, queries, width)``, and the attention maps if ``eager``."""
        attended, maps = attend(
            split_heads(self.q_proj(queries), self.head_size),
            split_heads(self.k_proj(keys), self.head_size),
            split_heads(self.v_proj(values), self.head_size),
            dropout=self.dropout if self.training else 0.0,
            eager=eager,
        )
        return self.out_proj(attended), maps


class DecoderLayer(nn.Module):
    """Attention of the queries to each other and to the image, and feed-forward; each normalised afterwards."""

    def __init__(self, config: DetrConfig) -> None:
        super().__init__()
        width = config.d_model
        self.self_attn = Attention(config)
        self.self_attn_layer_norm = nn.LayerNorm(width)
        self.encoder_attn = Attention(config)
        self.encoder_attn_layer_norm = nn.LayerNorm(width)
        self.fc1 = nn.Linear(width, config.decoder_ffn_dim)
        self.fc2 = nn.Linear(config.decoder_ffn_dim, width)
        self.final_layer_norm = nn.LayerNorm(width)
        self.activation = activation(config.activation_function)
        self.dropout = nn.Dropout(config.dropout)
        self.activation_dropout = nn.Dropout(config.activation_dropout)

    def forward(
        self, hidden: Tensor, query_positions: Tensor, places: Tensor, place_positions: Tensor, *, eager: bool
    ) -> tuple[Tensor, Tensor | None]:
        """Let the queries look around.

        Args:
            hidden: ``(batch, queries, width)``.
            query_positions: ``(queries, width)``, what tells the queries apart.
            places: ``(batch, places, width)``, the features of the image.
            place_positions: ``(places, width)``.
            eager: Return the attention maps too.

        Returns:
            The next hidden states, and how the queries attended to each other.
        """
        placed = hidden + query_positions
        attended, maps = self.self_attn(placed, placed, hidden, eager=eager)
        hidden = self.self_attn_layer_norm(hidden + self.dropout(attended))
        attended, _ = self.encoder_attn(hidden + query_positions, places + place_positions, places, eager=eager)
        hidden = self.encoder_attn_layer_norm(hidden + self.dropout(attended))
        inner = self.activation_dropout(self.activation(self.fc1(hidden)))
        return self.final_layer_norm(hidden + self.dropout(self.fc2(inner))), maps


class Decoder(nn.Module):
    """The stack of layers, and a normalisation at its end."""

    def __init__(self, config: DetrConfig) -> None:
        super().__init__()
        self.normalises_all = config.auxiliary_loss
        self.layers = Stack(DecoderLayer(config) for _ in range(config.decoder_layers))
        self.layernorm = nn.LayerNorm(config.d_model)

    def forward(
        self, query_positions: Tensor, places: Tensor, place_positions: Tensor, *, eager: bool
    ) -> tuple[tuple[Tensor, ...], tuple[Tensor | None, ...]]:
        """Return the queries before each layer and at the end, and the attention maps. Arguments as a layer's."""
        hidden = torch.zeros_like(query_positions).expand(places.shape[0], -1, -1)  # (batch, queries, width)
        states, maps = [], []
        for layer in self.layers.steps():
            states.append(hidden)
            hidden, attention_map = layer(hidden, query_positions, places, place_positions, eager=eager)
            if self.normalises_all:
                hidden = self.layernorm(hidden)
            maps.append(attention_map)
        return (*states, self.layernorm(hidden)), tuple(maps)


class TransformerModule(nn.Module):
    """Queries, and the decoder in which they look at the coarsest features of the backbone."""

    def __init__(self, channels: int, config: DetrConfig) -> None:
        super().__init__()
        width = config.d_model
        self.num_queries = config.num_queries
        self.queries_embedder = nn.Embedding(config.num_queries, width)
        self.input_projection = nn.Conv2d(channels, width, kernel_size=1) if channels != width else None
        self.decoder = Decoder(config)

    def forward(self, features: Tensor, *, eager: bool) -> tuple[tuple[Tensor, ...], tuple[Tensor | None, ...]]:
        """Return what the decoder returns for features, ``(batch, channels, height, width)``."""
        if self.input_projection is not None:
            features = self.input_projection(features)
        positions = _sine_positions(features)
        places = features.flatten(2).transpose(1, 2)  # (batch, height × width, d_model)
        queries = self.queries_embedder(torch.arange(self.num_queries, device=features.device))  # (queries, d_model)
        found: tuple[Any, Any] = self.decoder(queries, places, positions, eager=eager)
        return found


class MaskFormerPreTrainedModel(PreTrainedModel):
    """What all MaskFormers share."""

    config: MaskFormerConfig
    config_class = MaskFormerConfig
    base_model_prefix = "model"
    main_input_name = "pixel_values"
    ignored_keys: ClassVar[tuple[str, ...]] = ("criterion.empty_weight",)

    def init_weights(self, module: nn.Module) -> None:
        """Initialise one module: convolutions of the pyramid and of the queries' input evenly (Glorot), without bias.

        The queries start far apart, as DETR's do: those that start alike learn the same for a long time. The backbone
        has initial values of its own.
        """
        super().init_weights(module)
        if isinstance(module, nn.Embedding):
            nn.init.normal_(module.weight)
        elif isinstance(module, nn.Linear):
            nn.init.normal_(module.weight, std=self.config.init_std)
        elif isinstance(module, nn.Conv2d) and (module.bias is None or module.kernel_size == (1, 1)):
            # all but the projection of the masks
            nn.init.xavier_uniform_(module.weight, gain=self.config.init_xavier_std)

    @staticmethod
    def rename_key(key: str) -> str:
        """Translate the names that the transformer decoder has in some newer files."""
        key = re.sub(r"(_attn)\.o_proj\.", r"\1.out_proj.", key)
        return re.sub(r"(decoder\.layers\.\d+)\.mlp\.(fc[12]\.)", r"\1.\2", key)


class MaskFormerModel(MaskFormerPreTrainedModel):
    """MaskFormer without its heads: features of pixels, and queries for the segments that they may belong to.

    Example:
        >>> import torch
        >>> from archsmith import MaskFormerConfig, MaskFormerModel
        >>> config = MaskFormerConfig(
        ...     backbone_config={"model_type": "swin", "embed_dim": 8, "depths": [1, 1], "num_heads": [1, 2]},
        ...     decoder_config={"d_model": 16, "decoder_layers": 1, "decoder_attention_heads": 2, "num_queries": 5},
        ...     fpn_feature_size=32,
        ...     mask_feature_size=16,
        ... )
        >>> output = MaskFormerModel(config)(torch.zeros(1, 3, 64, 48))
        >>> output.transformer_decoder_last_hidden_state.shape, output.pixel_decoder_last_hidden_state.shape
        (torch.Size([1, 5, 16]), torch.Size([1, 16, 16, 12]))
    """

    def __init__(self, config: MaskFormerConfig) -> None:
        super().__init__(config)
        backbone = load_backbone(config, own={"swin": MaskFormerSwinBackbone})
        self.config = config.with_backbone_config(backbone.config)
        self.pixel_level_module = PixelLevelModule(backbone, backbone.channels, config)
        self.transformer_module = TransformerModule(backbone.channels[-1], config.decoder)

    def forward(
        self,
        pixel_values: Tensor,
        pixel_mask: Tensor | None = None,
        *,
        output_hidden_states: bool | None = None,
        output_attentions: bool | None = None,
        return_dict: bool | None = None,
    ) -> Any:
        """Look at a batch of images.

        Args:
            pixel_values: ``(batch, channels, height, width)`` float.
            pixel_mask: ``(batch, height, width)``, 1 on the image and 0 on what fills the batch up, as the image
                processor makes it. A MaskFormer looks at both alike: it has no effect.
            output_hidden_states: Return the features of backbone and pixel decoder and the queries of every layer.
            output_attentions: Return how the queries attend to each other in every layer.
            return_dict: Return an output object (True) or a tuple.

        Returns:
            `MaskFormerModelOutput`.

        Raises:
            InputError: A shape or a type does not fit.
        """
        wants_maps = self.wants_attentions(output_attentions)
        features, pixels, pyramid = self.pixel_level_module(pixel_values)
        _check_mask(pixel_mask, pixel_values)
        eager = wants_maps or self.attn_implementation == "eager"
        queries, maps = self.transformer_module(features[-1], eager=eager)
        output = MaskFormerModelOutput(
            encoder_last_hidden_state=features[-1],
            pixel_decoder_last_hidden_state=pixels,
            transformer_decoder_last_hidden_state=queries[-1],
            attentions=maps if wants_maps else None,
        )
        if self.wants_hidden_states(output_hidden_states):
            output.encoder_hidden_states = features
            output.pixel_decoder_hidden_states = pyramid
            output.transformer_decoder_hidden_states = queries
            output.hidden_states = (*features, *pyramid, *queries)
        return self.as_requested(output, return_dict)


def _check_mask(pixel_mask: Any, pixel_values: Tensor) -> None:
    wanted = (pixel_values.shape[0], *pixel_values.shape[2:])
    if pixel_mask is None or (isinstance(pixel_mask, Tensor) and pixel_mask.shape == wanted):
        return
    got = f"has {tuple(pixel_mask.shape)}" if isinstance(pixel_mask, Tensor) else f"is {shown(pixel_mask)}"
    raise InputError(f"pixel_mask must be a tensor of the shape (batch, height, width) = {wanted}, but {got}.")


def _sine_positions(features: Tensor) -> Tensor:
    """Return waves that tell where each place of a map lies, ``(height × width, channels)``.

    The first half of the channels is for the rows, the second for the columns; an image spans one turn, whatever its
    size. Source: arXiv:2005.12872, appendix A.4.

    Args:
        features: ``(batch, channels, height, width)`` float; the channels are divisible by 4.
    """
    count = features.shape[1] // 2
    channels = torch.arange(count, device=features.device)
    turns = 10000.0 ** (2 * channels.div(2, rounding_mode="floor").to(features.dtype) / count)
    waves = []
    for size in features.shape[2:]:
        line = torch.arange(1, size + 1, dtype=features.dtype, device=features.device)
        angles = (line / (size + 1e-6) * (2 * math.pi))[:, None] / turns  # (size, channels / 2)
        waves.append(torch.where(channels % 2 == 0, angles.sin(), angles.cos()))
    height, width = features.shape[2:]
    rows, columns = waves[0][:, None].expand(-1, width, -1), waves[1][None].expand(height, -1, -1)
    return torch.cat([rows, columns], dim=-1).flatten(0, 1)  # (height × width, channels)
