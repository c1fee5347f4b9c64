"""SampleNet: learned filters over audio, blocks that mix frames, and a head that classifies clips.

Source: filters over plain samples are those of Palaz et al., "Estimating Phoneme Class Conditional Probabilities from
Raw Speech Signal using Convolutional Neural Networks" (arXiv:1304.1018); a block is that of Trockman and Kolter,
"Patches Are All You Need?" (arXiv:2201.09792), section 2, over time.
"""

from typing import Any

import torch
from archsmith.errors import InputError
from archsmith.layers.losses import classification_loss
from archsmith.layers.stack import Stack
from archsmith.model import PreTrainedModel
from archsmith.outputs import BaseModelOutputWithPoolingAndNoAttention, SequenceClassifierOutput
from torch import Tensor, nn

from archsmith_sample_net.config import SampleNetConfig

__all__ = [
    "SampleNetForAudioClassification",
    "SampleNetModel",
    "SampleNetPreTrainedModel",
]


class Block(nn.Module):
    """Mixes neighbouring frames, then the numbers of each frame."""

    def __init__(self, config: SampleNetConfig) -> None:
        super().__init__()
        width, kernel = config.hidden_size, config.kernel_size
        self.frames_norm = nn.LayerNorm(width)
        self.frames = nn.Conv1d(width, width, kernel, padding=kernel // 2, groups=width)
        self.numbers_norm = nn.LayerNorm(width)
        self.numbers = nn.Sequential(nn.Linear(width, 2 * width), nn.GELU(), nn.Linear(2 * width, width))

    def forward(self, hidden: Tensor, mask: Tensor) -> Tensor:
        """Return the next hidden states, ``(batch, frames, width)``; what the mask hides is silent to the others."""
        silenced = self.frames_norm(hidden) * mask
        hidden = hidden + self.frames(silenced.mT).mT  # (batch, frames, width)
        hidden = hidden + self.numbers(self.numbers_norm(hidden))
        return hidden


class SampleNetPreTrainedModel(PreTrainedModel):
    """What all SampleNet models share: `PreTrainedModel` explains each of these."""

    config: SampleNetConfig
    config_class = SampleNetConfig
    base_model_prefix = "encoder"
    main_input_name = "input_values"


class SampleNetModel(SampleNetPreTrainedModel):
    """SampleNet without a head: hidden states for every frame, and their mean."""

    def __init__(self, config: SampleNetConfig) -> None:
        super().__init__(config)
        self.filters = nn.Conv1d(1, config.hidden_size, config.window, stride=config.hop, bias=False)
        self.blocks = Stack(Block(config) for _ in range(config.num_hidden_layers))

    def forward(
        self,
        input_values: Tensor,
        attention_mask: Tensor | None = None,
        *,
        output_hidden_states: bool | None = None,
        return_dict: bool | None = None,
    ) -> Any:
        """Encode a batch of clips.

        Args:
            input_values: ``(batch, samples)`` float, as the feature extractor makes them.
            attention_mask: ``(batch, samples)``, 1 for audio and 0 for padding; None: no padding.
            output_hidden_states: Return the hidden states before and after every block.
            return_dict: Return an output object (True) or a tuple.

        Returns:
            `BaseModelOutputWithPoolingAndNoAttention`: ``last_hidden_state`` is ``(batch, ⌈samples / hop⌉, width)``,
            ``pooler_output`` is ``(batch, width)``, the mean over a clip's own frames.

        Raises:
            InputError: A shape or a type does not fit.
        """
        audio = _checked(input_values, attention_mask)
        padded = nn.functional.pad(input_values * audio, (0, self.config.window - 1))
        filtered = self.filters(padded.to(self.dtype)[:, None])  # (batch, width, frames)
        hidden = filtered.abs().log1p().mT  # (batch, frames, width): how loud each filter is
        mask = audio[:, :: self.config.hop, None].to(hidden.dtype)  # (batch, frames, 1): frames that begin in the clip
        states = [hidden]
        for block in self.blocks.steps():
            hidden = block(hidden, mask)
            states.append(hidden)
        kept = tuple(states) if self.wants_hidden_states(output_hidden_states) else None
        pooled = (hidden * mask).sum(1) / mask.sum(1).clamp(min=1)  # (batch, width)
        return self.as_requested(BaseModelOutputWithPoolingAndNoAttention(hidden, pooled, kept), return_dict)


class SampleNetForAudioClassification(SampleNetPreTrainedModel):
    """SampleNet that classifies clips."""

    def __init__(self, config: SampleNetConfig) -> None:
        super().__init__(config)
        self.encoder = SampleNetModel(config)
        self.classifier = nn.Linear(config.hidden_size, config.num_labels)

    def forward(
        self,
        input_values: Tensor,
        attention_mask: Tensor | None = None,
        labels: Tensor | None = None,
        *,
        output_hidden_states: bool | None = None,
        return_dict: bool | None = None,
    ) -> Any:
        """Score every label. Arguments and errors as `SampleNetModel.forward`.

        Args:
            labels: As `archsmith.layers.losses.classification_loss` takes them for ``config.problem_type``.

        Returns:
            `SequenceClassifierOutput`.
        """
        encoded: BaseModelOutputWithPoolingAndNoAttention = self.encoder(
            input_values,
            attention_mask,
            output_hidden_states=self.wants_hidden_states(output_hidden_states),
            return_dict=True,
        )
        logits = self.classifier(encoded.pooler_output)  # (batch, labels)
        loss = None if labels is None else classification_loss(logits, labels, self.config.problem_type)
        return self.as_requested(SequenceClassifierOutput(loss, logits, encoded.hidden_states), return_dict)


def _checked(input_values: Tensor, attention_mask: Tensor | None) -> Tensor:
    """Return where there is audio, ``(batch, samples)`` boolean, after checking both."""
    if not isinstance(input_values, Tensor) or input_values.ndim != 2 or not input_values.is_floating_point():
        raise InputError("input_values must be a float tensor (batch, samples). Ask the feature extractor.")
    if not input_values.numel():
        raise InputError(f"the clips are empty: input_values have the shape {tuple(input_values.shape)}.")
    if attention_mask is None:
        return torch.ones_like(input_values, dtype=torch.bool)
    if attention_mask.shape != input_values.shape:
        wanted, found = tuple(input_values.shape), tuple(attention_mask.shape)
        raise InputError(f"attention_mask must have the shape of input_values, {wanted}, but has {found}.")
    return attention_mask.bool()
