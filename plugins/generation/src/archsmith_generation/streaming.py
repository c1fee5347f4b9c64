"""Tokens as text, piece by piece: no piece ends inside a character, and all of them joined are the text."""

from collections.abc import Iterator
from typing import Any

from torch import Tensor

__all__ = ["texts_of"]

#: What stands for bytes that are no whole character.
_BROKEN = "\ufffd"


def texts_of(steps: Iterator[Tensor], tokenizer: Any, *, skip_special_tokens: bool = True) -> Iterator[str]:
    """Yield the text of tokens as soon as it is sure.

    Args:
        steps: The tokens, ``(1,)`` integer each.
        tokenizer: What decodes them.
        skip_special_tokens: Leave special tokens out.
    """

    def decoded(tokens: list[int]) -> str:
        text: str = tokenizer.decode(tokens, skip_special_tokens=skip_special_tokens)
        return text

    # Those up to `told` are text already; those from `known` on are decoded again, as text depends on what is before.
    tokens, known, told = list[int](), 0, 0
    for step in steps:
        tokens.append(int(step))
        before, after = decoded(tokens[known:told]), decoded(tokens[known:])
        if len(after) > len(before) and after.startswith(before) and not after.endswith(_BROKEN):
            yield after[len(before) :]
            known, told = told, len(tokens)
    if rest := decoded(tokens[known:])[len(decoded(tokens[known:told])) :]:
        yield rest
