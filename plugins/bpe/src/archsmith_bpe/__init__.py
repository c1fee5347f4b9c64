"""Byte-level BPE: GPT-2's way to split texts, and that of RoBERTa, Qwen2, Llama 3 and many others."""

from typing import TYPE_CHECKING

from archsmith.lazy import lazy_attributes

if TYPE_CHECKING:
    from archsmith_bpe.published import (
        GPT2Tokenizer,
        GPT2TokenizerFast,
        Qwen2Tokenizer,
        Qwen2TokenizerFast,
        RobertaTokenizer,
        RobertaTokenizerFast,
    )
    from archsmith_bpe.tokenizers import ByteLevelSettings, ByteLevelTokenizer, ByteLevelTokenizerFast

__all__ = [
    "ByteLevelSettings", "ByteLevelTokenizer", "ByteLevelTokenizerFast", "GPT2Tokenizer", "GPT2TokenizerFast",
    "Qwen2Tokenizer", "Qwen2TokenizerFast", "RobertaTokenizer", "RobertaTokenizerFast",
]  # fmt: skip

__getattr__ = lazy_attributes(
    __name__,
    {
        "published": [
            "GPT2Tokenizer", "GPT2TokenizerFast", "Qwen2Tokenizer", "Qwen2TokenizerFast", "RobertaTokenizer",
            "RobertaTokenizerFast",
        ],
        "tokenizers": ["ByteLevelSettings", "ByteLevelTokenizer", "ByteLevelTokenizerFast"],
    },
)  # fmt: skip
