"""What the queries of a MaskFormer say, turned into maps of segments.

Source: Cheng et al., "Per-Pixel Classification is Not All You Need for Semantic Segmentation" (arXiv:2107.06278),
section 3.4.
"""

from collections.abc import Collection, Sequence
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812  # the field's own abbreviation
from torch import Tensor

from archsmith.errors import InputError, OptionError
from archsmith.image_processor import check_extent
from archsmith.messages import shown

__all__ = ["instance_maps", "panoptic_maps", "semantic_maps"]

TargetSizes = Sequence[Any] | Tensor | None
_PAIR = 2
_DIGITS = 6  # of a score


def semantic_maps(outputs: Any, target_sizes: TargetSizes) -> list[Tensor]:
    """Return for each image the likeliest class of every pixel, ``(height, width)`` int64."""
    class_logits, mask_logits, sizes = _checked(outputs, target_sizes)
    classes = class_logits.softmax(dim=-1)[..., :-1]  # (batch, queries, classes)
    scores = torch.einsum("bqc,bqhw->bchw", classes, mask_logits.sigmoid())
    return [_resized(each, size).argmax(dim=0) for each, size in zip(scores, sizes, strict=True)]


def instance_maps(
    outputs: Any, target_sizes: TargetSizes, *, threshold: float, as_runs: bool, as_masks: bool
) -> list[dict[str, Any]]:
    """Return for each image its segments, which may overlap.

    Args:
        outputs: What the model returns.
        target_sizes: Height and width for each image.
        threshold: The least score of a segment.
        as_runs: Return the run lengths of the map in place of it.
        as_masks: Return one mask for each segment in place of the map.
    """
    class_logits, mask_logits, sizes = _checked(outputs, target_sizes)
    queries, classes = class_logits.shape[1], class_logits.shape[2] - 1
    results = []
    for index, size in enumerate(sizes):
        scores, best = class_logits[index].softmax(dim=-1)[:, :-1].flatten().topk(queries, sorted=False)
        masks = mask_logits[index][best // classes]  # (queries, height, width): a query may stand for several classes
        inside = (masks > 0).float()
        sureness = (masks.sigmoid() * inside).flatten(1).sum(1) / (inside.flatten(1).sum(1) + 1e-6)
        scores = scores * sureness
        inside = _resized(inside, size, mode="nearest")
        kept = (inside.flatten(1).any(1) & (scores >= threshold)).nonzero().flatten()
        inside = inside[kept]
        infos = _infos(range(len(kept)), (best % classes)[kept].tolist(), scores[kept].tolist())
        segmentation = _later_on_top(inside)
        if as_masks and len(kept):
            segmentation = inside
        results.append(
            {"segmentation": _run_lengths(segmentation) if as_runs else segmentation, "segments_info": infos}
        )
    return results


def panoptic_maps(
    outputs: Any,
    target_sizes: TargetSizes,
    *,
    threshold: float,
    mask_threshold: float,
    overlap: float,
    fused: Collection[int],
) -> list[dict[str, Any]]:
    """Return for each image its segments, none of which overlap.

    Args:
        outputs: What the model returns.
        target_sizes: Height and width for each image.
        threshold: What the probability of the class of a query must exceed.
        mask_threshold: The least probability of a pixel that counts for the area of a query.
        overlap: The share of that area that must be left.
        fused: Classes whose segments become one.
    """
    class_logits, mask_logits, sizes = _checked(outputs, target_sizes)
    none = class_logits.shape[-1] - 1
    unknown = [kind for kind in fused if not 0 <= kind < none]
    if unknown:
        raise OptionError(f"label_ids_to_fuse holds {unknown[0]}, but the classes of the model are 0 to {none - 1}.")
    scores, classes = class_logits.softmax(dim=-1).max(dim=-1)  # both (batch, queries)
    results: list[dict[str, Any]] = []
    for index, size in enumerate(sizes):
        kept = (classes[index] != none) & (scores[index] > threshold)
        if not kept.any():
            nothing = torch.full(size, -1.0, device=mask_logits.device)
            results.append({"segmentation": nothing, "segments_info": []})
            continue
        masks = _resized(mask_logits[index].sigmoid()[kept], size) * scores[index][kept][:, None, None]
        owner = masks.argmax(dim=0)  # (height, width): which query has the pixel
        areas = torch.bincount(owner.flatten(), minlength=len(masks))
        full = (masks >= mask_threshold).flatten(1).sum(1)
        is_segment = (areas > 0) & (full > 0) & ((areas / full).double() > overlap)
        ids, infos = _numbered(classes[index][kept].tolist(), scores[index][kept].tolist(), is_segment.tolist(), fused)
        table = torch.tensor(ids, dtype=torch.int32, device=owner.device)
        results.append({"segmentation": table[owner], "segments_info": infos})
    return results


def _numbered(
    classes: Sequence[int], scores: Sequence[float], is_segment: Sequence[bool], fused: Collection[int]
) -> tuple[list[int], list[dict[str, Any]]]:
    """Number segments from 1; those of a fused class share a number. Queries that are none have 0."""
    ids = [0] * len(classes)
    of_class: dict[int, int] = {}
    last = 0
    for query, kind in enumerate(classes):
        if is_segment[query]:
            last += kind not in of_class
            ids[query] = of_class.get(kind, last)
            if kind in fused:
                of_class[kind] = ids[query]
    chosen = [query for query, number in enumerate(ids) if number]
    infos = _infos(
        [ids[query] for query in chosen], [classes[query] for query in chosen], [scores[query] for query in chosen]
    )
    for info in infos:
        info["was_fused"] = info["label_id"] in fused
    return ids, infos


def _infos(ids: Sequence[int], classes: Sequence[int], scores: Sequence[float]) -> list[dict[str, Any]]:
    return [
        {"id": number, "label_id": kind, "was_fused": False, "score": round(score, _DIGITS)}
        for number, kind, score in zip(ids, classes, scores, strict=True)
    ]


def _later_on_top(masks: Tensor) -> Tensor:
    """Return a map with the number of the last mask at each pixel, from 0, or -1; as float32."""
    if not len(masks):
        return torch.full(masks.shape[1:], -1.0, device=masks.device)
    numbers = torch.arange(1, len(masks) + 1, device=masks.device)[:, None, None]
    return ((masks > 0) * numbers).amax(dim=0).float() - 1


def _run_lengths(segmentation: Tensor) -> list[list[int]]:
    """Return for each number in a map the start (from 1) and the length of each of its runs along the rows."""
    runs = []
    for number in torch.unique(segmentation):
        inside = F.pad((segmentation == number).flatten().int(), (1, 1))
        edges = (inside[1:] != inside[:-1]).nonzero().flatten() + 1
        edges[1::2] -= edges[::2]
        runs.append(edges.tolist())
    return runs


def _resized(maps: Tensor, size: tuple[int, int], *, mode: str = "bilinear") -> Tensor:
    """Return maps, ``(maps, height, width)`` float, in another size."""
    if tuple(maps.shape[1:]) == size or not len(maps):
        return maps.new_zeros(0, *size) if not len(maps) else maps
    corners = False if mode == "bilinear" else None
    return F.interpolate(maps[None], size=size, mode=mode, align_corners=corners)[0]


def _checked(outputs: Any, target_sizes: TargetSizes) -> tuple[Tensor, Tensor, list[tuple[int, int]]]:
    """Return the logits of classes and masks, and for each image the height and width of the result."""
    logits = [getattr(outputs, name, None) for name in ("class_queries_logits", "masks_queries_logits")]
    class_logits, mask_logits = logits
    if not isinstance(class_logits, Tensor) or not isinstance(mask_logits, Tensor):
        raise InputError(
            "outputs must hold class_queries_logits and masks_queries_logits, as MaskFormerForInstanceSegmentation "
            f"returns them, but are {type(outputs).__name__}."
        )
    if class_logits.ndim != 3 or mask_logits.ndim != 4 or class_logits.shape[:2] != mask_logits.shape[:2]:  # noqa: PLR2004
        raise InputError(
            "outputs must hold class_queries_logits (batch, queries, classes + 1) and masks_queries_logits (batch, "
            f"queries, height, width), but they have {tuple(class_logits.shape)} and {tuple(mask_logits.shape)}."
        )
    if not (class_logits.isfinite().all() and mask_logits.isfinite().all()):
        raise InputError("outputs must hold finite numbers, but hold NaN or infinity.")
    batch = len(mask_logits)
    class_logits, mask_logits = class_logits.float(), mask_logits.float()
    if target_sizes is None:
        return class_logits, mask_logits, [(mask_logits.shape[2], mask_logits.shape[3])] * batch
    if not isinstance(target_sizes, Sequence) and not getattr(target_sizes, "shape", ()):
        raise InputError(f"target_sizes must hold a height and a width for each image, but are {shown(target_sizes)}.")
    sizes = [size.tolist() if hasattr(size, "tolist") else size for size in target_sizes]
    if len(sizes) != batch:
        raise InputError(
            f"target_sizes must hold a height and a width for each of {batch} images, but hold {shown(sizes)}."
        )
    for size in sizes:
        if not isinstance(size, list | tuple) or len(size) != _PAIR or not all(_is_size(edge) for edge in size):
            raise InputError(f"target_sizes must hold pairs (height, width) of pixels, but hold {shown(size)}.")
        check_extent("target_sizes ask for", int(size[0]), int(size[1]))
    return class_logits, mask_logits, [(int(height), int(width)) for height, width in sizes]


def _is_size(edge: Any) -> bool:
    return hasattr(edge, "__index__") and not isinstance(edge, bool) and int(edge) > 0
