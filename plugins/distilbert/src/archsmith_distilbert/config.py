"""DistilBERT's configuration."""

from collections.abc import Iterator

from archsmith.config import Activation, Depth, NonNegative, PreTrainedConfig, Probability, Size, TokenId, field

__all__ = ["DistilBertConfig"]


class DistilBertConfig(PreTrainedConfig):
    """The configuration of a DistilBERT model. The defaults are those of distilbert-base-uncased.

    Example:
        >>> from archsmith import DistilBertConfig
        >>> config = DistilBertConfig(activation="relu", n_layers=3)
        >>> config.num_hidden_layers, config.hidden_size
        (3, 768)
    """

    model_type = "distilbert"
    descriptive = (*PreTrainedConfig.descriptive, "bos_token_id", "eos_token_id")
    attribute_map = {"hidden_size": "dim", "num_attention_heads": "n_heads", "num_hidden_layers": "n_layers"}

    vocab_size: Size = field(default=30522, doc="Tokens in the vocabulary.")
    max_position_embeddings: Size = field(default=512, doc="The most tokens in one sequence.")
    sinusoidal_pos_embds: bool = field(default=False, doc="Start the position embeddings from sine and cosine waves.")
    n_layers: Depth = field(default=6, doc="Transformer layers.")
    n_heads: Size = field(default=12, doc="Attention heads in each layer; must divide dim.")
    dim: Size = field(default=768, doc="Width of the hidden states.")
    hidden_dim: Size = field(default=3072, doc="Width inside the feed-forward blocks.")
    dropout: Probability = field(default=0.1, doc="Dropout of embeddings and feed-forward blocks.")
    attention_dropout: Probability = field(default=0.1, doc="Dropout of the attention probabilities.")
    activation: Activation = field(default="gelu", doc="Activation function of the feed-forward blocks.")
    initializer_range: NonNegative = field(default=0.02, doc="Standard deviation of the initial weights.")
    qa_dropout: Probability = field(default=0.1, doc="Dropout before the question-answering head.")
    seq_classif_dropout: Probability = field(default=0.2, doc="Dropout before the classification head.")
    pad_token_id: TokenId | None = field(default=0, doc="Token that pads a batch.")
    eos_token_id: TokenId | list[TokenId] | None = field(default=None, doc="Token that ends a sequence.")
    bos_token_id: TokenId | None = field(default=None, doc="Token that begins a sequence.")
    tie_word_embeddings: bool = field(default=True, doc="The output layer is the transposed input embedding.")

    def rules(self) -> Iterator[str]:
        """Yield the broken rules between fields."""
        yield from super().rules()
        if self.dim % self.n_heads:
            yield f"n_heads is {self.n_heads}, but must divide dim {self.dim}"
        if self.pad_token_id is not None and self.pad_token_id >= self.vocab_size:
            yield f"pad_token_id is {self.pad_token_id}, but must be below vocab_size {self.vocab_size}"
