from collections.abc import Iterator

from archsmith.config import Count, NonNegative, PreTrainedConfig, Size, field


class WordingConfig(PreTrainedConfig):
    """The configuration of the model that the preprocessing is for."""

    model_type = "wording"

    vocab_size: Size = field(default=1000, doc="Tokens in the vocabulary.")
    hidden_size: Size = field(default=64, doc="Width of the embeddings.")
    pad_token_id: Count = field(default=0, doc="Token that pads.")
    initializer_range: NonNegative = field(default=0.02, doc="Standard deviation of the initial weights.")

    def rules(self) -> Iterator[str]:
        yield from super().rules()
        if self.pad_token_id >= self.vocab_size:
            yield f"pad_token_id is {self.pad_token_id}, but must be below vocab_size {self.vocab_size}"
