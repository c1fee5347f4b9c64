"""The classes that published checkpoints name: one decoder, three configurations."""

from archsmith_llama.config import LlamaConfig, MistralConfig, Qwen2Config
from archsmith_llama.heads import CausalDecoder, SequenceClassifier, TokenClassifier
from archsmith_llama.model import Decoder

__all__ = [
    "LlamaForCausalLM", "LlamaForSequenceClassification", "LlamaForTokenClassification", "LlamaModel",
    "MistralForCausalLM", "MistralForSequenceClassification", "MistralForTokenClassification", "MistralModel",
    "Qwen2ForCausalLM", "Qwen2ForSequenceClassification", "Qwen2ForTokenClassification", "Qwen2Model",
]  # fmt: skip


class LlamaModel(Decoder):
    """Llama without a head: hidden states for every token.

    Example:
        >>> import torch
        >>> from archsmith import LlamaConfig, LlamaModel
        >>> config = LlamaConfig(hidden_size=16, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2)
        >>> LlamaModel(config)(torch.tensor([[5, 6, 7]])).last_hidden_state.shape
        torch.Size([1, 3, 16])
    """

    config_class = LlamaConfig


class LlamaForCausalLM(CausalDecoder):
    """Llama that scores which token comes next, and goes on with texts."""

    config_class = LlamaConfig
    decoder_class = LlamaModel


class LlamaForSequenceClassification(SequenceClassifier):
    """Llama that classifies whole texts, or predicts numbers for them."""

    config_class = LlamaConfig
    decoder_class = LlamaModel


class LlamaForTokenClassification(TokenClassifier):
    """Llama that classifies every token of a text."""

    config_class = LlamaConfig
    decoder_class = LlamaModel


class MistralModel(Decoder):
    """Mistral without a head: hidden states for every token.

    Example:
        >>> import torch
        >>> from archsmith import MistralConfig, MistralModel
        >>> config = MistralConfig(hidden_size=16, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2)
        >>> MistralModel(config)(torch.tensor([[5, 6, 7]])).last_hidden_state.shape
        torch.Size([1, 3, 16])
    """

    config_class = MistralConfig


class MistralForCausalLM(CausalDecoder):
    """Mistral that scores which token comes next, and goes on with texts."""

    config_class = MistralConfig
    decoder_class = MistralModel


class MistralForSequenceClassification(SequenceClassifier):
    """Mistral that classifies whole texts, or predicts numbers for them."""

    config_class = MistralConfig
    decoder_class = MistralModel


class MistralForTokenClassification(TokenClassifier):
    """Mistral that classifies every token of a text."""

    config_class = MistralConfig
    decoder_class = MistralModel


class Qwen2Model(Decoder):
    """Qwen2 without a head: hidden states for every token.

    Example:
        >>> import torch
        >>> from archsmith import Qwen2Config, Qwen2Model
        >>> config = Qwen2Config(hidden_size=16, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2)
        >>> Qwen2Model(config)(torch.tensor([[5, 6, 7]])).last_hidden_state.shape
        torch.Size([1, 3, 16])
    """

    config_class = Qwen2Config


class Qwen2ForCausalLM(CausalDecoder):
    """Qwen2 that scores which token comes next, and goes on with texts."""

    config_class = Qwen2Config
    decoder_class = Qwen2Model


class Qwen2ForSequenceClassification(SequenceClassifier):
    """Qwen2 that classifies whole texts, or predicts numbers for them."""

    config_class = Qwen2Config
    decoder_class = Qwen2Model


class Qwen2ForTokenClassification(TokenClassifier):
    """Qwen2 that classifies every token of a text."""

    config_class = Qwen2Config
    decoder_class = Qwen2Model
