"""BERT: an encoder of transformer layers over learned positions and token types, and its pooler.

Source: Devlin et al., "BERT: Pre-training of Deep Bidirectional Transformers" (arXiv:1810.04805), section 3 and
appendix A. Names of modules and parameters are those of the published checkpoints.
"""

from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from archsmith.layers.activations import activation
from archsmith.layers.attention import attend, attention_mask_for, split_heads
from archsmith.layers.inputs import check_ids, check_token_inputs
from archsmith.layers.stack import Stack
from archsmith.model import PreTrainedModel
from archsmith.outputs import BaseModelOutputWithPooling
from archsmith_bert.config import BertConfig

__all__ = ["BertModel", "BertPreTrainedModel"]


class Embeddings(nn.Module):
    """Word, token type and position embeddings, summed and normalised."""

    def __init__(self, config: BertConfig) -> None:
        super().__init__()
        self.word_embeddings = nn.Embedding(config.vocab_size, config.hidden_size, padding_idx=config.pad_token_id)
        self.position_embeddings = nn.Embedding(config.max_position_embeddings, config.hidden_size)
        self.token_type_embeddings = nn.Embedding(config.type_vocab_size, config.hidden_size)
        self.LayerNorm = nn.LayerNorm(config.hidden_size, eps=config.layer_norm_eps)
        self.dropout = nn.Dropout(config.hidden_dropout_prob)

    def forward(
        self,
        input_ids: Tensor | None,
        inputs_embeds: Tensor | None,
        token_type_ids: Tensor | None,
        position_ids: Tensor | None,
    ) -> Tensor:
        """Embed tokens, ``(batch, tokens)``, or take their embeddings; add types and positions.

        Each table is called: adapters and hooks are on the module, not on its weight.
        """
        words: Tensor = self.word_embeddings(input_ids) if inputs_embeds is None else inputs_embeds
        if token_type_ids is None:
            token_type_ids = torch.zeros(1, 1, dtype=torch.long, device=words.device)
        if position_ids is None:
            position_ids = torch.arange(words.shape[1], device=words.device)[None]
        types, positions = self.token_type_embeddings(token_type_ids), self.position_embeddings(position_ids)
        return self.dropout(self.LayerNorm(words + types + positions))  # type: ignore[no-any-return]


class SelfAttention(nn.Module):
    """Multi-head attention of a text to itself, without the projection that joins the heads."""

    def __init__(self, config: BertConfig) -> None:
        super().__init__()
        self.head_size = config.hidden_size // config.num_attention_heads
        self.dropout = config.attention_probs_dropout_prob
        self.query = nn.Linear(config.hidden_size, config.hidden_size)
        self.key = nn.Linear(config.hidden_size, config.hidden_size)
        self.value = nn.Linear(config.hidden_size, config.hidden_size)

    def forward(self, hidden: Tensor, mask: Tensor | None, *, eager: bool) -> tuple[Tensor, Tensor | None]:
        """Return the attended values, ``(batch, tokens, width)``, and the attention maps if ``eager``."""
        return attend(
            split_heads(self.query(hidden), self.head_size),
            split_heads(self.key(hidden), self.head_size),
            split_heads(self.value(hidden), self.head_size),
            mask,
            dropout=self.dropout if self.training else 0.0,
            eager=eager,
        )


class ResidualOutput(nn.Module):
    """A projection back to the width of the model, added to what it came from and normalised."""

    def __init__(self, inner_size: int, config: BertConfig) -> None:
        super().__init__()
        self.dense = nn.Linear(inner_size, config.hidden_size)
        self.LayerNorm = nn.LayerNorm(config.hidden_size, eps=config.layer_norm_eps)
        self.dropout = nn.Dropout(config.hidden_dropout_prob)

    def forward(self, inner: Tensor, residual: Tensor) -> Tensor:
        """Project ``(batch, tokens, inner_size)`` and add ``residual``, ``(batch, tokens, width)``."""
        return self.LayerNorm(self.dropout(self.dense(inner)) + residual)  # type: ignore[no-any-return]


class Attention(nn.Module):
    """Self-attention with its output block."""

    def __init__(self, config: BertConfig) -> None:
        super().__init__()
        self.self = SelfAttention(config)
        self.output = ResidualOutput(config.hidden_size, config)

    def forward(self, hidden: Tensor, mask: Tensor | None, *, eager: bool) -> tuple[Tensor, Tensor | None]:
        """Return the next hidden states, ``(batch, tokens, width)``, and the attention maps if ``eager``."""
        attended, maps = self.self(hidden, mask, eager=eager)
        return self.output(attended, hidden), maps


class Intermediate(nn.Module):
    """The first half of a feed-forward block."""

    def __init__(self, config: BertConfig) -> None:
        super().__init__()
        self.dense = nn.Linear(config.hidden_size, config.intermediate_size)
        self.activation = activation(config.hidden_act)

    def forward(self, hidden: Tensor) -> Tensor:
        """Widen hidden states to ``(batch, tokens, intermediate_size)``."""
        return self.activation(self.dense(hidden))


class Layer(nn.Module):
    """Attention and feed-forward, each with a residual connection and a normalisation after it."""

    def __init__(self, config: BertConfig) -> None:
        super().__init__()
        self.attention = Attention(config)
        self.intermediate = Intermediate(config)
        self.output = ResidualOutput(config.intermediate_size, config)

    def forward(self, hidden: Tensor, mask: Tensor | None, *, eager: bool) -> tuple[Tensor, Tensor | None]:
        """Return the next hidden states, ``(batch, tokens, width)``, and the attention maps if ``eager``."""
        hidden, maps = self.attention(hidden, mask, eager=eager)
        return self.output(self.intermediate(hidden), hidden), maps


