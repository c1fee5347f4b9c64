"""MaskFormer's image processor: images and maps of labels in, maps of segments out."""

import operator
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from archsmith.batch import BatchFeature
from archsmith.config import Count, Size, field
from archsmith.errors import InputError, OptionError
from archsmith.image_processor import (
    ImageProcessor,
    ImageSize,
    PerChannel,
    center_crop,
    height_and_width,
    resize,
    target_size,
)
from archsmith.messages import announce, shown
from archsmith.options import TensorType, check_tensor_type, read_flags
from archsmith_maskformer.label_maps import Array, masks_of, per_image, read_label_maps

if TYPE_CHECKING:
    from PIL.Image import Image
    from torch import Tensor

__all__ = ["MaskFormerImageProcessor"]

_NEAREST = 0
_USUAL_MASK, _USUAL_OVERLAP = 0.5, 0.8


class MaskFormerImageProcessor(ImageProcessor):
    """Images for MaskFormer, as large as they come up to a limit; and what the model says, as maps of segments.

    Older spellings still work: ``size`` as a number with ``max_size`` for the longest edge, ``reduce_labels``.

    Example:
        >>> import numpy
        >>> from archsmith import MaskFormerImageProcessor
        >>> processor = MaskFormerImageProcessor(size={"shortest_edge": 64, "longest_edge": 96}, ignore_index=255)
        >>> images = [numpy.zeros((100, 120, 3), numpy.uint8), numpy.zeros((100, 200, 3), numpy.uint8)]
        >>> batch = processor(images, return_tensors="pt")
        >>> batch.pixel_values.shape, batch.pixel_mask.sum(dim=(1, 2)).tolist()
        (torch.Size([2, 3, 64, 96]), [6144, 6144])

    Attributes:
        size_divisor: Round the height and the width of a resized image up to a multiple of this; 0 or None: as it is.
        ignore_index: The label, in maps of labels as they are given, of pixels that belong to no segment.
        do_reduce_labels: Take one off every class, because the label 0 is background, whose pixels belong to no
            segment either. No class may then have the label ``ignore_index``.
        num_labels: How many classes there are; without it any number may be a class.
    """

    model_input_names = ("pixel_values", "pixel_mask")

    do_resize: bool = True
    size: ImageSize = field(default={"shortest_edge": 800, "longest_edge": 1333})
    default_to_square: bool = False
    do_normalize: bool = True
    image_mean: PerChannel = field(default=[0.485, 0.456, 0.406])
    image_std: PerChannel = field(default=[0.229, 0.224, 0.225])
    do_pad: bool = True
    size_divisor: Count | None = 32
    ignore_index: Count | None = None
    do_reduce_labels: bool = False
    num_labels: Size | None = None

    def rules(self) -> Iterator[str]:
        """Yield one sentence for each setting that misses another one."""
        yield from super().rules()
        if self.do_reduce_labels and self.ignore_index is None:
            yield "do_reduce_labels needs ignore_index, the label that takes the place of 0"
        if self.do_reduce_labels and self.num_labels is not None and 0 < (self.ignore_index or 0) <= self.num_labels:
            yield (
                f"ignore_index is {self.ignore_index}, but with do_reduce_labels the labels 1 to {self.num_labels} are "
                f"the classes 0 to {self.num_labels - 1} (num_labels): expected 0, or more than {self.num_labels}"
            )

    def __call__(
        self,
        images: Any,
        segmentation_maps: Any = None,
        instance_id_to_semantic_id: Any = None,
        *,
        return_tensors: TensorType | None = None,
        **settings: Any,
    ) -> BatchFeature:
        """Turn images into the input of a model, and maps of labels into what it learns from.

        Args:
            images: As `archsmith.ImageProcessor` takes them.
            segmentation_maps: For each image a map of labels, as large as it: a path, the bytes of a file, an image of
                Pillow of one channel, an array or a tensor (height, width), or all of them in one (images, height,
                width). An image and its map are each turned by their own EXIF data; where one is an array, which has
                none, and the other is turned, their sizes must tell that both are upright.
            instance_id_to_semantic_id: Label in the maps → class, where labels number segments: one mapping, or one for
                each image. Without it labels are classes.
            return_tensors: ``"pt"``, ``"np"``, or None for lists with one array for each image.
            **settings: Settings for this call alone; those of the class.

        Returns:
            ``pixel_values``, (images, channels, height, width) float32; ``pixel_mask``, (images, height, width)
            int64, 1 on the image and 0 on the padding. With maps also ``mask_labels``, a list with
            (segments, height, width) float32 for each image, and ``class_labels``, a list with (segments,) int64.

        Raises:
            InputError: An image or a map is none, is damaged, or the two do not fit together.
            OptionError: A setting does not exist, is wrong, or misses another.
            MissingDependency: Pillow is needed, but not installed.
        """
        check_tensor_type(return_tensors)
        processor = self.changed(**settings)
        if segmentation_maps is None and instance_id_to_semantic_id is not None:
            raise InputError("instance_id_to_semantic_id is about segmentation_maps, but there are none.")
        if segmentation_maps is None:
            return processor._features(images, return_tensors)  # noqa: SLF001  # its own kind
        prepared = processor.changed(do_resize=False, do_center_crop=False).prepare(images)
        labels = read_label_maps(segmentation_maps, prepared)
        processor = processor.changed(input_data_format="channels_last")
        features = processor._features([pixels for pixels, _ in prepared], return_tensors)  # noqa: SLF001
        batch_shape = np.shape(features["pixel_mask"])[1:] if "pixel_mask" in features else ()
        found = processor._segments(labels, instance_id_to_semantic_id, batch_shape)  # noqa: SLF001
        for name, entries in zip(("mask_labels", "class_labels"), zip(*found, strict=True), strict=True):
            features[name] = _as_tensors(entries) if return_tensors == "pt" else list(entries)
        return features

    def resized(self, image: "Image | Array") -> Array:
        """Return one image in the size that ``size`` and ``size_divisor`` make of it. Arguments as `reshape`."""
        return resize(image, *self._target(image), resample=self.resample or 0)

    def _target(self, image: "Image | Array") -> tuple[int, int]:
        return target_size(*height_and_width(image), self.size or {}, divisor=self.size_divisor or 1)

    def _features(self, images: Any, return_tensors: TensorType | None) -> BatchFeature:
        values, masks = self.batch(images, stack=return_tensors is not None)
        data = {"pixel_values": values} | ({} if masks is None else {"pixel_mask": masks})
        return BatchFeature(data, tensor_type=return_tensors)

    def _segments(
        self, maps: Sequence[Array], classes: Any, batch_shape: tuple[int, ...]
    ) -> Iterator[tuple[Array, Array]]:
        """Yield masks and classes of each image, the masks as large as the batch, if that is padded."""
        by_image = per_image("instance_id_to_semantic_id", classes, len(maps)) if _is_list(classes) else None
        for index, labels in enumerate(maps):
            planes = labels[:, :, None]
            if self.do_resize:
                planes = resize(planes, *self._target(planes), resample=_NEAREST)
            if self.do_center_crop and self.crop_size is not None:
                planes = center_crop(planes, self.crop_size["height"], self.crop_size["width"])
            masks, kinds = masks_of(
                planes[:, :, 0],
                index,
                classes=classes if by_image is None else by_image[index],
                ignore=self.ignore_index,
                reduce=self.do_reduce_labels,
                most=self.num_labels,
            )
            self._check_classes(kinds, index)
            beyond = [(0, most - size) for most, size in zip(batch_shape, masks.shape[1:], strict=False)]
            yield np.pad(masks, ((0, 0), *(beyond or ((0, 0), (0, 0))))), kinds

    def _check_classes(self, kinds: Array, index: int) -> None:
        wrong = kinds if self.num_labels is None else kinds[kinds >= self.num_labels]
        if self.num_labels is not None and wrong.size:
            raise InputError(
                f"segmentation map {index} has the class {wrong[0]}; expected classes from 0 to {self.num_labels - 1} "
                "(num_labels). Pixels of no class need a label of their own: ignore_index."
            )

    # ---- what the model says --------------------------------------------------------------------------------

    def post_process_semantic_segmentation(
        self, outputs: Any, target_sizes: Sequence[tuple[int, int]] | None = None
    ) -> "list[Tensor]":
        """Say to which class each pixel belongs.

        Args:
            outputs: What `MaskFormerForInstanceSegmentation` returns.
            target_sizes: Height and width of the result, for each image: those of the image as it is seen, upright;
                None: those of the predicted masks.

        Returns:
            For each image the classes, ``(height, width)`` int64.

        Raises:
            InputError: There are more or fewer sizes than images, or the outputs are none of a MaskFormer.
        """
        from archsmith_maskformer.postprocessing import semantic_maps

        return semantic_maps(outputs, target_sizes)

    def post_process_instance_segmentation(
        self,
        outputs: Any,
        threshold: float = 0.5,
        mask_threshold: float = _USUAL_MASK,
        overlap_mask_area_threshold: float = _USUAL_OVERLAP,
        target_sizes: Sequence[tuple[int, int]] | None = None,
        *,
        return_coco_annotation: bool = False,
        return_binary_maps: bool = False,
    ) -> list[dict[str, Any]]:
        """Say which things there are, and which pixels belong to each; where two overlap the later one is seen.

        Args:
            outputs: What `MaskFormerForInstanceSegmentation` returns.
            threshold: The least score of a segment: probability of its class times mean probability of its mask.
            mask_threshold: Has no effect: a mask is where it is more likely than not.
            overlap_mask_area_threshold: Has no effect: segments may overlap.
            target_sizes: Height and width of the result, for each image: those of the image as it is seen, upright;
                None: those of the predicted masks.
            return_coco_annotation: Return the map as COCO's run lengths, a list for each number in it.
            return_binary_maps: Return one map for each segment, ``(segments, height, width)`` of 0 and 1.

        Returns:
            For each image ``segmentation``, ``(height, width)`` with the id of a segment or -1; and
            ``segments_info``: for each segment ``id``, ``label_id``, ``was_fused`` and ``score``.

        Raises:
            InputError: There are more or fewer sizes than images, or the outputs are none of a MaskFormer.
            OptionError: A threshold is not from 0 to 1, or both kinds of results are asked for.
        """
        from archsmith_maskformer.postprocessing import instance_maps

        _check_thresholds(
            threshold=threshold,
            mask_threshold=mask_threshold,
            overlap_mask_area_threshold=overlap_mask_area_threshold,
        )
        if mask_threshold != _USUAL_MASK or overlap_mask_area_threshold != _USUAL_OVERLAP:
            announce(
                "mask_threshold and overlap_mask_area_threshold have no effect on segments that may overlap. "
                "post_process_panoptic_segmentation goes by them."
            )
        read_flags(return_coco_annotation=return_coco_annotation, return_binary_maps=return_binary_maps)
        if return_coco_annotation and return_binary_maps:
            raise OptionError("return_coco_annotation and return_binary_maps are two results; ask for one of them.")
        return instance_maps(
            outputs, target_sizes, threshold=threshold, as_runs=return_coco_annotation, as_masks=return_binary_maps
        )

    def post_process_panoptic_segmentation(
        self,
        outputs: Any,
        threshold: float = 0.5,
        mask_threshold: float = _USUAL_MASK,
        overlap_mask_area_threshold: float = _USUAL_OVERLAP,
        label_ids_to_fuse: Any = None,
        target_sizes: Sequence[tuple[int, int]] | None = None,
    ) -> list[dict[str, Any]]:
        """Say to which segment each pixel belongs: things one by one, and what is no thing in one for each class.

        Args:
            outputs: What `MaskFormerForInstanceSegmentation` returns.
            threshold: The probability that the class of a query must exceed.
            mask_threshold: The least probability of a pixel that counts for the area of a query.
            overlap_mask_area_threshold: The share of that area that must be left after others took their pixels.
            label_ids_to_fuse: A set of classes whose segments become one, as the sky.
            target_sizes: Height and width of the result, for each image: those of the image as it is seen, upright;
                None: those of the predicted masks.

        Returns:
            For each image ``segmentation``, ``(height, width)`` with the id of a segment from 1, or 0; -1 everywhere
            where no query exceeds the threshold; and ``segments_info`` as `post_process_instance_segmentation`.

        Raises:
            InputError: There are more or fewer sizes than images, or the outputs are none of a MaskFormer.
            OptionError: A threshold is not from 0 to 1, or ``label_ids_to_fuse`` is not a set of classes.
        """
        from archsmith_maskformer.postprocessing import panoptic_maps

        _check_thresholds(
            threshold=threshold,
            mask_threshold=mask_threshold,
            overlap_mask_area_threshold=overlap_mask_area_threshold,
        )
        return panoptic_maps(
            outputs,
            target_sizes,
            threshold=threshold,
            mask_threshold=mask_threshold,
            overlap=overlap_mask_area_threshold,
            fused=_fused_classes(label_ids_to_fuse),
        )


def _check_thresholds(**thresholds: Any) -> None:
    for name, value in thresholds.items():
        if isinstance(value, bool) or not isinstance(value, int | float | np.number) or not 0 <= value <= 1:
            raise OptionError(f"{name} must be a number from 0 to 1, but is {value!r}.")


def _fused_classes(given: Any) -> frozenset[int]:
    """Return a set of classes, which may come as an array or a tensor as well; None is none."""
    values = given.tolist() if hasattr(given, "tolist") else () if given is None else given
    if isinstance(values, str | Mapping) or not isinstance(values, Collection):
        raise OptionError(f"label_ids_to_fuse must be a set of classes, but is {shown(given)}.")
    for value in values:
        if isinstance(value, bool) or not hasattr(value, "__index__"):
            raise OptionError(f"label_ids_to_fuse must hold whole numbers of classes, but holds {shown(value)}.")
    return frozenset(map(operator.index, values))


def _is_list(classes: Any) -> bool:
    return isinstance(classes, list | tuple)


def _as_tensors(arrays: Sequence[Array]) -> "list[Tensor]":
    import torch

    return [torch.from_numpy(array) for array in arrays]
