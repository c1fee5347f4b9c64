"""The decoder of Llama, which Mistral and Qwen2 share: a text is read token by token, and what was read is kept.

Source: Touvron et al., "LLaMA" (arXiv:2302.13971), section 2.2; shared keys and values: Ainslie et al., "GQA"
(arXiv:2305.13245), section 2.2; windows: Jiang et al., "Mistral 7B" (arXiv:2310.06825), section 2. Names of parameters
are those of the published checkpoints.
"""

from typing import Any

import torch
from torch import Tensor, nn

from archsmith.errors import ConfigError
from archsmith.layers.activations import activation
from archsmith.layers.attention import attend, attention_mask_for, split_heads
from archsmith.layers.inputs import check_ids, check_token_inputs
from archsmith.layers.rotary import rotary_angles, rotary_frequencies, rotate
from archsmith.layers.stack import Stack
from archsmith.model import PreTrainedModel
from archsmith.outputs import BaseModelOutputWithPast
from archsmith_generation import Cache
from archsmith_generation.forward import cache_for, packed_mask
from archsmith_llama.config import DecoderConfig

__all__ = ["Decoder", "DecoderPreTrainedModel"]

#: Rotary positions have no table: a text, and a position, may be as long as an integer.
_ENDLESS = 2**31 - 1
_Angles = tuple[Tensor, Tensor]


class Attention(nn.Module):
    """Attention to the tokens so far: those of this call, and those in the cache."""

    def __init__(self, config: DecoderConfig, layer: int) -> None:
        super().__init__()
        width, own, shared = config.hidden_size, config.num_attention_heads, config.key_heads
        on_inputs, on_output, _ = config.biases
        self.layer, self.head_size, self.dropout = layer, config.head_size, config.attention_dropout
        self.q_proj = nn.Linear(width, own * self.head_size, bias=on_inputs)
        self.k_proj = nn.Linear(width, shared * self.head_size, bias=on_inputs)
        self.v_proj = nn.Linear(width, shared * self.head_size, bias=on_inputs)
        self.o_proj = nn.Linear(own * self.head_size, width, bias=on_output)

    def forward(
        self, hidden: Tensor, mask: Tensor | None, angles: _Angles, cache: Cache | None, *, eager: bool
    ) -> tuple[Tensor, Tensor | None]:
        """Return the attended hidden states, ``(batch, tokens, width)``, and the attention map if ``eager``."""
        layers = (self.q_proj, self.k_proj, self.v_proj)
        query, key, value = (split_heads(layer(hidden), self.head_size) for layer in layers)
        query, key = rotate(query, angles), rotate(key, angles)
        if cache is not None:
            key, value = cache.update(self.layer, key, value)
        attended, attention_map = attend(
            query,
            key,
            value,
            mask,
            dropout=self.dropout if self.training else 0.0,
            eager=eager,
            causal=mask is None,
        )
        return self.o_proj(attended), attention_map


class FeedForward(nn.Module):
    """A gate decides what of a wider layer goes on (Shazeer, arXiv:2002.05202)."""

    def __init__(self, config: DecoderConfig) -> None:
        super().__init__()
        width, inside, bias = config.hidden_size, config.intermediate_size, config.biases[2]
        self.gate_proj = nn.Linear(width, inside, bias=bias)
        self.up_proj = nn.Linear(width, inside, bias=bias)
        self.down_proj = nn.Linear(inside, width, bias=bias)
        self.activation = activation(config.hidden_act)

    def forward(self, hidden: Tensor) -> Tensor:
        """Transform hidden states, ``(batch, tokens, width)``."""
        return self.down_proj(self.activation(self.gate_proj(hidden)) * self.up_proj(hidden))  # type: ignore[no-any-return]


class Block(nn.Module):
    """Attention and feed-forward, each normalised before and added to what goes into it."""

    def __init__(self, config: DecoderConfig, layer: int) -> None:
        super().__init__()
        self.self_attn = Attention(config, layer)
        self.mlp = FeedForward(config)
        self.input_layernorm = nn.RMSNorm(config.hidden_size, eps=config.rms_norm_eps)
        self.post_attention_layernorm = nn.RMSNorm(config.hidden_size, eps=config.rms_norm_eps)

    def forward(
        self, hidden: Tensor, mask: Tensor | None, angles: _Angles, cache: Cache | None, *, eager: bool
    ) -> tuple[Tensor, Tensor | None]:
        """Return the next hidden states, ``(batch, tokens, width)``, and the attention map if ``eager``."""
        attended, attention_map = self.self_attn(self.input_layernorm(hidden), mask, angles, cache, eager=eager)
        hidden = hidden + attended
        return hidden + self.mlp(self.post_attention_layernorm(hidden)), attention_map


