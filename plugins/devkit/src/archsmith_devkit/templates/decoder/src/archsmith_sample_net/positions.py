"""Where the tokens of a text stand, and which of them each may see."""

import torch
from archsmith.errors import InputError
from torch import Tensor

__all__ = ["causal_mask", "check_mask", "count_positions", "rotary_angles", "rotate"]


def check_mask(attention_mask: Tensor, shape: torch.Size) -> Tensor:
    """Return a mask of this shape, ``(batch, all tokens so far)``, as it is. Raises `InputError`: it has another."""
    if attention_mask.shape != shape:
        raise InputError(
            f"attention_mask must have the shape (batch, all tokens so far) = {tuple(shape)}, but has "
            f"{tuple(attention_mask.shape)}."
        )
    return attention_mask


def causal_mask(is_token: Tensor, tokens: int) -> Tensor:
    """Return where each of the last tokens may look: at itself, and at what stands before it and is not padding.

    Args:
        is_token: ``(batch, all tokens so far)`` boolean, False for padding.
        tokens: How many of them are new.

    Returns:
        ``(batch, 1, tokens, all tokens so far)`` boolean.
    """
    places = is_token.shape[1]
    before = torch.ones(tokens, places, dtype=torch.bool, device=is_token.device).tril(places - tokens)
    itself = torch.eye(places, dtype=torch.bool, device=is_token.device)[-tokens:]
    return (before & is_token[:, None, None, :]) | itself  # padding sees itself, so that its row is not empty


def count_positions(is_token: Tensor, tokens: int) -> Tensor:
    """Return the positions of the last tokens, ``(batch, tokens)``: padding on the left does not count."""
    return (is_token.long().cumsum(dim=-1) - 1).clamp(min=0)[:, -tokens:]


def rotary_angles(position_ids: Tensor, head_size: int, theta: float) -> Tensor:
    """Return by how much each pair of numbers in a head is turned: ``(batch, 1, tokens, head_size / 2)`` float."""
    pairs = torch.arange(0, head_size, 2, device=position_ids.device) / head_size
    return position_ids[:, None, :, None] * theta**-pairs


def rotate(states: Tensor, angles: Tensor) -> Tensor:
    """Turn pairs of numbers, the first half of a head with the second: ``(batch, heads, tokens, head_size)``."""
    cos, sin = angles.cos().to(states.dtype), angles.sin().to(states.dtype)
    first, second = states.chunk(2, dim=-1)
    return torch.cat([first * cos - second * sin, second * cos + first * sin], dim=-1)
