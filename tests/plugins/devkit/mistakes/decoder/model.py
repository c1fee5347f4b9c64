from typing import Any

import torch
import torch.nn.functional as F
from acme_decoder.config import DecoderConfig
from torch import Tensor, nn

from archsmith.errors import InputError
from archsmith.layers.activations import activation
from archsmith.layers.attention import attend, split_heads
from archsmith.layers.inputs import check_ids, check_token_inputs
from archsmith.layers.stack import Stack
from archsmith.model import PreTrainedModel
from archsmith.outputs import ModelOutput

Past = tuple[tuple[Tensor, Tensor], ...]


class DecoderOutput(ModelOutput):
    """What the model without a head returns.

    Attributes:
        last_hidden_state: ``(batch, tokens, width)``.
        past_key_values: Keys and values of each layer, ``(batch, key_value_heads, all tokens, head_size)``.
        hidden_states: The embeddings and the output of each layer; the last is normalised.
        attentions: ``(batch, heads, tokens, all tokens)`` of each layer.
    """

    last_hidden_state: Tensor | None = None
    past_key_values: Past | None = None
    hidden_states: tuple[Tensor, ...] | None = None
    attentions: tuple[Tensor, ...] | None = None


class RMSNorm(nn.Module):
    def __init__(self, width: int, eps: float) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))
        self.eps = eps

    def forward(self, hidden: Tensor) -> Tensor:
        wide = hidden.float()
        wide = wide * torch.rsqrt(wide.pow(2).mean(-1, keepdim=True) + self.eps)
        return self.weight * wide.to(hidden.dtype)


