"""A stranger's ConvNeXt computes what the reference computes, from the same files, and inside MaskFormer."""

import numpy as np
import pytest
import torch
from tests.third_party.strangers import installed

import archsmith

from . import support
from .oracle import transformers
from .support import assert_close, assert_forward, assert_gradients

SMALL = {"hidden_sizes": [4, 6, 8, 10], "depths": [1, 2, 1, 1], "layer_scale_init_value": 0.5}
TWO = {"hidden_sizes": [6, 10], "depths": [2, 1], "num_stages": 2}
CASES = [
    SMALL,
    {**SMALL, "hidden_act": "relu", "layer_norm_eps": 0.1},
    {**SMALL, "hidden_act": "gelu_new", "layer_scale_init_value": 0.0, "num_channels": 1},
    {**TWO, "patch_size": 2, "hidden_act": "silu"},
    {**TWO, "patch_size": 3, "num_channels": 4, "drop_path_rate": 0.3, "id2label": {0: "a"}, "label2id": {"a": 0}},
    {**SMALL, "drop_path_rate": 0.5, "hidden_act": "quick_gelu"},
]
SIZES = [(64, 64), (45, 61), (32, 95)]


@pytest.fixture(scope="module", autouse=True)
def _installed(tmp_path_factory):
    with installed(tmp_path_factory.mktemp("metadata"), "convnext"):
        yield


def build(name, values):
    return support.build(name, values, attention="eager")  # the reference knows no other, where there is no attention


def pixels(values, height=45, width=61, seed=1):
    shape = (2, values.get("num_channels", 3), height, width)
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("values", CASES)
@pytest.mark.parametrize("name", ["ConvNextModel", "ConvNextForImageClassification", "ConvNextBackbone"])
def test_outputs(name, values):
    pair = build(name, values)
    for size in SIZES:
        assert_forward(pair, {"pixel_values": pixels(values, *size)})


@pytest.mark.parametrize("values", CASES)
def test_losses_and_gradients_with_layers_that_are_skipped(values):
    inputs = {"pixel_values": pixels(values)}
    assert_gradients(build("ConvNextModel", values), inputs, seed=5)
    labels = torch.tensor([0.5, -1.0]) if len(values.get("id2label", "ab")) == 1 else torch.tensor([0, 1])
    assert_gradients(build("ConvNextForImageClassification", values), {**inputs, "labels": labels}, seed=5)


def test_gradient_checkpointing_changes_no_gradient():
    pair = build("ConvNextForImageClassification", {**SMALL, "drop_path_rate": 0.5})
    pair.ours.gradient_checkpointing_enable()
    assert_gradients(pair, {"pixel_values": pixels(SMALL), "labels": torch.tensor([0, 1])}, seed=3)


@pytest.mark.parametrize(
    "choice", [{"out_features": ["stem", "stage2", "stage4"]}, {"out_indices": [1, 2, 3]}, {"out_indices": [-1]}, {}]
)
def test_feature_maps_of_any_stages(choice):
    pair = build("ConvNextBackbone", {**SMALL, **choice})
    assert_forward(pair, {"pixel_values": pixels(SMALL)})
    assert_gradients(pair, {"pixel_values": pixels(SMALL)})
    assert pair.ours.channels == list(pair.theirs.channels)
    assert [pair.ours.config.out_features, pair.ours.config.out_indices] == [
        list(pair.theirs.config.out_features),
        list(pair.theirs.config.out_indices),
    ]


@pytest.mark.parametrize("name", ["ConvNextModel", "ConvNextForImageClassification", "ConvNextBackbone"])
@pytest.mark.parametrize("values", [SMALL, CASES[2], {**CASES[4], "out_indices": [0, 2]}])
def test_files_both_ways(name, values, tmp_path):
    pair, inputs = build(name, values), {"pixel_values": pixels(values)}
    pair.theirs.save_pretrained(tmp_path / "theirs")
    pair.ours.save_pretrained(tmp_path / "ours")
    ours = getattr(archsmith, name).from_pretrained(tmp_path / "theirs")
    theirs, said = getattr(transformers, name).from_pretrained(tmp_path / "ours", output_loading_info=True)
    assert not any(said[kind] for kind in ("missing_keys", "unexpected_keys", "mismatched_keys"))
    assert (ours.load_report.new, ours.load_report.unused) == ((), ())
    kept, written = pair.theirs.config.to_dict(), theirs.config.to_dict()
    assert {key: value for key, value in kept.items() if key != "_name_or_path" and written[key] != value} == {}
    for loaded in (ours, theirs):
        with torch.no_grad():
            assert_close(loaded(**inputs)[0], pair.theirs(**inputs)[0], name)


