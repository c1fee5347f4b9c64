"""What may come next: from the text itself, or from a smaller model.

Source: Saxena, "Prompt Lookup Decoding" (2023), https://github.com/apoorvumang/prompt-lookup-decoding; Leviathan et al.
(arXiv:2211.17192), section 2.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from archsmith.errors import OptionError
from archsmith_generation.prompts import Prompt
from archsmith_generation.reading import Reader

__all__ = ["guess_with_model", "guess_with_text"]


def guess_with_text(tokens: int, longest: int) -> Callable[[Tensor], Tensor]:
    """Return what guesses that a text goes on as it did where its last tokens came before.

    Args:
        tokens: How many tokens are guessed.
        longest: How many of the last tokens have to match; fewer, if so many do not come before.
    """

    def guess(ids: Tensor) -> Tensor:
        for size in range(min(longest, ids.shape[1] - 1), 0, -1):
            windows = ids[0, :-1].unfold(0, size, 1)  # (places, size), the last one left out
            places = (windows == ids[0, -size:]).all(1).nonzero()
            if len(places):
                first = int(places[-1]) + size
                return ids[:, first : first + tokens]
        return ids[:, :0]

    return guess


def guess_with_model(assistant: Any, model: Any, tokens: int) -> Callable[[Tensor], Tensor]:
    """Return what guesses with a smaller model of the same vocabulary.

    Raises:
        OptionError: Its vocabulary is another.
    """
    ours, theirs = model.config.vocab_size, assistant.config.vocab_size
    if ours != theirs:
        raise OptionError(f"assistant_model has {theirs} tokens, but the model {ours}; they must share the vocabulary.")
    longest = getattr(assistant.config, "max_position_embeddings", None)
    cache = assistant.new_cache()

    def guess(ids: Tensor) -> Tensor:
        reader = Reader(assistant, Prompt(ids), cache, limit=ids.shape[1] + tokens)
        guessed = ids
        for _ in range(tokens):
            if longest is not None and guessed.shape[1] > longest:
                break
            best = reader.logits(guessed)[:, -1].argmax(1, keepdim=True)
            guessed = torch.cat([guessed, best], 1)
        return guessed[:, ids.shape[1] :]

    return guess
