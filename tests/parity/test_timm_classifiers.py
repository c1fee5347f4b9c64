"""Classifiers of timm equal the reference's: features, scores, losses, gradients, files; and their images timm's."""

import json
import warnings

import numpy as np
import pytest
import torch
import transformers
from PIL import Image
from safetensors.torch import save_file
from torch import Tensor

import archsmith
from archsmith.errors import ArchsmithWarning

from .support import Pair, assert_close, assert_forward, assert_gradients, assert_same_output, build

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)
    from timm.data import create_transform, resolve_data_config

MODELS = {
    "test_byobnet": 64,
    "test_convnext": 64,
    "test_efficientnet": 64,
    "test_mambaout": 64,
    "test_nfnet": 64,
    "test_resnet": 64,
    "test_vit": 160,
    "test_vit3": 160,
    "deit_tiny_distilled_patch16_224": 224,
    "mobilenetv3_small_050": 64,
    "regnetx_002": 64,
    "levit_128s": 224,
}
CLASSES = {"base": "TimmWrapperModel", "classes": "TimmWrapperForImageClassification"}
VALUES = {
    "one label": {"num_labels": 3},
    "a number": {"num_labels": 1, "problem_type": "regression"},
    "several labels": {"num_labels": 4, "problem_type": "multi_label_classification"},
    "undecided": {"num_labels": 1},
    "grey": {"num_labels": 3, "model_args": {"in_chans": 1}},
    "other arguments": {"num_labels": 3, "model_args": {"global_pool": "max", "drop_rate": 0.0}},
    "not pooled": {"num_labels": 3, "do_pooling": False},
}


def images(size: int = 64, channels: int = 3) -> Tensor:
    return torch.randn((3, channels, size, size), generator=torch.Generator().manual_seed(5))


def labelled(kind: str, values: dict, size: int = 64) -> dict:
    """Return images, with the labels that a classifier takes."""
    inputs = {"pixel_values": images(size, (values.get("model_args") or {}).get("in_chans", 3))}
    count = values["num_labels"]
    if kind == "classes":
        labels = {
            "regression": torch.tensor([0.5, -1.0, 2.0]),
            "multi_label_classification": torch.tensor([[1.0, 0.0, 1.0, 0.0]] * 3),
        }
        usual = torch.tensor([[0.5], [-1.0], [2.0]])[:, 0] if count == 1 else torch.tensor([0, 2, 1])
        inputs["labels"] = labels.get(values.get("problem_type"), usual)
    return inputs


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("kind", CLASSES)
def test_models(kind, name):
    values = {"architecture": name, "num_labels": 3}
    pair = build(CLASSES[kind], values)
    inputs = labelled(kind, values, MODELS[name])
    assert_forward(pair, inputs)
    torch.manual_seed(0)
    assert_gradients(pair, inputs, seed=0)


@pytest.mark.parametrize("values", VALUES.values(), ids=VALUES)
@pytest.mark.parametrize("kind", CLASSES)
def test_options(kind, values):
    pair = build(CLASSES[kind], {"architecture": "test_resnet", **values})
    inputs = labelled(kind, values)
    assert_forward(pair, inputs)
    assert_gradients(pair, inputs)


@pytest.mark.parametrize("indices", [[0, 2], [-1], True, False])
def test_chosen_hidden_states(indices):
    for name in CLASSES.values():
        pair = build(name, {"architecture": "test_vit", "num_labels": 3})
        outputs = [model(images(160), output_hidden_states=indices) for model in (pair.ours, pair.theirs)]
        assert_same_output(*outputs)


def test_pooling_is_asked_for():
    pair = build("TimmWrapperModel", {"architecture": "test_resnet", "do_pooling": False})
    for asked in (True, False, None):
        assert_same_output(*(model(images(), do_pooling=asked) for model in (pair.ours, pair.theirs)))


# ---- files --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", CLASSES)
@pytest.mark.parametrize("name", ["test_resnet", "test_vit"])
def test_files(tmp_path, name, kind):
    pair = build(CLASSES[kind], {"architecture": name, "num_labels": 3, "model_args": {"in_chans": 1}})
    pair.theirs.save_pretrained(tmp_path / "theirs")
    ours = getattr(archsmith, CLASSES[kind]).from_pretrained(tmp_path / "theirs")
    report = ours.load_report
    assert (report.new, report.unused, report.ignored) == ((), (), ())
    ours.save_pretrained(tmp_path / "ours")
    theirs = getattr(transformers, CLASSES[kind]).from_pretrained(tmp_path / "ours")
    assert_forward(Pair(ours, theirs), {"pixel_values": images(160, 1)})
    assert ours.config.id2label == theirs.config.id2label
    assert theirs.config.num_labels == ours.config.num_labels


@pytest.fixture
def repository(tmp_path):
    """A folder as timm itself publishes a model: its own config.json, and weights without a prefix."""
    whole = archsmith.TimmWrapperForImageClassification(
        archsmith.TimmWrapperConfig(architecture="test_resnet", num_labels=1000)
    )
    state = {name: value.clone() for name, value in whole.timm_model.state_dict().items()}
    save_file(state, tmp_path / "model.safetensors")
    known = {
        "tag": "r160_in1k",
        "input_size": [3, 160, 160],
        "fixed_input_size": False,
        "interpolation": "bilinear",
        "crop_pct": 0.95,
        "crop_mode": "center",
        "mean": [0.5, 0.5, 0.5],
        "std": [0.5, 0.5, 0.5],
        "num_classes": 1000,
        "pool_size": [5, 5],
        "first_conv": "conv1.0",
        "classifier": "fc",
    }
    config = {"architecture": "test_resnet", "num_classes": 1000, "num_features": 96, "pretrained_cfg": known}
    (tmp_path / "config.json").write_text(json.dumps(config))
    return tmp_path


