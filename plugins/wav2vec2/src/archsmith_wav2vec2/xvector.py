"""wav2vec 2.0 that tells speakers apart by one vector for each clip.

Source: Snyder et al., "X-Vectors" (ICASSP 2018), section 2; Wang et al., "Additive Margin Softmax" (arXiv:1801.05599).
"""

from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812  # the field's own abbreviation
from torch import Tensor, nn

from archsmith.errors import InputError
from archsmith.layers.losses import token_loss
from archsmith.outputs import XVectorOutput
from archsmith_wav2vec2.config import Wav2Vec2Config
from archsmith_wav2vec2.heads import LayerHead

__all__ = ["Wav2Vec2ForXVector"]

_SCALE, _MARGIN = 30.0, 0.4  # of the loss


class MarginLoss(nn.Module):
    """Cross entropy of cosines, where the true class must win by a margin."""

    def __init__(self, config: Wav2Vec2Config) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(config.xvector_output_dim, config.num_labels))

    def reset_parameters(self) -> None:
        """Draw the directions of the classes from a normal distribution."""
        nn.init.normal_(self.weight)

    def forward(self, vectors: Tensor, labels: Tensor) -> Tensor:
        """Return the loss of ``(batch, width)`` vectors."""
        cosines = F.normalize(vectors, dim=1) @ F.normalize(self.weight, dim=0)  # (batch, labels)
        classes = torch.arange(cosines.shape[1], device=cosines.device)
        token_loss(cosines, labels)  # checks the labels
        is_true = labels.reshape(-1, 1) == classes
        return token_loss(_SCALE * torch.where(is_true, cosines - _MARGIN, cosines), labels)


class TimeDelayLayer(nn.Module):
    """A dilated convolution over frames, as a linear layer on windows of them: adapters are on that layer."""

    def __init__(self, config: Wav2Vec2Config, layer: int) -> None:
        super().__init__()
        self.channels = config.tdnn_dim[max(layer - 1, 0)]
        self.width, self.dilation = config.tdnn_kernel[layer], config.tdnn_dilation[layer]
        self.kernel = nn.Linear(self.channels * self.width, config.tdnn_dim[layer])

    def forward(self, hidden: Tensor) -> Tensor:
        """Turn ``(batch, channels, frames)`` into ``(batch, more channels, fewer frames)``."""
        span = (self.width - 1) * self.dilation + 1
        windows = hidden.unfold(2, span, 1)[..., :: self.dilation]  # (batch, channels, frames, width)
        windows = windows.permute(0, 2, 3, 1).flatten(2)  # (batch, frames, width × channels)
        return self.kernel(windows).transpose(1, 2).relu()  # type: ignore[no-any-return]


class Wav2Vec2ForXVector(LayerHead):
    """wav2vec 2.0 that gives each clip a vector by which speakers are compared."""

    def __init__(self, config: Wav2Vec2Config) -> None:
        super().__init__(config)
        self.projector = nn.Linear(config.hidden_size, config.tdnn_dim[0])
        self.tdnn = nn.ModuleList(TimeDelayLayer(config, layer) for layer in range(len(config.tdnn_dim)))
        self.feature_extractor = nn.Linear(2 * config.tdnn_dim[-1], config.xvector_output_dim)
        self.classifier = nn.Linear(config.xvector_output_dim, config.xvector_output_dim)
        self.objective = MarginLoss(config)

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
        """Give each clip its vector. Arguments as `Wav2Vec2Model.forward`.

        Args:
            labels: ``(batch,)`` integer: the speaker of each clip.

        Returns:
            `XVectorOutput`.

        Raises:
            InputError: A shape, a type or a value does not fit, or a clip is too short for the time-delay layers.
        """
        hidden, encoded = self.encode(
            input_values,
            attention_mask,
            output_attentions=output_attentions,
            output_hidden_states=output_hidden_states,
        )
        self._check_frames(hidden.shape[1])
        features = self.projector(hidden).transpose(1, 2)  # (batch, channels, frames)
        for layer in self.tdnn:
            features = layer(features)
        vectors = self.feature_extractor(self._statistics(features, attention_mask))
        logits = self.classifier(vectors)
        output = XVectorOutput(
            loss=None if labels is None else self.objective(logits, labels),
            logits=logits,
            embeddings=vectors,
            hidden_states=encoded.hidden_states,
            attentions=encoded.attentions,
        )
        return self.as_requested(output, return_dict)

    def _statistics(self, features: Tensor, attention_mask: Tensor | None) -> Tensor:
        """Return mean and standard deviation of each channel over the frames, ``(batch, 2 × channels)``.

        A clip's padding is left out as the published models leave it out: without regard to dilation.
        """
        if attention_mask is None:
            return torch.cat([features.mean(-1), features.std(-1)], -1)
        lost = sum(self.config.tdnn_kernel) - len(self.config.tdnn_kernel)
        frames = (self.frames_of(attention_mask) - lost).clamp(min=1, max=features.shape[-1])[:, None, None]
        present = torch.arange(features.shape[-1], device=features.device) < frames  # (batch, 1, frames)
        mean = features.masked_fill(~present, 0.0).sum(-1, keepdim=True) / frames
        spread = (features - mean).masked_fill(~present, 0.0).square().sum(-1, keepdim=True) / (frames - 1)
        return torch.cat([mean, spread.sqrt()], 1)[..., 0]

    def _check_frames(self, frames: int) -> None:
        layers = zip(self.config.tdnn_kernel, self.config.tdnn_dilation, strict=True)
        least = 2 + sum((kernel - 1) * dilation for kernel, dilation in layers)
        if frames < least:
            raise InputError(f"the clips have {frames} frames, but the time-delay layers need at least {least}.")
