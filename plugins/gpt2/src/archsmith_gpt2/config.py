"""GPT-2's configuration."""

from collections.abc import Iterator

from archsmith.config import Activation, Depth, NonNegative, PreTrainedConfig, Probability, Size, TokenId, field

__all__ = ["GPT2Config"]


class GPT2Config(PreTrainedConfig):
    """The configuration of a GPT-2 model. The defaults are those of the smallest published one.

    Example:
        >>> from archsmith import GPT2Config
        >>> config = GPT2Config(n_embd=64, n_layer=2, n_head=4)
        >>> config.hidden_size, config.inner_size
        (64, 256)
    """

    model_type = "gpt2"
    common = {
        **PreTrainedConfig.common,
        "reorder_and_upcast_attn": False,
        **dict.fromkeys(["summary_activation", "summary_first_dropout", "summary_proj_to_labels"], ...),
        **dict.fromkeys(["summary_type", "summary_use_proj"], ...),  # of a head with two outputs, which is not here
    }
    descriptive = (*PreTrainedConfig.descriptive, "bos_token_id", "eos_token_id")
    attribute_map = {
        "hidden_size": "n_embd",
        "max_position_embeddings": "n_positions",
        "num_attention_heads": "n_head",
        "num_hidden_layers": "n_layer",
    }

    vocab_size: Size = field(default=50257, doc="Tokens in the vocabulary.")
    n_positions: Size = field(default=1024, doc="The most tokens in one text.")
    n_embd: Size = field(default=768, doc="Width of the hidden states.")
    n_layer: Depth = field(default=12, doc="Transformer layers.")
    n_head: Size = field(default=12, doc="Attention heads in each layer; must divide n_embd.")
    n_inner: Size | None = field(default=None, doc="Width inside the feed-forward layers; none: four times n_embd.")
    activation_function: Activation = field(default="gelu_new", doc="Activation function of the feed-forward layers.")
    resid_pdrop: Probability = field(default=0.1, doc="Dropout of what each layer adds.")
    embd_pdrop: Probability = field(default=0.1, doc="Dropout of the embeddings.")
    attn_pdrop: Probability = field(default=0.1, doc="Dropout of the attention probabilities.")
    classifier_dropout: Probability = field(default=0.1, doc="Dropout before the classifier of tokens.")
    layer_norm_epsilon: NonNegative = field(default=1e-5, doc="Added to the variance in every normalisation.")
    initializer_range: NonNegative = field(default=0.02, doc="Standard deviation of the initial weights.")
    scale_attn_weights: bool = field(default=True, doc="Divide attention scores by the root of the width of a head.")
    scale_attn_by_inverse_layer_idx: bool = field(
        default=False, doc="Divide them by the number of the layer, from 1, too."
    )
    use_cache: bool = field(default=True, doc="Return keys and values for the next call, in evaluation mode.")
    bos_token_id: TokenId | None = field(default=50256, doc="Token that begins a text.")
    eos_token_id: TokenId | list[TokenId] | None = field(default=50256, doc="Token that ends a text, or several.")
    pad_token_id: TokenId | None = field(default=None, doc="Token that pads a batch.")
    tie_word_embeddings: bool = field(default=True, doc="The output layer is the transposed input embedding.")

    @property
    def inner_size(self) -> int:
        """Width inside the feed-forward layers."""
        return self.n_inner or 4 * self.n_embd

    def rules(self) -> Iterator[str]:
        """Yield the broken rules between fields."""
        yield from super().rules()
        if self.n_embd % self.n_head:
            yield f"n_head is {self.n_head}, but must divide n_embd {self.n_embd}"
        if self.pad_token_id is not None and self.pad_token_id >= self.vocab_size:
            yield f"pad_token_id is {self.pad_token_id}, but must be below vocab_size {self.vocab_size}"
        if self.extra.get("add_cross_attention"):
            yield "add_cross_attention is true, but this GPT-2 reads one text alone; it must be false"
