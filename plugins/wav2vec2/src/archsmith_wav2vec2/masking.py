"""Random choices of training: which frames and features are masked, and which frames are distractors.

Source: Park et al., "SpecAugment" (arXiv:1904.08779), section 2; Baevski et al., "wav2vec 2.0" (arXiv:2006.11477),
sections 3.1 and 3.2.
"""

import torch
from torch import Tensor

from archsmith.errors import InputError, OptionError

__all__ = ["compute_mask_indices", "sample_negative_indices"]


def compute_mask_indices(
    shape: tuple[int, int],
    *,
    mask_prob: float,
    mask_length: int,
    attention_mask: Tensor | None = None,
    min_masks: int = 0,
    generator: torch.Generator | None = None,
) -> Tensor:
    """Choose spans to be masked: as many in each row as cover its share, overlaps not counted, at random places.

    Args:
        shape: ``(rows, places)``.
        mask_prob: Share of each row to cover, 0 to 1.
        mask_length: Places of one span.
        attention_mask: ``(rows, places)``, 1 then 0: spans lie where it is 1.
        min_masks: The fewest spans in each row that has room for them.
        generator: Where the random numbers come from; None: torch's own, which ``torch.manual_seed`` sets.

    Returns:
        ``shape`` boolean on the CPU, True for what is masked.

    Raises:
        OptionError: A number is out of range.
        InputError: A span is longer than a row.

    Example:
        >>> _ = torch.manual_seed(0)
        >>> compute_mask_indices((2, 100), mask_prob=0.5, mask_length=5, min_masks=2).sum(1) > 20
        tensor([True, True])
    """
    rows, places = shape
    if mask_length < 1 or not 0 <= mask_prob <= 1 or min_masks < 0:
        raise OptionError(
            f"mask_prob must be from 0 to 1, mask_length at least 1 and min_masks at least 0, but are {mask_prob}, "
            f"{mask_length} and {min_masks}."
        )
    if mask_length > places:
        raise InputError(
            f"a mask covers {mask_length} places, but there are {places}. Train with longer clips, shorter masks "
            "(mask_time_length, mask_feature_length), or apply_spec_augment=False."
        )
    lengths = torch.full((rows,), places) if attention_mask is None else attention_mask.sum(-1).long().cpu()
    rounding = torch.rand(1, generator=generator)
    spans = (mask_prob * lengths / mask_length + rounding).long().clamp(min=min_masks)  # (rows,)
    starts = (lengths - mask_length + 1).clamp(min=0)
    spans = spans.clamp(max=places // mask_length).minimum(starts)
    keys = torch.rand(rows, places, generator=generator)
    keys = keys.masked_fill(torch.arange(places) >= starts[:, None], 2.0)  # behind those where a span can begin
    begins = keys.argsort(1).argsort(1) < spans[:, None]  # (rows, places)
    begun = begins.cumsum(1)
    ended = torch.nn.functional.pad(begun, (mask_length, 0))[:, :places]
    return begun > ended


def sample_negative_indices(
    features_shape: tuple[int, int],
    *,
    num_negatives: int,
    mask_time_indices: Tensor | None = None,
    generator: torch.Generator | None = None,
) -> Tensor:
    """Choose distractors for every masked frame: other masked frames of the same clip, each equally likely.

    Args:
        features_shape: ``(batch, frames)``.
        num_negatives: Distractors of each frame.
        mask_time_indices: ``(batch, frames)`` boolean, which frames are masked; None: all.
        generator: Where the random numbers come from; None: torch's own.

    Returns:
        ``(batch, frames, num_negatives)`` int64 on the CPU: places in the batch's frames laid in a row. For frames
        that are not masked it is the first one of the clip.

    Raises:
        InputError: The mask has another shape, or a clip has fewer than two masked frames.

    Example:
        >>> masked = torch.tensor([[True, False, True, False]])
        >>> sample_negative_indices((1, 4), num_negatives=2, mask_time_indices=masked)[0, 0]
        tensor([2, 2])
    """
    batch, frames = features_shape
    masked = torch.ones(batch, frames) if mask_time_indices is None else mask_time_indices
    if tuple(masked.shape) != (batch, frames):
        raise InputError(
            f"mask_time_indices must have the shape (batch, frames) = {(batch, frames)}, but have "
            f"{tuple(masked.shape)}."
        )
    masked = masked.bool().cpu()
    counts = masked.sum(1)  # (batch,)
    if bool((counts < 2).any()):  # noqa: PLR2004
        row = int(counts.argmin())
        raise InputError(
            f"clip {row} has {int(counts[row])} masked frames; a distractor of one must be another: mask two or more."
        )
    places = (~masked).long().argsort(stable=True, dim=1)  # the masked ones first
    ranks = masked.cumsum(1) - 1  # of each masked frame among them
    drawn = torch.rand(batch, frames, num_negatives, generator=generator) * (counts - 1)[:, None, None]
    others = drawn.long().minimum((counts - 2)[:, None, None])
    others = others + (others >= ranks[..., None])  # (batch, frames, negatives), never its own rank
    indices = places.gather(1, others.flatten(1)).view(batch, frames, num_negatives)
    return torch.where(masked[..., None], indices, 0) + frames * torch.arange(batch)[:, None, None]
