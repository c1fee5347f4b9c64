"""Maps of labels lie as their images do, and no class is lost among pixels of none."""

import io

import numpy as np
import pytest
import torch
from PIL import Image, ImageOps

from archsmith import MaskFormerImageProcessor
from archsmith.errors import ArchsmithWarning, CheckpointCorrupt, InputError, OptionError

PLAIN = MaskFormerImageProcessor(do_resize=False, do_normalize=False)
PIXELS, LABELS = np.zeros((4, 6, 3), np.uint8), np.zeros((4, 6), np.uint8)
PIXELS[0, 1], LABELS[0, 1] = 255, 1  # the thing is the same pixel in both
SQUARE = (PIXELS[:, :4], LABELS[:, :4])


def stored(array, orientation=None, *, kind="PNG", palette=False):
    """The bytes of a file with such EXIF data."""
    exif, file = Image.Exif(), io.BytesIO()
    if orientation is not None:
        exif[0x0112] = orientation
    image = Image.fromarray(array)
    if palette:
        image.putpalette([255, 255, 255, 0, 0, 0])  # colours that are not the labels
    image.save(file, kind, exif=exif)
    return file.getvalue()


def opened(*args, **options):
    return Image.open(io.BytesIO(stored(*args, **options)))


def assert_together(batch, place=None):
    """Assert that the mask of label 1 lies where the image is white."""
    (white,) = np.argwhere(batch["pixel_values"][0][0] > 0)
    (thing,) = np.argwhere(batch["mask_labels"][0][1])
    assert white.tolist() == thing.tolist()
    assert place is None or white.tolist() == place
    assert batch["class_labels"][0].tolist() == [0, 1]


@pytest.mark.parametrize(
    ("orientation", "place"),
    [(1, [0, 1]), (2, [0, 4]), (3, [3, 4]), (4, [3, 1]), (5, [1, 0]), (6, [1, 3]), (7, [4, 3]), (8, [4, 0])],
)
def test_an_image_and_its_map_are_turned_together(tmp_path, orientation, place):
    path = tmp_path / "map.png"
    for palette in (False, True):
        path.write_bytes(stored(LABELS, orientation, palette=palette))
        images = stored(PIXELS, orientation), opened(PIXELS, orientation)
        for image, labels in zip(images * 2, (path, str(path), path.read_bytes(), Image.open(path)), strict=True):
            assert_together(PLAIN(image, labels, return_tensors="np"), place)
            assert_together(PLAIN([image], [labels], return_tensors="np"), place)


def test_each_is_turned_by_its_own_data():
    """Only the image was stored lying down: its map says, or shows by its size, that it is upright."""
    for orientation in (6, 3):
        up = ImageOps.exif_transpose(opened(PIXELS, orientation)), ImageOps.exif_transpose(opened(LABELS, orientation))
        assert_together(PLAIN(opened(PIXELS, orientation), opened(np.asarray(up[1]), 1), return_tensors="np"))
        assert_together(PLAIN(opened(np.asarray(up[0]), 1), opened(LABELS, orientation), return_tensors="np"))
        with pytest.warns(ArchsmithWarning, match=r"^image 0 is turned by its EXIF data \(orientation .\), but seg"):
            assert_together(PLAIN(opened(PIXELS, orientation), up[1], return_tensors="np"))
        with pytest.warns(ArchsmithWarning, match=r"^segmentation map 0 is turned by .*, but image 0 has none: it is"):
            assert_together(PLAIN(up[0], opened(LABELS, orientation), return_tensors="np"))
    up = np.asarray(ImageOps.exif_transpose(opened(LABELS, 6)))
    for labels in (up, torch.tensor(up), [up], up[None]):
        assert_together(PLAIN(opened(PIXELS, 6), labels, return_tensors="np"))
    up = np.asarray(ImageOps.exif_transpose(opened(PIXELS, 6)))
    assert_together(PLAIN(up, opened(LABELS, 6), return_tensors="np", input_data_format="channels_last"))


