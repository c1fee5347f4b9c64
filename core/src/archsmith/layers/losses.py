"""Losses of the task heads."""

from typing import Literal

import torch
import torch.nn.functional as F  # noqa: N812  # the field's own abbreviation
from torch import Tensor

from archsmith.errors import InputError
from archsmith.layers.inputs import check_tensor, is_readable

__all__ = ["classification_loss", "span_loss", "token_loss"]

_IGNORED = -100


def token_loss(
    logits: Tensor, labels: Tensor, *, name: str = "labels", shifted: bool = False, count: Tensor | float | None = None
) -> Tensor:
    """Return the mean cross entropy over the labelled tokens.

    Args:
        logits: ``(…, classes)`` float.
        labels: ``(…)`` integer class indices; -100 leaves a token out.
        name: What the caller calls the labels, for the error message.
        shifted: Hold the logits of each token against the label of the next: ``(…, tokens, classes)`` and
            ``(…, tokens)``, as of a text and itself.
        count: What the sum is divided by, where gradients of several batches are added up: the number of labelled
            tokens in all of them, which then weigh alike; None: that of these labels.

    Raises:
        InputError: The shapes do not fit, or a label is neither -100 nor a class.
    """
    classes = logits.shape[-1]
    _check_indices(name, labels, logits.shape[:-1], "one class index for each row of logits")
    flat = labels.reshape(-1).long()
    if is_readable(flat):
        wrong = flat[(flat != _IGNORED) & ((flat < 0) | (flat >= classes))]
        if wrong.numel():
            raise InputError(
                f"{name} must be from 0 to {classes - 1} (or -100 to be ignored), but hold {wrong[0].item()}."
            )
    if shifted:  # the labels, not the logits, which would be copied
        flat = F.pad(flat.reshape(logits.shape[:-1])[..., 1:], (0, 1), value=_IGNORED).reshape(-1)
    rows = logits.reshape(-1, classes)
    if count is None:
        return F.cross_entropy(rows, flat, ignore_index=_IGNORED)
    return F.cross_entropy(rows, flat, ignore_index=_IGNORED, reduction="sum") / count


def span_loss(start_logits: Tensor, end_logits: Tensor, start_positions: Tensor, end_positions: Tensor) -> Tensor:
    """Return the mean of two cross entropies: of the first tokens of the answers, and of their last tokens.

    An answer that truncation removed lies beyond the text: it is left out. A position below 0 counts as 0, the token
    that stands for the whole text.

    Args:
        start_logits: ``(batch, tokens)`` float.
        end_logits: ``(batch, tokens)`` float.
        start_positions: ``(batch,)`` or ``(batch, 1)`` integer: the first token of each answer.
        end_positions: Likewise: the last token, which belongs to the answer.

    Raises:
        InputError: The positions have another shape or type.
    """
    tokens = start_logits.shape[-1]
    total = start_logits.new_zeros(())
    for name, logits, positions in (
        ("start_positions", start_logits, start_positions),
        ("end_positions", end_logits, end_positions),
    ):
        _check_indices(name, positions, logits.shape[:-1], "one token index for each text")
        targets = positions.reshape(-1).long().clamp(0, tokens)  # (batch,)
        total = total + F.cross_entropy(logits, targets, ignore_index=tokens)
    return total / 2


def classification_loss(
    logits: Tensor,
    labels: Tensor,
    problem_type: Literal["regression", "single_label_classification", "multi_label_classification"] | None,
) -> Tensor:
    """Return the loss that fits a classification problem.

    Args:
        logits: ``(batch, labels)`` float.
        labels: ``(batch,)`` class indices; or ``(batch, labels)`` of 0 and 1 for several labels at once; or float
            targets for regression.
        problem_type: The kind of problem. None: regression for a single output, several labels for floating labels,
            else one label.

    Raises:
        InputError: The labels do not fit the logits.
    """
    outputs = logits.shape[-1]
    check_tensor("labels", labels, verb="are")
    if problem_type is None and outputs == 1:
        problem_type = "regression"
    elif problem_type is None:
        problem_type = "multi_label_classification" if labels.is_floating_point() else "single_label_classification"
    if problem_type == "single_label_classification":
        return token_loss(logits, labels)
    if labels.shape != logits.shape and not (outputs == 1 and labels.shape == logits.shape[:-1]):
        raise InputError(
            f"labels for {problem_type} must have the shape {tuple(logits.shape)}, but have {tuple(labels.shape)}."
        )
    targets = labels.to(logits.dtype).reshape(logits.shape)
    if problem_type == "regression":
        return F.mse_loss(logits, targets)
    if is_readable(targets):
        wrong = targets[~((targets >= 0) & (targets <= 1))]
        if wrong.numel():
            held = f"{wrong[0].item():.6g}"
            raise InputError(f"labels for multi_label_classification must be from 0 to 1, but hold {held}.")
    return F.binary_cross_entropy_with_logits(logits, targets)


def _check_indices(name: str, indices: Tensor, shape: torch.Size, what: str) -> None:
    """Check that indices are integers, of the wanted shape or a column of it."""
    check_tensor(name, indices, verb="are")
    if indices.is_floating_point() or indices.is_complex() or indices.dtype == torch.bool:
        raise InputError(f"{name} must be integers, {what}, but are {indices.dtype}.")
    if indices.shape not in (shape, (*shape, 1)):
        raise InputError(f"{name} must have the shape {tuple(shape)}, {what}, but have {tuple(indices.shape)}.")
