"""The configurations of Llama, Mistral and Qwen2."""

from collections.abc import Iterator, Mapping
from typing import Any, Literal

from archsmith.config import (
    Activation,
    Depth,
    NonNegative,
    PreTrainedConfig,
    Probability,
    Size,
    TokenId,
    field,
    rotary_faults,
)
from archsmith.messages import shown
from archsmith_llama.rope import ROPE_KEYS, merge_rope, pop_rope

__all__ = ["DecoderConfig", "LlamaConfig", "MistralConfig", "Qwen2Config"]

#: So many numbers of a head are turned together.
_PAIR = 2


class DecoderConfig(PreTrainedConfig):
    """What the three have in common."""

    descriptive = (*PreTrainedConfig.descriptive, "bos_token_id", "eos_token_id")
    merged = ROPE_KEYS
    computed = ("rope_theta", "rope_scaling")

    vocab_size: Size = field(default=32000, doc="Tokens in the vocabulary.")
    hidden_size: Size = field(default=4096, doc="Width of the hidden states.")
    intermediate_size: Size = field(default=11008, doc="Width inside the feed-forward layers.")
    num_hidden_layers: Depth = field(default=32, doc="Transformer layers.")
    num_attention_heads: Size = field(default=32, doc="Attention heads in each layer.")
    num_key_value_heads: Size | None = field(
        default=None, doc="Heads of keys and values, which neighbours share; must divide num_attention_heads."
    )
    head_dim: Size | None = field(default=None, doc="Width of one head; none: hidden_size / num_attention_heads.")
    hidden_act: Activation = field(default="silu", doc="Activation function of the feed-forward gates.")
    max_position_embeddings: Size = field(default=2048, doc="The most tokens in a text of the training.")
    initializer_range: NonNegative = field(default=0.02, doc="Standard deviation of the initial weights.")
    rms_norm_eps: NonNegative = field(default=1e-6, doc="What the normalisations add to a mean of squares.")
    use_cache: bool = field(default=True, doc="Return keys and values for the next call, in evaluation mode.")
    pad_token_id: TokenId | None = field(default=None, doc="Token that pads a batch.")
    bos_token_id: TokenId | None = field(default=1, doc="Token that begins a text.")
    eos_token_id: TokenId | list[TokenId] | None = field(default=2, doc="Token that ends a text, or several.")
    tie_word_embeddings: bool = field(default=False, doc="The output layer is the transposed input embedding.")
    rope_parameters: dict[str, int | float | str | bool | None] = field(
        default={"rope_type": "default", "rope_theta": 10_000.0}, doc="The rotary positions: kind, base and scaling."
    )
    attention_dropout: Probability = field(default=0.0, doc="Dropout of the attention probabilities.")
    classifier_dropout: Probability = field(default=0.1, doc="Dropout before the classifier of tokens.")

    @property
    def rope_theta(self) -> Any:
        """The base of the wave lengths of the rotary positions, as older files have it apart."""
        return self.rope_parameters.get("rope_theta")

    @property
    def rope_scaling(self) -> dict[str, Any] | None:
        """The rest of ``rope_parameters``, likewise; None where nothing is scaled."""
        rest = {name: value for name, value in self.rope_parameters.items() if name != "rope_theta"}
        return None if rest.get("rope_type", "default") == "default" else rest

    @property
    def head_size(self) -> int:
        """Width of one head."""
        return self.head_dim or self.hidden_size // self.num_attention_heads

    @property
    def key_heads(self) -> int:
        """Heads of keys and values."""
        return self.num_key_value_heads or self.num_attention_heads

    @property
    def biases(self) -> tuple[bool, bool, bool]:
        """Whether queries, keys and values have biases, the output of the attention, and the feed-forward layers."""
        return False, False, False

    @property
    def windows(self) -> list[int | None]:
        """For each layer how many tokens each one sees, itself among them; None: all before it."""
        return [None] * self.num_hidden_layers

    def merge_values(self, known: dict[str, Any], replaced: dict[str, Any], faults: list[str]) -> dict[str, Any]:
        """Return what the ways to say which rotary positions there are come to; those of a call go over a file's."""
        merged = super().merge_values(known, replaced, faults)
        given, passed = pop_rope(known), pop_rope(replaced)
        whole = passed.get("rope_parameters")
        if isinstance(whole, Mapping) and {**whole, **passed}.get("rope_theta") is None:
            faults.append(
                f"rope_parameters goes over all of the earlier ones, so it must say rope_theta, but is {shown(whole)}: "
                "add it, or give rope_scaling, which leaves it"
            )
        max_tokens = (known | replaced).get("max_position_embeddings") or type(self).max_position_embeddings
        rope: dict[str, Any] = {}
        for each in (given, passed):
            if each:
                rope = merge_rope(rope, each, max_tokens, faults)
        return merged | ({"rope_parameters": rope} if rope else {})

    def to_file_dict(self) -> dict[str, Any]:
        """Return the content of config.json, where a width of heads that follows from others is left out.

        Raises:
            ConfigError: A field or a rule was broken since the configuration was built.
        """
        values = super().to_file_dict()
        if self.head_dim is None:
            del values["head_dim"]  # some other programs take it for a number
        return values

    def rules(self) -> Iterator[str]:
        """Yield the broken rules between fields."""
        yield from super().rules()
        wide = f"num_attention_heads is {self.num_attention_heads} and heads are {self.head_size} wide"
        if self.head_dim is None and self.hidden_size % self.num_attention_heads:
            yield f"num_attention_heads is {self.num_attention_heads}, but must divide hidden_size {self.hidden_size}"
        elif self.head_size % _PAIR:
            yield f"{wide}, but rotary positions turn pairs of numbers: the width, head_dim, must be even"
        elif self.head_size <= _PAIR and self.rope_parameters.get("rope_type") == "dynamic":
            yield f"{wide}, but rope_type 'dynamic' needs more than one pair of numbers"
        if self.num_attention_heads % self.key_heads:
            yield (
                f"num_key_value_heads is {self.num_key_value_heads}, but must divide num_attention_heads "
                f"{self.num_attention_heads}"
            )
        if self.pad_token_id is not None and self.pad_token_id >= self.vocab_size:
            yield f"pad_token_id is {self.pad_token_id}, but must be below vocab_size {self.vocab_size}"
        yield from (f"rope_parameters: {fault}" for fault in rotary_faults(self.rope_parameters))


