"""What this distribution provides, by name."""

from collections.abc import Iterator

from archsmith.plugin import Preprocessing, hookimpl


@hookimpl
def processors() -> Iterator[Preprocessing]:
    """Yield the tokenizers of GPT-2, RoBERTa and Qwen2, which many architectures share."""
    for name, prefix in (("gpt2", "GPT2"), ("qwen2", "Qwen2"), ("roberta", "Roberta")):
        yield Preprocessing(
            name=f"{name}-tokenizer",
            tokenizer=f"archsmith_bpe.published:{prefix}Tokenizer",
            tokenizer_fast=f"archsmith_bpe.published:{prefix}TokenizerFast",
        )
