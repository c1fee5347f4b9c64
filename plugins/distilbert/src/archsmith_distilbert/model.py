"""DistilBERT: an encoder of transformer blocks over learned positions. Its heads are in the module beside it.

Source: Sanh et al., "DistilBERT, a distilled version of BERT" (arXiv:1910.01108), section 3; the layers are those of
Devlin et al., "BERT" (arXiv:1810.04805). Names of parameters are those of the published checkpoints.
"""

from typing import Any

import torch
from torch import Tensor, nn

from archsmith.layers.activations import activation
from archsmith.layers.attention import attend, attention_mask_for, split_heads
from archsmith.layers.inputs import check_ids, check_token_inputs
from archsmith.layers.stack import Stack
from archsmith.model import PreTrainedModel
from archsmith.outputs import BaseModelOutput
from archsmith_distilbert.config import DistilBertConfig

__all__ = ["EPS", "DistilBertModel", "DistilBertPreTrainedModel"]

#: Added to the variance in every normalisation.
EPS = 1e-12


class Embeddings(nn.Module):
    """Word and position embeddings, summed and normalised."""

    def __init__(self, config: DistilBertConfig) -> None:
        super().__init__()
        self.word_embeddings = nn.Embedding(config.vocab_size, config.dim, padding_idx=config.pad_token_id)
        self.position_embeddings = nn.Embedding(config.max_position_embeddings, config.dim)
        self.LayerNorm = nn.LayerNorm(config.dim, eps=EPS)
        self.dropout = nn.Dropout(config.dropout)

    def forward(self, input_ids: Tensor | None, inputs_embeds: Tensor | None, position_ids: Tensor | None) -> Tensor:
        """Embed tokens, ``(batch, tokens)``, or take their embeddings; add positions.

        Each table is called: adapters and hooks are on the module, not on its weight.
        """
        words: Tensor = self.word_embeddings(input_ids) if inputs_embeds is None else inputs_embeds
        if position_ids is None:
            position_ids = torch.arange(words.shape[1], device=words.device)[None]
        return self.dropout(self.LayerNorm(words + self.position_embeddings(position_ids)))  # type: ignore[no-any-return]


class Attention(nn.Module):
    """Multi-head self-attention."""

    def __init__(self, config: DistilBertConfig) -> None:
        super().__init__()
        self.head_size = config.dim // config.n_heads
        self.dropout = config.attention_dropout
        self.q_lin = nn.Linear(config.dim, config.dim)
        self.k_lin = nn.Linear(config.dim, config.dim)
        self.v_lin = nn.Linear(config.dim, config.dim)
        self.out_lin = nn.Linear(config.dim, config.dim)

    def forward(self, hidden: Tensor, mask: Tensor | None, *, eager: bool) -> tuple[Tensor, Tensor | None]:
        """Return the attended hidden states, ``(batch, tokens, width)``, and the attention maps if ``eager``."""
        attended, maps = attend(
            split_heads(self.q_lin(hidden), self.head_size),
            split_heads(self.k_lin(hidden), self.head_size),
            split_heads(self.v_lin(hidden), self.head_size),
            mask,
            dropout=self.dropout if self.training else 0.0,
            eager=eager,
        )
        return self.out_lin(attended), maps


class FeedForward(nn.Module):
    """Two linear layers with an activation between."""

    def __init__(self, config: DistilBertConfig) -> None:
        super().__init__()
        self.lin1 = nn.Linear(config.dim, config.hidden_dim)
        self.lin2 = nn.Linear(config.hidden_dim, config.dim)
        self.activation = activation(config.activation)
        self.dropout = nn.Dropout(config.dropout)

    def forward(self, hidden: Tensor) -> Tensor:
        """Transform hidden states, ``(batch, tokens, width)``."""
        return self.dropout(self.lin2(self.activation(self.lin1(hidden))))  # type: ignore[no-any-return]


class TransformerBlock(nn.Module):
    """Attention and feed-forward, each with a residual connection and a normalisation after it."""

    def __init__(self, config: DistilBertConfig) -> None:
        super().__init__()
        self.attention = Attention(config)
        self.sa_layer_norm = nn.LayerNorm(config.dim, eps=EPS)
        self.ffn = FeedForward(config)
        self.output_layer_norm = nn.LayerNorm(config.dim, eps=EPS)

    def forward(self, hidden: Tensor, mask: Tensor | None, *, eager: bool) -> tuple[Tensor, Tensor | None]:
        """Return the next hidden states, ``(batch, tokens, width)``, and the attention maps if ``eager``."""
        residual = hidden
        hidden, maps = self.attention(hidden, mask, eager=eager)
        hidden = self.sa_layer_norm(hidden + residual)  # under the same name: what attention returned is freed here
        return self.output_layer_norm(self.ffn(hidden) + hidden), maps