class LlamaConfig(DecoderConfig):
    """The configuration of a Llama (1 to 3) or SmolLM2. The defaults are those of Llama 1 with 7 billion parameters.

    Example:
        >>> from archsmith import LlamaConfig
        >>> config = LlamaConfig(hidden_size=64, num_attention_heads=4, rope_theta=500000.0)
        >>> config.head_size, config.rope_parameters
        (16, {'rope_type': 'default', 'rope_theta': 500000.0})
    """

    model_type = "llama"
    common = {**DecoderConfig.common, "pretraining_tp": 1}  # slices of a product, which come to the same

    attention_bias: bool = field(default=False, doc="Whether the layers of the attention have biases.")
    mlp_bias: bool = field(default=False, doc="Whether the feed-forward layers have biases.")

    @property
    def biases(self) -> tuple[bool, bool, bool]:
        """Whether queries, keys and values have biases, the output of the attention, and the feed-forward layers."""
        return self.attention_bias, self.attention_bias, self.mlp_bias


class MistralConfig(DecoderConfig):
    """The configuration of a Mistral. The defaults are those of Mistral-7B-v0.1.

    Example:
        >>> from archsmith import MistralConfig
        >>> MistralConfig(num_hidden_layers=2).windows
        [4096, 4096]
    """

    model_type = "mistral"

    intermediate_size: Size = field(default=14336, doc="Width inside the feed-forward layers.")
    num_key_value_heads: Size | None = field(
        default=8, doc="Heads of keys and values, which neighbours share; must divide num_attention_heads."
    )
    max_position_embeddings: Size = field(default=131072, doc="The most tokens in a text of the training.")
    sliding_window: Size | None = field(default=4096, doc="How many tokens each one sees; none: all before it.")

    @property
    def windows(self) -> list[int | None]:
        """For each layer how many tokens each one sees, itself among them; None: all before it."""
        return [self.sliding_window] * self.num_hidden_layers

    def rules(self) -> Iterator[str]:
        """Yield the broken rules between fields."""
        yield from super().rules()
        kinds, kind = self.extra.get("layer_types"), "sliding" if self.sliding_window else "full"
        if kinds is not None and kinds != [f"{kind}_attention"] * self.num_hidden_layers:
            yield f"layer_types is {shown(kinds)}, but with sliding_window {self.sliding_window} each layer is {kind!r}"


class Qwen2Config(DecoderConfig):
    """The configuration of a Qwen2 or Qwen2.5. The defaults are those of the reference.

    Example:
        >>> from archsmith import Qwen2Config
        >>> config = Qwen2Config(num_hidden_layers=3, use_sliding_window=True, max_window_layers=1, sliding_window=8)
        >>> config.windows
        [None, 8, 8]
    """

    model_type = "qwen2"

    vocab_size: Size = field(default=151936, doc="Tokens in the vocabulary.")
    intermediate_size: Size = field(default=22016, doc="Width inside the feed-forward layers.")
    num_key_value_heads: Size | None = field(
        default=32, doc="Heads of keys and values, which neighbours share; must divide num_attention_heads."
    )
    max_position_embeddings: Size = field(default=32768, doc="The most tokens in a text of the training.")
    bos_token_id: TokenId | None = field(default=None, doc="Token that begins a text.")
    eos_token_id: TokenId | list[TokenId] | None = field(default=None, doc="Token that ends a text, or several.")
    use_sliding_window: bool = field(default=False, doc="Whether some layers see a window only.")
    sliding_window: Size | None = field(default=4096, doc="How many tokens each one sees in these layers.")
    max_window_layers: int = field(default=28, doc="The first of these layers, unless layer_types says which they are.")
    layer_types: list[Literal["full_attention", "sliding_attention"]] | None = field(
        default=None, doc="For each layer, whether it sees all tokens before or a window."
    )

    @property
    def biases(self) -> tuple[bool, bool, bool]:
        """Whether queries, keys and values have biases, the output of the attention, and the feed-forward layers."""
        return True, False, False

    @property
    def windows(self) -> list[int | None]:
        """For each layer how many tokens each one sees, itself among them; None: all before it."""
        window = self.sliding_window if self.use_sliding_window else None
        if self.layer_types is not None:
            return [window if kind == "sliding_attention" else None for kind in self.layer_types]
        return [window if layer >= self.max_window_layers else None for layer in range(self.num_hidden_layers)]

    def rules(self) -> Iterator[str]:
        """Yield the broken rules between fields."""
        yield from super().rules()
        if self.layer_types is None:
            return
        if len(self.layer_types) != self.num_hidden_layers:
            count = f"but must have num_hidden_layers {self.num_hidden_layers}"
            yield f"layer_types has {len(self.layer_types)} entries, {count}"
        if "sliding_attention" in self.layer_types and not (self.use_sliding_window and self.sliding_window):
            yield (
                "layer_types has 'sliding_attention', but there is no window: use_sliding_window is "
                f"{self.use_sliding_window} and sliding_window is {self.sliding_window}"
            )
