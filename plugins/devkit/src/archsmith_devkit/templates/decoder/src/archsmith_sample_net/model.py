"""SampleNet: a transformer that reads a text token by token, and remembers what it has read.

Source: Vaswani et al., "Attention Is All You Need" (arXiv:1706.03762), section 3, the decoder without its encoder;
Su et al., "RoFormer" (arXiv:2104.09864), section 3.2, the rotary positions; Ainslie et al., "GQA" (arXiv:2305.13245),
section 2.2, keys and values that several heads share.
"""

from typing import Any

import torch
from archsmith.layers.attention import attend, split_heads
from archsmith.layers.inputs import check_token_inputs
from archsmith.layers.stack import Stack
from archsmith.model import PreTrainedModel
from archsmith.outputs import ModelOutput
from torch import Tensor, nn

from archsmith_sample_net.config import SampleNetConfig
from archsmith_sample_net.positions import (
    causal_mask,
    check_mask,
    count_positions,
    rotary_angles,
    rotate,
)

__all__ = [
    "SampleNetModel",
    "SampleNetOutput",
    "SampleNetPreTrainedModel",
]


class SampleNetOutput(ModelOutput):
    """What `SampleNetModel` returns.

    Attributes:
        last_hidden_state: ``(batch, tokens, width)`` float.
        past_key_values: Keys and values of each block, ``(batch, key heads, all tokens so far, head size)`` each, for
            the next call; on request.
        hidden_states: Before and after every block, on request; the last one is normalised.
        attentions: ``(batch, heads, tokens, all tokens so far)`` of every block, on request.
    """

    last_hidden_state: Tensor | None = None
    past_key_values: tuple[tuple[Tensor, Tensor], ...] | None = None
    hidden_states: tuple[Tensor, ...] | None = None
    attentions: tuple[Tensor, ...] | None = None


class Attention(nn.Module):
    """Attention to the tokens so far: those of this call, and those of earlier ones."""

    def __init__(self, config: SampleNetConfig) -> None:
        super().__init__()
        self.head_size = config.head_size
        self.queries_per_key = config.num_attention_heads // config.num_key_value_heads
        narrow = config.num_key_value_heads * config.head_size
        self.query = nn.Linear(config.hidden_size, config.hidden_size, bias=False)
        self.key = nn.Linear(config.hidden_size, narrow, bias=False)
        self.value = nn.Linear(config.hidden_size, narrow, bias=False)
        self.output = nn.Linear(config.hidden_size, config.hidden_size, bias=False)

    def forward(
        self,
        hidden: Tensor,
        mask: Tensor,
        angles: Tensor,
        past: tuple[Tensor, Tensor] | None,
        *,
        eager: bool,
    ) -> tuple[Tensor, Tensor | None, tuple[Tensor, Tensor]]:
        """Return the attended values, ``(batch, tokens, width)``, the map if ``eager``, and all keys and values."""
        layers = (self.query, self.key, self.value)
        query, key, value = (split_heads(layer(hidden), self.head_size) for layer in layers)
        query, key = rotate(query, angles), rotate(key, angles)
        if past is not None:
            key, value = torch.cat([past[0], key], dim=2), torch.cat([past[1], value], dim=2)
        # Neighbouring heads share a key: (batch, key heads, tokens, head size) → (batch, heads, tokens, head size).
        keys, values = (each.repeat_interleave(self.queries_per_key, dim=1) for each in (key, value))
        attended, attention_map = attend(query, keys, values, mask, eager=eager)
        return self.output(attended), attention_map, (key, value)


class Block(nn.Module):
    """Attention and a feed-forward layer, each added to what goes into it."""

    def __init__(self, config: SampleNetConfig) -> None:
        super().__init__()
        width = config.hidden_size
        self.attention_norm = nn.RMSNorm(width, eps=config.rms_norm_eps)
        self.attention = Attention(config)
        self.mlp_norm = nn.RMSNorm(width, eps=config.rms_norm_eps)
        self.gate = nn.Linear(width, config.intermediate_size, bias=False)
        self.up = nn.Linear(width, config.intermediate_size, bias=False)
        self.down = nn.Linear(config.intermediate_size, width, bias=False)
        self.dropout = nn.Dropout(config.dropout)

    def forward(
        self,
        hidden: Tensor,
        mask: Tensor,
        angles: Tensor,
        past: tuple[Tensor, Tensor] | None,
        *,
        eager: bool,
    ) -> tuple[Tensor, Tensor | None, tuple[Tensor, Tensor]]:
        """Return the next hidden states, ``(batch, tokens, width)``, and the rest as `Attention` does."""
        attended, attention_map, kept = self.attention(self.attention_norm(hidden), mask, angles, past, eager=eager)
        hidden = hidden + self.dropout(attended)
        normed = self.mlp_norm(hidden)
        gated = nn.functional.silu(self.gate(normed)) * self.up(normed)  # (batch, tokens, intermediate)
        return hidden + self.dropout(self.down(gated)), attention_map, kept


