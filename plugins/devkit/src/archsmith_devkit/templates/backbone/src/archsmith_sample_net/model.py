"""SampleNet: images as grids of features that get coarser and wider from stage to stage.

Source: residual blocks of He et al., "Deep Residual Learning for Image Recognition" (arXiv:1512.03385), section 3, with
the group normalisation of Wu and He (arXiv:1803.08494), so that an image does not depend on the others in its batch.
"""

from typing import Any

from archsmith.layers.pixels import check_pixels
from archsmith.model import PreTrainedModel
from archsmith.outputs import BaseModelOutputWithPoolingAndNoAttention
from torch import Tensor, nn

from archsmith_sample_net.config import SampleNetConfig

__all__ = [
    "SampleNetModel",
    "SampleNetPreTrainedModel",
    "SampleNetStages",
]


class Block(nn.Module):
    """Two convolutions that are added to what goes into them; the grid keeps its size."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.GroupNorm(1, width),
            nn.ReLU(),
            nn.Conv2d(width, width, 3, padding=1),
            nn.GroupNorm(1, width),
            nn.ReLU(),
            nn.Conv2d(width, width, 3, padding=1),
        )

    def forward(self, hidden: Tensor) -> Tensor:
        """Return the next hidden states, ``(batch, width, height, width)``."""
        hidden = hidden + self.layers(hidden)
        return hidden


class SampleNetStages(nn.ModuleList):
    """The stages: each makes the grid coarser, the first by 4 and the others by 2, and has blocks of its own."""

    def __init__(self, config: SampleNetConfig) -> None:
        super().__init__()
        self.num_channels = config.num_channels
        inputs, kernel, stride = config.num_channels, 7, 4
        for width, depth in zip(config.hidden_sizes, config.depths, strict=True):
            coarser = nn.Conv2d(inputs, width, kernel, stride=stride, padding=kernel // 2)
            self.append(nn.Sequential(coarser, *(Block(width) for _ in range(depth))))
            inputs, kernel, stride = width, 3, 2

    def forward(self, pixel_values: Tensor) -> list[Tensor]:
        """Return what each stage makes of images: ``(batch, channels, ⌈height / stride⌉, ⌈width / stride⌉)``."""
        pixels = check_pixels(pixel_values, channels=self.num_channels)
        states = [pixels.to(next(self.parameters()).dtype)]
        for stage in self:
            states.append(stage(states[-1]))
        return states[1:]


class SampleNetPreTrainedModel(PreTrainedModel):
    """What all SampleNet models share: `PreTrainedModel` explains each of these."""

    config: SampleNetConfig
    config_class = SampleNetConfig
    base_model_prefix = "encoder"
    main_input_name = "pixel_values"


class SampleNetModel(SampleNetPreTrainedModel):
    """SampleNet as a model by itself: the coarsest grid of features, and its mean."""

    def __init__(self, config: SampleNetConfig) -> None:
        super().__init__(config)
        self.stages = SampleNetStages(config)

    def forward(
        self, pixel_values: Tensor, *, output_hidden_states: bool | None = None, return_dict: bool | None = None
    ) -> Any:
        """Encode a batch of images.

        Args:
            pixel_values: ``(batch, channels, height, width)`` float, of any size.
            output_hidden_states: Return the output of every stage.
            return_dict: Return an output object (True) or a tuple.

        Returns:
            `BaseModelOutputWithPoolingAndNoAttention`: ``pooler_output`` is ``(batch, channels)``.

        Raises:
            InputError: A shape or a type does not fit.
        """
        states = self.stages(pixel_values)
        kept = tuple(states) if self.wants_hidden_states(output_hidden_states) else None
        pooled = states[-1].mean((2, 3))  # (batch, channels)
        return self.as_requested(BaseModelOutputWithPoolingAndNoAttention(states[-1], pooled, kept), return_dict)
