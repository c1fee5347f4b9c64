"""MaskFormer's image processor against the reference's on Pillow: pixels, masks, labels, and maps of segments."""

import json

import numpy as np
import pytest
import torch
import transformers
from PIL import Image

import archsmith
from archsmith_maskformer.segmentation import MaskFormerForInstanceSegmentationOutput

from .support import assert_close

THEIRS = transformers.models.maskformer.image_processing_pil_maskformer.MaskFormerImageProcessorPil
SMALL = {"size": {"shortest_edge": 60, "longest_edge": 90}}


def numbers(seed=0):
    return np.random.default_rng(seed)


def image(height, width, seed=0):
    return numbers(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def label_map(height, width, *, most=5, seed=0, dtype=np.uint8):
    """Return a map of blocks of labels, as large as an image."""
    blocks = numbers(seed).integers(0, most, (-(-height // 13), -(-width // 11)))
    return np.kron(blocks, np.ones((13, 11), int))[:height, :width].astype(dtype)


def both(settings):
    return archsmith.MaskFormerImageProcessor(**settings), THEIRS(**settings)


def assert_same_batch(ours, theirs, *, ignore=None):
    """Compare two batches bit by bit; what fills a mask up is 0 here, and the ignored label there."""
    assert list(ours) == list(theirs)
    for name in ("pixel_values", "pixel_mask"):
        for mine, reference in zip(ours[name], theirs[name], strict=True):
            assert np.array_equal(mine, reference), name
    for name in ("mask_labels", "class_labels") if "mask_labels" in theirs else ():
        for index, (mine, reference) in enumerate(zip(ours[name], theirs[name], strict=True)):
            assert mine.dtype == reference.dtype
            if name == "mask_labels":
                beside = np.asarray(theirs["pixel_mask"][index]) == 0
                expected = np.where(beside, 0, reference)
                assert ignore is None or (np.asarray(reference)[:, beside] == ignore).all()
            else:
                expected = reference
            assert np.array_equal(mine, expected), name


SETTINGS = {
    "small": SMALL,
    "default": {},
    "no divisor": {**SMALL, "size_divisor": 1},
    "divisor off": {**SMALL, "size_divisor": 0},
    "divisor of 7": {**SMALL, "size_divisor": 7},
    "height and width": {"size": {"height": 50, "width": 70}},
    "most height and width": {"size": {"max_height": 50, "max_width": 70}},
    "filter": {**SMALL, "resample": 3},
    "not resized": {"do_resize": False},
    "not scaled": {**SMALL, "do_rescale": False, "do_normalize": False},
    "other numbers": {**SMALL, "rescale_factor": 1 / 127, "image_mean": [0.1, 0.2, 0.3], "image_std": [0.4, 0.5, 0.6]},
    "padded further": {**SMALL, "pad_size": {"height": 128, "width": 160}},
    "old limit": {"size": 48, "max_size": 70},
    "old limit alone": {"max_size": 900},
}


@pytest.mark.parametrize("name", SETTINGS)
def test_pixels_are_the_references(name):
    ours, theirs = both(SETTINGS[name])
    images = [image(60, 80), image(71, 33, 1), image(48, 48, 2)]
    if name.startswith("default"):
        images = images[:1]
    for given in (images, images[0], [Image.fromarray(each) for each in images]):
        assert_same_batch(ours(given, return_tensors="np"), theirs(given, return_tensors="np"))
    ragged = ours(images[:2]), theirs(images[:2])
    assert_same_batch(*ragged)


@pytest.mark.parametrize("settings", [{}, {"ignore_index": 255}, {"ignore_index": 0}, {"ignore_index": 3}])
@pytest.mark.parametrize("reduce", [False, True])
@pytest.mark.parametrize("dtype", [np.uint8, np.int32, np.int64])
def test_masks_and_classes_are_the_references(settings, reduce, dtype):
    if (
        reduce
    ):  # the reference loses the class of the label ignore_index + 1; tests/plugins/maskformer has the right ones
        settings = {"ignore_index": 255}
    ours, theirs = both({**SMALL, **settings, "do_reduce_labels": reduce})
    images, maps = image(50, 70), label_map(50, 70, dtype=dtype)
    assert_same_batch(ours(images, maps, return_tensors="np"), theirs(images, maps, return_tensors="np"))
    tensors = ours(images, torch.from_numpy(maps), return_tensors="pt")
    assert (tensors.mask_labels[0].dtype, tensors.class_labels[0].dtype) == (torch.float32, torch.int64)
    assert_same_batch(tensors, theirs(images, maps, return_tensors="pt"))


@pytest.mark.parametrize("ignore", [0, 255])
def test_masks_of_several_sizes(ignore):
    ours, theirs = both({**SMALL, "ignore_index": ignore})
    images = [image(50, 70), image(64, 64, 1), image(90, 40, 2)]
    maps = [label_map(*each.shape[:2], seed=seed) for seed, each in enumerate(images)]
    assert_same_batch(ours(images, maps, return_tensors="np"), theirs(images, maps, return_tensors="np"), ignore=ignore)
    map_images = [Image.fromarray(each) for each in maps]
    map_images[1] = map_images[1].convert("P")
    assert_same_batch(ours(images, map_images, return_tensors="np"), theirs(images, maps, return_tensors="np"))


@pytest.mark.parametrize("reduce", [False, True])
def test_numbered_segments(reduce):
    ours, theirs = both({**SMALL, "ignore_index": 255, "do_reduce_labels": reduce})
    images = [image(50, 70), image(50, 70, 1)]
    maps = [label_map(50, 70, seed=seed) for seed in (0, 1)]
    one = {number: number % 3 + 1 for number in range(6)}
    for classes in (one, [one, {number: 7 - number for number in range(6)}]):
        assert_same_batch(
            ours(images, maps, classes, return_tensors="np"), theirs(images, maps, classes, return_tensors="np")
        )


def test_a_map_of_ignored_pixels_alone():
    ours, theirs = both({**SMALL, "ignore_index": 0})
    mine, reference = (each(image(50, 70), np.zeros((50, 70), int), return_tensors="np") for each in (ours, theirs))
    assert mine.mask_labels[0].shape == reference.mask_labels[0].shape
    assert mine.class_labels[0].tolist() == reference.class_labels[0].tolist() == []


# ---- files ----------------------------------------------------------------------------------------------------


def test_files_go_both_ways(tmp_path):
    settings = {**SMALL, "ignore_index": 9, "do_reduce_labels": True, "num_labels": 7, "size_divisor": 16}
    ours, theirs = both(settings)
    ours.save_pretrained(tmp_path / "ours")
    theirs.save_pretrained(tmp_path / "theirs")
    there = THEIRS.from_pretrained(tmp_path / "ours")
    here = archsmith.MaskFormerImageProcessor.from_pretrained(tmp_path / "theirs")
    for name in (*settings, "image_mean", "image_std", "resample", "do_normalize", "rescale_factor"):
        values = [getattr(each, name) for each in (ours, theirs, here, there)]
        if name == "size":
            values = [{edge: each[edge] for edge in ("shortest_edge", "longest_edge")} for each in values]
        values = [list(each) if isinstance(each, tuple) else each for each in values]
        assert values == [values[0]] * 4, name
    given = image(50, 70), label_map(50, 70)
    for mine, reference in ((ours, there), (here, theirs)):
        assert_same_batch(mine(*given, return_tensors="np"), reference(*given, return_tensors="np"))


def test_a_published_file(tmp_path):
    """The file of facebook/maskformer-swin-base-ade, as it was written years ago."""
    values = {
        "do_normalize": True, "do_resize": True, "feature_extractor_type": "MaskFormerFeatureExtractor",
        "ignore_index": 255, "image_mean": [0.485, 0.456, 0.406], "image_std": [0.229, 0.224, 0.225], "max_size": 2048,
        "num_labels": 150, "reduce_labels": True, "resample": 2, "size": 512, "size_divisibility": 32,
    }  # fmt: skip
    (tmp_path / "preprocessor_config.json").write_text(json.dumps(values))
    ours = archsmith.AutoImageProcessor.from_pretrained(tmp_path)
    assert type(ours) is archsmith.MaskFormerImageProcessor is archsmith.MaskFormerFeatureExtractor
    assert ours.size == {"shortest_edge": 512, "longest_edge": 2048}
    assert (ours.do_reduce_labels, ours.size_divisor, ours.num_labels, ours.ignore_index) == (True, 32, 150, 255)
    settings = {"size": {"shortest_edge": 512, "longest_edge": 2048}, "ignore_index": 255, "do_reduce_labels": True}
    given = image(50, 70), label_map(50, 70)
    assert_same_batch(ours(*given, return_tensors="np"), THEIRS(**settings)(*given, return_tensors="np"))


# ---- what the model says --------------------------------------------------------------------------------------


def outputs(seed=0, *, batch=3, queries=8, classes=4, size=(20, 24), sureness=4.0):
    """Return logits as a model gives them, with blobs for masks."""
    generator = torch.Generator().manual_seed(seed)
    coarse = torch.randn(batch, queries, 4, 5, generator=generator) * sureness
    masks = torch.nn.functional.interpolate(coarse, size=size, mode="bilinear")
    logits = torch.randn(batch, queries, classes + 1, generator=generator) * sureness
    return MaskFormerForInstanceSegmentationOutput(class_queries_logits=logits, masks_queries_logits=masks)


SIZES = {"as predicted": None, "larger": [(37, 51), (40, 40), (21, 80)], "smaller": [(7, 9), (20, 24), (3, 2)]}


@pytest.mark.parametrize("sizes", SIZES.values(), ids=SIZES)
@pytest.mark.parametrize("seed", range(4))
def test_semantic_maps(seed, sizes):
    ours, theirs = both({})
    given = outputs(seed)
    mine, reference = (each.post_process_semantic_segmentation(given, target_sizes=sizes) for each in (ours, theirs))
    for one, other in zip(mine, reference, strict=True):
        assert one.dtype == other.dtype
        assert torch.equal(one, other)


def assert_same_segments(mine, reference):
    assert len(mine) == len(reference)
    for one, other in zip(mine, reference, strict=True):
        assert one.keys() == other.keys()
        assert one["segments_info"] == other["segments_info"]
        if isinstance(other["segmentation"], list):
            assert one["segmentation"] == other["segmentation"]
        else:
            assert_close(one["segmentation"], other["segmentation"], "segmentation")


@pytest.mark.parametrize("sizes", SIZES.values(), ids=SIZES)
@pytest.mark.parametrize("form", [None, "return_coco_annotation", "return_binary_maps"])
@pytest.mark.parametrize("threshold", [0.0, 0.5, 0.9, 1.0])
def test_instance_maps(threshold, form, sizes):
    ours, theirs = both({})
    more = {form: True} if form else {}
    for seed in range(3):
        given = outputs(seed)
        assert_same_segments(
            *(
                each.post_process_instance_segmentation(given, threshold=threshold, target_sizes=sizes, **more)
                for each in (ours, theirs)
            )
        )


@pytest.mark.parametrize("sizes", SIZES.values(), ids=SIZES)
@pytest.mark.parametrize("fused", [set(), {0}, {1, 3}, {0, 1, 2, 3}])
@pytest.mark.parametrize(
    ("threshold", "mask_threshold", "overlap"), [(0.5, 0.5, 0.8), (0.0, 0.3, 0.2), (0.99, 0.5, 0.8)]
)
def test_panoptic_maps(threshold, mask_threshold, overlap, fused, sizes):
    ours, theirs = both({})
    asked = {
        "threshold": threshold, "mask_threshold": mask_threshold, "overlap_mask_area_threshold": overlap,
        "label_ids_to_fuse": fused, "target_sizes": sizes,
    }  # fmt: skip
    for seed in range(3):
        given = outputs(seed)
        mine, reference = (each.post_process_panoptic_segmentation(given, **asked) for each in (ours, theirs))
        if all(_is_numbered_once(each["segments_info"]) for each in reference):
            assert_same_segments(mine, reference)
        for one, other in zip(mine, reference, strict=True):
            assert [{**each, "id": 0} for each in one["segments_info"]] == [
                {**each, "id": 0} for each in other["segments_info"]
            ]
            assert torch.equal(one["segmentation"] > 0, other["segmentation"] > 0)


def _is_numbered_once(infos):
    """Return whether no number stands for two classes, or two segments of a class that is not fused.

    The reference counts on from the number of a fused class, and so gives numbers away that others have.
    """
    kinds = {}
    for info in infos:
        key = info["label_id"] if info["was_fused"] else object()
        if kinds.setdefault(info["id"], key) != key:
            return False
    return True