class Encoder(nn.Module):
    """The stack of layers."""

    def __init__(self, config: BertConfig) -> None:
        super().__init__()
        self.layer = Stack(Layer(config) for _ in range(config.num_hidden_layers))

    def forward(
        self, hidden: Tensor, mask: Tensor | None, *, eager: bool, keep_states: bool, keep_maps: bool
    ) -> tuple[Tensor, tuple[Tensor, ...] | None, tuple[Tensor, ...] | None]:
        """Return the last hidden states; those before and after each layer, and the attention maps, where kept."""
        states, maps = [hidden], []
        for layer in self.layer.steps():
            hidden, attention_map = layer(hidden, mask, eager=eager)
            if keep_states:
                states.append(hidden)
            if keep_maps:
                maps.append(attention_map)
        return hidden, tuple(states) if keep_states else None, tuple(maps) if keep_maps else None


class Pooler(nn.Module):
    """One vector for a whole text: a transformation of its first token."""

    def __init__(self, config: BertConfig) -> None:
        super().__init__()
        self.dense = nn.Linear(config.hidden_size, config.hidden_size)

    def forward(self, hidden: Tensor) -> Tensor:
        """Pool ``(batch, tokens, width)`` to ``(batch, width)``."""
        return torch.tanh(self.dense(hidden[:, 0]))


class BertPreTrainedModel(PreTrainedModel):
    """What all BERT models share."""

    config: BertConfig
    config_class = BertConfig
    base_model_prefix = "bert"
    input_embeddings = "embeddings.word_embeddings"
    attention_projections = (
        "encoder.layer.{}.attention.self.query",
        "encoder.layer.{}.attention.self.key",
        "encoder.layer.{}.attention.self.value",
        "encoder.layer.{}.attention.output.dense",
    )
    ignored_keys = ("embeddings.position_ids",)
    optional_keys: ClassVar[tuple[str, ...]] = ("pooler.*",)


class BertModel(BertPreTrainedModel):
    """BERT without a head: hidden states for every token and, from the pooler, one vector for each text.

    Example:
        >>> import torch
        >>> from archsmith import BertConfig, BertModel
        >>> config = BertConfig(
        ...     hidden_size=16, num_attention_heads=2, num_hidden_layers=1, intermediate_size=32, vocab_size=100
        ... )
        >>> output = BertModel(config)(torch.tensor([[5, 6, 7]]))
        >>> output.last_hidden_state.shape, output.pooler_output.shape
        (torch.Size([1, 3, 16]), torch.Size([1, 16]))

    Without ``add_pooling_layer`` there is no pooler, and ``pooler_output`` is None.
    """

    def __init__(self, config: BertConfig, add_pooling_layer: bool = True) -> None:
        super().__init__(config)
        self.embeddings = Embeddings(config)
        self.encoder = Encoder(config)
        self.pooler = Pooler(config) if add_pooling_layer else None

    def forward(
        self,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        token_type_ids: Tensor | None = None,
        position_ids: Tensor | None = None,
        inputs_embeds: Tensor | None = None,
        *,
        output_attentions: bool | None = None,
        output_hidden_states: bool | None = None,
        return_dict: bool | None = None,
    ) -> Any:
        """Encode a batch of texts.

        Args:
            input_ids: ``(batch, tokens)`` integer.
            attention_mask: ``(batch, tokens)``, 1 for tokens and 0 for padding; None: no padding.
            token_type_ids: ``(batch or 1, tokens)`` integer, which text of a pair a token belongs to; None: 0.
            position_ids: ``(batch or 1, tokens)`` integer; None: 0, 1, 2, …
            inputs_embeds: ``(batch, tokens, width)`` float, in place of ``input_ids``.
            output_attentions: Return the attention maps of every layer.
            output_hidden_states: Return the hidden states of every layer.
            return_dict: Return an output object (True) or a tuple.

        Returns:
            `BaseModelOutputWithPooling`.

        Raises:
            InputError: A shape, a type or a value does not fit.
        """
        hidden = self._embed(input_ids, token_type_ids, position_ids, inputs_embeds)
        wants_maps = self.wants_attentions(output_attentions)
        last, states, maps = self.encoder(
            hidden,
            attention_mask_for(hidden, attention_mask, causal=self.config.is_decoder),
            eager=wants_maps or self.attn_implementation == "eager",
            keep_states=self.wants_hidden_states(output_hidden_states),
            keep_maps=wants_maps,
        )
        pooled = None if self.pooler is None else self.pooler(last)
        return self.as_requested(BaseModelOutputWithPooling(last, pooled, states, maps), return_dict)

    def _embed(
        self, input_ids: Tensor | None, types: Tensor | None, positions: Tensor | None, inputs_embeds: Tensor | None
    ) -> Tensor:
        config = self.config
        given = check_token_inputs(
            input_ids,
            inputs_embeds,
            vocab_size=config.vocab_size,
            hidden_size=config.hidden_size,
            max_tokens=config.max_position_embeddings,
        )
        limits = {"token_type_ids": config.type_vocab_size, "position_ids": config.max_position_embeddings}
        for (name, limit), ids in zip(limits.items(), (types, positions), strict=True):
            if ids is not None:
                check_ids(name, ids, limit, shape=(given.shape[0], given.shape[1]))
        return self.embeddings(input_ids, inputs_embeds, types, positions)  # type: ignore[no-any-return]
