"""SampleNet as a backbone: every stage can give a feature map."""

from collections.abc import Sequence
from typing import Any

from archsmith.backbone import Backbone
from archsmith.outputs import BackboneOutput
from torch import Tensor

from archsmith_sample_net.config import SampleNetConfig
from archsmith_sample_net.model import (
    SampleNetPreTrainedModel,
    SampleNetStages,
)

__all__ = ["SampleNetBackbone"]


class SampleNetBackbone(SampleNetPreTrainedModel, Backbone):
    """SampleNet that gives the features after each of the chosen stages. Its weights are those of `SampleNetModel`."""

    config: SampleNetConfig

    def __init__(self, config: SampleNetConfig) -> None:
        super().__init__(config)
        self.stages = SampleNetStages(config)

    @property
    def stage_channels(self) -> Sequence[int]:
        """The width of every stage."""
        return self.config.hidden_sizes

    @property
    def stage_strides(self) -> Sequence[int]:
        """The stride of every stage: 4, and from there twice that of the one before."""
        return [4 * 2**stage for stage in range(len(self.config.hidden_sizes))]

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
            output_hidden_states: Return the output of every stage.
            output_attentions: Without effect.
            return_dict: Return an output object (True) or a tuple.

        Returns:
            `BackboneOutput`.

        Raises:
            InputError: A shape or a type does not fit.
        """
        states = self.stages(pixel_values)
        kept = tuple(states) if self.wants_hidden_states(output_hidden_states) else None
        return self.as_requested(BackboneOutput(self.select(states), kept), return_dict)
