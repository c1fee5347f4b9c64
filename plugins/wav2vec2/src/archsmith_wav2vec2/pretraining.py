"""Pre-training of wav2vec 2.0: tell the true quantized feature of a masked frame from distractors.

Source: Baevski et al., "wav2vec 2.0" (arXiv:2006.11477), sections 2 and 3.2; Jang et al., "Categorical
Reparameterization with Gumbel-Softmax" (arXiv:1611.01144).
"""

from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812  # the field's own abbreviation
from torch import Tensor, nn

from archsmith.errors import ConfigError, InputError, OptionError
from archsmith.layers.inputs import check_ids
from archsmith.outputs import ModelOutput
from archsmith_wav2vec2.config import Wav2Vec2Config
from archsmith_wav2vec2.inputs import check_frames
from archsmith_wav2vec2.model import Wav2Vec2Model, Wav2Vec2PreTrainedModel

__all__ = ["Wav2Vec2ForPreTraining", "Wav2Vec2ForPreTrainingOutput"]


class Wav2Vec2ForPreTrainingOutput(ModelOutput):
    """What pre-training returns.

    Attributes:
        loss: The contrastive loss and the weighted diversity loss, summed over the masked frames; a scalar.
        projected_states: ``(batch, frames, width)`` float: what the transformer makes of the masked clip.
        projected_quantized_states: ``(batch, frames, width)`` float: the quantized features of the unmasked clip.
        codevector_perplexity: How many entries of the codebooks are in use, as a perplexity; a scalar.
        hidden_states: As `Wav2Vec2BaseModelOutput`.
        attentions: As `Wav2Vec2BaseModelOutput`.
        contrastive_loss: Its part of the loss.
        diversity_loss: Its part of the loss, before its weight.
    """

    loss: Tensor | None = None
    projected_states: Tensor | None = None
    projected_quantized_states: Tensor | None = None
    codevector_perplexity: Tensor | None = None
    hidden_states: tuple[Tensor, ...] | None = None
    attentions: tuple[Tensor, ...] | None = None
    contrastive_loss: Tensor | None = None
    diversity_loss: Tensor | None = None


