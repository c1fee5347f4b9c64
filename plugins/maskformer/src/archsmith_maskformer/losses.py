"""What a MaskFormer learns from: which query should have found which segment, and how far it is from that.

Source: Cheng et al., "Per-Pixel Classification is Not All You Need for Semantic Segmentation" (arXiv:2107.06278),
section 3.2 and appendix A; the matching is that of Carion et al. (arXiv:2005.12872), section 3.1.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F  # noqa: N812  # the field's own abbreviation
from torch import Tensor

from archsmith.errors import InputError
from archsmith.messages import shown

__all__ = ["LossWeights", "check_labels", "match_queries", "segmentation_loss"]

_INTEGERS = (torch.int64, torch.int32, torch.int16, torch.int8, torch.uint8)
#: The share of the focal loss (arXiv:1708.02002) that pixels of a segment have; those beside it have the rest.
_ALPHA = 0.25


class LossWeights(NamedTuple):
    """How much each part of the loss counts.

    Attributes:
        cross_entropy: Of the classes.
        no_object: Of queries that match nothing, in the cross entropy.
        mask: Of the focal loss of the masks.
        dice: Of the dice loss of the masks.
    """

    cross_entropy: float
    no_object: float
    mask: float
    dice: float


def check_labels(mask_labels: Any, class_labels: Any, *, batch: int, classes: int) -> None:
    """Check what a MaskFormer is to learn from.

    Args:
        mask_labels: For each image ``(segments, height, width)``, 1 on the segment and 0 beside it.
        class_labels: For each image ``(segments,)`` integer.
        batch: How many images there are.
        classes: How many classes there are.

    Raises:
        InputError: One of them is missing, or a shape, a type or a value does not fit.
    """
    for name, labels in (("mask_labels", mask_labels), ("class_labels", class_labels)):
        if not isinstance(labels, Tensor | list | tuple) or not all(isinstance(each, Tensor) for each in labels):
            raise InputError(f"{name} must be a list with one tensor for each image, but are {shown(labels)}.")
        if len(labels) != batch:
            raise InputError(f"{name} must hold one tensor for each of {batch} images, but hold {len(labels)}.")
    for index, (masks, labels) in enumerate(zip(mask_labels, class_labels, strict=True)):
        if masks.ndim != 3 or not masks.shape[1] or not masks.shape[2]:  # noqa: PLR2004
            raise InputError(
                f"mask_labels[{index}] must have the shape (segments, height, width), but have {tuple(masks.shape)}."
            )
        if labels.dtype not in _INTEGERS or labels.shape != masks.shape[:1]:
            raise InputError(
                f"class_labels[{index}] must be integers of the shape (segments,) = {tuple(masks.shape[:1])}, "
                f"but are {labels.dtype} of {tuple(labels.shape)}."
            )
        _check_values(index, masks, labels, classes)


def _check_values(index: int, masks: Tensor, labels: Tensor, classes: int) -> None:
    """Look at the values; on a GPU it would stall the queue."""
    if masks.device.type != "cpu" or labels.device.type != "cpu" or not len(labels):
        return
    wrong = labels[(labels < 0) | (labels >= classes)]
    if wrong.numel():
        raise InputError(f"class_labels[{index}] must be from 0 to {classes - 1}, but hold {wrong[0].item()}.")
    if masks.dtype == torch.bool:
        return
    low, high = (value.item() for value in masks.aminmax())
    if not 0 <= low <= high <= 1:
        held = f"{high:.6g}" if low >= 0 else f"{low:.6g}"
        raise InputError(f"mask_labels[{index}] must be from 0 to 1, but hold {held}.")


@torch.no_grad()
def match_queries(
    mask_logits: Tensor, class_logits: Tensor, masks: Tensor, labels: Tensor, weights: LossWeights
) -> tuple[Tensor, Tensor]:
    """Find for each segment of one image a query of its own, so that the sum of the costs is the least.

    The cost is one minus the probability of the class, and focal and dice loss of the mask with their weights.

    Args:
        mask_logits: ``(queries, height, width)`` float.
        class_logits: ``(queries, classes + 1)`` float; the last class is none.
        masks: ``(segments, height, width)``, of any size, 0 to 1.
        labels: ``(segments,)`` integer.
        weights: The weights of the loss.

    Returns:
        The matched queries in ascending order, and the segment of each, both ``(pairs,)`` int64.
    """
    from scipy.optimize import linear_sum_assignment

    found, targets = mask_logits.float().flatten(1), _resized(masks, mask_logits)  # (queries or segments, pixels)
    probabilities = found.sigmoid()
    inside, beside = 1 - probabilities, probabilities  # how wrong a query is on the segment, and beside it
    focal = (_ALPHA * inside.square() * F.softplus(-found)) @ targets.T
    focal = focal + ((1 - _ALPHA) * beside.square() * F.softplus(found)) @ (1 - targets).T
    overlap = 2 * probabilities @ targets.T
    dice = 1 - (overlap + 1) / (probabilities.sum(-1)[:, None] + targets.sum(-1)[None] + 1)
    cost = weights.mask * focal / found.shape[1] + weights.dice * dice
    cost = cost - class_logits.float().softmax(-1)[:, labels.long()]  # (queries, segments)
    worst = torch.finfo(cost.dtype).max
    cost = cost.nan_to_num(nan=worst, posinf=worst, neginf=worst)
    queries, segments = linear_sum_assignment(cost.cpu().numpy())
    return torch.from_numpy(queries).to(labels.device), torch.from_numpy(segments).to(labels.device)


def _resized(masks: Tensor, like: Tensor) -> Tensor:
    """Return masks in the size of ``like``, its last two axes, as ``(segments, pixels)`` float32."""
    if not len(masks):
        return like.new_zeros(0, like.shape[-2] * like.shape[-1], dtype=torch.float32)
    return F.interpolate(masks[:, None].float(), size=like.shape[-2:], mode="nearest").flatten(1)


def segmentation_loss(
    mask_logits: Tensor,
    class_logits: Tensor,
    mask_labels: Sequence[Tensor],
    class_labels: Sequence[Tensor],
    weights: LossWeights,
) -> Tensor:
    """Return the loss of one set of predictions: cross entropy of the classes, focal and dice loss of the masks.

    Args:
        mask_logits: ``(batch, queries, height, width)`` float.
        class_logits: ``(batch, queries, classes + 1)`` float; the last class is none.
        mask_labels: As `check_labels`.
        class_labels: As `check_labels`.
        weights: How much each part counts.
    """
    pairs = [
        match_queries(*image, weights)
        for image in zip(mask_logits, class_logits, mask_labels, class_labels, strict=True)
    ]
    none = class_logits.shape[-1] - 1
    classes = class_logits.new_full(class_logits.shape[:2], none, dtype=torch.long)  # (batch, queries)
    for row, labels, (queries, segments) in zip(classes, class_labels, pairs, strict=True):
        row[queries] = labels[segments].to(row)
    weight = class_logits.new_ones(none + 1)
    weight[none] = weights.no_object
    cross_entropy = F.cross_entropy(class_logits.transpose(1, 2), classes, weight=weight)
    matched = torch.cat([logits[queries] for logits, (queries, _) in zip(mask_logits, pairs, strict=True)])
    height, width = (max(masks.shape[axis] for masks in mask_labels) for axis in (1, 2))
    targets = [
        F.pad(masks[segments].to(matched), (0, width - masks.shape[2], 0, height - masks.shape[1]))
        for masks, (_, segments) in zip(mask_labels, pairs, strict=True)
    ]
    count = max(1, sum(len(labels) for labels in class_labels))
    focal, dice = _mask_losses(matched, torch.cat(targets), count)
    return weights.cross_entropy * cross_entropy + weights.mask * focal + weights.dice * dice


def _mask_losses(matched: Tensor, targets: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """Return focal and dice loss of masks, each ``(pairs, height, width)``, summed and divided by ``count``."""
    if not len(targets):
        return matched.sum(), matched.sum()  # zero, but part of the graph
    logits = F.interpolate(matched[:, None], size=targets.shape[-2:], mode="bilinear", align_corners=False)
    logits, targets = logits.flatten(1), targets.flatten(1)  # (pairs, pixels)
    probabilities = logits.sigmoid()
    wrongness = probabilities + targets - 2 * probabilities * targets  # one minus the probability of what is true
    share = (1 - _ALPHA) + (2 * _ALPHA - 1) * targets
    focal = share * F.binary_cross_entropy_with_logits(logits, targets, reduction="none") * wrongness.square()
    overlap = 2 * (probabilities * targets).sum(-1)
    dice = 1 - (overlap + 1) / (probabilities.sum(-1) + targets.sum(-1) + 1)
    return focal.mean(1).sum() / count, dice.sum() / count
