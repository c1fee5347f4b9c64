"""Maps of labels, as data sets have them, and the masks and classes that a MaskFormer learns from."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from archsmith.errors import InputError
from archsmith.messages import shown

__all__ = ["masks_of", "per_image", "read_label_map"]

Array = npt.NDArray[Any]

_PLANE, _STACK = 2, 3  # axes


def per_image(name: str, given: Any, count: int) -> Sequence[Any]:
    """Return one entry for each of ``count`` images: those of a list or a stack, or the only one.

    Raises:
        InputError: There are more or fewer entries than images.
    """
    axes = np.ndim(given) if not isinstance(given, list | tuple) and hasattr(given, "__array__") else 0
    entries = given if isinstance(given, list | tuple) or axes == _STACK else [given]
    if len(entries) != count:
        raise InputError(f"{name} must hold one entry for each of {count} images, but hold {len(entries)}.")
    return list(entries)


def read_label_map(source: Any, index: int) -> Array:
    """Return a map of labels, ``(height, width)`` int64.

    Args:
        source: An image of Pillow of one channel (colours of a palette count as their numbers), an array or a tensor,
            ``(height, width)`` or ``(1, height, width)``.
        index: The image it belongs to, for the message.

    Raises:
        InputError: It is none of these, or does not hold whole numbers from 0.
    """
    try:
        labels = np.asarray(source)
    except (ValueError, TypeError, RuntimeError):
        labels = np.asarray(None)
    if labels.ndim == _STACK and labels.shape[0] == 1:
        labels = labels[0]
    if labels.dtype.kind not in "iubf" or labels.ndim != _PLANE or not labels.size:
        got = f"{labels.dtype} of {labels.shape}" if labels.dtype != object else shown(source)
        raise InputError(
            f"segmentation map {index} must be an image of one channel, or an array of whole numbers of the shape "
            f"(height, width), but is {got}."
        )
    if labels.dtype.kind == "f" and not (np.isfinite(labels).all() and (labels == np.round(labels)).all()):
        raise InputError(f"segmentation map {index} must hold whole numbers, but holds others.")
    low, high = labels.min(), labels.max()
    if low < 0 or high > np.iinfo(np.int32).max:
        raise InputError(f"segmentation map {index} must hold labels from 0 to 2147483647, but holds {low} to {high}.")
    return labels.astype(np.int64)


def masks_of(labels: Array, index: int, *, classes: Any, ignore: int | None, reduce: bool) -> tuple[Array, Array]:
    """Cut a map of labels into one mask for each label.

    Args:
        labels: ``(height, width)`` int64.
        index: The image it belongs to, for the message.
        classes: Label in the map → class, where labels number segments; None: labels are classes.
        ignore: The label, after reduction, whose pixels belong to no segment.
        reduce: Take one off every label and class; what was 0 becomes ``ignore``.

    Returns:
        The masks, ``(segments, height, width)`` float32 of 0 and 1; and their classes, ``(segments,)`` int64.

    Raises:
        InputError: ``classes`` does not know a label, or holds no classes.
    """
    if reduce:
        labels = np.where(labels == 0, ignore or 0, labels - 1)
    found = np.unique(labels)
    found = found[found != ignore] if ignore is not None else found
    masks = (labels == found[:, None, None]).astype(np.float32)
    if classes is None:
        return masks, found
    if not isinstance(classes, Mapping) or not all(hasattr(kind, "__index__") for kind in classes.values()):
        raise InputError(
            "instance_id_to_semantic_id must be a mapping from labels to numbers of classes, or one for each image, "
            f"but is {shown(classes)}."
        )
    shift = int(reduce)
    absent = [int(label) + shift for label in found if int(label) + shift not in classes]
    if absent:
        raise InputError(f"segmentation map {index} holds {absent[0]}, which instance_id_to_semantic_id does not name.")
    return masks, np.array([classes[int(label) + shift] - shift for label in found], dtype=np.int64)
