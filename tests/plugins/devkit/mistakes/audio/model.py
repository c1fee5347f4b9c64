from typing import Any

import torch
import torch.nn.functional as F
from acme_listening.config import ListeningConfig
from torch import Tensor, nn

from archsmith.errors import InputError
from archsmith.layers.activations import activation
from archsmith.layers.attention import attend, attention_mask_for, split_heads
from archsmith.layers.stack import Stack
from archsmith.model import PreTrainedModel
from archsmith.outputs import BaseModelOutput, CausalLMOutput


class Convolution(nn.Module):
    def __init__(self, before: int, after: int, kernel: int, stride: int) -> None:
        super().__init__()
        self.conv = nn.Conv1d(before, after, kernel, stride=stride)
        self.layer_norm = nn.LayerNorm(after)

    def forward(self, hidden: Tensor) -> Tensor:
        hidden = self.conv(hidden).transpose(1, 2)  # (batch, frames, channels)
        return F.gelu(self.layer_norm(hidden)).transpose(1, 2)


class FrontEnd(nn.Module):
    def __init__(self, config: ListeningConfig) -> None:
        super().__init__()
        widths = [1, *config.conv_dim]
        self.conv_layers = nn.ModuleList(
            Convolution(widths[i], widths[i + 1], config.conv_kernel[i], config.conv_stride[i])
            for i in range(len(config.conv_dim))
        )
        self.projection = nn.Linear(widths[-1], config.hidden_size)

    def forward(self, samples: Tensor) -> Tensor:
        hidden = samples[:, None]  # (batch, 1, samples)
        for layer in self.conv_layers:
            hidden = layer(hidden)
        return self.projection(hidden.transpose(1, 2))  # (batch, frames, width)


class Waves(nn.Module):
    """Fixed sines and cosines of the places of frames."""

    table: Tensor

    def __init__(self, config: ListeningConfig) -> None:
        super().__init__()
        self.shape = (config.max_frames, config.hidden_size)
        self.init_buffers()

    def init_buffers(self) -> None:
        frames, width = self.shape
        places = torch.arange(frames, dtype=torch.float32)[:, None]
        steps = torch.arange(0, width, 2, dtype=torch.float32)
        angles = places / 10000 ** (steps / width)  # (frames, width / 2)
        self.register_buffer("table", torch.cat((angles.sin(), angles.cos()), dim=1), persistent=False)

    def forward(self, frames: int) -> Tensor:
        return self.table[:frames]


class Layer(nn.Module):
    def __init__(self, config: ListeningConfig) -> None:
        super().__init__()
        width = config.hidden_size
        self.head_size = width // config.num_attention_heads
        self.attention_norm = nn.LayerNorm(width, eps=config.layer_norm_eps)
        self.q_proj, self.k_proj = nn.Linear(width, width), nn.Linear(width, width)
        self.v_proj, self.out_proj = nn.Linear(width, width), nn.Linear(width, width)
        self.output_norm = nn.LayerNorm(width, eps=config.layer_norm_eps)
        self.fc1 = nn.Linear(width, config.intermediate_size)
        self.fc2 = nn.Linear(config.intermediate_size, width)
        self.activation = activation(config.hidden_act)
        self.dropout = nn.Dropout(config.hidden_dropout)

    def forward(self, hidden: Tensor, mask: Tensor | None, *, eager: bool) -> tuple[Tensor, Tensor | None]:
        normal = self.attention_norm(hidden)
        query = split_heads(self.q_proj(normal), self.head_size)
        key = split_heads(self.k_proj(normal), self.head_size)
        value = split_heads(self.v_proj(normal), self.head_size)
        attended, maps = attend(query, key, value, mask, eager=eager)
        hidden = hidden + self.dropout(self.out_proj(attended))
        return hidden + self.dropout(self.fc2(self.activation(self.fc1(self.output_norm(hidden))))), maps


class ListeningPreTrainedModel(PreTrainedModel):
    config: ListeningConfig
    config_class = ListeningConfig
    base_model_prefix = "listening"
    main_input_name = "input_values"


