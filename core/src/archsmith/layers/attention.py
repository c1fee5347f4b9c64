"""Scaled dot-product attention, and the masks that go into it.

Source: Vaswani et al., "Attention Is All You Need" (arXiv:1706.03762), section 3.2.
"""

import operator
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812  # the field's own abbreviation
from torch import Tensor

from archsmith.errors import InputError
from archsmith.layers.inputs import check_tensor, is_readable

__all__ = ["attend", "attention_mask_for", "positions_for", "split_heads"]


def split_heads(hidden: Tensor, head_size: int) -> Tensor:
    """Split the width into heads: ``(batch, tokens, heads × head_size)`` → ``(batch, heads, tokens, head_size)``."""
    heads = hidden.shape[-1] // head_size
    return hidden.reshape(*hidden.shape[:-1], heads, head_size).transpose(1, 2)


def attend(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    mask: Tensor | None = None,
    *,
    dropout: float = 0.0,
    eager: bool = False,
    scale: float | None = None,
    causal: bool = False,
) -> tuple[Tensor, Tensor | None]:
    """Attend from queries to keys, and join the heads again.

    Args:
        query: ``(batch, heads, tokens, head_size)`` float.
        key: ``(batch, key heads, keys, head_size)`` float; each key head serves as many neighbouring heads as there are
            heads for one of them.
        value: As ``key``.
        mask: Broadcastable to ``(batch, heads, tokens, keys)``: boolean, True where attention is allowed, or float,
            added to the scores. As `attention_mask_for` makes it.
        dropout: Share of the attention probabilities to drop; pass 0 outside training.
        eager: Compute the probabilities one step at a time and return them.
        scale: What the scores are multiplied by; None: ``head_size ** -0.5``.
        causal: Let each token see the keys up to its own only, where the last token's is the last one. A mask with a
            row for each token is complete, and taken as it is.

    Returns:
        The attended values, ``(batch, tokens, heads × head_size)``, and the probabilities after dropout,
        ``(batch, heads, tokens, keys)``, or None unless ``eager``.
    """
    tokens, keys = query.shape[-2], key.shape[-2]
    shared = operator.index(query.shape[1]) // operator.index(key.shape[1])  # `torch.jit.trace` has tensors there
    causal = causal and tokens > 1 and (mask is None or mask.shape[-2] == 1)
    if causal and (eager or mask is not None or tokens != keys):  # what the fast kernel's own triangle does not cover
        mask, causal = _with(mask, _triangle(tokens, keys, query.device)), False
    if not eager:
        kernel = F.scaled_dot_product_attention
        if shared > 1 and tokens == 1 and (mask is None or mask.shape[-3:-1] in ((1,), (1, 1))):
            # The heads of a key as its tokens: one product in place of several of a single row, up to 7 times faster.
            query = query.reshape(key.shape[0], key.shape[1], shared, -1)
            return kernel(query, key, value, mask, dropout, scale=scale).flatten(1)[:, None], None
        attended = kernel(query, key, value, mask, dropout, causal, scale=scale, enable_gqa=shared > 1)
        return attended.transpose(1, 2).flatten(2), None
    key, value = (each.repeat_interleave(shared, 1) if shared > 1 else each for each in (key, value))
    scores = (query @ key.transpose(-1, -2)) * (query.shape[-1] ** -0.5 if scale is None else scale)
    if mask is not None and mask.dtype == torch.bool:
        scores = scores.masked_fill(~mask, torch.finfo(scores.dtype).min)
    elif mask is not None:
        scores = scores + mask
    probabilities = F.dropout(scores.softmax(dim=-1), p=dropout)
    return (probabilities @ value).transpose(1, 2).flatten(2), probabilities


def _triangle(tokens: int, keys: int, device: torch.device, window: int | None = None) -> Tensor:
    """Return which keys each of the last tokens may see: up to its own, as many as the window says."""
    allowed = torch.ones(tokens, keys, dtype=torch.bool, device=device).tril(keys - tokens)
    return allowed if window is None else allowed.triu(keys - tokens - window + 1)


def _with(mask: Tensor | None, allowed: Tensor) -> Tensor:
    if mask is not None and mask.is_floating_point():
        return mask.masked_fill(~allowed, torch.finfo(mask.dtype).min)
    return allowed if mask is None else mask & allowed


def attention_mask_for(
    hidden: Tensor,
    attention_mask: Tensor | None,
    *,
    causal: bool = False,
    past: int | None = None,
    window: int | None = None,
) -> Tensor | None:
    """Return the mask that `attend` takes.

    Args:
        hidden: ``(batch, tokens, width)``: what attends, and what will be attended to.
        attention_mask: None; ``(batch, past + tokens)``, nonzero for tokens and zero for padding; or
            ``(batch or 1, heads or 1, tokens or 1, past + tokens)``, boolean (True: may attend) or float (added to the
            scores), which is complete and taken as it is.
        causal: Let each token see itself and those before it only.
        past: How many keys a cache holds before those of ``hidden``. Where it is given, 0 too, None is also returned
            where ``attend(…, causal=True)``, on the fastest kernel, does all that is left to do.
        window: How many keys a token sees at most, itself counted; with ``causal``. A cache may have dropped those that
            no token sees any more: of the attention mask the last columns count.

    Returns:
        A mask as `attend` takes it, or None where every token may attend to every other.

    Raises:
        InputError: The mask has another shape.
    """
    batch, tokens = hidden.shape[:2]
    keys = tokens + (past or 0)
    mask: Tensor | None = None
    if attention_mask is not None:
        check_tensor("attention_mask", attention_mask)
        shape = attention_mask.shape
        if len(shape) == 4 and shape[0] in (1, batch) and shape[2] in (1, tokens) and shape[3] == keys:  # noqa: PLR2004
            return attention_mask.to(hidden.dtype) if attention_mask.is_floating_point() else attention_mask.bool()
        if shape != (batch, keys) and not (window and len(shape) == 2 and shape[0] == batch and shape[1] > keys):  # noqa: PLR2004
            named = "past + tokens" if past else "tokens"
            raise InputError(
                f"attention_mask must have the shape (batch, {named}) = {(batch, keys)} "
                f"or (batch, heads, tokens, {named}), but has {tuple(shape)}."
            )
        mask = attention_mask[:, -keys:].bool()[:, None, None, :]  # (batch, 1, 1, keys)
        if is_readable(hidden) and is_readable(mask) and bool(mask.all()):  # no mask is faster
            mask = None
    window = window if window is not None and window < keys else None
    if causal and (window is not None or past is None or (tokens > 1 and (past or mask is not None))):
        mask = _with(mask, _triangle(tokens, keys, hidden.device, window))
    return mask


def positions_for(attention_mask: Tensor | None, tokens: int, *, past: int = 0, device: Any = None) -> Tensor:
    """Return the places of the last tokens in their texts, padding not counted: ``(batch or 1, tokens)`` integer.

    Args:
        attention_mask: ``(batch, past + tokens)``, nonzero for tokens and zero for padding, which is at place 0; None,
            or a mask of another shape, which says nothing about padding: the places follow on ``past``.
        tokens: How many places are wanted.
        past: How many tokens a cache holds before them.
        device: Where the result is if there is no mask.
    """
    if attention_mask is None or attention_mask.ndim != 2:  # noqa: PLR2004
        return torch.arange(past, past + tokens, device=device if attention_mask is None else attention_mask.device)[
            None
        ]
    return (attention_mask.bool().cumsum(-1) - 1).clamp(min=0)[:, -tokens:]
