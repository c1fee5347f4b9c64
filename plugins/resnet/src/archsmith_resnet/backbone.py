"""ResNet as a backbone: the stem and each stage can give feature maps."""

from collections.abc import Sequence
from typing import Any

from torch import Tensor

from archsmith.backbone import Backbone
from archsmith.outputs import BackboneOutput
from archsmith_resnet.config import ResNetConfig
from archsmith_resnet.model import Embedder, Encoder, ResNetPreTrainedModel

__all__ = ["ResNetBackbone"]

_STEM_STRIDE = 4


class ResNetBackbone(ResNetPreTrainedModel, Backbone):
    """ResNet that gives the features after each of the chosen stages.

    Example:
        >>> import torch
        >>> from archsmith import ResNetBackbone, ResNetConfig
        >>> config = ResNetConfig(
        ...     depths=[1, 1], hidden_sizes=[16, 32], embedding_size=8, out_features=["stage1", "stage2"]
        ... )
        >>> backbone = ResNetBackbone(config)
        >>> [tuple(features.shape) for features in backbone(torch.zeros(1, 3, 48, 65)).feature_maps]
        [(1, 16, 12, 17), (1, 32, 6, 9)]
        >>> backbone.channels, backbone.strides
        ([16, 32], [4, 8])
    """

    config: ResNetConfig

    def __init__(self, config: ResNetConfig) -> None:
        super().__init__(config)
        self.embedder = Embedder(config)
        self.encoder = Encoder(config)

    @property
    def stage_channels(self) -> Sequence[int]:
        """The width of the stem and of every stage."""
        return [self.config.embedding_size, *self.config.hidden_sizes]

    @property
    def stage_strides(self) -> Sequence[int]:
        """The stride of the stem, and of every stage: twice that of the one before, but maybe for the first."""
        first = _STEM_STRIDE * (2 if self.config.downsample_in_first_stage else 1)
        return [_STEM_STRIDE, *(first * 2**stage for stage in range(len(self.config.depths)))]

    def forward(
        self,
        pixel_values: Tensor,
        *,
        output_hidden_states: bool | None = None,
        output_attentions: bool | None = None,  # noqa: ARG002  # as every backbone takes it; there are none
        return_dict: bool | None = None,
    ) -> Any:
        """Return the feature maps of a batch of images.

        Args:
            pixel_values: ``(batch, channels, height, width)`` float, of any size.
            output_hidden_states: Return the output of the stem and of every stage.
            output_attentions: Without effect: there is no attention in a ResNet.
            return_dict: Return an output object (True) or a tuple.

        Returns:
            `BackboneOutput`.

        Raises:
            InputError: A shape or a type does not fit; or in training there is a single number for each channel.
        """
        states = self.encoder(self.embedder(pixel_values))
        kept = states if self.wants_hidden_states(output_hidden_states) else None
        return self.as_requested(BackboneOutput(self.select(states), kept), return_dict)
