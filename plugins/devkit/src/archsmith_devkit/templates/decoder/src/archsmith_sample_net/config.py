"""SampleNet's configuration."""

from collections.abc import Iterator

from archsmith.config import NonNegative, PreTrainedConfig, Probability, Size, TokenId, field

__all__ = ["SampleNetConfig"]


class SampleNetConfig(PreTrainedConfig):
    """The configuration of a SampleNet."""

    model_type = "sample-net"

    vocab_size: Size = field(default=30522, doc="Tokens in the vocabulary.")
    max_position_embeddings: Size = field(default=1024, doc="The most tokens that one text may have.")
    hidden_size: Size = field(default=256, doc="Width of the hidden states.")
    num_hidden_layers: Size = field(default=4, doc="Transformer blocks.")
    num_attention_heads: Size = field(default=4, doc="Attention heads in each block; must divide hidden_size.")
    num_key_value_heads: Size = field(default=2, doc="Heads of keys and values; must divide num_attention_heads.")
    intermediate_size: Size = field(default=1024, doc="Width inside the feed-forward layers.")
    rope_theta: NonNegative = field(default=10000.0, doc="Base of the wave lengths of the rotary positions.")
    rms_norm_eps: NonNegative = field(default=1e-6, doc="What the normalisations add to a mean of squares.")
    dropout: Probability = field(default=0.1, doc="Dropout of embeddings and of what each layer adds.")
    pad_token_id: TokenId = field(default=0, doc="Token that pads a batch.")
    bos_token_id: TokenId | None = field(default=None, doc="Token that begins a text.")
    eos_token_id: TokenId | None = field(default=None, doc="Token that ends a text.")
    use_cache: bool = field(default=True, doc="Return keys and values for the next call, in evaluation mode.")
    initializer_range: NonNegative = field(default=0.02, doc="Standard deviation of the initial weights.")

    @property
    def head_size(self) -> int:
        """Width of one head."""
        return self.hidden_size // self.num_attention_heads

    def rules(self) -> Iterator[str]:
        """Yield the broken rules between fields."""
        yield from super().rules()
        if self.hidden_size % (2 * self.num_attention_heads):
            yield (
                f"num_attention_heads is {self.num_attention_heads}, but hidden_size {self.hidden_size} must be a "
                "multiple of twice as many"
            )
        if self.num_attention_heads % self.num_key_value_heads:
            yield (
                f"num_key_value_heads is {self.num_key_value_heads}, but must divide num_attention_heads "
                f"{self.num_attention_heads}"
            )
        if not self.rope_theta:
            yield "rope_theta is 0, but must be above 0"
        if self.pad_token_id >= self.vocab_size:
            yield f"pad_token_id is {self.pad_token_id}, but must be below vocab_size {self.vocab_size}"
