"""ViT's image processor equals the reference's on Pillow, bit by bit; files go both ways."""

import itertools
import json

import numpy as np
import pytest
import torch
import transformers
from PIL import Image

import archsmith
from archsmith import AutoImageProcessor, ViTImageProcessor
from archsmith.errors import UnknownArchitecture

RNG = np.random.default_rng(0)
SHAPES = [(48, 64), (13, 7), (16, 16), (1, 1), (100, 3), (3, 100), (33, 50)]
SIZES = [
    {"height": 16, "width": 16},
    {"height": 31, "width": 50},
    {"height": 1, "width": 3},
    {"shortest_edge": 15},
    {"shortest_edge": 15, "longest_edge": 20},
    {"shortest_edge": 20, "longest_edge": 20},
    {"max_height": 40, "max_width": 55},
]
FLAGS = list(itertools.product((True, False), repeat=3))
IMAGES = {shape: Image.fromarray(RNG.integers(0, 256, (*shape, 3), dtype=np.uint8)) for shape in SHAPES}

ours, theirs = ViTImageProcessor(), transformers.ViTImageProcessorPil()


def assert_equal(images, *, given=None, **settings):
    """Assert that both sides make the same of images; ``given`` replaces them for the reference."""
    expected = theirs(images if given is None else given, return_tensors="np", **settings).pixel_values
    found = ours(images, return_tensors="np", **settings).pixel_values
    assert found.dtype == np.float32
    assert np.array_equal(found, expected)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("resample", range(6))
def test_sizes_and_filters(shape, resample):
    for size in SIZES:
        assert_equal(IMAGES[shape], size=size, resample=resample)


@pytest.mark.parametrize("shape", SHAPES)
def test_edges_that_the_reference_loses_become_one_pixel(shape):
    """Where the reference would make an image of no rows, which it refuses, one row is left."""
    height, width = shape
    values = ours(IMAGES[shape], size={"max_height": 9, "max_width": 9}, return_tensors="np").pixel_values
    scale = min(9 / height, 9 / width)
    assert values.shape == (1, 3, max(1, int(height * scale)), max(1, int(width * scale)))


@pytest.mark.parametrize("crop", [1, 15, 16, 17, (40, 5), (5, 40), 41, (16, 90)])
@pytest.mark.parametrize("shape", SHAPES)
def test_crops(shape, crop):
    settings = {"do_center_crop": True, "crop_size": crop}
    assert_equal(IMAGES[shape], size={"shortest_edge": 16}, **settings)
    assert_equal(IMAGES[shape], do_resize=False, **settings)


@pytest.mark.parametrize(("resize", "rescale", "normalize"), FLAGS)
def test_flags(resize, rescale, normalize):
    settings = {"do_resize": resize, "do_rescale": rescale, "do_normalize": normalize, "size": (9, 14)}
    for crop in (False, True):
        for image in IMAGES.values():
            assert_equal(image, do_center_crop=crop, crop_size=11, **settings)


@pytest.mark.parametrize(
    "settings",
    [
        {"image_mean": [0.485, 0.456, 0.406], "image_std": [0.229, 0.224, 0.225]},
        {"image_mean": 0.3, "image_std": 0.7},
        {"image_mean": [0.0, 0.0, 0.0], "image_std": [1.0, 1.0, 1.0]},
        {"rescale_factor": 1 / 127.5},
        {"rescale_factor": 0.00392156862745098, "image_mean": [1.0, 2.0, 3.0]},
        {"rescale_factor": 3.0, "do_normalize": False},
    ],
)
def test_values(settings):
    for image in IMAGES.values():
        assert_equal(image, size=8, **settings)


def arrays():
    return [np.array(IMAGES[shape]) for shape in ((48, 64), (33, 50), (16, 16))]


