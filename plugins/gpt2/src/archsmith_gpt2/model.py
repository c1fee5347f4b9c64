"""GPT-2: a text is read token by token, over learned positions, and what was read is kept.

Source: Radford et al. 2019, "Language Models are Unsupervised Multitask Learners", section 2.3, on the decoder of
Vaswani et al., "Attention Is All You Need" (arXiv:1706.03762). Names of parameters are those of the published
checkpoints.
"""

from typing import Any

import torch
from torch import Tensor, nn

from archsmith.layers.activations import activation
from archsmith.layers.attention import attend, attention_mask_for, split_heads
from archsmith.layers.inputs import check_ids, check_token_inputs
from archsmith.layers.stack import Stack
from archsmith.model import PreTrainedModel
from archsmith.outputs import BaseModelOutputWithPast
from archsmith_generation import Cache
from archsmith_generation.forward import cache_for, packed_mask
from archsmith_gpt2.config import GPT2Config

__all__ = ["GPT2Model", "GPT2PreTrainedModel"]


class Conv1D(nn.Module):
    """A linear layer whose weight is ``(inputs, outputs)``: the published files have it the other way round."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(inputs, outputs))
        self.bias = nn.Parameter(torch.empty(outputs))

    def forward(self, hidden: Tensor) -> Tensor:
        """Map ``(batch, tokens, inputs)`` to ``(batch, tokens, outputs)``."""
        return nn.functional.linear(hidden, self.weight.t(), self.bias)


class Attention(nn.Module):
    """Attention to the tokens so far: those of this call, and those in the cache."""

    def __init__(self, config: GPT2Config, layer: int) -> None:
        super().__init__()
        self.layer, self.head_size, self.dropout = layer, config.n_embd // config.n_head, config.attn_pdrop
        self.scale = self.head_size**-0.5 if config.scale_attn_weights else 1.0
        if config.scale_attn_by_inverse_layer_idx:
            self.scale /= layer + 1
        self.c_attn = Conv1D(config.n_embd, 3 * config.n_embd)  # query, key and value side by side
        self.c_proj = Conv1D(config.n_embd, config.n_embd)
        self.resid_dropout = nn.Dropout(config.resid_pdrop)

    def forward(
        self, hidden: Tensor, mask: Tensor | None, cache: Cache | None, *, eager: bool
    ) -> tuple[Tensor, Tensor | None]:
        """Return the attended hidden states, ``(batch, tokens, width)``, and the attention map if ``eager``."""
        query, key, value = (split_heads(each, self.head_size) for each in self.c_attn(hidden).chunk(3, dim=-1))
        if cache is not None:
            key, value = cache.update(self.layer, key, value)
        attended, attention_map = attend(
            query,
            key,
            value,
            mask,
            dropout=self.dropout if self.training else 0.0,
            eager=eager,
            scale=self.scale,
            causal=mask is None,
        )
        return self.resid_dropout(self.c_proj(attended)), attention_map


class FeedForward(nn.Module):
    """Two layers with an activation between."""

    def __init__(self, config: GPT2Config) -> None:
        super().__init__()
        self.c_fc = Conv1D(config.n_embd, config.inner_size)
        self.c_proj = Conv1D(config.inner_size, config.n_embd)
        self.activation = activation(config.activation_function)
        self.dropout = nn.Dropout(config.resid_pdrop)

    def forward(self, hidden: Tensor) -> Tensor:
        """Transform hidden states, ``(batch, tokens, width)``."""
        return self.dropout(self.c_proj(self.activation(self.c_fc(hidden))))  # type: ignore[no-any-return]


class Block(nn.Module):
    """Attention and feed-forward, each normalised before and added to what goes into it."""

    def __init__(self, config: GPT2Config, layer: int) -> None:
        super().__init__()
        self.ln_1 = nn.LayerNorm(config.n_embd, eps=config.layer_norm_epsilon)
        self.attn = Attention(config, layer)
        self.ln_2 = nn.LayerNorm(config.n_embd, eps=config.layer_norm_epsilon)
        self.mlp = FeedForward(config)

    def forward(
        self, hidden: Tensor, mask: Tensor | None, cache: Cache | None, *, eager: bool
    ) -> tuple[Tensor, Tensor | None]:
        """Return the next hidden states, ``(batch, tokens, width)``, and the attention map if ``eager``."""
        attended, attention_map = self.attn(self.ln_1(hidden), mask, cache, eager=eager)
        hidden = hidden + attended
        return hidden + self.mlp(self.ln_2(hidden)), attention_map


class GPT2PreTrainedModel(PreTrainedModel):
    """What all GPT-2 models share."""

    config: GPT2Config
    config_class = GPT2Config
    base_model_prefix = "transformer"
    input_embeddings = "wte"
    ignored_keys = ("h.*.attn.bias", "h.*.attn.masked_bias")

    @torch.no_grad()
    def init_weights(self, module: nn.Module) -> None:
        """Initialise one module; what is added to the stream of states is smaller the more layers do so."""
        super().init_weights(module)
        std = self.config.initializer_range
        if isinstance(module, Conv1D):
            nn.init.normal_(module.weight, std=std)
            nn.init.zeros_(module.bias)
        elif isinstance(module, Attention | FeedForward):
            nn.init.normal_(module.c_proj.weight, std=std / (2 * self.config.n_layer) ** 0.5)


class GPT2Model(GPT2PreTrainedModel):
    """GPT-2 without a head: hidden states for every token.

    Example:
        >>> import torch
        >>> from archsmith import GPT2Config, GPT2Model
        >>> model = GPT2Model(GPT2Config(n_embd=16, n_head=2, n_layer=1, vocab_size=100))
        >>> model(torch.tensor([[5, 6, 7]])).last_hidden_state.shape
        torch.Size([1, 3, 16])
    """

    def __init__(self, config: GPT2Config) -> None:
        super().__init__(config)
        self.wte = nn.Embedding(config.vocab_size, config.n_embd)
        self.wpe = nn.Embedding(config.n_positions, config.n_embd)
        self.drop = nn.Dropout(config.embd_pdrop)
        self.h = Stack(Block(config, layer) for layer in range(config.n_layer))
        self.ln_f = nn.LayerNorm(config.n_embd, eps=config.layer_norm_epsilon)

    def forward(
        self,
        input_ids: Tensor | None = None,
        past_key_values: Cache | None = None,
        attention_mask: Tensor | None = None,
        token_type_ids: Tensor | None = None,
        position_ids: Tensor | None = None,
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
            position_ids: ``(batch or 1, tokens)`` integer; None: one after the other, padding counted: where texts are
                padded on the left, pass those that leave it out. Without a mask and with ``use_cache=False``, a text
                begins wherever they do not go on by one.
            past_key_values: The keys and values of the tokens read so far, which grow in place; None: this is the
                first call.
            inputs_embeds: ``(batch, tokens, width)`` float, in place of ``input_ids``.
            token_type_ids: ``(batch, tokens)`` integer: tokens whose embeddings are added, to tell speakers apart.
            use_cache: Return ``past_key_values`` for the next call; None: as the configuration says, but not in
                training.
            output_attentions: Return the attention maps of every layer.
            output_hidden_states: Return the hidden states before every layer, and the normalised ones that come last.
            return_dict: Return an output object (True) or a tuple.

        Returns:
            `BaseModelOutputWithPast`.

        Raises:
            InputError: A shape, a type or a value does not fit.
            OptionError: A cache is wanted in training with gradient checkpointing.
        """
        cache = cache_for(self, past_key_values, use_cache)
        past = cache.length if cache is not None else 0
        hidden = self.drop(self._embedded(input_ids, inputs_embeds, position_ids, token_type_ids, past))
        mask = attention_mask_for(hidden, attention_mask, causal=True, past=past)
        is_cached = self.config.use_cache if use_cache is None else use_cache
        if attention_mask is None and cache is None and not is_cached:
            mask = packed_mask(mask, position_ids)
        wants_states, wants_maps = (
            self.wants_hidden_states(output_hidden_states),
            self.wants_attentions(output_attentions),
        )
        eager = wants_maps or self.attn_implementation == "eager"
        states, maps = [], []
        for block in self.h.steps():
            states += [hidden] if wants_states else []
            hidden, attention_map = block(hidden, mask, cache, eager=eager)
            maps += [attention_map] if wants_maps else []
        hidden = self.ln_f(hidden)
        output = BaseModelOutputWithPast(
            last_hidden_state=hidden,
            past_key_values=cache,
            hidden_states=(*states, hidden) if wants_states else None,
            attentions=tuple(maps) if wants_maps else None,
        )
        return self.as_requested(output, return_dict)

    def _embedded(
        self,
        input_ids: Tensor | None,
        inputs_embeds: Tensor | None,
        position_ids: Tensor | None,
        token_type_ids: Tensor | None,
        past: int,
    ) -> Tensor:
        """Check the inputs, and return tokens, positions and types, summed: ``(batch, tokens, width)``."""
        config = self.config
        given = check_token_inputs(
            input_ids,
            inputs_embeds,
            vocab_size=config.vocab_size,
            hidden_size=config.n_embd,
            max_tokens=config.n_positions - past,
        )
        shape = (given.shape[0], given.shape[1])
        if position_ids is None:
            position_ids = torch.arange(past, past + shape[1], device=given.device)[None]
        else:
            check_ids("position_ids", position_ids, config.n_positions, shape=shape)
        embedded: Tensor = (self.wte(input_ids) if inputs_embeds is None else inputs_embeds) + self.wpe(position_ids)
        if token_type_ids is not None:
            check_ids("token_type_ids", token_type_ids, config.vocab_size, shape=shape)
            embedded = embedded + self.wte(token_type_ids)
        return embedded