class SampleNetPreTrainedModel(PreTrainedModel):
    """What all SampleNet models share: `PreTrainedModel` explains each of these."""

    config: SampleNetConfig
    config_class = SampleNetConfig
    base_model_prefix = "model"
    input_embeddings = "words"


class SampleNetModel(SampleNetPreTrainedModel):
    """SampleNet without a head: hidden states for every token."""

    def __init__(self, config: SampleNetConfig) -> None:
        super().__init__(config)
        self.words = nn.Embedding(config.vocab_size, config.hidden_size, padding_idx=config.pad_token_id)
        self.dropout = nn.Dropout(config.dropout)
        self.blocks = Stack(Block(config) for _ in range(config.num_hidden_layers))
        self.norm = nn.RMSNorm(config.hidden_size, eps=config.rms_norm_eps)

    def forward(
        self,
        input_ids: Tensor,
        attention_mask: Tensor | None = None,
        position_ids: Tensor | None = None,
        past_key_values: tuple[tuple[Tensor, Tensor], ...] | None = None,
        *,
        use_cache: bool | None = None,
        output_attentions: bool | None = None,
        output_hidden_states: bool | None = None,
        return_dict: bool | None = None,
    ) -> Any:
        """Read a batch of texts, or go on reading.

        Args:
            input_ids: ``(batch, tokens)`` integer: the tokens that have not been read yet.
            attention_mask: ``(batch, all tokens so far)``, 1 for tokens and 0 for padding; None: no padding.
            position_ids: ``(batch, tokens)`` integer; None: counted by the mask.
            past_key_values: What an earlier call returned; None: this is the first.
            use_cache: Return ``past_key_values`` for the next call.
            output_attentions: Return the attention maps of every block.
            output_hidden_states: Return the hidden states before and after every block.
            return_dict: Return an output object (True) or a tuple.

        Returns:
            `SampleNetOutput`.

        Raises:
            InputError: A shape, a type or a value does not fit.
        """
        read = 0 if past_key_values is None else past_key_values[0][0].shape[2]
        check_token_inputs(
            input_ids,
            None,
            vocab_size=self.config.vocab_size,
            hidden_size=self.config.hidden_size,
            max_tokens=self.config.max_position_embeddings - read,
        )
        hidden = self.dropout(self.words(input_ids))  # (batch, tokens, width)
        is_token = torch.ones(input_ids.shape[0], read + input_ids.shape[1], device=hidden.device)
        if attention_mask is not None:
            is_token = check_mask(attention_mask, is_token.shape)
        mask = causal_mask(is_token.bool(), input_ids.shape[1])
        if position_ids is None:
            position_ids = count_positions(is_token, input_ids.shape[1])
        angles = rotary_angles(position_ids, self.config.head_size, self.config.rope_theta)
        wants_maps = self.wants_attentions(output_attentions)
        states, maps, kept = [hidden], [], []
        for block, past in zip(self.blocks.steps(), past_key_values or [None] * len(self.blocks), strict=True):
            eager = wants_maps or self.attn_implementation == "eager"
            hidden, attention_map, key_and_value = block(hidden, mask, angles, past, eager=eager)
            states.append(hidden)
            maps.append(attention_map)
            kept.append(key_and_value)
        states[-1] = self.norm(hidden)  # what a head reads
        output = SampleNetOutput(
            last_hidden_state=states[-1],
            past_key_values=tuple(kept) if use_cache else None,
            hidden_states=tuple(states) if self.wants_hidden_states(output_hidden_states) else None,
            attentions=tuple(maps) if wants_maps else None,
        )
        return self.as_requested(output, return_dict)