def test_batches():
    for batch in (arrays(), [arrays(), arrays()[:1]], list(IMAGES.values()), np.stack(arrays()[:1] * 3)):
        assert_equal(batch, size=12)
    first = [np.moveaxis(each, -1, 0) for each in arrays()]
    assert_equal(first, size=12)
    assert_equal([torch.from_numpy(np.ascontiguousarray(each)) for each in first], size=12)
    assert_equal(arrays()[0].swapaxes(0, 1), size=12, input_data_format="channels_last")
    lists = ours(arrays(), size={"shortest_edge": 9}).pixel_values
    for mine, reference in zip(lists, theirs(arrays(), size={"shortest_edge": 9}).pixel_values, strict=True):
        assert np.array_equal(mine, reference)


@pytest.mark.parametrize("pad_size", [None, 70, (64, 90)])
def test_padding(pad_size):
    assert_equal(arrays(), do_pad=True, pad_size=pad_size, do_resize=False)


@pytest.mark.parametrize("mode", ["L", "P", "1", "CMYK", "YCbCr", "LA", "RGBA", "PA"])
def test_modes(mode):
    colours = IMAGES[(48, 64)]
    opacity = IMAGES[(48, 64)].convert("L")
    image = colours.copy()
    image.putalpha(opacity)
    image = image.convert("LA" if mode == "PA" else mode).convert(mode) if "A" in mode else colours.convert(mode)
    assert_equal(image, size=15, do_convert_rgb=True)
    assert_equal(image, do_resize=False, do_convert_rgb=True)


def test_grey_and_opaque_arrays():
    grey, opaque = arrays()[0][:, :, 0], RNG.integers(0, 256, (21, 22, 4), dtype=np.uint8)
    assert_equal(grey, given=grey[None], size=15, do_convert_rgb=True)
    assert_equal(opaque, size=15, do_convert_rgb=True)
    assert_equal(opaque, do_resize=False, do_convert_rgb=True)
    settings = {"do_convert_rgb": False, "image_mean": [0.5], "image_std": [0.25], "size": 15}
    assert_equal(grey, given=grey[None], **settings)
    assert_equal(Image.fromarray(grey), **settings)
    assert_equal(opaque, do_convert_rgb=False, image_mean=0.5, image_std=0.5, size=15)
    assert_equal(Image.fromarray(opaque), do_convert_rgb=False, image_mean=0.5, image_std=0.5, size=15)


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int32, np.int64])
def test_other_types(dtype):
    values = arrays()[0].astype(dtype)
    assert_equal(values, size=15)
    assert_equal(values, do_resize=False)


@pytest.mark.parametrize("resample", range(6))
def test_decimal_numbers_up_to_one(resample):
    unit = RNG.random((30, 41, 3), dtype=np.float32)
    settings = {"size": (17, 13), "resample": resample, "do_rescale": False, "return_tensors": "np"}
    for values in (unit, unit.astype(np.float64)):
        found, expected = ours(values, **settings).pixel_values, theirs(values, **settings).pixel_values
        assert np.abs(found - expected).max() <= 1e-5


# ---- files ----------------------------------------------------------------------------------------------------

SAVED = [
    {},
    {"size": 99, "resample": 3, "do_normalize": False},
    {"size": {"shortest_edge": 30}, "do_center_crop": True, "crop_size": 28, "image_mean": [0.1, 0.2, 0.3]},
    {"size": {"shortest_edge": 30, "longest_edge": 44}, "do_convert_rgb": True, "rescale_factor": 1 / 127.5},
    {"do_resize": False, "do_rescale": False, "do_pad": True, "pad_size": {"height": 90, "width": 120}},
]


def assert_same_processor(mine, reference):
    image = IMAGES[(48, 64)]
    expected = reference(image, return_tensors="np").pixel_values
    assert np.array_equal(mine(image, return_tensors="np").pixel_values, expected)


@pytest.mark.parametrize("settings", SAVED)
def test_what_we_save_loads_in_the_reference(tmp_path, settings):
    mine = ViTImageProcessor(**settings)
    mine.save_pretrained(tmp_path)
    assert_same_processor(mine, transformers.ViTImageProcessorPil.from_pretrained(tmp_path))
    found = transformers.AutoImageProcessor.from_pretrained(tmp_path, backend="pil")
    assert type(found) is transformers.ViTImageProcessorPil
    assert_same_processor(mine, found)


