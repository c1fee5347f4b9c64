from collections.abc import Iterator

from archsmith.config import Activation, Count, Depth, NonNegative, PreTrainedConfig, Probability, Size, field


class DecoderConfig(PreTrainedConfig):
    """The configuration of a decoder of texts."""

    model_type = "decoder"

    vocab_size: Size = field(default=32000, doc="Tokens in the vocabulary.")
    hidden_size: Size = field(default=1024, doc="Width of the hidden states.")
    num_hidden_layers: Depth = field(default=12, doc="Transformer layers.")
    num_attention_heads: Size = field(default=16, doc="Heads of the queries.")
    num_key_value_heads: Size | None = field(default=None, doc="Heads of keys and values; none: as many as queries.")
    head_dim: Size | None = field(default=None, doc="Width of a head; none: hidden_size / num_attention_heads.")
    intermediate_size: Size = field(default=2816, doc="Width inside the feed-forward blocks.")
    hidden_act: Activation = field(default="silu", doc="Activation function of the feed-forward blocks.")
    max_position_embeddings: Size = field(default=2048, doc="The most tokens.")
    initializer_range: NonNegative = field(default=0.02, doc="Standard deviation of the initial weights.")
    rms_norm_eps: NonNegative = field(default=1e-6, doc="Added to the mean square in every normalisation.")
    rope_theta: NonNegative = field(default=10000.0, doc="Base of the wave lengths of the positions.")
    attention_bias: bool = field(default=False, doc="Queries, keys, values and outputs have a bias.")
    attention_dropout: Probability = field(default=0.0, doc="Dropout of the attention probabilities.")
    pad_token_id: Count | None = field(default=0, doc="Token that pads.")
    use_cache: bool = field(default=True, doc="Return keys and values for the next call, outside training.")
    tie_word_embeddings: bool = field(default=False, doc="Input and output embeddings are one matrix.")

    @property
    def key_value_heads(self) -> int:
        """Heads of keys and values."""
        return self.num_key_value_heads or self.num_attention_heads

    @property
    def head_size(self) -> int:
        """Width of a head."""
        return self.head_dim or self.hidden_size // self.num_attention_heads

    def rules(self) -> Iterator[str]:
        yield from super().rules()
        if self.head_dim is None and self.hidden_size % self.num_attention_heads:
            yield f"num_attention_heads is {self.num_attention_heads}, but must divide hidden_size {self.hidden_size}"
        if self.num_attention_heads % self.key_value_heads:
            yield (
                f"num_key_value_heads is {self.num_key_value_heads}, but must divide num_attention_heads "
                f"{self.num_attention_heads}"
            )
        if self.head_size % 2:
            yield f"the width of a head is {self.head_size}, but must be even: it is rotated in pairs"
        if self.rope_theta <= 1:
            yield f"rope_theta is {self.rope_theta}, but must be above 1"
        if self.pad_token_id is not None and self.pad_token_id >= self.vocab_size:
            yield f"pad_token_id is {self.pad_token_id}, but must be below vocab_size {self.vocab_size}"
