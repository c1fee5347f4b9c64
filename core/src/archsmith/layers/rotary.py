"""Rotary positions: queries and keys are turned by angles, so that a score depends on how far apart two tokens are.

Source: Su et al., "RoFormer: Enhanced Transformer with Rotary Position Embedding" (arXiv:2104.09864), section 3.2. For
texts longer than those of training: Chen et al., "Extending Context Window of Large Language Models via Position
Interpolation" (arXiv:2306.15595), "linear"; Peng et al., "YaRN: Efficient Context Window Extension of Large Language
Models" (arXiv:2309.00071), sections 3.1 ("dynamic") to 3.4 ("yarn"); "llama3" is what the published Llama 3.1 computes.
"""

import math
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from archsmith.config.rotary import rotary_faults

__all__ = ["rotary_angles", "rotary_faults", "rotary_frequencies", "rotate"]


def rotary_frequencies(
    parameters: Mapping[str, Any], head_size: int, max_tokens: int, *, tokens: int = 0, device: Any = None
) -> tuple[Tensor, float]:
    """Return by how much each pair of numbers in a head is turned for one place, and what sines and cosines are times.

    Args:
        parameters: ``rope_theta``, ``rope_type`` and its numbers, as `rotary_faults` takes them.
        head_size: Numbers of a head that are turned; even.
        max_tokens: ``max_position_embeddings``.
        tokens: How long the text is; "dynamic" alone needs it.
        device: Where the result is.

    Returns:
        ``(head_size / 2,)`` float32, and a factor, which is 1 but for "yarn".
    """
    kind, theta = parameters.get("rope_type", "default"), float(parameters.get("rope_theta", 10_000.0))
    trained = parameters.get("original_max_position_embeddings") or max_tokens
    factor = float(parameters.get("factor", 1.0))
    if kind == "dynamic":
        stretch = factor * max(tokens, max_tokens) / max_tokens - (factor - 1)
        theta *= stretch ** (head_size / (head_size - 2))
    exponents = torch.arange(0, head_size, 2, dtype=torch.int64, device=device).float() / head_size
    frequencies = 1.0 / theta**exponents
    slowed: Tensor | float = float(kind == "linear")  # how much of the factor counts for each wave
    if kind == "llama3":
        low, high = float(parameters["low_freq_factor"]), float(parameters["high_freq_factor"])
        turns = trained * frequencies / (2 * math.pi)  # in a text of the training's length
        slowed = 1 - ((turns - low) / (high - low)).clamp(0, 1)
    elif kind == "yarn":
        slowed = _slowed_by_rotations(frequencies, parameters, theta, trained)
    scale = _temperature(parameters, factor) if kind == "yarn" else 1.0
    return slowed * frequencies / factor + (1 - slowed) * frequencies, scale


def _slowed_by_rotations(frequencies: Tensor, parameters: Mapping[str, Any], theta: float, trained: int) -> Tensor:
    """Return how far each wave is slowed down: a ramp over the places of the pairs (YaRN, section 3.2)."""
    size = 2 * frequencies.shape[0]

    def place(turns: float) -> float:  # of the wave that turns so often in a text of the training's length
        return size * math.log(trained / (turns * 2 * math.pi)) / (2 * math.log(theta))

    first, last = place(parameters.get("beta_fast") or 32), place(parameters.get("beta_slow") or 1)
    if parameters.get("truncate", True):
        first, last = math.floor(first), math.ceil(last)
    first, last = max(first, 0), min(last, size - 1)
    places = torch.arange(size // 2, dtype=torch.float32, device=frequencies.device)
    return ((places - first) / (last - first or 0.001)).clamp(0, 1)


def _temperature(parameters: Mapping[str, Any], factor: float) -> float:
    """Return what the sines and cosines of YaRN are multiplied by (section 3.4)."""

    def scale(weight: float) -> float:
        return 0.1 * weight * math.log(factor) + 1.0 if factor > 1 else 1.0

    if (given := parameters.get("attention_factor")) is not None:
        return float(given)
    above, below = parameters.get("mscale"), parameters.get("mscale_all_dim")
    return scale(above) / scale(below) if above and below else scale(1.0)


def rotary_angles(position_ids: Tensor, frequencies: Tensor, factor: float = 1.0) -> tuple[Tensor, Tensor]:
    """Return the cosines and sines for places in a text, for all heads: ``(batch, 1, tokens, head_size / 2)`` float32.

    Args:
        position_ids: ``(batch, tokens)`` integer.
        frequencies: ``(head_size / 2,)``, as `rotary_frequencies` returns them, with the factor.
        factor: What they are multiplied by.
    """
    angles = position_ids[:, None, :, None].float() * frequencies
    return angles.cos() * factor, angles.sin() * factor


def rotate(states: Tensor, angles: tuple[Tensor, Tensor]) -> Tensor:
    """Turn each number of a head's first half with its fellow in the second: ``(batch, heads, tokens, head_size)``.

    Args:
        states: Queries or keys.
        angles: As `rotary_angles` returns them.
    """
    cos, sin = (each.to(states.dtype) for each in angles)
    first, second = states.chunk(2, dim=-1)
    return torch.cat([first * cos - second * sin, second * cos + first * sin], dim=-1)