class Transformer(nn.Module):
    """The stack of blocks."""

    def __init__(self, config: DistilBertConfig) -> None:
        super().__init__()
        self.layer = Stack(TransformerBlock(config) for _ in range(config.n_layers))

    def forward(
        self, hidden: Tensor, mask: Tensor | None, *, eager: bool, keep_states: bool, keep_maps: bool
    ) -> tuple[Tensor, tuple[Tensor, ...] | None, tuple[Tensor, ...] | None]:
        """Return the last hidden states; those before and after each block, and the attention maps, where kept."""
        states, maps = [hidden], []
        for block in self.layer.steps():
            hidden, attention_map = block(hidden, mask, eager=eager)
            if keep_states:
                states.append(hidden)
            if keep_maps:
                maps.append(attention_map)
        return hidden, tuple(states) if keep_states else None, tuple(maps) if keep_maps else None


class DistilBertPreTrainedModel(PreTrainedModel):
    """What all DistilBERT models share."""

    config: DistilBertConfig
    config_class = DistilBertConfig
    base_model_prefix = "distilbert"
    input_embeddings = "embeddings.word_embeddings"
    attention_projections = tuple(f"transformer.layer.{{}}.attention.{name}_lin" for name in ("q", "k", "v", "out"))
    ignored_keys = ("embeddings.position_ids",)

    def init_weights(self, module: nn.Module) -> None:
        """Initialise one module; positions start from waves if the configuration says so (arXiv:1706.03762, 3.5)."""
        super().init_weights(module)
        positions = self.base_model.get_submodule("embeddings.position_embeddings")
        if self.config.sinusoidal_pos_embds and module is positions:
            _fill_with_waves(positions.get_parameter("weight"))


class DistilBertModel(DistilBertPreTrainedModel):
    """DistilBERT without a head: hidden states for every token.

    Example:
        >>> import torch
        >>> from archsmith import DistilBertConfig, DistilBertModel
        >>> model = DistilBertModel(DistilBertConfig(dim=16, n_heads=2, n_layers=1, hidden_dim=32, vocab_size=100))
        >>> model(torch.tensor([[5, 6, 7]])).last_hidden_state.shape
        torch.Size([1, 3, 16])
    """

    def __init__(self, config: DistilBertConfig) -> None:
        super().__init__(config)
        self.embeddings = Embeddings(config)
        self.transformer = Transformer(config)

    def forward(
        self,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        inputs_embeds: Tensor | None = None,
        position_ids: Tensor | None = None,
        *,
        output_attentions: bool | None = None,
        output_hidden_states: bool | None = None,
        return_dict: bool | None = None,
    ) -> Any:
        """Encode a batch of texts.

        Args:
            input_ids: ``(batch, tokens)`` integer.
            attention_mask: ``(batch, tokens)``, 1 for tokens and 0 for padding; None: no padding.
            inputs_embeds: ``(batch, tokens, width)`` float, in place of ``input_ids``.
            position_ids: ``(batch or 1, tokens)`` integer; None: 0, 1, 2, …
            output_attentions: Return the attention maps of every layer.
            output_hidden_states: Return the hidden states of every layer.
            return_dict: Return an output object (True) or a tuple.

        Returns:
            `BaseModelOutput`.

        Raises:
            InputError: A shape, a type or a value does not fit.
        """
        config = self.config
        given = check_token_inputs(
            input_ids,
            inputs_embeds,
            vocab_size=config.vocab_size,
            hidden_size=config.dim,
            max_tokens=config.max_position_embeddings,
        )
        if position_ids is not None:
            shape = (given.shape[0], given.shape[1])
            check_ids("position_ids", position_ids, config.max_position_embeddings, shape=shape)
        hidden = self.embeddings(input_ids, inputs_embeds, position_ids)
        wants_maps = self.wants_attentions(output_attentions)
        last, states, maps = self.transformer(
            hidden,
            attention_mask_for(hidden, attention_mask),
            eager=wants_maps or self.attn_implementation == "eager",
            keep_states=self.wants_hidden_states(output_hidden_states),
            keep_maps=wants_maps,
        )
        return self.as_requested(BaseModelOutput(last, states, maps), return_dict)


@torch.no_grad()
def _fill_with_waves(positions: Tensor) -> None:
    """Fill ``(positions, width)`` with sines in the even and cosines in the odd columns, computed in float64."""
    count, width = positions.shape
    columns = torch.arange(width, dtype=torch.float64, device=positions.device)
    angles = torch.arange(count, dtype=torch.float64, device=positions.device)[:, None]
    angles = angles / 10000.0 ** (2 * (columns // 2) / width)  # (positions, width)
    positions.copy_(torch.where(columns % 2 == 0, angles.sin(), angles.cos()))