class DecoderPreTrainedModel(PreTrainedModel):
    """What all of these models share."""

    config: DecoderConfig
    base_model_prefix = "model"
    input_embeddings = "embed_tokens"
    ignored_keys = ("layers.*.self_attn.rotary_emb.inv_freq", "rotary_emb.inv_freq")


class Decoder(DecoderPreTrainedModel):
    """The decoder without a head: hidden states for every token."""

    def __init__(self, config: DecoderConfig) -> None:
        super().__init__(config)
        self.head_size = config.head_size
        self.embed_tokens = nn.Embedding(config.vocab_size, config.hidden_size, padding_idx=config.pad_token_id)
        self.layers = Stack(Block(config, layer) for layer in range(config.num_hidden_layers))
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
            position_ids: ``(batch or 1, tokens)`` integer; None: one after the other, padding counted. Without a mask
                and with ``use_cache=False``, a text begins wherever they do not go on by one.
            past_key_values: The keys and values of the tokens read so far, which grow in place; None: this is the
                first call.
            inputs_embeds: ``(batch, tokens, width)`` float, in place of ``input_ids``.
            use_cache: Return ``past_key_values`` for the next call; None: as the configuration says, but not in
                training.
            output_attentions: Return the attention maps of every layer.
            output_hidden_states: Return the hidden states before every layer, and the normalised ones that come last.
            return_dict: Return an output object (True) or a tuple.

        Returns:
            `BaseModelOutputWithPast`.

        Raises:
            ConfigError: The configuration says another number of layers than were built.
            InputError: A shape, a type or a value does not fit.
            OptionError: A cache is wanted in training with gradient checkpointing.
        """
        config = self.config
        windows = config.windows
        if len(windows) != len(self.layers):
            said = f"num_hidden_layers is {len(windows)}, but this model has {len(self.layers)} layers"
            raise ConfigError(f"{type(config).__name__}: {said}. Set it back, or build a model from the configuration.")
        cache = cache_for(self, past_key_values, use_cache, windows)
        check_token_inputs(
            input_ids,
            inputs_embeds,
            vocab_size=config.vocab_size,
            hidden_size=config.hidden_size,
            max_tokens=_ENDLESS,
        )
        hidden = self.embed_tokens(input_ids) if inputs_embeds is None else inputs_embeds  # (batch, tokens, width)
        firsts = {window: windows.index(window) for window in {*windows}}
        masks = {
            window: attention_mask_for(hidden, attention_mask, causal=True, past=_kept(cache, layer), window=window)
            for window, layer in firsts.items()
        }
        is_cached = config.use_cache if use_cache is None else use_cache
        if attention_mask is None and cache is None and not is_cached:
            masks = {window: packed_mask(mask, position_ids) for window, mask in masks.items()}
        angles = self._angles(hidden, position_ids, cache.length if cache is not None else 0)
        wants_states, wants_maps = (
            self.wants_hidden_states(output_hidden_states),
            self.wants_attentions(output_attentions),
        )
        eager = wants_maps or self.attn_implementation == "eager"
        states, maps = [], []
        for block, window in zip(self.layers.steps(), windows, strict=True):
            states += [hidden] if wants_states else []
            hidden, attention_map = block(hidden, masks[window], angles, cache, eager=eager)
            maps += [attention_map] if wants_maps else []
        hidden = self.norm(hidden)
        output = BaseModelOutputWithPast(
            last_hidden_state=hidden,
            past_key_values=cache,
            hidden_states=(*states, hidden) if wants_states else None,
            attentions=tuple(maps) if wants_maps else None,
        )
        return self.as_requested(output, return_dict)

    def _angles(self, hidden: Tensor, position_ids: Tensor | None, past: int) -> _Angles:
        """Return by how much heads are turned: cosines and sines, ``(batch or 1, 1, tokens, head_size / 2)``."""
        config, (batch, tokens) = self.config, (hidden.shape[0], hidden.shape[1])
        longest = past + tokens
        if position_ids is None:
            position_ids = torch.arange(past, past + tokens, device=hidden.device)[None]
        else:
            check_ids("position_ids", position_ids, _ENDLESS, shape=(batch, tokens))
            if config.rope_parameters["rope_type"] == "dynamic":  # else nobody asks, and a GPU need not wait
                longest = int(position_ids.max()) + 1
        frequencies, factor = rotary_frequencies(
            config.rope_parameters,
            self.head_size,
            config.max_position_embeddings,
            tokens=longest,
            device=hidden.device,
        )
        cos, sin = rotary_angles(position_ids, frequencies, factor)
        return cos.to(hidden.dtype), sin.to(hidden.dtype)


def _kept(cache: Cache | None, layer: int) -> int:
    return 0 if cache is None else cache.kept(layer)
