"""Maps of labels, as data sets have them, and the masks and classes that a MaskFormer learns from."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from archsmith.errors import InputError
from archsmith.image_processor import open_image
from archsmith.messages import announce, shorten, shown

__all__ = ["masks_of", "per_image", "read_label_maps"]

Array = npt.NDArray[Any]

_PLANE, _STACK = 2, 3  # axes
_MIRRORED = (2, 3, 4)  # orientations that keep height and width
#: Numbers that the masks of one map may have in all: a small file may hold more labels than memory has room for.
_MOST_NUMBERS = 2**30


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


def read_label_maps(maps: Any, images: Sequence[tuple[Array, int | None]]) -> list[Array]:
    """Return a map of labels for each image, upright as the image is.

    Each is turned by its own EXIF data. Where only one of the two can have any, because the other is an array, their
    sizes must tell that both lie the same way.

    Args:
        maps: One for each image: a path, the bytes of a file, an image of Pillow of one channel (colours of a palette
            count as their numbers), or an array or a tensor, ``(height, width)`` or ``(1, height, width)``.
        images: The upright pixels of each image, and the orientation that it had, as `ImageProcessor.prepare` returns
            them.

    Returns:
        ``(height, width)`` int64 for each image.

    Raises:
        InputError: A map is none of these, does not hold whole numbers from 0, has another size than its image, or may
            lie another way.
    """
    notes: list[str] = []
    found = []
    for index, source in enumerate(per_image("segmentation_maps", maps, len(images))):
        pixels, orientation = images[index]
        labels, own = _read_label_map(source, index, notes)
        if labels.shape != pixels.shape[:2]:
            raise InputError(
                f"segmentation map {index} has {labels.shape[1]} x {labels.shape[0]} pixels, but its image has "
                f"{pixels.shape[1]} x {pixels.shape[0]}, upright."
            )
        _check_orientation(index, orientation, own, is_square=labels.shape[0] == labels.shape[1], notes=notes)
        found.append(labels)
    for note in notes:
        announce(note)
    return found


def _check_orientation(index: int, image: int | None, own: int | None, *, is_square: bool, notes: list[str]) -> None:
    """Refuse an image and a map of which only one was turned, unless it is known that the other is upright."""
    names = (f"image {index}", f"segmentation map {index}")
    (turned, number), (other, said) = sorted(zip(names, (image or 0, own or 0), strict=True), key=lambda each: -each[1])
    if number <= 1 or said:
        return
    if None not in (image, own):
        notes.append(
            f"{turned} is turned by its EXIF data (orientation {number}), but {other} has none: it is taken to be "
            "upright. If both lie the same way as they are stored, pass both as arrays."
        )
    elif is_square or number in _MIRRORED:
        raise InputError(
            f"{turned} is turned by its EXIF data (orientation {number}), but {other} is an array, which cannot say "
            "which side is up, and its size fits either way. Pass both as arrays, or turn what is an image upright: "
            "PIL.ImageOps.exif_transpose(image)."
        )


def _read_label_map(source: Any, index: int, notes: list[str]) -> tuple[Array, int | None]:
    """Return a map of labels, upright, and the orientation that it had."""
    expected = (
        f"segmentation map {index} must be an image of one channel, or an array of whole numbers of the shape "
        "(height, width)"
    )
    try:
        image, orientation = open_image(source, notes)
        if getattr(image, "format", None) == "JPEG":
            notes.append(f"segmentation map {index} is a JPEG, which changes labels that lie beside others. Use PNG.")
        labels = np.asarray(image)
    except InputError as error:
        raise InputError(f"{expected}, but {error.message.rstrip('.')}.") from error
    except (ValueError, TypeError, RuntimeError):
        labels = np.asarray(None)
    if labels.ndim == _STACK and labels.shape[0] == 1:
        labels = labels[0]
    if labels.dtype.kind not in "iubf" or labels.ndim != _PLANE or not labels.size:
        got = f"{labels.dtype} of {labels.shape}" if labels.dtype != object else shown(source)
        raise InputError(f"{expected}, but is {got}.")
    if labels.dtype.kind == "f" and not (np.isfinite(labels).all() and (labels == np.round(labels)).all()):
        raise InputError(f"segmentation map {index} must hold whole numbers, but holds others.")
    low, high = labels.min(), labels.max()
    if low < 0 or high > np.iinfo(np.int32).max:
        raise InputError(f"segmentation map {index} must hold labels from 0 to 2147483647, but holds {low} to {high}.")
    return labels.astype(np.int64), orientation


def masks_of(
    labels: Array, index: int, *, classes: Any, ignore: int | None, reduce: bool, most: int | None
) -> tuple[Array, Array]:
    """Cut a map of labels into one mask for each label.

    Args:
        labels: ``(height, width)`` int64.
        index: The image it belongs to, for the message.
        classes: Label in the map → class, where labels number segments; None: labels are classes.
        ignore: The label whose pixels belong to no segment.
        reduce: Take one off every class; pixels of label 0 belong to no segment either.
        most: How many classes there are, if that is known.

    Returns:
        The masks, ``(segments, height, width)`` float32 of 0 and 1; and their classes, ``(segments,)`` int64.

    Raises:
        InputError: ``classes`` does not know a label, or holds no classes; a label may be a class or none; or there
            are too many.
    """
    found = np.unique(labels)
    if reduce and ignore and most is None and classes is None:
        _check_ignored(found, index, ignore)
    found = found[~np.isin(found, [*([] if ignore is None else [ignore]), *([0] if reduce else [])])]
    if len(found) * labels.size > _MOST_NUMBERS:
        raise InputError(
            f"segmentation map {index} holds {len(found)} labels on {labels.shape[1]} x {labels.shape[0]} pixels, too "
            "many for one mask each. Is it an image rather than a map of labels?"
        )
    masks = (labels == found[:, None, None]).astype(np.float32)
    shift = int(reduce)
    return masks, (found if classes is None else _classes_of(found, index, classes, shift)) - shift


def _check_ignored(found: Array, index: int, ignore: int) -> None:
    """Refuse an ``ignore_index`` that lies among the labels of classes, so that one class would be lost."""
    if found[-1] > ignore or (ignore in found and ignore - 1 in found):
        raise InputError(
            f"segmentation map {index} holds the labels {shorten(map(str, found))}, and ignore_index={ignore} is among "
            f"them: with do_reduce_labels the label {ignore} would be the class {ignore - 1} and none at once. Pass an "
            "ignore_index beyond all classes, as 255, or 0 if there is none but the background; or num_labels, which "
            "says where the classes end."
        )


def _classes_of(found: Array, index: int, classes: Any, least: int) -> Array:
    """Return the class, before it is reduced, of each segment that a map holds."""
    if not isinstance(classes, Mapping) or not all(
        hasattr(kind, "__index__") and not isinstance(kind, bool) for kind in classes.values()
    ):
        raise InputError(
            "instance_id_to_semantic_id must be a mapping from labels to numbers of classes, or one for each image, "
            f"but is {shown(classes)}."
        )
    absent = [int(label) for label in found if int(label) not in classes]
    if absent:
        raise InputError(f"segmentation map {index} holds {absent[0]}, which instance_id_to_semantic_id does not name.")
    background = [int(label) for label in found if classes[int(label)] < least]
    if background:
        raise InputError(
            f"segmentation map {index} holds {background[0]}, to which instance_id_to_semantic_id gives the class "
            f"{classes[background[0]]}; expected {least} or more{' with do_reduce_labels' * least}. Pixels of no class "
            "need a label of their own: ignore_index."
        )
    return np.array([classes[int(label)] for label in found], dtype=np.int64)
