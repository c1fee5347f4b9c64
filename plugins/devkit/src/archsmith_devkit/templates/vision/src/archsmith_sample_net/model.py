"""SampleNet: patches of an image, mixed over places and over channels in turn, and a head that classifies images.

Source: Trockman and Kolter, "Patches Are All You Need?" (arXiv:2201.09792), section 2; with layer normalisation in
place of batch normalisation, so that an image's features do not depend on the others in its batch.
"""

from typing import Any

from archsmith.layers.losses import classification_loss
from archsmith.layers.pixels import check_pixels
from archsmith.layers.stack import Stack
from archsmith.model import PreTrainedModel
from archsmith.outputs import BaseModelOutputWithPoolingAndNoAttention, ImageClassifierOutputWithNoAttention
from torch import Tensor, nn

from archsmith_sample_net.config import SampleNetConfig

__all__ = [
    "SampleNetForImageClassification",
    "SampleNetModel",
    "SampleNetPreTrainedModel",
]


class Block(nn.Module):
    """Mixes the places of each channel, then the channels at each place; the image keeps its size."""

    def __init__(self, config: SampleNetConfig) -> None:
        super().__init__()
        width, kernel = config.hidden_size, config.kernel_size
        self.places = nn.Conv2d(width, width, kernel, padding=kernel // 2, groups=width)
        self.places_norm = nn.GroupNorm(1, width)
        self.channels = nn.Conv2d(width, width, 1)
        self.channels_norm = nn.GroupNorm(1, width)

    def forward(self, hidden: Tensor) -> Tensor:
        """Return the next hidden states, ``(batch, width, rows, columns)``."""
        hidden = hidden + self.places_norm(self.places(hidden).relu())
        hidden = hidden + self.channels_norm(self.channels(hidden).relu())
        return hidden


class SampleNetPreTrainedModel(PreTrainedModel):
    """What all SampleNet models share: `PreTrainedModel` explains each of these."""

    config: SampleNetConfig
    config_class = SampleNetConfig
    base_model_prefix = "encoder"
    main_input_name = "pixel_values"


class SampleNetModel(SampleNetPreTrainedModel):
    """SampleNet without a head: a grid of features, and their mean."""

    def __init__(self, config: SampleNetConfig) -> None:
        super().__init__(config)
        self.patches = nn.Conv2d(config.num_channels, config.hidden_size, config.patch_size, stride=config.patch_size)
        self.blocks = Stack(Block(config) for _ in range(config.num_hidden_layers))

    def forward(
        self, pixel_values: Tensor, *, output_hidden_states: bool | None = None, return_dict: bool | None = None
    ) -> Any:
        """Encode a batch of images.

        Args:
            pixel_values: ``(batch, channels, height, width)`` float, of any size from one patch on.
            output_hidden_states: Return the hidden states before and after every block.
            return_dict: Return an output object (True) or a tuple.

        Returns:
            `BaseModelOutputWithPoolingAndNoAttention`: ``last_hidden_state`` is ``(batch, width, rows, columns)``,
            ``pooler_output`` is ``(batch, width)``.

        Raises:
            InputError: A shape or a type does not fit.
        """
        patch = self.config.patch_size
        pixels = check_pixels(pixel_values, channels=self.config.num_channels, least=(patch, patch))
        hidden = self.patches(pixels.to(self.dtype))  # (batch, width, rows, columns)
        states = [hidden]
        for block in self.blocks.steps():
            hidden = block(hidden)
            states.append(hidden)
        kept = tuple(states) if self.wants_hidden_states(output_hidden_states) else None
        pooled = hidden.mean((2, 3))  # (batch, width)
        return self.as_requested(BaseModelOutputWithPoolingAndNoAttention(hidden, pooled, kept), return_dict)


class SampleNetForImageClassification(SampleNetPreTrainedModel):
    """SampleNet that classifies images."""

    def __init__(self, config: SampleNetConfig) -> None:
        super().__init__(config)
        self.encoder = SampleNetModel(config)
        self.classifier = nn.Linear(config.hidden_size, config.num_labels)

    def forward(
        self,
        pixel_values: Tensor,
        labels: Tensor | None = None,
        *,
        output_hidden_states: bool | None = None,
        return_dict: bool | None = None,
    ) -> Any:
        """Score every label. Arguments and errors as `SampleNetModel.forward`.

        Args:
            labels: As `archsmith.layers.losses.classification_loss` takes them for ``config.problem_type``.

        Returns:
            `ImageClassifierOutputWithNoAttention`.
        """
        encoded: BaseModelOutputWithPoolingAndNoAttention = self.encoder(
            pixel_values,
            output_hidden_states=self.wants_hidden_states(output_hidden_states),
            return_dict=True,
        )
        logits = self.classifier(encoded.pooler_output)  # (batch, labels)
        loss = None if labels is None else classification_loss(logits, labels, self.config.problem_type)
        return self.as_requested(ImageClassifierOutputWithNoAttention(loss, logits, encoded.hidden_states), return_dict)