def test_timms_own_files(repository):
    for auto in ("AutoModelForImageClassification", "AutoModel"):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ArchsmithWarning)  # AutoModel has no use for the head, and says so
            ours = getattr(archsmith, auto).from_pretrained(repository)
        theirs = getattr(transformers, auto).from_pretrained(repository)
        assert type(ours).__name__ == type(theirs).__name__
        assert_forward(Pair(ours, theirs), {"pixel_values": images(160)})
        assert ours.config.id2label == theirs.config.id2label
        assert ours.config.num_labels == theirs.config.num_labels == 1000
    ours.save_pretrained(repository / "ours")
    again = transformers.AutoModel.from_pretrained(repository / "ours")
    assert_forward(Pair(ours, again), {"pixel_values": images(160)})


@pytest.mark.parametrize("count", [1000, 11221, 11821, 21841, 21842, 21843])
def test_names_of_imagenet(count):
    values = {"architecture": "resnet18", "num_classes": count, "pretrained_cfg": {"num_classes": count}}
    theirs = transformers.TimmWrapperConfig.from_dict(json.loads(json.dumps(values)))
    assert archsmith.TimmWrapperConfig.from_dict(values).id2label == theirs.id2label


@pytest.mark.parametrize("names", [["cat", "dog"], ["cat", "cat"]])
def test_names_in_the_file(names):
    values = {"architecture": "resnet18", "num_classes": 2, "pretrained_cfg": {}, "label_names": names}
    theirs = transformers.TimmWrapperConfig.from_dict(json.loads(json.dumps(values)))
    ours = archsmith.TimmWrapperConfig.from_dict(values)
    assert ours.id2label == theirs.id2label
    theirs = transformers.TimmWrapperConfig.from_dict(json.loads(json.dumps(values)), num_labels=3)
    assert archsmith.TimmWrapperConfig.from_dict(values, num_labels=3).id2label == theirs.id2label
    other = {0: "a", 1: "b", 2: "c"}
    assert archsmith.TimmWrapperConfig.from_dict(values, id2label=other).id2label == other


# ---- images -----------------------------------------------------------------------------------------------

SHAPES = [(160, 160), (48, 64), (97, 33), (300, 211), (20, 500), (5, 3)]
DATA = {
    "usual": {},
    "square": {"input_size": [3, 64, 64], "crop_pct": 0.95, "interpolation": "bilinear"},
    "whole": {"input_size": [3, 65, 65], "crop_pct": 1.0},
    "oblong": {"input_size": [3, 64, 40], "crop_pct": 0.9},
    "oblong and lying": {"input_size": [3, 33, 80], "crop_pct": 0.875, "interpolation": "lanczos"},
    "squash": {"input_size": [3, 64, 48], "crop_pct": 0.9, "crop_mode": "squash"},
    "squash whole": {"input_size": [3, 61, 61], "crop_pct": 1.0, "crop_mode": "squash", "interpolation": "box"},
    "border": {"input_size": [3, 64, 64], "crop_pct": 0.9, "crop_mode": "border"},
    "border whole": {"input_size": [3, 63, 50], "crop_pct": 1.0, "crop_mode": "border", "mean": [0.2, 0.5, 0.7]},
    "less than cropped": {"input_size": [3, 64, 63], "crop_pct": 1.3},
    "nearest": {"input_size": [3, 32, 32], "interpolation": "nearest", "mean": [0, 0, 0], "std": [1, 1, 1]},
    "hamming": {"input_size": [3, 32, 32], "interpolation": "hamming"},
    "one number": {"input_size": [3, 32, 32], "mean": [0.5], "std": [0.25]},
}


@pytest.mark.parametrize("known", DATA.values(), ids=DATA)
@pytest.mark.parametrize("shape", SHAPES)
def test_images(shape, known):
    """To timm's own transform, and to the reference's processor, which is made of it."""
    image = Image.fromarray(np.random.default_rng(0).integers(0, 256, (*shape, 3), dtype=np.uint8))
    config = archsmith.TimmWrapperConfig(pretrained_cfg=known)
    ours = archsmith.TimmWrapperImageProcessor.for_model(config)([image], return_tensors="pt").pixel_values
    settings = resolve_data_config(known or {"input_size": (3, 224, 224)})
    timms = create_transform(**settings, is_training=False)(image)[None]
    assert_close(ours, timms, f"{shape}, {known}")
    theirs = transformers.TimmWrapperImageProcessor(pretrained_cfg=known or {"input_size": (3, 224, 224)})
    assert_close(ours, theirs([image])["pixel_values"], f"{shape}, {known}")


def test_the_processor_of_timms_own_files(repository):
    image = Image.fromarray(np.random.default_rng(1).integers(0, 256, (120, 170, 3), dtype=np.uint8))
    ours = archsmith.AutoImageProcessor.from_pretrained(repository)
    theirs = transformers.AutoImageProcessor.from_pretrained(repository)
    assert_close(ours(image, return_tensors="pt").pixel_values, theirs(image)["pixel_values"], "pixels")
    assert archsmith.TimmWrapperImageProcessor.from_pretrained(repository) == ours
    assert archsmith.AutoProcessor.from_pretrained(repository) == ours
    assert archsmith.AutoImageProcessor.from_pretrained(repository / "config.json") == ours
    ours.save_pretrained(repository)
    assert archsmith.AutoImageProcessor.from_pretrained(repository) == ours
    again = transformers.AutoImageProcessor.from_pretrained(repository)
    assert_close(ours(image, return_tensors="pt").pixel_values, again(image)["pixel_values"], "pixels")