@pytest.mark.parametrize("orientation", range(2, 9))
def test_an_array_beside_what_is_turned_may_lie_either_way(orientation):
    pixels, labels = (PIXELS, LABELS) if orientation < 5 else SQUARE
    for image, given, names in (
        (opened(pixels, orientation), labels, ("image 0", "segmentation map 0")),
        (opened(pixels, orientation), torch.tensor(labels), ("image 0", "segmentation map 0")),
        (pixels, opened(labels, orientation), ("segmentation map 0", "image 0")),
    ):
        with pytest.raises(InputError) as error:
            PLAIN(image, given, input_data_format="channels_last")
        assert str(error.value) == (
            f"{names[0]} is turned by its EXIF data (orientation {orientation}), but {names[1]} is an array, which "
            "cannot say which side is up, and its size fits either way. Pass both as arrays, or turn what is an image "
            "upright: PIL.ImageOps.exif_transpose(image)."
        )
    upright = ImageOps.exif_transpose(opened(PIXELS, orientation))
    assert_together(
        PLAIN(upright, np.asarray(ImageOps.exif_transpose(opened(LABELS, orientation))), return_tensors="np")
    )
    assert_together(
        PLAIN(np.asarray(opened(PIXELS, orientation)), LABELS, return_tensors="np", input_data_format="channels_last")
    )


def test_a_map_that_lies_down_beside_an_upright_image_does_not_fit():
    with pytest.raises(InputError, match=r"map 0 has 6 x 4 pixels, but its image has 4 x 6, upright\.$"):
        PLAIN(opened(PIXELS, 6), LABELS)
    with pytest.raises(InputError, match=r"map 1 has 4 x 6 pixels, but its image has 6 x 4, upright\.$"):
        PLAIN([stored(PIXELS), stored(PIXELS)], [stored(LABELS), stored(LABELS, 6)])


def test_resized_and_cropped_together():
    pixels, labels = PIXELS.repeat(8, 0).repeat(8, 1), LABELS.repeat(8, 0).repeat(8, 1)
    for settings in (
        {"do_resize": True, "size": {"height": 16, "width": 24}},
        {"do_resize": True, "size": {"shortest_edge": 20}, "size_divisor": 0},
        {"do_center_crop": True, "crop_size": {"height": 32, "width": 40}},
    ):
        for orientation in (1, 3, 6):
            batch = PLAIN(
                stored(pixels, orientation), stored(labels, orientation), resample=0, return_tensors="np", **settings
            )
            white = batch["pixel_values"][0][0] > 0
            assert white.any()
            assert np.array_equal(white, batch["mask_labels"][0][1] == 1)