class GumbelVectorQuantizer(nn.Module):
    """Replaces each feature by one entry of each codebook, chosen at random in training."""

    def __init__(self, config: Wav2Vec2Config) -> None:
        super().__init__()
        self.groups, self.entries = config.num_codevector_groups, config.num_codevectors_per_group
        self.temperature = 2.0
        self.codevectors = nn.Parameter(
            torch.empty(1, self.groups * self.entries, config.codevector_dim // self.groups)
        )
        self.weight_proj = nn.Linear(config.conv_dim[-1], self.groups * self.entries)

    def reset_parameters(self) -> None:
        """Draw the entries evenly from 0 to 1."""
        nn.init.uniform_(self.codevectors)

    def forward(self, features: Tensor, masked: Tensor | None) -> tuple[Tensor, Tensor]:
        """Return the quantized features, ``(batch, frames, width)``, and the perplexity of the choices.

        Args:
            features: ``(batch, frames, channels)``.
            masked: ``(batch, frames)`` boolean: the frames that the perplexity counts; None: all.
        """
        scores = self.weight_proj(features).flatten(0, 1)  # (batch × frames, groups × entries)
        scores = scores.unflatten(1, (self.groups, self.entries))
        if self.training:
            flat = scores.flatten(0, 1).float()
            choices = F.gumbel_softmax(flat, tau=self.temperature, hard=True).type_as(scores).view_as(scores)
            usage = scores.float().softmax(-1)
        else:
            choices = usage = F.one_hot(scores.argmax(-1), self.entries).type_as(scores)
        counted = usage if masked is None else usage[masked.flatten()]
        share = counted.mean(0)  # (groups, entries)
        perplexity = torch.exp(-torch.xlogy(share, share).sum(-1)).sum()
        codebooks = self.codevectors.view(self.groups, self.entries, -1)
        chosen = torch.einsum("nge,gew->ngw", choices, codebooks).flatten(1)  # (batch × frames, width)
        return chosen.view(*features.shape[:2], -1), perplexity


class Wav2Vec2ForPreTraining(Wav2Vec2PreTrainedModel):
    """wav2vec 2.0 with the quantizer and the losses that it is pre-trained with."""

    def __init__(self, config: Wav2Vec2Config) -> None:
        super().__init__(config)
        if config.add_adapter:
            raise ConfigError(f"{type(self).__name__} compares every frame, so add_adapter must be False, but is True.")
        self.wav2vec2 = Wav2Vec2Model(config)
        self.dropout_features = nn.Dropout(config.feat_quantizer_dropout)
        self.quantizer = GumbelVectorQuantizer(config)
        self.project_hid = nn.Linear(config.hidden_size, config.proj_codevector_dim)
        self.project_q = nn.Linear(config.codevector_dim, config.proj_codevector_dim)

    def init_weights(self, module: nn.Module) -> None:
        """Initialise one module: the quantizer's scores from a wide normal distribution, projections as torch does."""
        super().init_weights(module)
        if module is self.quantizer.weight_proj:
            nn.init.normal_(self.quantizer.weight_proj.weight)
        elif module is self.project_hid or module is self.project_q:
            module.reset_parameters()

    def set_gumbel_temperature(self, temperature: float) -> None:
        """Set how evenly the quantizer chooses in training: high is even, towards 0 it takes the best.

        Raises:
            OptionError: It is not above 0.
        """
        try:
            number = float(temperature)
        except (TypeError, ValueError):
            number = 0.0
        if not 0 < number < float("inf"):
            raise OptionError(f"temperature must be a number above 0, but is {temperature!r}.")
        self.quantizer.temperature = number

    def forward(
        self,
        input_values: Tensor,
        attention_mask: Tensor | None = None,
        mask_time_indices: Tensor | None = None,
        sampled_negative_indices: Tensor | None = None,
        *,
        output_attentions: bool | None = None,
        output_hidden_states: bool | None = None,
        return_dict: bool | None = None,
    ) -> Any:
        """Compare masked frames with quantized ones. Arguments as `Wav2Vec2Model.forward`.

        Args:
            mask_time_indices: ``(batch, frames)`` boolean, as `compute_mask_indices` makes it.
            sampled_negative_indices: ``(batch, frames, negatives)`` integer, as `sample_negative_indices` makes it.
                There is a loss when it is given.

        Returns:
            `Wav2Vec2ForPreTrainingOutput`.

        Raises:
            InputError: A shape, a type or a value does not fit.
        """
        if sampled_negative_indices is not None and mask_time_indices is None:
            raise InputError("sampled_negative_indices need mask_time_indices, which say for which frames they are.")
        encoded = self.wav2vec2(
            input_values,
            attention_mask,
            mask_time_indices,
            output_attentions=self.wants_attentions(output_attentions),
            output_hidden_states=self.wants_hidden_states(output_hidden_states),
            return_dict=True,
        )
        projected = self.project_hid(encoded.last_hidden_state)
        features = self.dropout_features(encoded.extract_features)
        masked = None
        if mask_time_indices is not None:
            masked = check_frames("mask_time_indices", mask_time_indices, projected).to(projected.device)
        quantized, perplexity = self.quantizer(features, masked)
        quantized = self.project_q(quantized)
        output = Wav2Vec2ForPreTrainingOutput(
            projected_states=projected,
            projected_quantized_states=quantized,
            codevector_perplexity=perplexity,
            hidden_states=encoded.hidden_states,
            attentions=encoded.attentions,
        )
        if sampled_negative_indices is not None and masked is not None:
            output.contrastive_loss = self._contrast(projected, quantized, masked, sampled_negative_indices)
            entries = self.config.num_codevectors_per_group * self.config.num_codevector_groups
            output.diversity_loss = (entries - perplexity) / entries * masked.sum()
            output.loss = output.contrastive_loss + self.config.diversity_loss_weight * output.diversity_loss
        return self.as_requested(output, return_dict)

    def _contrast(self, projected: Tensor, quantized: Tensor, masked: Tensor, negatives: Tensor) -> Tensor:
        """Return the contrastive loss: the sum over the masked frames (equation 3)."""
        batch, frames, width = quantized.shape
        check_ids("sampled_negative_indices", negatives, batch * frames)
        if negatives.ndim != 3 or negatives.shape[:2] != (batch, frames):  # noqa: PLR2004
            raise InputError(
                f"sampled_negative_indices must have the shape (batch, frames, negatives) with {(batch, frames)} in "
                f"front, but have {tuple(negatives.shape)}."
            )
        truth = quantized[masked][:, None]  # (masked, 1, width)
        distractors = quantized.reshape(-1, width)[
            negatives.to(masked.device)[masked].long()
        ]  # (masked, negatives, width)
        candidates = torch.cat([truth, distractors], 1).float()
        logits = torch.cosine_similarity(projected[masked][:, None].float(), candidates, dim=-1).type_as(quantized)
        logits = logits / self.config.contrastive_logits_temperature  # (masked, 1 + negatives)
        same = F.pad((truth == distractors).all(-1), (1, 0))  # a distractor that is the truth does not count
        logits = logits.float().masked_fill(same, float("-inf"))
        return F.cross_entropy(logits, logits.new_zeros(len(logits), dtype=torch.long), reduction="sum")
