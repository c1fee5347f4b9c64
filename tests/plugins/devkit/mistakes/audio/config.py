from collections.abc import Iterator
from typing import Any

from archsmith.config import Activation, Count, Depth, NonNegative, PreTrainedConfig, Probability, Size, field


class ListeningConfig(PreTrainedConfig):
    """The configuration of an encoder of audio."""

    model_type = "listening"

    vocab_size: Size = field(default=32, doc="Letters that are written, the blank among them.")
    hidden_size: Size = field(default=256, doc="Width of the hidden states; must be even.")
    num_hidden_layers: Depth = field(default=6, doc="Transformer layers.")
    num_attention_heads: Size = field(default=4, doc="Attention heads in each layer; must divide hidden_size.")
    intermediate_size: Size = field(default=1024, doc="Width inside the feed-forward blocks.")
    hidden_act: Activation = field(default="gelu", doc="Activation function of the feed-forward blocks.")
    hidden_dropout: Probability = field(default=0.1, doc="Dropout of embeddings and blocks.")
    conv_dim: list[Size] = field(default=[256, 256, 256], doc="Channels of each convolution.")
    conv_kernel: list[Size] = field(default=[10, 8, 4], doc="Samples, then frames, that each convolution sees.")
    conv_stride: list[Size] = field(default=[5, 4, 2], doc="Its step.")
    max_frames: Size = field(default=4000, doc="The most frames.")
    layer_norm_eps: NonNegative = field(default=1e-5, doc="Added to the variance in every normalisation.")
    initializer_range: NonNegative = field(default=0.02, doc="Standard deviation of the initial weights.")
    pad_token_id: Count = field(default=0, doc="The blank of CTC.")

    def rules(self) -> Iterator[str]:
        yield from super().rules()
        if self.hidden_size % self.num_attention_heads:
            yield f"num_attention_heads is {self.num_attention_heads}, but must divide hidden_size {self.hidden_size}"
        if self.hidden_size % 2:
            yield f"hidden_size is {self.hidden_size}, but must be even, for sines and cosines"
        lengths = len(self.conv_dim), len(self.conv_kernel), len(self.conv_stride)
        if len(set(lengths)) > 1 or not self.conv_dim:
            yield f"conv_dim, conv_kernel and conv_stride must have one entry for each convolution, but have {lengths}"
        if self.pad_token_id >= self.vocab_size:
            yield f"pad_token_id is {self.pad_token_id}, but must be below vocab_size {self.vocab_size}"

    def frames(self, samples: Any) -> Any:
        """Return how many frames so many samples become; an integer or a tensor of them."""
        for kernel, stride in zip(self.conv_kernel, self.conv_stride, strict=True):
            samples = (samples - kernel) // stride + 1
        return samples
