"""SampleNet: a transformer encoder of texts, and a head that classifies them.

Source: Vaswani et al., "Attention Is All You Need" (arXiv:1706.03762), section 3; each layer normalises what goes into
it, as in Xiong et al., "On Layer Normalization in the Transformer Architecture" (arXiv:2002.04745), section 3.
"""

from typing import Any

import torch
from archsmith.layers.attention import attend, attention_mask_for, split_heads
from archsmith.layers.inputs import check_token_inputs
from archsmith.layers.losses import classification_loss
from archsmith.layers.stack import Stack
from archsmith.model import PreTrainedModel
from archsmith.outputs import BaseModelOutput, SequenceClassifierOutput
from torch import Tensor, nn

from archsmith_sample_net.config import SampleNetConfig

__all__ = [
    "SampleNetForSequenceClassification",
    "SampleNetModel",
    "SampleNetPreTrainedModel",
]


class Block(nn.Module):
    """Self-attention and a feed-forward layer, each added to what goes into it."""

    def __init__(self, config: SampleNetConfig) -> None:
        super().__init__()
        width = config.hidden_size
        self.head_size = width // config.num_attention_heads
        self.attention_norm = nn.LayerNorm(width)
        self.query = nn.Linear(width, width)
        self.key = nn.Linear(width, width)
        self.value = nn.Linear(width, width)
        self.output = nn.Linear(width, width)
        self.mlp_norm = nn.LayerNorm(width)
        self.mlp = nn.Sequential(
            nn.Linear(width, config.intermediate_size),
            nn.GELU(),
            nn.Linear(config.intermediate_size, width),
        )
        self.dropout = nn.Dropout(config.dropout)

    def forward(self, hidden: Tensor, mask: Tensor | None, *, eager: bool) -> tuple[Tensor, Tensor | None]:
        """Return the next hidden states, ``(batch, tokens, width)``, and the attention maps if ``eager``."""
        normed = self.attention_norm(hidden)
        query, key, value = (split_heads(layer(normed), self.head_size) for layer in (self.query, self.key, self.value))
        attended, attention_map = attend(query, key, value, mask, eager=eager)
        hidden = hidden + self.dropout(self.output(attended))
        return hidden + self.dropout(self.mlp(self.mlp_norm(hidden))), attention_map


class SampleNetPreTrainedModel(PreTrainedModel):
    """What all SampleNet models share: `PreTrainedModel` explains each of these."""

    config: SampleNetConfig
    config_class = SampleNetConfig
    base_model_prefix = "encoder"
    input_embeddings = "words"
    attention_projections = ("blocks.{}.query", "blocks.{}.key", "blocks.{}.value", "blocks.{}.output")


class SampleNetModel(SampleNetPreTrainedModel):
    """SampleNet without a head: hidden states for every token."""

    def __init__(self, config: SampleNetConfig) -> None:
        super().__init__(config)
        self.words = nn.Embedding(config.vocab_size, config.hidden_size, padding_idx=config.pad_token_id)
        self.positions = nn.Embedding(config.max_position_embeddings, config.hidden_size)
        self.dropout = nn.Dropout(config.dropout)
        self.blocks = Stack(Block(config) for _ in range(config.num_hidden_layers))
        self.norm = nn.LayerNorm(config.hidden_size)

    def forward(
        self,
        input_ids: Tensor,
        attention_mask: Tensor | None = None,
        *,
        output_attentions: bool | None = None,
        output_hidden_states: bool | None = None,
        return_dict: bool | None = None,
    ) -> Any:
        """Encode a batch of texts.

        Args:
            input_ids: ``(batch, tokens)`` integer.
            attention_mask: ``(batch, tokens)``, 1 for tokens and 0 for padding; None: no padding.
            output_attentions: Return the attention maps of every block.
            output_hidden_states: Return the hidden states before and after every block.
            return_dict: Return an output object (True) or a tuple.

        Returns:
            `BaseModelOutput`.

        Raises:
            InputError: A shape, a type or a value does not fit.
        """
        check_token_inputs(
            input_ids,
            None,
            vocab_size=self.config.vocab_size,
            hidden_size=self.config.hidden_size,
            max_tokens=self.config.max_position_embeddings,
        )
        places = torch.arange(input_ids.shape[1], device=input_ids.device)  # (tokens,)
        hidden = self.dropout(self.words(input_ids) + self.positions(places))  # (batch, tokens, width)
        mask = attention_mask_for(hidden, attention_mask)
        wants_maps = self.wants_attentions(output_attentions)
        states, maps = [hidden], []
        for block in self.blocks.steps():
            hidden, attention_map = block(hidden, mask, eager=wants_maps or self.attn_implementation == "eager")
            states.append(hidden)
            maps.append(attention_map)
        output = BaseModelOutput(
            last_hidden_state=self.norm(hidden),
            hidden_states=tuple(states) if self.wants_hidden_states(output_hidden_states) else None,
            attentions=tuple(maps) if wants_maps else None,
        )
        return self.as_requested(output, return_dict)


class SampleNetForSequenceClassification(SampleNetPreTrainedModel):
    """SampleNet that classifies texts, by the hidden state of their first token."""

    def __init__(self, config: SampleNetConfig) -> None:
        super().__init__(config)
        self.encoder = SampleNetModel(config)
        self.classifier = nn.Linear(config.hidden_size, config.num_labels)

    def forward(
        self,
        input_ids: Tensor,
        attention_mask: Tensor | None = None,
        labels: Tensor | None = None,
        *,
        output_attentions: bool | None = None,
        output_hidden_states: bool | None = None,
        return_dict: bool | None = None,
    ) -> Any:
        """Score every label. Arguments and errors as `SampleNetModel.forward`.

        Args:
            labels: As `archsmith.layers.losses.classification_loss` takes them for ``config.problem_type``.

        Returns:
            `SequenceClassifierOutput`.
        """
        encoded: BaseModelOutput = self.encoder(
            input_ids,
            attention_mask,
            output_attentions=self.wants_attentions(output_attentions),
            output_hidden_states=self.wants_hidden_states(output_hidden_states),
            return_dict=True,
        )
        assert encoded.last_hidden_state is not None  # for the type checker
        logits = self.classifier(encoded.last_hidden_state[:, 0])  # (batch, labels)
        output = SequenceClassifierOutput(
            loss=None if labels is None else classification_loss(logits, labels, self.config.problem_type),
            logits=logits,
            hidden_states=encoded.hidden_states,
            attentions=encoded.attentions,
        )
        return self.as_requested(output, return_dict)
