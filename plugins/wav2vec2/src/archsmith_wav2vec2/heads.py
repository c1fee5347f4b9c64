"""Classifiers on top of wav2vec 2.0: of whole clips, and of every frame.

Source: Yang et al., "SUPERB" (arXiv:2105.01051), section 3: a learned average of all layers, and a shallow head.
"""

from typing import Any

import torch
from torch import Tensor, nn

from archsmith.errors import ConfigError
from archsmith.layers.losses import token_loss
from archsmith.outputs import SequenceClassifierOutput, TokenClassifierOutput
from archsmith_wav2vec2.config import Wav2Vec2Config
from archsmith_wav2vec2.model import Wav2Vec2BaseModelOutput, Wav2Vec2Model, Wav2Vec2PreTrainedModel

__all__ = ["LayerHead", "Wav2Vec2ForAudioFrameClassification", "Wav2Vec2ForSequenceClassification"]


class LayerHead(Wav2Vec2PreTrainedModel):
    """What heads share that look at the last layer, or at a learned average of all layers."""

    def __init__(self, config: Wav2Vec2Config) -> None:
        super().__init__(config)
        if config.add_adapter:
            raise ConfigError(f"{type(self).__name__} looks at every frame, so add_adapter must be False, but is True.")
        self.wav2vec2 = Wav2Vec2Model(config)
        self.layer_weights: nn.Parameter | None = None
        if config.use_weighted_layer_sum:
            self.layer_weights = nn.Parameter(torch.empty(config.num_hidden_layers + 1))

    def init_weights(self, module: nn.Module) -> None:
        """Initialise one module; the average starts from equal weights."""
        super().init_weights(module)
        if module is self and self.layer_weights is not None:
            nn.init.constant_(self.layer_weights, 1 / len(self.layer_weights))

    def encode(
        self,
        input_values: Tensor,
        attention_mask: Tensor | None,
        *,
        output_attentions: bool | None,
        output_hidden_states: bool | None,
    ) -> tuple[Tensor, Wav2Vec2BaseModelOutput]:
        """Return what the head looks at, ``(batch, frames, width)``, and what the base model returns."""
        wants_states = self.wants_hidden_states(output_hidden_states)
        encoded: Wav2Vec2BaseModelOutput = self.wav2vec2(
            input_values,
            attention_mask,
            output_attentions=self.wants_attentions(output_attentions),
            output_hidden_states=wants_states or self.layer_weights is not None,
            return_dict=True,
        )
        hidden = encoded.last_hidden_state
        if self.layer_weights is not None and encoded.hidden_states is not None:
            layers = torch.stack(encoded.hidden_states, -1)  # (batch, frames, width, layers)
            hidden = layers @ self.layer_weights.softmax(-1)
        if not wants_states:
            encoded.hidden_states = None
        assert hidden is not None  # for the type checker: the base model returns one
        return hidden, encoded

    def frames_of(self, attention_mask: Tensor) -> Tensor:
        """Return how many frames of each clip are audio, ``(batch,)``."""
        frames: Tensor = self.config.frames(attention_mask.bool().sum(-1))
        return frames


class Wav2Vec2ForSequenceClassification(LayerHead):
    """wav2vec 2.0 that classifies whole clips: a command, a language, a feeling."""

    def __init__(self, config: Wav2Vec2Config) -> None:
        super().__init__(config)
        self.projector = nn.Linear(config.hidden_size, config.classifier_proj_size)
        self.classifier = nn.Linear(config.classifier_proj_size, config.num_labels)

    def forward(
        self,
        input_values: Tensor,
        attention_mask: Tensor | None = None,
        labels: Tensor | None = None,
        *,
        output_attentions: bool | None = None,
        output_hidden_states: bool | None = None,
        return_dict: bool | None = None,
    ) -> Any:
        """Score every label. Arguments as `Wav2Vec2Model.forward`.

        Args:
            labels: ``(batch,)`` integer class indices; -100 leaves a clip out of the loss.

        Returns:
            `SequenceClassifierOutput`.

        Raises:
            InputError: A shape, a type or a value does not fit.
        """
        hidden, encoded = self.encode(
            input_values,
            attention_mask,
            output_attentions=output_attentions,
            output_hidden_states=output_hidden_states,
        )
        projected = self.projector(hidden)
        if attention_mask is None:
            pooled = projected.mean(1)
        else:
            frames = self.frames_of(attention_mask)[:, None]  # (batch, 1)
            present = torch.arange(projected.shape[1], device=projected.device) < frames
            pooled = projected.masked_fill(~present[..., None], 0.0).sum(1) / frames
        logits = self.classifier(pooled)
        output = SequenceClassifierOutput(
            loss=None if labels is None else token_loss(logits, labels),
            logits=logits,
            hidden_states=encoded.hidden_states,
            attentions=encoded.attentions,
        )
        return self.as_requested(output, return_dict)


class Wav2Vec2ForAudioFrameClassification(LayerHead):
    """wav2vec 2.0 that classifies every frame: who speaks when."""

    def __init__(self, config: Wav2Vec2Config) -> None:
        super().__init__(config)
        self.classifier = nn.Linear(config.hidden_size, config.num_labels)

    def forward(
        self,
        input_values: Tensor,
        attention_mask: Tensor | None = None,
        labels: Tensor | None = None,
        *,
        output_attentions: bool | None = None,
        output_hidden_states: bool | None = None,
        return_dict: bool | None = None,
    ) -> Any:
        """Score every label at every frame. Arguments as `Wav2Vec2Model.forward`.

        Args:
            labels: ``(batch, frames, labels)``, the largest number marks the class; or ``(batch, frames)`` integer
                class indices, -100 where a frame does not count in the loss.

        Returns:
            `TokenClassifierOutput`.

        Raises:
            InputError: A shape, a type or a value does not fit.
        """
        hidden, encoded = self.encode(
            input_values,
            attention_mask,
            output_attentions=output_attentions,
            output_hidden_states=output_hidden_states,
        )
        logits = self.classifier(hidden)  # (batch, frames, labels)
        if isinstance(labels, Tensor) and labels.shape == logits.shape:
            labels = labels.argmax(-1)
        output = TokenClassifierOutput(
            loss=None if labels is None else token_loss(logits, labels),
            logits=logits,
            hidden_states=encoded.hidden_states,
            attentions=encoded.attentions,
        )
        return self.as_requested(output, return_dict)
