"""The tokenizers that published checkpoints name; architectures name them by these names too."""

from archsmith_bpe.splitting import QWEN2
from archsmith_bpe.tokenizers import ByteLevelTokenizer, ByteLevelTokenizerFast

__all__ = [
    "GPT2Tokenizer",
    "GPT2TokenizerFast",
    "Qwen2Tokenizer",
    "Qwen2TokenizerFast",
    "RobertaTokenizer",
    "RobertaTokenizerFast",
]

_END = "<|endoftext|>"
_GPT2 = {"bos_token": _END, "eos_token": _END, "unk_token": _END}
_QWEN2 = {"eos_token": _END, "unk_token": _END, "pad_token": _END}
_ROBERTA = {
    "bos_token": "<s>",
    "eos_token": "</s>",
    "sep_token": "</s>",
    "cls_token": "<s>",
    "unk_token": "<unk>",
    "pad_token": "<pad>",
    "mask_token": "<mask>",
}


class GPT2Tokenizer(ByteLevelTokenizer):
    """GPT-2's tokenizer in Python: byte-level BPE, and nothing around texts."""

    default_tokens = _GPT2


class GPT2TokenizerFast(ByteLevelTokenizerFast):
    """GPT-2's tokenizer on the Rust library; also that of SmolLM and many others, from their tokenizer.json."""

    default_tokens = _GPT2


class Qwen2Tokenizer(ByteLevelTokenizer):
    """Qwen2's tokenizer in Python: characters composed first, each digit a word."""

    pattern = QWEN2
    default_tokens = _QWEN2


class Qwen2TokenizerFast(ByteLevelTokenizerFast):
    """Qwen2's tokenizer on the Rust library."""

    pattern = QWEN2
    default_tokens = _QWEN2


class RobertaTokenizer(ByteLevelTokenizer):
    """RoBERTa's tokenizer in Python: GPT-2's words, ``<s> … </s>`` around texts and ``</s></s>`` between two."""

    default_tokens = _ROBERTA
    trims_offsets = True
    surrounds = True


class RobertaTokenizerFast(ByteLevelTokenizerFast):
    """RoBERTa's tokenizer on the Rust library."""

    default_tokens = _ROBERTA
    trims_offsets = True
    surrounds = True