@pytest.mark.parametrize("kind", ["ViTImageProcessorPil", "ViTImageProcessor"])
@pytest.mark.parametrize("settings", SAVED)
def test_what_the_reference_saves_loads_here(tmp_path, settings, kind):
    getattr(transformers, kind)(**settings).save_pretrained(tmp_path)
    reference = transformers.ViTImageProcessorPil.from_pretrained(tmp_path)
    for found in (AutoImageProcessor.from_pretrained(tmp_path), ViTImageProcessor.from_pretrained(tmp_path)):
        assert type(found) is ViTImageProcessor
        assert_same_processor(found, reference)


@pytest.mark.parametrize(
    "content",
    [
        {"image_processor_type": "ViTImageProcessor"},
        {"image_processor_type": "ViTImageProcessorFast", "size": 30},
        {"image_processor_type": "ViTImageProcessorPil", "size": [20, 30]},
        {"feature_extractor_type": "ViTFeatureExtractor", "size": 40, "resample": 2, "do_resize": True},
        {"feature_extractor_type": "ViTFeatureExtractor", "image_processor_type": "ViTImageProcessor", "size": 20},
        {"image_processor_type": "ViTImageProcessor", "size": {"shortest_edge": 20}, "crop_pct": 0.9, "device": None},
        {  # what the fast ones wrote for a while
            "image_processor_type": "ViTImageProcessorFast",
            "crop_size": None,
            "data_format": "channels_first",
            "default_to_square": True,
            "device": None,
            "disable_grouping": None,
            "do_center_crop": None,
            "do_convert_rgb": None,
            "input_data_format": None,
            "resample": 3,
            "return_tensors": None,
            "size": {"height": 20, "width": 30},
        },
    ],
)
def test_published_files(tmp_path, content):
    (tmp_path / "preprocessor_config.json").write_text(json.dumps(content))
    found = AutoImageProcessor.from_pretrained(tmp_path)
    assert type(found) is ViTImageProcessor
    assert_same_processor(found, transformers.ViTImageProcessorPil.from_pretrained(tmp_path))


def test_the_architecture_tells_where_the_file_does_not(tmp_path):
    (tmp_path / "preprocessor_config.json").write_text('{"size": 30}')
    with pytest.raises(archsmith.ArchsmithError, match=r"has no file 'config\.json'"):
        AutoImageProcessor.from_pretrained(tmp_path)
    archsmith.ViTConfig().save_pretrained(tmp_path)
    assert AutoImageProcessor.from_pretrained(tmp_path).size == {"height": 30, "width": 30}
    assert AutoImageProcessor.from_pretrained(tmp_path, size=20, do_normalize=False).size["width"] == 20


def test_an_image_processor_that_nobody_provides(tmp_path):
    (tmp_path / "preprocessor_config.json").write_text('{"image_processor_type": "OwlImageProcessor"}')
    with pytest.raises(UnknownArchitecture) as error:
        AutoImageProcessor.from_pretrained(tmp_path)
    assert str(error.value) == (
        f"{tmp_path / 'preprocessor_config.json'} names image_processor_type 'OwlImageProcessor', which no installed "
        "plugin provides. To read the files with another class, call that class's from_pretrained."
    )


def test_the_reference_nests_it_in_a_processor(tmp_path):
    nested = {"image_processor": json.loads(theirs.to_json_string()) | {"size": {"height": 24, "width": 25}}}
    (tmp_path / "processor_config.json").write_text(json.dumps(nested | {"processor_class": "ViltProcessor"}))
    found = AutoImageProcessor.from_pretrained(tmp_path)
    assert found.size == {"height": 24, "width": 25}
    assert_same_processor(found, transformers.ViTImageProcessorPil.from_pretrained(tmp_path))