def test_a_backbone_out_of_a_classifier_and_back(tmp_path):
    pair = build("ConvNextForImageClassification", SMALL)
    pair.theirs.save_pretrained(tmp_path / "classifier")
    with pytest.warns(archsmith.ArchsmithWarning):
        backbone = archsmith.AutoBackbone.from_pretrained(tmp_path / "classifier", out_features=["stage2", "stage4"])
    assert set(backbone.load_report.new) == {
        f"hidden_states_norms.{stage}.{kind}" for stage in ("stage2", "stage4") for kind in ("weight", "bias")
    }
    reference = transformers.ConvNextBackbone.from_pretrained(
        tmp_path / "classifier", out_features=["stage2", "stage4"]
    ).eval()
    with torch.no_grad():
        found, expected = (model(pixels(SMALL)).feature_maps for model in (backbone, reference))
    assert_close(tuple(found), tuple(expected), "feature maps")
    backbone.save_pretrained(tmp_path / "backbone")
    with pytest.warns(archsmith.ArchsmithWarning):
        classifier = archsmith.AutoModelForImageClassification.from_pretrained(tmp_path / "backbone")
    loaded = classifier.convnext.encoder.state_dict()
    assert all(torch.equal(tensor, loaded[name]) for name, tensor in backbone.encoder.state_dict().items())


DECODER = {"d_model": 16, "decoder_layers": 1, "decoder_attention_heads": 2, "num_queries": 3, "dropout": 0.0}
HOST = {"fpn_feature_size": 32, "mask_feature_size": 32, "num_labels": 3}


@pytest.mark.parametrize("size", [(64, 64), (67, 93)])
def test_maskformer_with_it(size, tmp_path):
    stages = ["stage1", "stage2", "stage3", "stage4"]
    their_config = transformers.MaskFormerConfig(
        backbone_config=transformers.ConvNextConfig(**SMALL, out_features=stages),
        decoder_config=transformers.DetrConfig(**DECODER),
        **HOST,
    )
    theirs = transformers.MaskFormerForInstanceSegmentation(their_config).eval()
    theirs.save_pretrained(tmp_path / "theirs")
    ours = archsmith.AutoModelForInstanceSegmentation.from_pretrained(tmp_path / "theirs")
    assert type(ours.model.pixel_level_module.encoder).__module__ == "acme_convnext.model"
    inputs = {"pixel_values": pixels(SMALL, *size)}
    with torch.no_grad():
        mine, reference = ours(**inputs), theirs(**inputs)
    for name in ("class_queries_logits", "masks_queries_logits"):
        assert_close(mine[name], reference[name], f"MaskFormer, {size}: {name}")
    ours.save_pretrained(tmp_path / "ours")
    again = transformers.MaskFormerForInstanceSegmentation.from_pretrained(tmp_path / "ours").eval()
    with torch.no_grad():
        assert_close(again(**inputs).masks_queries_logits, reference.masks_queries_logits, "back")


@pytest.mark.parametrize(
    "settings",
    [
        {"size": {"shortest_edge": 16}},
        {"size": {"shortest_edge": 17}, "crop_pct": 0.7},
        {"size": {"shortest_edge": 383}},
        {"size": {"shortest_edge": 384}},
        {"size": {"shortest_edge": 390}, "crop_pct": 0.5},
        {"size": {"shortest_edge": 20}, "crop_pct": 1.0, "resample": 2, "do_normalize": False},
        {"do_resize": False, "image_mean": [0.1, 0.2, 0.3]},
    ],
)
def test_images(settings, tmp_path):
    theirs = transformers.ConvNextImageProcessorPil(**settings)
    theirs.save_pretrained(tmp_path)
    ours = archsmith.AutoImageProcessor.from_pretrained(tmp_path)
    assert type(ours).__module__ == "archsmith_convnext_images.image_processor"
    for height, width in ((40, 60), (61, 33), (50, 50)):
        image = np.random.default_rng(height).integers(0, 256, (height, width, 3), np.uint8)
        found = ours(image, return_tensors="np").pixel_values
        expected = theirs(image, return_tensors="np").pixel_values
        assert found.shape == expected.shape
        assert np.abs(found - expected).max() <= 1e-6, f"{settings}, {height} x {width}"
