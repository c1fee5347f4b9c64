"""ViT as a backbone: its layers are stages of one width and one stride.

Source: Li et al., "Exploring Plain Vision Transformer Backbones for Object Detection" (arXiv:2203.16527), section 3.
"""

from collections.abc import Sequence
from typing import Any

import torch.nn.functional as F  # noqa: N812  # the field's own abbreviation
from torch import Tensor, nn

from archsmith.backbone import Backbone
from archsmith.errors import ConfigError
from archsmith.layers.pixels import check_pixels
from archsmith.outputs import BackboneOutput
from archsmith_vit.config import ViTConfig
from archsmith_vit.model import Embeddings, Encoder, ViTPreTrainedModel

__all__ = ["ViTBackbone"]


class ViTBackbone(ViTPreTrainedModel, Backbone):
    """ViT that gives a map of its patches after each of the chosen layers, each normalised.

    Images may have any size: the position embeddings are stretched over them.

    Example:
        >>> import torch
        >>> from archsmith import ViTBackbone, ViTConfig
        >>> config = ViTConfig(
        ...     hidden_size=16, num_attention_heads=2, num_hidden_layers=3, intermediate_size=32, image_size=32,
        ...     out_features=["stage1", "stage3"],
        ... )
        >>> backbone = ViTBackbone(config)
        >>> [tuple(features.shape) for features in backbone(torch.zeros(1, 3, 32, 48)).feature_maps]
        [(1, 16, 2, 3), (1, 16, 2, 3)]
        >>> backbone.channels, backbone.strides
        ([16, 16], [16, 16])
    """

    config: ViTConfig

    def __init__(self, config: ViTConfig) -> None:
        super().__init__(config)
        self.embeddings = Embeddings(config)
        self.encoder = Encoder(config)
        self.layernorm = nn.LayerNorm(config.hidden_size, eps=config.layer_norm_eps)
        if config.patch_shape[0] != config.patch_shape[1]:
            raise ConfigError(
                f"{type(self).__name__} has one stride for both directions, so patch_size must be one number, but is "
                f"{config.patch_size}."
            )

    @property
    def stage_channels(self) -> Sequence[int]:
        """The width of every stage."""
        return [self.config.hidden_size] * len(self.stage_names)

    @property
    def stage_strides(self) -> Sequence[int]:
        """The pixels of a patch in each direction, for every stage."""
        return [self.config.patch_shape[0]] * len(self.stage_names)

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
            output_hidden_states: Return the embeddings and the hidden states after every layer.
            output_attentions: Return the attention maps of every layer.
            return_dict: Return an output object (True) or a tuple.

        Returns:
            `BackboneOutput`: each feature map is ``(batch, width of the model, rows, columns)`` of patches.

        Raises:
            InputError: A shape or a type does not fit.
        """
        pixels = check_pixels(pixel_values, channels=self.config.num_channels).to(self.dtype)
        patch = self.config.patch_shape[0]
        height, width = pixels.shape[2:]
        pixels = F.pad(pixels, (0, -width % patch, 0, -height % patch))
        grid = (pixels.shape[2] // patch, pixels.shape[3] // patch)
        wants_maps = self.wants_attentions(output_attentions)
        _, states, maps = self.encoder(
            self.embeddings(pixels, interpolate=True),
            None,
            eager=wants_maps or self.attn_implementation == "eager",
            keep_states=True,
            keep_maps=wants_maps,
        )
        features = [
            self.layernorm(hidden)[:, 1:].transpose(1, 2).unflatten(2, grid)  # (batch, width, rows, columns)
            for hidden in self.select(states)
        ]
        kept = states if self.wants_hidden_states(output_hidden_states) else None
        return self.as_requested(BackboneOutput(tuple(features), kept, maps), return_dict)
