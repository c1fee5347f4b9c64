"""Checks on what is passed to a model, made where the library below would answer with a riddle."""

import torch
from torch import Tensor

from archsmith.errors import InputError
from archsmith.layers.inputs import is_readable
from archsmith_wav2vec2.config import Wav2Vec2Config

__all__ = ["check_audio", "check_frames"]

_AXES = 2


def check_audio(input_values: Tensor, attention_mask: Tensor | None, config: Wav2Vec2Config) -> Tensor | None:
    """Check samples and their mask, and return how many samples of each clip are audio, ``(batch,)``, or None.

    The values of the mask are looked at on the CPU alone: on a GPU it would stall the queue.

    Raises:
        InputError: A shape, a type or a length does not fit.
    """
    if not isinstance(input_values, Tensor):
        raise InputError(
            f"input_values must be a tensor, but are {type(input_values).__name__}. Ask the feature extractor: "
            "return_tensors='pt'."
        )
    if not input_values.is_floating_point():
        raise InputError(f"input_values must be floating-point numbers, but are {input_values.dtype}.")
    if input_values.ndim != _AXES:
        hint = " For one clip: input_values[None]." if input_values.ndim == 1 else ""
        raise InputError(
            f"input_values must have the shape (batch, samples), but have {tuple(input_values.shape)}.{hint}"
        )
    batch, samples = input_values.shape
    if not batch:
        raise InputError("input_values have no clips; expected at least one.")
    if samples < config.min_samples:
        raise InputError(f"the clips have {samples} samples, but the model needs at least {config.min_samples}.")
    if attention_mask is None:
        return None
    if not isinstance(attention_mask, Tensor):
        raise InputError(f"attention_mask must be a tensor, but is {type(attention_mask).__name__}.")
    if attention_mask.shape != input_values.shape:
        raise InputError(
            f"attention_mask must have the shape of input_values, {tuple(input_values.shape)}, but has "
            f"{tuple(attention_mask.shape)}."
        )
    present = attention_mask.bool()
    lengths = present.sum(-1)
    if is_readable(present):
        _check_lengths(present, lengths, config.min_samples)
    return lengths


def check_frames(name: str, chosen: Tensor, hidden: Tensor) -> Tensor:
    """Return a choice of frames as booleans, ``(batch, frames)``. Raises `InputError`: it has another shape."""
    if not isinstance(chosen, Tensor):
        raise InputError(f"{name} must be a tensor, but are {type(chosen).__name__}.")
    if chosen.shape != hidden.shape[:2]:
        raise InputError(
            f"{name} must have the shape (batch, frames) = {tuple(hidden.shape[:2])}, but have {tuple(chosen.shape)}."
        )
    return chosen.bool()


def _check_lengths(present: Tensor, lengths: Tensor, least: int) -> None:
    begun = torch.arange(present.shape[1]) < lengths[:, None]
    if not torch.equal(begun, present):
        row = int((begun != present).any(1).nonzero()[0])
        raise InputError(
            f"attention_mask must be 1 for audio and behind it 0 for padding, but in row {row} a 0 comes before a 1. "
            "Pad on the right."
        )
    shortest = int(lengths.min())
    if shortest < least:
        raise InputError(
            f"attention_mask leaves {shortest} samples of clip {int(lengths.argmin())}, but the model needs at least "
            f"{least}."
        )