class ListeningModel(ListeningPreTrainedModel):
    """Encodes audio."""

    def __init__(self, config: ListeningConfig) -> None:
        super().__init__(config)
        self.front_end = FrontEnd(config)
        self.waves = Waves(config)
        self.dropout = nn.Dropout(config.hidden_dropout)
        self.layers = Stack(Layer(config) for _ in range(config.num_hidden_layers))
        self.layer_norm = nn.LayerNorm(config.hidden_size, eps=config.layer_norm_eps)

    def forward(
        self,
        input_values: Tensor,
        attention_mask: Tensor | None = None,
        *,
        output_attentions: bool | None = None,
        output_hidden_states: bool | None = None,
        return_dict: bool | None = None,
    ) -> Any:
        frames = self.config.frames(input_values.shape[1]) if input_values.ndim == 2 else 0
        if not 0 < frames <= self.config.max_frames:
            raise InputError(
                f"input_values must have the shape (batch, samples), of 1 to {self.config.max_frames} frames, but "
                f"have {tuple(input_values.shape)}."
            )
        hidden = self.front_end(input_values.to(self.dtype))  # (batch, frames, width)
        hidden = self.dropout(hidden + self.waves(frames).to(hidden.dtype))
        mask = frame_mask(self.config, attention_mask, frames)
        wants_maps = self.wants_attentions(output_attentions)
        eager = wants_maps or self.attn_implementation == "eager"
        allowed = attention_mask_for(hidden, mask)
        states, maps = [hidden], []
        for layer in self.layers.steps():
            hidden, attention = layer(hidden, allowed, eager=eager)
            states.append(hidden)
            maps.append(attention)
        output = BaseModelOutput(
            last_hidden_state=self.layer_norm(hidden),
            hidden_states=tuple(states) if self.wants_hidden_states(output_hidden_states) else None,
            attentions=tuple(maps) if wants_maps else None,
        )
        return self.as_requested(output, return_dict)


class ListeningForCTC(ListeningPreTrainedModel):
    """Scores the letters that are said in every frame."""

    def __init__(self, config: ListeningConfig) -> None:
        super().__init__(config)
        self.listening = ListeningModel(config)
        self.lm_head = nn.Linear(config.hidden_size, config.vocab_size)

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
        encoded: BaseModelOutput = self.listening(
            input_values,
            attention_mask,
            output_attentions=output_attentions,
            output_hidden_states=output_hidden_states,
            return_dict=True,
        )
        logits = self.lm_head(encoded.last_hidden_state)  # (batch, frames, letters)
        loss = None if labels is None else self._loss(logits, labels, input_values, attention_mask)
        output = CausalLMOutput(loss, logits, encoded.hidden_states, encoded.attentions)
        return self.as_requested(output, return_dict)

    def _loss(self, logits: Tensor, labels: Tensor, samples: Tensor, attention_mask: Tensor | None) -> Tensor:
        """Return the CTC loss of ``labels``, ``(batch, letters)``, of which those below 0 are left out."""
        if labels.max() >= self.config.vocab_size:
            raise InputError(f"labels must be below vocab_size {self.config.vocab_size}, but hold {labels.max()}.")
        mask = torch.ones_like(samples, dtype=torch.long) if attention_mask is None else attention_mask
        said = labels >= 0
        return F.ctc_loss(
            logits.float().log_softmax(-1).transpose(0, 1),  # (frames, batch, letters)
            labels.masked_select(said),
            self.config.frames(mask.long().sum(-1)),
            said.sum(-1),
            blank=self.config.pad_token_id,
            reduction="mean",
            zero_infinity=True,
        )


def frame_mask(config: ListeningConfig, attention_mask: Tensor | None, frames: int) -> Tensor | None:
    """Return which frames are audio, ``(batch, frames)``, by a mask of samples."""
    if attention_mask is None:
        return None
    lengths = config.frames(attention_mask.long().sum(-1))  # (batch,)
    return torch.arange(frames, device=attention_mask.device) < lengths[:, None]