NOISE = stored(np.random.default_rng(0).integers(0, 256, (40, 40), dtype=np.uint8))


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("nowhere.png", "but there is no file 'nowhere.png' (working directory: "),
        (b"no image", "but the file of 8 bytes is damaged, or not of a known format"),
        (NOISE[: len(NOISE) // 2], "but the file of "),
        (Image.open(io.BytesIO(NOISE[: len(NOISE) // 2])), "is damaged"),
        ("https://example.org/map.png", "only local files are read"),
        (stored(PIXELS), "but is uint8 of (4, 6, 3)."),
    ],
)
def test_maps_that_cannot_be_read(source, message):
    with pytest.raises(InputError) as error:
        PLAIN(PIXELS, source, input_data_format="channels_last")
    assert str(error.value).startswith("segmentation map 0 must be an image of one channel, or an array of whole numb")
    assert message in str(error.value)


def test_a_map_that_was_compressed_with_loss_is_announced():
    with pytest.warns(ArchsmithWarning, match="segmentation map 0 is a JPEG, which changes labels"):
        PLAIN(stored(PIXELS), stored(LABELS, kind="JPEG"))


def test_a_map_of_too_many_labels_is_refused():
    labels = np.arange(300 * 300, dtype=np.int32).reshape(300, 300)
    with pytest.raises(InputError, match="map 0 holds 90000 labels on 300 x 300 pixels, too many for one mask each"):
        PLAIN(np.zeros((300, 300, 3), np.uint8), labels)


# ---- which labels are classes, and which are none -----------------------------------------------------------------


def classes_of(labels, maps=None, **settings):
    """Return the classes of a map of one row for each label, after checking that each mask is that row."""
    labels = np.array(labels, np.uint8)[:, None].repeat(5, 1)
    batch = PLAIN(np.zeros((*labels.shape, 3), np.uint8), labels, maps, input_data_format="channels_last", **settings)
    rows = [int(np.flatnonzero(mask[:, 0])[0]) for mask in batch["mask_labels"][0]]
    return list(zip(labels[rows, 0].tolist(), batch["class_labels"][0].tolist(), strict=True))


def test_reduced_labels():
    """The label 0 and the label ignore_index are none; every other label is a class, one less."""
    for ignore in (0, 9, 255):
        assert classes_of([0, 1, 2, 3], do_reduce_labels=True, ignore_index=ignore) == [(1, 0), (2, 1), (3, 2)]
    assert classes_of([0, 1, 2, 255], do_reduce_labels=True, ignore_index=255) == [(1, 0), (2, 1)]
    assert classes_of([1, 254, 255], do_reduce_labels=True, ignore_index=255, num_labels=254) == [(1, 0), (254, 253)]
    assert classes_of([0, 0], do_reduce_labels=True, ignore_index=255) == []
    assert classes_of([0, 1, 2, 255], ignore_index=255) == [(0, 0), (1, 1), (2, 2)]
    assert classes_of([0, 1, 2], ignore_index=0) == [(1, 1), (2, 2)]


@pytest.mark.parametrize(("labels", "ignore"), [([0, 1, 2, 3], 1), ([0, 1, 2, 3], 2), ([0, 1, 2, 3], 3), ([0, 1], 1)])
def test_a_label_that_would_be_a_class_and_none(labels, ignore):
    with pytest.raises(InputError) as error:
        classes_of(labels, do_reduce_labels=True, ignore_index=ignore)
    assert str(error.value) == (
        f"segmentation map 0 holds the labels {', '.join(map(str, labels))}, and ignore_index={ignore} is among them: "
        f"with do_reduce_labels the label {ignore} would be the class {ignore - 1} and none at once. Pass an "
        "ignore_index beyond all classes, as 255, or 0 if there is none but the background; or num_labels, which says "
        "where the classes end."
    )


def test_an_ignored_label_among_known_classes():
    message = (
        "MaskFormerImageProcessor: ignore_index is 7, but with do_reduce_labels the labels 1 to 7 are the classes 0 to "
        "6 (num_labels): expected 0, or more than 7."
    )
    values = {"do_reduce_labels": True, "ignore_index": 7, "num_labels": 7}
    with pytest.raises(OptionError) as error:
        MaskFormerImageProcessor(**values)
    assert str(error.value) == message
    with pytest.raises(CheckpointCorrupt, match="ignore_index is 7, but with do_reduce_labels"):
        MaskFormerImageProcessor.from_dict(values)
    assert MaskFormerImageProcessor.from_dict(values, ignore_index=8).ignore_index == 8


def test_numbered_segments():
    kinds = {1: 4, 2: 4, 3: 1, 9: 2}
    assert classes_of([1, 2, 3, 9], kinds) == [(1, 4), (2, 4), (3, 1), (9, 2)]
    assert classes_of([0, 1, 2, 3, 9], kinds, do_reduce_labels=True, ignore_index=3) == [(1, 3), (2, 3), (9, 1)]
    with pytest.raises(InputError) as error:
        classes_of([0, 1], {1: 0}, do_reduce_labels=True, ignore_index=255)
    assert str(error.value) == (
        "segmentation map 0 holds 1, to which instance_id_to_semantic_id gives the class 0; expected 1 or more with "
        "do_reduce_labels. Pixels of no class need a label of their own: ignore_index."
    )
    with pytest.raises(InputError, match="gives the class -1; expected 0 or more"):
        classes_of([1], {1: -1})
    with pytest.raises(InputError, match="must be a mapping from labels to numbers of classes"):
        classes_of([1], {1: True})
    for empty in ({}, []):
        with pytest.raises(InputError, match=r"which instance_id_to_semantic_id does not name|one entry for each"):
            classes_of([1], empty)
    with pytest.raises(InputError, match="instance_id_to_semantic_id is about segmentation_maps, but there are none"):
        PLAIN(PIXELS, None, {1: 2}, input_data_format="channels_last")
    with pytest.raises(InputError, match="segmentation_maps must hold one entry for each of 1 images, but hold 0"):
        PLAIN(PIXELS, [], input_data_format="channels_last")


def test_no_divisor():
    for divisor in (0, 1, None):
        batch = MaskFormerImageProcessor(size={"shortest_edge": 30}, size_divisor=divisor)(
            np.zeros((60, 90, 3), np.uint8), np.ones((60, 90), np.uint8), return_tensors="np"
        )
        assert batch.pixel_values.shape == (1, 3, 30, 45)
        assert batch.mask_labels[0].shape == (1, 30, 45)
