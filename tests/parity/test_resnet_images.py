"""The image processor of the published ResNets equals the reference's on Pillow, bit by bit; files go both ways."""

import itertools
import json

import numpy as np
import pytest
import transformers
from PIL import Image

from archsmith import AutoImageProcessor, ConvNextImageProcessor

RNG = np.random.default_rng(0)
SHAPES = [(48, 64), (13, 7), (16, 16), (1, 1), (100, 3), (3, 100), (33, 50), (150, 401)]
IMAGES = {shape: Image.fromarray(RNG.integers(0, 256, (*shape, 3), dtype=np.uint8)) for shape in SHAPES}
#: As the checkpoints microsoft/resnet-… have it.
PUBLISHED = {
    "crop_pct": 0.875,
    "do_normalize": True,
    "do_resize": True,
    "feature_extractor_type": "ConvNextFeatureExtractor",
    "image_mean": [0.485, 0.456, 0.406],
    "image_std": [0.229, 0.224, 0.225],
    "resample": 3,
    "size": 224,
}

ours, theirs = ConvNextImageProcessor(), transformers.ConvNextImageProcessorPil()


def assert_equal(images, mine=ours, reference=theirs, **settings):
    """Assert that both sides make the same of images."""
    expected = reference(images, return_tensors="np", **settings).pixel_values
    found = mine(images, return_tensors="np", **settings).pixel_values
    assert found.dtype == np.float32
    assert np.array_equal(found, expected)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("edge", [1, 2, 15, 16, 224, 383, 384, 401])
def test_sizes(shape, edge):
    assert_equal(IMAGES[shape], size={"shortest_edge": edge})
    assert ours(IMAGES[shape], size=edge, return_tensors="np").pixel_values.shape == (1, 3, edge, edge)


def test_the_usual_size_cuts_nothing_off():
    assert_equal(list(IMAGES.values()))


@pytest.mark.parametrize("crop_pct", [0.05, 0.3, 0.5, 0.875, 0.9, 0.95, 1.0])
@pytest.mark.parametrize("resample", range(6))
def test_shares_and_filters(crop_pct, resample):
    for shape in ((48, 64), (33, 50), (16, 16), (13, 7)):
        assert_equal(IMAGES[shape], size={"shortest_edge": 21}, crop_pct=crop_pct, resample=resample)


@pytest.mark.parametrize(("resize", "rescale", "normalize"), list(itertools.product((True, False), repeat=3)))
def test_flags(resize, rescale, normalize):
    flags = {"do_resize": resize, "do_rescale": rescale, "do_normalize": normalize, "size": {"shortest_edge": 20}}
    for crop in (False, True):
        for shape in ((48, 64), (33, 50)):
            assert_equal(IMAGES[shape], do_center_crop=crop, crop_size={"height": 18, "width": 25}, **flags)


def test_arrays_and_batches():
    array = np.array(IMAGES[(48, 64)])
    for batch in ([array, array[:20]], list(IMAGES.values()), np.stack([array, array]), np.moveaxis(array, -1, 0)):
        assert_equal(batch, size={"shortest_edge": 30})


# ---- files ----------------------------------------------------------------------------------------------------

SAVED = [{}, {"size": {"shortest_edge": 40}, "crop_pct": 0.7}, {"resample": 2, "do_normalize": False}]


@pytest.mark.parametrize("settings", SAVED)
def test_what_we_save_loads_in_the_reference(tmp_path, settings):
    mine = ConvNextImageProcessor(**settings)
    mine.save_pretrained(tmp_path)
    found = transformers.AutoImageProcessor.from_pretrained(tmp_path, backend="pil")
    assert type(found) is transformers.ConvNextImageProcessorPil
    assert_equal(IMAGES[(48, 64)], mine, found)


@pytest.mark.parametrize("kind", ["ConvNextImageProcessorPil", "ConvNextImageProcessor"])
@pytest.mark.parametrize("settings", SAVED)
def test_what_the_reference_saves_loads_here(tmp_path, settings, kind):
    getattr(transformers, kind)(**settings).save_pretrained(tmp_path)
    found = AutoImageProcessor.from_pretrained(tmp_path)
    assert type(found) is ConvNextImageProcessor
    assert_equal(IMAGES[(48, 64)], found, transformers.ConvNextImageProcessorPil.from_pretrained(tmp_path))


@pytest.mark.parametrize(
    "content",
    [
        PUBLISHED,
        PUBLISHED | {"size": 384, "crop_pct": None},
        {"image_processor_type": "ConvNextImageProcessor", "size": {"shortest_edge": 60}, "crop_pct": 0.95},
        {"image_processor_type": "ConvNextImageProcessorFast", "size": {"shortest_edge": 60}, "device": None},
    ],
)
def test_published_files(tmp_path, content):
    (tmp_path / "preprocessor_config.json").write_text(json.dumps(content))
    found = AutoImageProcessor.from_pretrained(tmp_path)
    assert type(found) is ConvNextImageProcessor
    assert_equal(IMAGES[(48, 64)], found, transformers.ConvNextImageProcessorPil.from_pretrained(tmp_path))
