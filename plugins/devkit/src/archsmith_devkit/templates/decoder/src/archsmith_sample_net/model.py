"""SampleNet: a transformer that reads a text token by token, and remembers what it has read.

Source: Vaswani et al., "Attention Is All You Need" (arXiv:1706.03762), section 3, the decoder without its encoder;
Su et al., "RoFormer" (arXiv:2104.09864), section 3.2, the rotary positions; Ainslie et al., "GQA" (arXiv:2305.13245),
section 2.2, keys and values that several heads share.
"""

from typing import Any

import torch
from archsmith.layers.attention import attend, attention_mask_for, split_heads
from archsmith.layers.inputs import check_ids, check_token_inputs
from archsmith.layers.rotary import rotary_angles, rotary_frequencies, rotate
from archsmith.layers.stack import Stack
from archsmith.model import PreTrainedModel
from archsmith.outputs import BaseModelOutputWithPast
from archsmith_generation import Cache
from archsmith_generation.forward import cache_for
from torch import Tensor, nn

from archsmith_sample_net.config import SampleNetConfig

__all__ = ["SampleNetModel", "SampleNetPreTrainedModel"]

Angles = tuple[Tensor, Tensor]


class Attention(nn.Module):
    """Attention to the tokens so far: those of this call, and those in the cache."""

    def __init__(self, config: SampleNetConfig, number: int) -> None:
        super().__init__()
        self.number, self.head_size = number, config.head_size
        narrow = config.num_key_value_heads * config.head_size
        self.query = nn.Linear(config.hidden_size, config.hidden_size, bias=False)
        self.key = nn.Linear(config.hidden_size, narrow, bias=False)
        self.value = nn.Linear(config.hidden_size, narrow, bias=False)
        self.output = nn.Linear(config.hidden_size, config.hidden_size, bias=False)

    def forward(
        self,
        hidden: Tensor,
        mask: Tensor | None,
        angles: Angles,
        cache: Cache | None,
        *,
        eager: bool,
    ) -> tuple[Tensor, Tensor | None]:
        """Return the attended values, ``(batch, tokens, width)``, and the map if ``eager``."""
        layers = (self.query, self.key, self.value)
        query, key, value = (split_heads(layer(hidden), self.head_size) for layer in layers)
        query, key = rotate(query, angles), rotate(key, angles)
        if cache is not None:  # returns those of earlier calls too
            key, value = cache.update(self.number, key, value)
        attended, attention_map = attend(query, key, value, mask, eager=eager, causal=mask is None)
        return self.output(attended), attention_map


class Block(nn.Module):
    """Attention and a feed-forward layer, each added to what goes into it."""

    def __init__(self, config: SampleNetConfig, number: int) -> None:
        super().__init__()
        width = config.hidden_size
        self.attention_norm = nn.RMSNorm(width, eps=config.rms_norm_eps)
        self.attention = Attention(config, number)
        self.mlp_norm = nn.RMSNorm(width, eps=config.rms_norm_eps)
        self.gate = nn.Linear(width, config.intermediate_size, bias=False)
        self.up = nn.Linear(width, config.intermediate_size, bias=False)
        self.down = nn.Linear(config.intermediate_size, width, bias=False)
        self.dropout = nn.Dropout(config.dropout)

    def forward(
        self,
        hidden: Tensor,
        mask: Tensor | None,
        angles: Angles,
        cache: Cache | None,
        *,
        eager: bool,
    ) -> tuple[Tensor, Tensor | None]:
        """Return the next hidden states, ``(batch, tokens, width)``, and the map if ``eager``."""
        attended, attention_map = self.attention(self.attention_norm(hidden), mask, angles, cache, eager=eager)
        hidden = hidden + self.dropout(attended)
        normed = self.mlp_norm(hidden)
        gated = nn.functional.silu(self.gate(normed)) * self.up(normed)  # (batch, tokens, intermediate)
        return hidden + self.dropout(self.down(gated)), attention_map


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
        self.blocks = Stack(Block(config, number) for number in range(config.num_hidden_layers))
        self.norm = nn.RMSNorm(config.hidden_size, eps=config.rms_norm_eps)

    def forward(
        self,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        position_ids: Tensor | None = None,
        past_key_values: Cache | None = None,
        inputs_embeds: Tensor | None = None,
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
            position_ids: ``(batch, tokens)`` integer; None: one after the other, padding counted.
            past_key_values: The keys and values of the tokens read so far, which grow in place; None: there are none.
            inputs_embeds: ``(batch, tokens, width)`` float, in place of ``input_ids``.
            use_cache: Return ``past_key_values`` for the next call; None: as the configuration says, but not in
                training.
            output_attentions: Return the attention maps of every block.
            output_hidden_states: Return the hidden states before every block, and the normalised ones that come last.
            return_dict: Return an output object (True) or a tuple.

        Returns:
            `BaseModelOutputWithPast`.

        Raises:
            InputError: A shape, a type or a value does not fit.
            OptionError: A cache is wanted in training with gradient checkpointing.
        """
        config = self.config
        cache = cache_for(self, past_key_values, use_cache)
        past = 0 if cache is None else cache.length
        check_token_inputs(
            input_ids,
            inputs_embeds,
            vocab_size=config.vocab_size,
            hidden_size=config.hidden_size,
            max_tokens=config.max_position_embeddings - past,
        )
        hidden: Tensor = self.words(input_ids) if inputs_embeds is None else inputs_embeds  # (batch, tokens, width)
        hidden = self.dropout(hidden)
        mask = attention_mask_for(hidden, attention_mask, causal=True, past=past)
        angles = self._angles(hidden, position_ids, past)
        wants_maps = self.wants_attentions(output_attentions)
        eager = wants_maps or self.attn_implementation == "eager"
        states, maps = [hidden], []
        for block in self.blocks.steps():
            hidden, attention_map = block(hidden, mask, angles, cache, eager=eager)
            states.append(hidden)
            maps.append(attention_map)
        states[-1] = self.norm(hidden)  # what a head reads
        output = BaseModelOutputWithPast(
            last_hidden_state=states[-1],
            past_key_values=cache,
            hidden_states=tuple(states) if self.wants_hidden_states(output_hidden_states) else None,
            attentions=tuple(maps) if wants_maps else None,
        )
        return self.as_requested(output, return_dict)

    def _angles(self, hidden: Tensor, position_ids: Tensor | None, past: int) -> Angles:
        """Return by how much heads are turned: cosines and sines, ``(batch or 1, 1, tokens, head_size / 2)``."""
        most, tokens = self.config.max_position_embeddings, hidden.shape[1]
        if position_ids is None:
            position_ids = torch.arange(past, past + tokens, device=hidden.device)[None]
        check_ids("position_ids", position_ids, most, shape=(hidden.shape[0], tokens))
        rope = {"rope_theta": self.config.rope_theta}
        frequencies, _ = rotary_frequencies(rope, self.config.head_size, most, device=hidden.device)
        return rotary_angles(position_ids, frequencies)
