from collections.abc import Iterator

from archsmith.config import Activation, Count, Depth, NonNegative, PreTrainedConfig, Probability, Size, field


class TextualConfig(PreTrainedConfig):
    """The configuration of an encoder of texts."""

    model_type = "textual"

    vocab_size: Size = field(default=30522, doc="Tokens in the vocabulary.")
    hidden_size: Size = field(default=768, doc="Width of the hidden states.")
    num_hidden_layers: Depth = field(default=12, doc="Transformer layers.")
    num_attention_heads: Size = field(default=12, doc="Attention heads in each layer; must divide hidden_size.")
    intermediate_size: Size = field(default=3072, doc="Width inside the feed-forward blocks.")
    hidden_act: Activation = field(default="gelu", doc="Activation function of the feed-forward blocks.")
    hidden_dropout_prob: Probability = field(default=0.1, doc="Dropout of embeddings and blocks.")
    attention_probs_dropout_prob: Probability = field(default=0.1, doc="Dropout of the attention probabilities.")
    max_position_embeddings: Size = field(default=512, doc="The most tokens.")
    type_vocab_size: Size = field(default=2, doc="Token types.")
    initializer_range: NonNegative = field(default=0.02, doc="Standard deviation of the initial weights.")
    layer_norm_eps: NonNegative = field(default=1e-12, doc="Added to the variance in every normalisation.")
    pad_token_id: Count = field(default=0, doc="Token that pads.")

    def rules(self) -> Iterator[str]:
        yield from super().rules()
        if self.hidden_size % self.num_attention_heads:
            yield f"num_attention_heads is {self.num_attention_heads}, but must divide hidden_size {self.hidden_size}"
        if self.pad_token_id >= self.vocab_size:
            yield f"pad_token_id is {self.pad_token_id}, but must be below vocab_size {self.vocab_size}"
