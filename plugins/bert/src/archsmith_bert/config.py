"""BERT's configuration."""

from collections.abc import Iterator
from typing import Literal

from archsmith.config import Activation, Depth, NonNegative, PreTrainedConfig, Probability, Size, TokenId, field

__all__ = ["BertConfig"]


class BertConfig(PreTrainedConfig):
    """The configuration of a BERT model. The defaults are those of bert-base-uncased.

    Example:
        >>> from archsmith import BertConfig
        >>> config = BertConfig(hidden_size=384, num_hidden_layers=6, intermediate_size=1536)
        >>> config.hidden_size // config.num_attention_heads
        32
    """

    model_type = "bert"
    descriptive = (*PreTrainedConfig.descriptive, "use_cache", "bos_token_id", "eos_token_id")

    vocab_size: Size = field(default=30522, doc="Tokens in the vocabulary.")
    hidden_size: Size = field(default=768, doc="Width of the hidden states.")
    num_hidden_layers: Depth = field(default=12, doc="Transformer layers.")
    num_attention_heads: Size = field(default=12, doc="Attention heads in each layer; must divide hidden_size.")
    intermediate_size: Size = field(default=3072, doc="Width inside the feed-forward blocks.")
    hidden_act: Activation = field(default="gelu", doc="Activation function of the feed-forward blocks.")
    hidden_dropout_prob: Probability = field(
        default=0.1, doc="Dropout of embeddings, attention and feed-forward outputs."
    )
    attention_probs_dropout_prob: Probability = field(default=0.1, doc="Dropout of the attention probabilities.")
    max_position_embeddings: Size = field(default=512, doc="The most tokens in one sequence.")
    type_vocab_size: Size = field(default=2, doc="Token types: the texts of a pair that can be told apart.")
    initializer_range: NonNegative = field(default=0.02, doc="Standard deviation of the initial weights.")
    layer_norm_eps: NonNegative = field(default=1e-12, doc="Added to the variance in the normalisation layers.")
    pad_token_id: TokenId | None = field(default=0, doc="Token that pads a batch.")
    position_embedding_type: Literal["absolute"] = field(
        default="absolute", doc="Positions are learned, one for each place."
    )
    use_cache: bool = field(default=True, doc="Kept for other readers of the file; this model has no cache.")
    classifier_dropout: Probability | None = field(
        default=None, doc="Dropout before a head; none: hidden_dropout_prob."
    )
    is_decoder: bool = field(default=False, doc="Each token attends to itself and to those before it only.")
    add_cross_attention: bool = field(default=False, doc="Attend to an encoder; not supported, so always false.")
    bos_token_id: TokenId | None = field(default=None, doc="Token that begins a sequence.")
    eos_token_id: TokenId | list[TokenId] | None = field(default=None, doc="Token that ends a sequence.")
    tie_word_embeddings: bool = field(default=True, doc="The output layer is the transposed input embedding.")

    def rules(self) -> Iterator[str]:
        """Yield the broken rules between fields."""
        yield from super().rules()
        if self.hidden_size % self.num_attention_heads:
            yield f"num_attention_heads is {self.num_attention_heads}, but must divide hidden_size {self.hidden_size}"
        if self.pad_token_id is not None and self.pad_token_id >= self.vocab_size:
            yield f"pad_token_id is {self.pad_token_id}, but must be below vocab_size {self.vocab_size}"
        if self.add_cross_attention:
            yield (
                "add_cross_attention is True, but must be False: this BERT has no cross-attention layers. "
                "For causal self-attention is_decoder=True is enough"
            )