class RotaryEmbedding(nn.Module):
    inv_freq: Tensor

    def __init__(self, config: DecoderConfig) -> None:
        super().__init__()
        self.head_size, self.theta = config.head_size, config.rope_theta
        self.init_buffers()

    def init_buffers(self) -> None:
        steps = torch.arange(0, self.head_size, 2, dtype=torch.float32)
        self.register_buffer("inv_freq", 1.0 / self.theta ** (steps / self.head_size), persistent=False)

    def forward(self, positions: Tensor, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
        angles = positions[..., None].float() * self.inv_freq.float()  # (batch, tokens, head_size / 2)
        angles = torch.cat((angles, angles), dim=-1)[:, None]  # (batch, 1, tokens, head_size)
        return angles.cos().to(dtype), angles.sin().to(dtype)


def rotate(states: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    first, second = states.chunk(2, dim=-1)
    return states * cos + torch.cat((-second, first), dim=-1) * sin


class Attention(nn.Module):
    def __init__(self, config: DecoderConfig) -> None:
        super().__init__()
        self.head_size = config.head_size
        self.groups = config.num_attention_heads // config.key_value_heads
        width, bias = config.hidden_size, config.attention_bias
        self.q_proj = nn.Linear(width, config.num_attention_heads * self.head_size, bias=bias)
        self.k_proj = nn.Linear(width, config.key_value_heads * self.head_size, bias=bias)
        self.v_proj = nn.Linear(width, config.key_value_heads * self.head_size, bias=bias)
        self.o_proj = nn.Linear(config.num_attention_heads * self.head_size, width, bias=bias)
        self.dropout = config.attention_dropout

    def forward(
        self, hidden: Tensor, mask: Tensor, waves: tuple[Tensor, Tensor], past: Any, *, eager: bool
    ) -> tuple[Tensor, Tensor | None, tuple[Tensor, Tensor]]:
        cos, sin = waves
        query = rotate(split_heads(self.q_proj(hidden), self.head_size), cos, sin)
        key = rotate(split_heads(self.k_proj(hidden), self.head_size), cos, sin)
        value = split_heads(self.v_proj(hidden), self.head_size)  # (batch, key_value_heads, tokens, head_size)
        if past is not None:
            key = torch.cat((past[0], key), dim=2)
            value = torch.cat((past[1], value), dim=2)
        attended, maps = attend(
            query,
            key.repeat_interleave(self.groups, dim=1),
            value.repeat_interleave(self.groups, dim=1),
            mask,
            dropout=self.dropout if self.training else 0.0,
            eager=eager,
        )
        return self.o_proj(attended), maps, (key, value)


class FeedForward(nn.Module):
    def __init__(self, config: DecoderConfig) -> None:
        super().__init__()
        self.gate_proj = nn.Linear(config.hidden_size, config.intermediate_size, bias=False)
        self.up_proj = nn.Linear(config.hidden_size, config.intermediate_size, bias=False)
        self.down_proj = nn.Linear(config.intermediate_size, config.hidden_size, bias=False)
        self.activation = activation(config.hidden_act)

    def forward(self, hidden: Tensor) -> Tensor:
        return self.down_proj(self.activation(self.gate_proj(hidden)) * self.up_proj(hidden))


class Layer(nn.Module):
    def __init__(self, config: DecoderConfig) -> None:
        super().__init__()
        self.input_layernorm = RMSNorm(config.hidden_size, config.rms_norm_eps)
        self.self_attn = Attention(config)
        self.post_attention_layernorm = RMSNorm(config.hidden_size, config.rms_norm_eps)
        self.mlp = FeedForward(config)

    def forward(
        self, hidden: Tensor, mask: Tensor, waves: tuple[Tensor, Tensor], past: Any, *, eager: bool
    ) -> tuple[Tensor, Tensor | None, tuple[Tensor, Tensor]]:
        attended, maps, kept = self.self_attn(self.input_layernorm(hidden), mask, waves, past, eager=eager)
        hidden = hidden + attended
        return hidden + self.mlp(self.post_attention_layernorm(hidden)), maps, kept


class DecoderPreTrainedModel(PreTrainedModel):
    config: DecoderConfig
    config_class = DecoderConfig
    base_model_prefix = "model"
    input_embeddings = "embed_tokens"

    def init_weights(self, module: nn.Module) -> None:
        super().init_weights(module)
        if isinstance(module, RMSNorm):
            nn.init.ones_(module.weight)


def positions_of(mask: Tensor, tokens: int) -> Tensor:
    """Return the place of each of the last tokens among those that are no padding, ``(batch, tokens)``."""
    return (mask.long().cumsum(-1) - 1).clamp(min=0)[:, -tokens:]


def causal_mask(mask: Tensor, tokens: int) -> Tensor:
    """Return which keys each of the last tokens may see, ``(batch, 1, tokens, all tokens)``; itself in any case."""
    total = mask.shape[1]
    places = torch.arange(total, device=mask.device)
    queries = places[total - tokens :, None]  # (tokens, 1)
    allowed = (places <= queries) & mask.bool()[:, None, None, :]  # (batch, 1, tokens, all tokens)
    return allowed | (places == queries)


class DecoderModel(DecoderPreTrainedModel):
    """Reads texts from left to right."""

    def __init__(self, config: DecoderConfig) -> None:
        super().__init__(config)
        self.embed_tokens = nn.Embedding(config.vocab_size, config.hidden_size, padding_idx=config.pad_token_id)
        self.layers = Stack(Layer(config) for _ in range(config.num_hidden_layers))
        self.norm = RMSNorm(config.hidden_size, config.rms_norm_eps)
        self.rotary = RotaryEmbedding(config)

    def forward(
        self,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        position_ids: Tensor | None = None,
        past_key_values: Past | None = None,
        inputs_embeds: Tensor | None = None,
        use_cache: bool | None = None,
        *,
        output_attentions: bool | None = None,
        output_hidden_states: bool | None = None,
        return_dict: bool | None = None,
    ) -> Any:
        config = self.config
        seen = 0 if past_key_values is None else past_key_values[0][0].shape[2]
        check_token_inputs(
            input_ids,
            inputs_embeds,
            vocab_size=config.vocab_size,
            hidden_size=config.hidden_size,
            max_tokens=config.max_position_embeddings - seen,
        )
        hidden = self.embed_tokens(input_ids) if inputs_embeds is None else inputs_embeds
        batch, tokens = hidden.shape[:2]
        if attention_mask is None:
            attention_mask = torch.ones(batch, seen + tokens, dtype=torch.long, device=hidden.device)
        if attention_mask.shape != (batch, seen + tokens):
            raise InputError(
                f"attention_mask must have the shape (batch, all tokens) = {(batch, seen + tokens)}, but has "
                f"{tuple(attention_mask.shape)}."
            )
        if position_ids is None:
            position_ids = positions_of(attention_mask, tokens)
        check_ids("position_ids", position_ids, config.max_position_embeddings, shape=(batch, tokens))
        mask, waves = causal_mask(attention_mask, tokens), self.rotary(position_ids, hidden.dtype)
        wants_maps = self.wants_attentions(output_attentions)
        eager = wants_maps or self.attn_implementation == "eager"
        states, maps, kept = [hidden], [], []
        for index, layer in enumerate(self.layers.steps()):
            past = None if past_key_values is None else past_key_values[index]
            hidden, attention, keys_values = layer(hidden, mask, waves, past, eager=eager)
            states.append(hidden)
            maps.append(attention)
            kept.append(keys_values)
        states[-1] = self.norm(hidden)
        if use_cache is None:
            use_cache = config.use_cache and not self.training
        output = DecoderOutput(
            last_hidden_state=states[-1],
            past_key_values=tuple(kept) if use_cache else None,
            hidden_states=tuple(states) if self.wants_hidden_states(output_hidden_states) else None,
            attentions=tuple(maps) if wants_maps else None,
        )
        return self.as_requested(output, return_dict)


def next_token_loss(logits: Tensor, labels: Tensor) -> Tensor:
    """Return the mean cross entropy of each token, scored by the one before it; -100 is left out."""
    scores = logits[:, :-1].reshape(-1, logits.shape[-1]).float()
    return F.cross_entropy(scores, labels[:, 1:].reshape(-1), ignore_index=-100)
