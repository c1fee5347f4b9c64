"""Losses of the task heads."""

from typing import Literal

import torch
import torch.nn.functional as F  # noqa: N812  # the field's own abbreviation
from torch import Tensor

from archsmith.configuration.fields import shown
from archsmith.errors import InputError

__all__ = ["classification_loss", "token_loss"]

_IGNORED = -100


def token_loss(logits: Tensor, labels: Tensor) -> Tensor:
    """Return the mean cross entropy over the labelled tokens.

    Args:
        logits: ``(…, classes)`` float.
        labels: ``(…)`` integer class indices; -100 leaves a token out.

    Raises:
        InputError: The shapes do not fit, or a label is neither -100 nor a class.
    """
    classes = logits.shape[-1]
    _check_tensor(labels)
    if labels.is_floating_point() or labels.is_complex() or labels.dtype == torch.bool:
        raise InputError(f"labels must be integers, one class index for each row of logits, but are {labels.dtype}.")
    if labels.shape not in (logits.shape[:-1], (*logits.shape[:-1], 1)):
        raise InputError(
            f"labels must have the shape {tuple(logits.shape[:-1])}, one class index for each row of logits, "
            f"but have {tuple(labels.shape)}."
        )
    flat = labels.reshape(-1).long()
    if flat.device.type == "cpu" and not torch.compiler.is_compiling():
        wrong = flat[(flat != _IGNORED) & ((flat < 0) | (flat >= classes))]
        if wrong.numel():
            raise InputError(
                f"labels must be from 0 to {classes - 1} (or -100 to be ignored), but hold {wrong[0].item()}."
            )
    return F.cross_entropy(logits.reshape(-1, classes), flat, ignore_index=_IGNORED)


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
    _check_tensor(labels)
    if problem_type is None:
        if outputs == 1:
            problem_type = "regression"
        else:
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
    if (
        targets.device.type == "cpu"
        and not torch.compiler.is_compiling()
        and not ((targets >= 0) & (targets <= 1)).all()
    ):
        raise InputError("labels for multi_label_classification must be from 0 to 1, but hold other numbers.")
    return F.binary_cross_entropy_with_logits(logits, targets)


def _check_tensor(labels: Tensor) -> None:
    if not isinstance(labels, Tensor):
        raise InputError(f"labels must be a tensor, but are {shown(labels)}.")
