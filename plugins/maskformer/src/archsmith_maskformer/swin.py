"""Swin: a transformer whose attention looks through windows, at four scales; MaskFormer's own backbone.

Source: Liu et al., "Swin Transformer: Hierarchical Vision Transformer using Shifted Windows" (arXiv:2103.14030),
section 3. Names of modules and parameters are those of the published MaskFormers.
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from archsmith.backbone import Backbone
from archsmith.errors import ConfigError
from archsmith.layers.pixels import check_pixels
from archsmith.model import PreTrainedModel
from archsmith.options import read_flag
from archsmith.outputs import BackboneOutput, ModelOutput
from archsmith_maskformer.swin_config import MaskFormerSwinConfig
from archsmith_maskformer.swin_layers import Embeddings, Encoded, Encoder, SelfAttention, Shape

__all__ = [
    "MaskFormerSwinBackbone",
    "MaskFormerSwinModel",
    "MaskFormerSwinModelOutputWithPooling",
    "MaskFormerSwinPreTrainedModel",
]


class MaskFormerSwinModelOutputWithPooling(ModelOutput):
    """What a Swin returns.

    Attributes:
        last_hidden_state: ``(batch, places, width)`` float: the last stage, normalised.
        pooler_output: ``(batch, width)`` float: its mean over all places.
        hidden_states: The embedded patches, ``(batch, places, width)``; and for each stage a tuple with what goes into
            each of its blocks and what comes out.
        hidden_states_spatial_dimensions: Rows and columns of the embedded patches and behind each stage.
        attentions: The attention probabilities of each block, ``(batch × windows, heads, places, places)``.
    """

    last_hidden_state: Tensor | None = None
    pooler_output: Tensor | None = None
    hidden_states: tuple[Any, ...] | None = None
    hidden_states_spatial_dimensions: tuple[Shape, ...] | None = None
    attentions: tuple[Tensor, ...] | None = None


class MaskFormerSwinPreTrainedModel(PreTrainedModel):
    """What all Swin models share."""

    config: MaskFormerSwinConfig
    config_class = MaskFormerSwinConfig
    base_model_prefix = "model"
    main_input_name = "pixel_values"
    ignored_keys = ("*.relative_position_index",)

    def init_weights(self, module: nn.Module) -> None:
        """Initialise one module; positions and biases of the attention start from zero."""
        super().init_weights(module)
        if isinstance(module, Embeddings) and module.position_embeddings is not None:
            nn.init.zeros_(module.position_embeddings)
        elif isinstance(module, SelfAttention):
            nn.init.zeros_(module.relative_position_bias_table)


class MaskFormerSwinModel(MaskFormerSwinPreTrainedModel):
    """Swin without a head: hidden states for every place of the last stage and, from the pooler, their mean.

    Images may have any size. With absolute positions they must have that of the configuration, unless
    ``interpolate_pos_encoding`` stretches the positions over them.

    Example:
        >>> import torch
        >>> from archsmith import MaskFormerSwinConfig, MaskFormerSwinModel
        >>> config = MaskFormerSwinConfig(embed_dim=8, depths=[1, 2], num_heads=[1, 2], window_size=4)
        >>> MaskFormerSwinModel(config)(torch.zeros(1, 3, 50, 64)).last_hidden_state.shape
        torch.Size([1, 56, 16])
    """

    def __init__(self, config: MaskFormerSwinConfig, add_pooling_layer: bool = True) -> None:
        super().__init__(config)
        self.embeddings = Embeddings(config)
        self.encoder = Encoder(config)
        self.layernorm = nn.LayerNorm(config.hidden_size, eps=config.layer_norm_eps)
        self.pools = add_pooling_layer

    def encode(self, pixel_values: Tensor, *, interpolate: bool, eager: bool) -> Encoded:
        """Return what the stages make of a batch of images. Arguments and errors as `forward`."""
        pixels = check_pixels(pixel_values, channels=self.config.num_channels)
        hidden, shape = self.embeddings(pixels.to(self.dtype), interpolate=interpolate)
        encoded: Encoded = self.encoder(hidden, shape, eager=eager or self.attn_implementation == "eager")
        return encoded

    def forward(
        self,
        pixel_values: Tensor,
        *,
        output_attentions: bool | None = None,
        output_hidden_states: bool | None = None,
        interpolate_pos_encoding: bool | None = None,
        return_dict: bool | None = None,
    ) -> Any:
        """Encode a batch of images.

        Args:
            pixel_values: ``(batch, channels, height, width)`` float.
            output_attentions: Return the attention maps of every block.
            output_hidden_states: Return the hidden states of every block.
            interpolate_pos_encoding: Stretch absolute positions over images of another size.
            return_dict: Return an output object (True) or a tuple.

        Returns:
            `MaskFormerSwinModelOutputWithPooling`; as a tuple without ``hidden_states_spatial_dimensions``, and with
            None for ``pooler_output`` where there is no pooler.

        Raises:
            InputError: A shape or a type does not fit.
        """
        wants_maps = self.wants_attentions(output_attentions)
        interpolate = read_flag("interpolate_pos_encoding", interpolate_pos_encoding, default=False)
        encoded = self.encode(pixel_values, interpolate=interpolate, eager=wants_maps)
        last = self.layernorm(encoded.last)
        output = MaskFormerSwinModelOutputWithPooling(
            last_hidden_state=last,
            pooler_output=last.mean(dim=1) if self.pools else None,
            hidden_states=encoded.states if self.wants_hidden_states(output_hidden_states) else None,
            hidden_states_spatial_dimensions=tuple(encoded.shapes),
            attentions=encoded.maps if wants_maps else None,
        )
        requested = self.as_requested(output, return_dict)
        if not isinstance(requested, tuple):
            return requested
        more = [part for part in (output.hidden_states, output.attentions) if part is not None]
        return (last, output.pooler_output, *more)  # as this class of the field always had it: the pooler's place stays


class MaskFormerSwinBackbone(MaskFormerSwinPreTrainedModel, Backbone):
    """Swin that gives a map after each of the chosen stages, each normalised. Images may have any size.

    Example:
        >>> import torch
        >>> from archsmith import MaskFormerSwinBackbone, MaskFormerSwinConfig
        >>> config = MaskFormerSwinConfig(
        ...     embed_dim=8, depths=[1, 2], num_heads=[1, 2], window_size=4, out_features=["stage1", "stage2"]
        ... )
        >>> backbone = MaskFormerSwinBackbone(config)
        >>> [tuple(features.shape) for features in backbone(torch.zeros(1, 3, 50, 64)).feature_maps]
        [(1, 8, 13, 16), (1, 16, 7, 8)]
        >>> backbone.channels, backbone.strides
        ([8, 16], [4, 8])
    """

    config: MaskFormerSwinConfig

    def __init__(self, config: MaskFormerSwinConfig) -> None:
        super().__init__(config)
        if config.patch_shape[0] != config.patch_shape[1]:
            raise ConfigError(
                "a backbone has one stride in both directions, so patch_size must be square, but is "
                f"{config.patch_size}."
            )
        self.model = MaskFormerSwinModel(config)
        self.hidden_states_norms = nn.ModuleList(nn.LayerNorm(width) for width in config.widths)

    @property
    def stage_channels(self) -> Sequence[int]:
        """The width of the stem and of every stage."""
        return [self.config.embed_dim, *self.config.widths]

    @property
    def stage_strides(self) -> Sequence[int]:
        """The pixels of a place in each direction: those of a patch, and twice as many with every stage."""
        patch = self.config.patch_shape[0]
        return [patch, *(patch * 2**stage for stage in range(len(self.config.depths)))]

    def forward(
        self,
        pixel_values: Tensor,
        *,
        output_hidden_states: bool | None = None,
        output_attentions: bool | None = None,
        return_dict: bool | None = None,
    ) -> Any:
        """Return the feature maps of a batch of images.

        Args:
            pixel_values: ``(batch, channels, height, width)`` float; zeros fill the last patches up.
            output_hidden_states: Return the hidden states of every block.
            output_attentions: Return the attention maps of every block.
            return_dict: Return an output object (True) or a tuple.

        Returns:
            `BackboneOutput`; hidden states and attention maps as in `MaskFormerSwinModelOutputWithPooling`.

        Raises:
            InputError: A shape or a type does not fit.
        """
        wants_maps = self.wants_attentions(output_attentions)
        encoded = self.model.encode(pixel_values, interpolate=True, eager=wants_maps)
        features = [self._feature_map(encoded, stage) for stage in self.out_indices]
        output = BackboneOutput(
            feature_maps=tuple(features),
            hidden_states=encoded.states if self.wants_hidden_states(output_hidden_states) else None,
            attentions=encoded.maps if wants_maps else None,
        )
        return self.as_requested(output, return_dict)

    def _feature_map(self, encoded: Encoded, stage: int) -> Tensor:
        """Return what comes out of a stage, normalised; of the stem the patches, which are normalised already."""
        if stage == 0:
            hidden, shape = encoded.states[0], encoded.shapes[0]
        else:
            hidden, shape = self.hidden_states_norms[stage - 1](encoded.outputs[stage - 1]), encoded.shapes[stage - 1]
        return torch.unflatten(hidden.transpose(1, 2), 2, shape).contiguous()  # (batch, width, rows, columns)
