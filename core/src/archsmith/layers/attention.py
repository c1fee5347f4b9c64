"""Scaled dot-product attention, and the masks that go into it.

Source: Vaswani et al., "Attention Is All You Need" (arXiv:1706.03762), section 3.2.
"""

import torch
import torch.nn.functional as F  # noqa: N812  # the field's own abbreviation
from torch import Tensor

from archsmith.errors import InputError
from archsmith.layers.inputs import check_tensor, is_readable

__all__ = ["attend", "attention_mask_for", "split_heads"]


def split_heads(hidden: Tensor, head_size: int) -> Tensor:
    """Split the width into heads: ``(batch, tokens, heads × head_size)`` → ``(batch, heads, tokens, head_size)``."""
    heads = hidden.shape[-1] // head_size
    return hidden.reshape(*hidden.shape[:-1], heads, head_size).transpose(1, 2)


def attend(
    query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None = None, *, dropout: float = 0.0, eager: bool = False
) -> tuple[Tensor, Tensor | None]:
    """Attend from queries to keys, and join the heads again.

    Args:
        query: ``(batch, heads, tokens, head_size)`` float.
        key: ``(batch, heads, keys, head_size)`` float.
        value: As ``key``.
        mask: Broadcastable to ``(batch, heads, tokens, keys)``: boolean, True where attention is allowed, or float,
            added to the scores. As `attention_mask_for` makes it.
        dropout: Share of the attention probabilities to drop; pass 0 outside training.
        eager: Compute the probabilities one step at a time and return them.

    Returns:
        The attended values, ``(batch, tokens, heads × head_size)``, and the probabilities after dropout,
        ``(batch, heads, tokens, keys)``, or None unless ``eager``.
    """
    if not eager:
        attended = F.scaled_dot_product_attention(query, key, value, attn_mask=mask, dropout_p=dropout)
        return attended.transpose(1, 2).flatten(2), None
    scores = (query @ key.transpose(-1, -2)) * query.shape[-1] ** -0.5
    if mask is not None and mask.dtype == torch.bool:
        scores = scores.masked_fill(~mask, torch.finfo(scores.dtype).min)
    elif mask is not None:
        scores = scores + mask
    probabilities = F.dropout(scores.softmax(dim=-1), p=dropout)
    return (probabilities @ value).transpose(1, 2).flatten(2), probabilities


def attention_mask_for(hidden: Tensor, attention_mask: Tensor | None, *, causal: bool = False) -> Tensor | None:
    """Return the mask that `attend` takes.

    Args:
        hidden: ``(batch, tokens, width)``: what will be attended to.
        attention_mask: None; ``(batch, tokens)``, nonzero for tokens and zero for padding; or
            ``(batch or 1, heads or 1, tokens or 1, tokens)``, boolean (True: may attend) or float (added to the
            scores), which is complete and taken as it is.
        causal: Let each token see itself and those before it only.

    Returns:
        A mask as `attend` takes it, or None where every token may attend to every other.

    Raises:
        InputError: The mask has another shape.
    """
    batch, tokens = hidden.shape[:2]
    mask: Tensor | None = None
    if attention_mask is not None:
        check_tensor("attention_mask", attention_mask)
        shape = attention_mask.shape
        if len(shape) == 4 and shape[0] in (1, batch) and shape[2] in (1, tokens) and shape[3] == tokens:  # noqa: PLR2004
            return attention_mask.to(hidden.dtype) if attention_mask.is_floating_point() else attention_mask.bool()
        if shape != (batch, tokens):
            raise InputError(
                f"attention_mask must have the shape (batch, tokens) = {(batch, tokens)} "
                f"or (batch, heads, tokens, tokens), but has {tuple(shape)}."
            )
        mask = attention_mask.bool()[:, None, None, :]  # (batch, 1, 1, tokens)
        if is_readable(hidden) and is_readable(mask) and bool(mask.all()):  # no mask is faster
            mask = None
    if causal:
        allowed = torch.ones(tokens, tokens, dtype=torch.bool, device=hidden.device).tril()  # (tokens, tokens)
        mask = allowed if mask is None else mask & allowed
    return mask
