"""The parts of an image: what they are, and which pixels are theirs."""

from collections.abc import Sequence
from functools import cached_property
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from archsmith.config import Probability, field
from archsmith.errors import OptionError
from archsmith_tasks.media import file_of
from archsmith_tasks.results import Segment, Segmentation
from archsmith_tasks.steps import Example, Options
from archsmith_tasks.vision.images import ImageSteps

__all__ = ["ImageSegmentation", "SegmentationOptions"]

#: What an image may be cut into, the preferred one first.
_SUBTASKS = ("panoptic", "instance", "semantic")
_USUAL_OVERLAP = 0.5

Mask = NDArray[np.bool_]


class SegmentationOptions(Options):
    """What counts as a part of an image."""

    subtask: Literal["panoptic", "instance", "semantic"] | None = field(
        default=None, doc="Parts that share no pixel, things that may lie over each other, or a class for each pixel; "
        "null: the first of these that the model can do.",
    )  # fmt: skip
    threshold: Probability = field(default=0.9, doc="The least score of a part; semantic: without effect.")
    mask_threshold: Probability | None = field(
        default=None, doc="Panoptic: the least probability of a pixel that counts for the area of a part; null: 0.5."
    )
    overlap_mask_area_threshold: Probability | None = field(
        default=None, doc="Panoptic: the share of its area that a part must keep beside others; null: 0.5."
    )
    overlap: bool = field(
        default=False, doc="Instance: masks stay whole where things lie over each other; false: the later one has the "
        "pixel, as in a map.",
    )  # fmt: skip


class ImageSegmentation(ImageSteps):
    """Parts of images. Where two of them lie over each other, a pixel is that of the later one, or of both."""

    options_class = SegmentationOptions

    def check(self) -> None:
        """Refuse what the model cannot do, and masks that would not lie over the image. Raises `OptionError`."""
        processor = self.parts.image_processor
        known = [name for name in _SUBTASKS if hasattr(processor, f"post_process_{name}_segmentation")]
        if self.options.subtask not in (None, *known) or not known:
            raise OptionError(
                f"subtask must be one of {', '.join(known) or 'none'}, which {type(processor).__name__} can do, but is "
                f"{self.options.subtask!r}."
            )
        if self.options.overlap and self.subtask != "instance":
            raise OptionError(f"overlap=True is for the subtask instance, but this is {self.subtask}.")
        if processor.do_center_crop or (processor.do_pad and processor.pad_size):
            name = "do_center_crop" if processor.do_center_crop else "pad_size"
            raise OptionError(f"the image processor has {name} set, so that its masks would not fit the images.")

    @cached_property
    def subtask(self) -> str:
        """What the images are cut into."""
        processor = self.parts.image_processor
        known = (name for name in _SUBTASKS if hasattr(processor, f"post_process_{name}_segmentation"))
        return self.options.subtask or next(known)

    def prepare_one(self, value: Any) -> list[Example]:
        """Return the row of one image, and how large it is as it is seen, upright."""
        reader = self.parts.image_processor.changed(do_resize=False)
        images = [pixels for pixels, _ in reader.prepare(file_of(value))]
        notes = {"size": images[0].shape[:2]}
        return [self.example_of(images, notes, input_data_format="channels_last")]

    def said(self, output: Any, examples: Sequence[Example]) -> Sequence[tuple[NDArray[np.int32], Any]]:
        """Return for each image a map of numbers, ``(height, width)``, and what they stand for, or None: classes.

        With ``overlap`` a map of 0 and 1 for each part, ``(parts, height, width)``.
        """
        given: dict[str, Any] = {"target_sizes": [example.notes["size"] for example in examples]}
        if self.subtask != "semantic":
            given |= {
                name: value
                for name in ("threshold", "mask_threshold", "overlap_mask_area_threshold")
                if (value := getattr(self.options, name)) is not None
            }
        if self.options.overlap:
            given["return_binary_maps"] = True
        if self.subtask == "panoptic":
            given.setdefault("overlap_mask_area_threshold", _USUAL_OVERLAP)
        found = getattr(self.parts.image_processor, f"post_process_{self.subtask}_segmentation")(output, **given)
        if self.subtask == "semantic":
            return [(_numbers(each), None) for each in found]
        return [(_numbers(each["segmentation"]), each["segments_info"]) for each in found]

    def answer(self, rows: Sequence[tuple[Example, tuple[NDArray[np.int32], Any]]]) -> Segmentation:
        """Return the parts of an image."""
        ((_, (numbers, infos)),) = rows
        if infos is None:
            infos = [{"id": kind, "label_id": kind, "score": None} for kind in np.unique(numbers).tolist()]
        are_whole = numbers.ndim == 3  # noqa: PLR2004
        masks = numbers > 0 if are_whole else (numbers == info["id"] for info in infos)
        labels = self.labels
        segments = [
            _segment(mask, labels[info["label_id"]], info["score"]) for mask, info in zip(masks, infos, strict=True)
        ]
        return Segmentation(tuple(sorted(segments, key=lambda segment: -(segment.score or 0))))


def _numbers(found: Any) -> NDArray[np.int32]:
    return found.cpu().numpy().astype(np.int32)  # type: ignore[no-any-return]


def _segment(mask: Mask, label: str, score: float | None) -> Segment:
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    if not len(rows):
        return Segment(label, score, mask, (0, 0, 0, 0))
    box = (int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1)
    return Segment(label, score, mask, box)
