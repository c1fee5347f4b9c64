from typing import Any

import torch
from acme_textual.config import TextualConfig
from torch import Tensor, nn

from archsmith.layers.activations import activation
from archsmith.layers.attention import attend, attention_mask_for, split_heads
from archsmith.layers.inputs import check_ids, check_token_inputs
from archsmith.layers.stack import Stack
from archsmith.model import PreTrainedModel
from archsmith.outputs import BaseModelOutputWithPooling


class Embeddings(nn.Module):
    def __init__(self, config: TextualConfig) -> None:
        super().__init__()
        self.word_embeddings = nn.Embedding(config.vocab_size, config.hidden_size, padding_idx=config.pad_token_id)
        self.position_embeddings = nn.Embedding(config.max_position_embeddings, config.hidden_size)
        self.token_type_embeddings = nn.Embedding(config.type_vocab_size, config.hidden_size)
        self.LayerNorm = nn.LayerNorm(config.hidden_size, eps=config.layer_norm_eps)
        self.dropout = nn.Dropout(config.hidden_dropout_prob)

    def forward(self, words: Tensor, token_type_ids: Tensor | None, position_ids: Tensor | None) -> Tensor:
        tokens = words.shape[1]
        if position_ids is None:
            position_ids = torch.arange(tokens, device=words.device)[None]  # (1, tokens)
        if token_type_ids is None:
            token_type_ids = torch.zeros(words.shape[:2], dtype=torch.long, device=words.device)
        hidden = words + self.position_embeddings(position_ids)
        hidden = hidden + self.token_type_embeddings(token_type_ids)
        return self.dropout(self.LayerNorm(hidden))


class Attention(nn.Module):
    def __init__(self, config: TextualConfig) -> None:
        super().__init__()
        self.head_size = config.hidden_size // config.num_attention_heads
        self.query = nn.Linear(config.hidden_size, config.hidden_size)
        self.key = nn.Linear(config.hidden_size, config.hidden_size)
        self.value = nn.Linear(config.hidden_size, config.hidden_size)
        self.dense = nn.Linear(config.hidden_size, config.hidden_size)
        self.attention_dropout = config.attention_probs_dropout_prob
        self.dropout = nn.Dropout(config.hidden_dropout_prob)

    def forward(self, hidden: Tensor, mask: Tensor | None, *, eager: bool) -> tuple[Tensor, Tensor | None]:
        query = split_heads(self.query(hidden), self.head_size)  # (batch, heads, tokens, head_size)
        key = split_heads(self.key(hidden), self.head_size)
        value = split_heads(self.value(hidden), self.head_size)
        dropout = self.attention_dropout if self.training else 0.0
        attended, maps = attend(query, key, value, mask, dropout=dropout, eager=eager)
        return self.dropout(self.dense(attended)), maps


class Layer(nn.Module):
    def __init__(self, config: TextualConfig) -> None:
        super().__init__()
        self.attention = Attention(config)
        self.attention_norm = nn.LayerNorm(config.hidden_size, eps=config.layer_norm_eps)
        self.intermediate = nn.Linear(config.hidden_size, config.intermediate_size)
        self.activation = activation(config.hidden_act)
        self.output = nn.Linear(config.intermediate_size, config.hidden_size)
        self.dropout = nn.Dropout(config.hidden_dropout_prob)
        self.output_norm = nn.LayerNorm(config.hidden_size, eps=config.layer_norm_eps)

    def forward(self, hidden: Tensor, mask: Tensor | None, *, eager: bool) -> tuple[Tensor, Tensor | None]:
        attended, maps = self.attention(hidden, mask, eager=eager)
        hidden = self.attention_norm(attended + hidden)
        inner = self.activation(self.intermediate(hidden))  # (batch, tokens, intermediate)
        return self.output_norm(self.dropout(self.output(inner)) + hidden), maps


class Encoder(nn.Module):
    def __init__(self, config: TextualConfig) -> None:
        super().__init__()
        self.layer = Stack(Layer(config) for _ in range(config.num_hidden_layers))

    def forward(self, hidden: Tensor, mask: Tensor | None, *, eager: bool) -> tuple[list[Tensor], list[Any]]:
        states, maps = [hidden], []
        for layer in self.layer.steps():
            hidden, attention = layer(hidden, mask, eager=eager)
            states.append(hidden)
            maps.append(attention)
        return states, maps


class Pooler(nn.Module):
    def __init__(self, config: TextualConfig) -> None:
        super().__init__()
        self.dense = nn.Linear(config.hidden_size, config.hidden_size)

    def forward(self, hidden: Tensor) -> Tensor:
        return torch.tanh(self.dense(hidden[:, 0]))  # (batch, width)


class TextualPreTrainedModel(PreTrainedModel):
    config: TextualConfig
    config_class = TextualConfig
    base_model_prefix = "textual"
    input_embeddings = "embeddings.word_embeddings"
    optional_keys = ("pooler.*",)
    attention_projections = tuple(f"encoder.layer.{{}}.attention.{name}" for name in ("query", "key", "value", "dense"))


class TextualModel(TextualPreTrainedModel):
    """Encodes texts."""

    def __init__(self, config: TextualConfig, *, add_pooling_layer: bool = True) -> None:
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
        table, limit = self.embeddings.word_embeddings, self.config.max_position_embeddings
        check_token_inputs(
            input_ids,
            inputs_embeds,
            vocab_size=self.config.vocab_size,
            hidden_size=self.config.hidden_size,
            max_tokens=limit,
        )
        words = table(input_ids) if inputs_embeds is None else inputs_embeds  # (batch, tokens, width)
        shape = (words.shape[0], words.shape[1])
        if token_type_ids is not None:
            check_ids("token_type_ids", token_type_ids, self.config.type_vocab_size, shape=shape)
        if position_ids is not None:
            check_ids("position_ids", position_ids, limit, shape=shape)
        hidden = self.embeddings(words, token_type_ids, position_ids)
        wants_maps = self.wants_attentions(output_attentions)
        eager = wants_maps or self.attn_implementation == "eager"
        states, maps = self.encoder(hidden, attention_mask_for(hidden, attention_mask), eager=eager)
        output = BaseModelOutputWithPooling(
            last_hidden_state=states[-1],
            pooler_output=None if self.pooler is None else self.pooler(states[-1]),
            hidden_states=tuple(states) if self.wants_hidden_states(output_hidden_states) else None,
            attentions=tuple(maps) if wants_maps else None,
        )
        return self.as_requested(output, return_dict)
