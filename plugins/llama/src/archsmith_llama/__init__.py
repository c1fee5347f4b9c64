"""Llama, Mistral and Qwen2 for archsmith."""

from typing import TYPE_CHECKING

from archsmith.lazy import lazy_attributes

if TYPE_CHECKING:
    from archsmith_llama.config import LlamaConfig, MistralConfig, Qwen2Config
    from archsmith_llama.published import (
        LlamaForCausalLM,
        LlamaForSequenceClassification,
        LlamaForTokenClassification,
        LlamaModel,
        MistralForCausalLM,
        MistralForSequenceClassification,
        MistralForTokenClassification,
        MistralModel,
        Qwen2ForCausalLM,
        Qwen2ForSequenceClassification,
        Qwen2ForTokenClassification,
        Qwen2Model,
    )
    from archsmith_llama.tokenizer import LlamaTokenizerFast

__all__ = [
    "LlamaConfig", "LlamaForCausalLM", "LlamaForSequenceClassification", "LlamaForTokenClassification", "LlamaModel",
    "LlamaTokenizerFast", "MistralConfig", "MistralForCausalLM", "MistralForSequenceClassification",
    "MistralForTokenClassification", "MistralModel", "Qwen2Config", "Qwen2ForCausalLM",
    "Qwen2ForSequenceClassification", "Qwen2ForTokenClassification", "Qwen2Model",
]  # fmt: skip

_OWN = ("LlamaConfig", "MistralConfig", "Qwen2Config", "LlamaTokenizerFast")

__getattr__ = lazy_attributes(
    __name__,
    {
        "config": ["LlamaConfig", "MistralConfig", "Qwen2Config"],
        "published": [name for name in __all__ if name not in _OWN],
        "tokenizer": ["LlamaTokenizerFast"],
    },
)
