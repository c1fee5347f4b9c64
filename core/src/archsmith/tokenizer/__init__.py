"""Tokenizers: in Python, and on the Rust library ``tokenizers``, which is imported when the first one is made."""

from typing import TYPE_CHECKING

from archsmith.lazy import lazy_attributes

if TYPE_CHECKING:
    from archsmith.tokenizer.base import PreTrainedTokenizerBase
    from archsmith.tokenizer.fast import PreTrainedTokenizerFast, named_file
    from archsmith.tokenizer.slow import PreTrainedTokenizer
    from archsmith.tokenizer.special_tokens import AddedToken

__all__ = [
    "AddedToken",
    "PreTrainedTokenizer",
    "PreTrainedTokenizerBase",
    "PreTrainedTokenizerFast",
    "named_file",
]

__getattr__ = lazy_attributes(
    __name__,
    {
        "base": ["PreTrainedTokenizerBase"],
        "fast": ["PreTrainedTokenizerFast", "named_file"],
        "slow": ["PreTrainedTokenizer"],
        "special_tokens": ["AddedToken"],
    },
)
