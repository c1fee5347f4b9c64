"""What timm's models refuse, and what stays whole: files, copies, types, and the values that timm gives."""

import copy
import importlib.metadata
import json
import re
import warnings

import pytest
import torch
from safetensors.torch import load_file, save_file

from archsmith import (
    AutoBackbone,
    AutoImageProcessor,
    AutoModelForImageClassification,
    TimmBackbone,
    TimmBackboneConfig,
    TimmWrapperConfig,
    TimmWrapperForImageClassification,
    TimmWrapperImageProcessor,
    TimmWrapperModel,
)
from archsmith.backbone import load_backbone
from archsmith.backbone_config import BackboneHostConfig
from archsmith.errors import (
    ArchsmithWarning,
    CheckpointCorrupt,
    CheckpointNotFound,
    ConfigError,
    InputError,
    OptionError,
    WeightsMismatch,
)

PIXELS = torch.zeros(2, 3, 64, 64)
TIMM = f"timm {importlib.metadata.version('timm')}"
TINY = {"architecture": "test_resnet", "num_labels": 3}


def quietly(model_class, folder, **options):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ArchsmithWarning)
        return model_class.from_pretrained(folder, **options)


BAD_BACKBONES = {
    "no name": ({}, "TimmBackboneConfig.backbone names no model of timm: give one, as 'resnet50'."),
    "misspelt": (
        {"backbone": "resnet81"},
        f"TimmBackboneConfig.backbone is 'resnet81', but {TIMM} has no such model. Did you mean 'resnet18'?",
    ),
    "unlike any": (
        {"backbone": "!"},
        f"TimmBackboneConfig.backbone is '!', but {TIMM} has no such model. timm.list_models() has all names.",
    ),
    "an address": ({"backbone": "hf-hub:timm/resnet18.a1_in1k"}, f"but {TIMM} has no such model."),
    "a folder": ({"backbone": "local-dir:."}, f"but {TIMM} has no such model."),
    "a misspelt tag": (
        {"backbone": "resnet18.a1_in1"},
        (
            f"TimmBackboneConfig.backbone is 'resnet18.a1_in1', but {TIMM} has no such weights. "
            "Did you mean 'resnet18.a1_in1k'?"
        ),
    ),
    "a stage too many": (
        {"backbone": "test_resnet", "out_indices": [5]},
        (
            "TimmBackboneConfig: out_indices must lie from -5 to 4 (stage_names are act1, layer1, layer2, layer3, "
            "layer4), but holds 5."
        ),
    ),
    "no such stage": (
        {"backbone": "test_resnet", "out_features": ["layer5"]},
        (
            "TimmBackboneConfig: out_features must be stages (stage_names are act1, layer1, layer2, layer3, layer4), "
            "but holds 'layer5'. Did you mean 'layer4'?"
        ),
    ),
    "another order": (
        {"backbone": "test_resnet", "out_indices": [-1, 1]},
        "out_indices must name each stage once, in the order of the model, but is [-1, 1].",
    ),
    "two choices": (
        {"backbone": "test_resnet", "out_indices": [1], "out_features": ["layer2"]},
        "out_features is ['layer2'] and out_indices is [1], but they must name the same stages.",
    ),
    "a stride it has not": (
        {"backbone": "test_vit", "output_stride": 8},
        (
            f"{TIMM} cannot build 'test_vit' with features_only=True, in_chans=3, out_indices=(-1,), "
            "output_stride=8: TypeError"
        ),
    ),
}


@pytest.mark.parametrize(("values", "message"), BAD_BACKBONES.values(), ids=BAD_BACKBONES)
def test_bad_backbones(values, message):
    with pytest.raises(ConfigError, match=re.escape(message)):
        TimmBackbone(TimmBackboneConfig(**values))


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"out_indices": []}, "out_indices and out_features must name at least one stage, but one is empty."),
        (
            {"features_only": False},
            "features_only is False, but must be true. For scores use TimmWrapperForImageClassification.",
        ),
        ({"num_channels": 0}, "num_channels must be an integer from 1 to 2147483647, but is 0."),
    ],
)
def test_bad_configurations_of_backbones(values, message):
    with pytest.raises(ConfigError, match=re.escape(message)):
        TimmBackboneConfig("test_resnet", **values)


@pytest.mark.parametrize(
    ("pixels", "message"),
    [
        (PIXELS[:, :1], "the model takes images with 3 channels, but pixel_values have (2, 1, 64, 64)."),
        (PIXELS.byte(), "pixel_values must be floating-point numbers, but are torch.uint8."),
        (PIXELS[..., :1, :1], "(2, 3, 1, 1)"),
    ],
)
def test_bad_images(pixels, message):
    backbone = TimmBackbone(TimmBackboneConfig("vgg11_bn" if pixels.shape[-1] == 1 else "test_resnet"))
    with pytest.raises(InputError, match=re.escape(message)):
        backbone(pixels)


def test_images_of_a_size_that_the_model_was_not_built_for():
    backbone = TimmBackbone(TimmBackboneConfig("deit_tiny_patch16_224", out_indices=[0]))
    message = (
        "timm's deit_tiny_patch16_224 cannot take pixel_values of the shape (2, 3, 64, 64): "
        "AssertionError: Input height (64) doesn't match model (224)."
    )
    with pytest.raises(InputError, match=re.escape(message)):
        backbone(PIXELS)


def test_stages_are_chosen_anew():
    backbone = TimmBackbone(TimmBackboneConfig("test_resnet", out_indices=[0, 3]))
    shared = backbone.config
    backbone.out_features = ["layer1", "layer2"]
    assert (backbone.out_indices, backbone.channels, backbone.strides) == ([1, 2], [32, 48], [4, 8])
    assert [features.shape[1] for features in backbone(PIXELS).feature_maps] == [32, 48]
    assert shared.out_indices == [0, 3]  # another model may have it too
    backbone.out_indices = [-2]
    assert backbone.out_features == ["layer3"]
    backbone.out_indices = [4]
    with pytest.raises(
        InputError,
        match=re.escape(
            "this backbone was built up to 'layer3', but is to give 'layer4'. Build one with out_features=['layer4']."
        ),
    ):
        backbone(PIXELS)


@pytest.mark.parametrize("name", ["test_resnet", "test_vit", "test_convnext", "test_efficientnet", "test_mambaout"])
def test_a_file_with_more_stages_gives_fewer(tmp_path, name):
    whole = TimmBackbone(TimmBackboneConfig(name, out_indices=[1, -1])).eval()
    whole.save_pretrained(tmp_path)
    part = quietly(AutoBackbone, tmp_path, out_indices=[1])
    pixels = torch.randn(1, 3, 160, 160)
    torch.testing.assert_close(part(pixels).feature_maps[0], whole(pixels).feature_maps[0])
    left = whole.state_dict().keys() - part.state_dict().keys()
    assert set(part.load_report.unused + part.load_report.ignored) == left
    part.save_pretrained(tmp_path)
    if name == "test_efficientnet":  # which timm builds whole
        path = tmp_path / "model.safetensors"
        save_file({key: value for key, value in load_file(path).items() if ".blocks.4." not in key}, path)
    else:
        assert left
    with pytest.raises(WeightsMismatch, match="missing key"):
        AutoBackbone.from_pretrained(tmp_path, out_indices=[-1])


def test_the_values_that_timm_gives_stay():
    """Zeros and ones where timm starts with them: nothing is drawn anew around its modules, alone or in a host."""
    host = BackboneHostConfig(backbone="test_vit", use_timm_backbone=True)
    for backbone in (TimmBackbone(TimmBackboneConfig("test_vit")), load_backbone(host)):
        state = backbone.state_dict()
        assert state["_backbone.model.blocks.0.attn.qkv.bias"].count_nonzero() == 0
        assert 0.01 < state["_backbone.model.patch_embed.proj.weight"].std() < 1
        assert not any(value.is_meta for value in (*backbone.parameters(), *backbone.buffers()))


def test_a_copy_stands_alone():
    for name in ("test_resnet", "pit_ti_224"):  # the second one works by hooks
        backbone = TimmBackbone(TimmBackboneConfig(name)).eval()
        pixels = torch.randn(1, 3, 224, 224)
        before = backbone(pixels).feature_maps[0]
        twin = copy.deepcopy(backbone)
        with torch.no_grad():
            for parameter in backbone.parameters():
                parameter.zero_()
        assert torch.equal(twin(pixels).feature_maps[0], before)


def test_a_host_keeps_where_its_backbone_came_from(tmp_path):
    host = BackboneHostConfig(backbone="test_resnet", use_timm_backbone=True, backbone_kwargs={"out_indices": [1, 2]})
    kept = host.with_backbone_config(load_backbone(host).config)
    assert kept.backbone_config.out_features == ["layer1", "layer2"]
    again = BackboneHostConfig.from_dict(json.loads(kept.to_json_string()))
    assert again.with_backbone_config(load_backbone(again).config).backbone_source == kept.backbone_source
    assert kept.backbone_source["backbone"] == "test_resnet"
    apart = BackboneHostConfig(backbone_config=TimmBackboneConfig("test_resnet"))
    assert apart.with_backbone_config(load_backbone(apart).config).backbone_source == {}


# ---- classifiers --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (
            {"architecture": "resnet81"},
            f"TimmWrapperConfig.architecture is 'resnet81', but {TIMM} has no such model.",
        ),
        ({"model_args": {"nonsense": 1}}, "with num_classes=3, nonsense=1: TypeError: "),
        (
            {"num_labels": 0},
            "TimmWrapperForImageClassification needs classes, but num_labels is 0. Pass num_labels, or",
        ),
    ],
)
def test_bad_classifiers(values, message):
    with pytest.raises(ConfigError, match=re.escape(message)):
        TimmWrapperForImageClassification(TimmWrapperConfig(**TINY | values))


@pytest.mark.parametrize("name", ["checkpoint_path", "pretrained", "pretrained_cfg_overlay", "features_only"])
def test_a_file_can_not_name_other_files(name):
    """What timm would read, or fetch, at the word of a config.json."""
    with pytest.raises(ConfigError, match=f"^config.json: TimmWrapperConfig: model_args must not hold '{name}'.$"):
        TimmWrapperConfig.from_dict({"architecture": "test_resnet", "model_args": {name: "x"}}, source="config.json")


def test_the_number_of_classes_may_stand_twice():
    """timm writes it at the top and, as an argument, in model_args; where they differ, one is wrong."""
    values = {"architecture": "test_resnet", "num_classes": 3, "model_args": {"num_classes": 3, "in_chans": 1}}
    config = TimmWrapperConfig.from_dict(values)
    assert (config.num_labels, config.model_args) == (3, {"in_chans": 1})
    assert values["model_args"] == {"num_classes": 3, "in_chans": 1}
    for num_classes in ({"num_classes": 4}, {}):
        other = {"architecture": "test_resnet", **num_classes, "model_args": {"num_classes": 3}}
        with pytest.raises(ConfigError, match="model_args must not hold 'num_classes'"):
            TimmWrapperConfig.from_dict(other)


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"output_attentions": True}, "output_attentions must be false: timm's models return no attention maps."),
        (
            {"output_hidden_states": "all"},
            "output_hidden_states must be true, false or a list of integers, but is 'all'.",
        ),
        ({"output_hidden_states": [77]}, "feature index 77 is out of range"),
    ],
)
def test_bad_requests(asked, message):
    with pytest.raises(InputError, match=re.escape(message)):
        TimmWrapperModel(TimmWrapperConfig(**TINY))(PIXELS, **asked)


def test_heads_come_and_go(tmp_path):
    TimmWrapperForImageClassification(TimmWrapperConfig(**TINY)).save_pretrained(tmp_path)
    base = quietly(TimmWrapperModel, tmp_path)
    assert base.load_report.unused == ("timm_model.fc.bias", "timm_model.fc.weight")
    with pytest.raises(WeightsMismatch, match=r"'timm_model.fc.weight' must be \[5, 96\] float, but model.safetensors"):
        quietly(TimmWrapperForImageClassification, tmp_path, num_labels=5)
    other = quietly(TimmWrapperForImageClassification, tmp_path, num_labels=5, allow_new=["*.fc.*"], dtype="bfloat16")
    assert set(other.load_report.new) == {"timm_model.fc.weight", "timm_model.fc.bias"}
    assert other(PIXELS).logits.shape == (2, 5)
    assert {tensor.dtype for tensor in other.parameters()} == {torch.bfloat16}
    base.save_pretrained(tmp_path)
    with pytest.warns(ArchsmithWarning, match=r"so they start from random values: timm_model.fc.weight, timm_model.fc"):
        head = TimmWrapperForImageClassification.from_pretrained(tmp_path)
    assert torch.equal(head.timm_model.layer4[0].conv1.weight, base.timm_model.layer4[0].conv1.weight)


@pytest.mark.parametrize("name", ["levit_128s", "deit_tiny_distilled_patch16_224", "efficientvit_m0", "test_convnext"])
def test_heads_of_several_layers_fall_away_whole(tmp_path, name):
    whole = TimmWrapperForImageClassification(TimmWrapperConfig(architecture=name, num_labels=3))
    whole.save_pretrained(tmp_path)
    base = quietly(TimmWrapperModel, tmp_path)
    assert set(base.load_report.unused) == whole.state_dict().keys() - base.state_dict().keys()
    base.save_pretrained(tmp_path)
    again = quietly(TimmWrapperForImageClassification, tmp_path)
    assert set(again.load_report.new) == set(base.state_dict().keys() ^ whole.state_dict().keys())


def test_a_file_that_lacks_a_weight(tmp_path):
    """A head, or anything else, is there or is not: a file that was cut is none."""
    model = TimmWrapperForImageClassification(TimmWrapperConfig(**TINY))
    model.save_pretrained(tmp_path)
    for name in ("timm_model.fc.bias", "timm_model.layer1.0.conv1.weight"):
        state = {key: value for key, value in model.state_dict().items() if key != name}
        save_file(state, tmp_path / "model.safetensors")
        with pytest.raises(WeightsMismatch, match=re.escape(f"missing key {name!r}: not in the files")):
            TimmWrapperForImageClassification.from_pretrained(tmp_path)
    (tmp_path / "config.json").write_text(
        json.dumps({"architecture": "test_resnet", "num_classes": 3, "pretrained_cfg": {}})
    )
    state = {key.removeprefix("timm_model."): value for key, value in model.state_dict().items()}
    del state["fc.bias"]
    save_file(state, tmp_path / "model.safetensors")
    with pytest.raises(WeightsMismatch, match=re.escape("missing key 'timm_model.fc.bias': not in the files")):
        AutoModelForImageClassification.from_pretrained(tmp_path)


def test_what_no_file_holds_has_the_type_of_the_weights(tmp_path):
    model = TimmBackbone(TimmBackboneConfig("swin_tiny_patch4_window7_224", out_indices=[0])).eval()
    model.save_pretrained(tmp_path)
    loaded = AutoBackbone.from_pretrained(tmp_path, dtype="bfloat16")
    assert {tensor.dtype for tensor in loaded.buffers() if tensor.is_floating_point()} <= {torch.bfloat16}
    assert loaded(torch.zeros(1, 3, 224, 224)).feature_maps[0].dtype == torch.bfloat16


def test_saved_files_are_those_of_the_field(tmp_path):
    model = TimmWrapperForImageClassification(TimmWrapperConfig(**TINY, pretrained_cfg={"input_size": [3, 64, 64]}))
    model.save_pretrained(tmp_path)
    written = json.loads((tmp_path / "config.json").read_text())
    assert written["label_names"] == ["LABEL_0", "LABEL_1", "LABEL_2"]
    assert written["num_classes"] == 3
    assert not written.keys() & {"id2label", "label2id"}
    assert load_file(tmp_path / "model.safetensors").keys() == model.state_dict().keys()
    assert AutoImageProcessor.from_pretrained(tmp_path).size == {"height": 64, "width": 64}
    gaps = TimmWrapperConfig(architecture="test_resnet", id2label={0: "a", 7: "b"})
    gaps.save_pretrained(tmp_path)
    assert TimmWrapperConfig.from_pretrained(tmp_path) == gaps


# ---- images -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("known", "message"),
    [
        ({"interpolation": "random"}, "resample must be one of 0 NEAREST"),
        ({"input_size": 5.5}, "size must be a number, a pair (height, width) or a mapping"),
        ({"crop_pct": -1}, "crop_pct must be more than 0, but is -1.0"),
        ({"crop_pct": 1e-320}, "crop_pct must be at least 0.001, but is 1e-320"),
        ({"crop_mode": "middle"}, "crop_mode must be one of 'center', 'squash', 'border' or null, but is 'middle'"),
        ({"mean": "x"}, "image_mean must be a number or a list of numbers or null, but is 'x'"),
    ],
)
def test_bad_knowledge_of_images(tmp_path, known, message):
    (tmp_path / "config.json").write_text(json.dumps({"architecture": "test_resnet", "pretrained_cfg": known}))
    with pytest.raises(CheckpointCorrupt, match=re.escape(message)):
        AutoImageProcessor.from_pretrained(tmp_path)


def test_a_folder_that_says_nothing_of_images(tmp_path):
    TimmBackboneConfig("test_resnet").save_pretrained(tmp_path)
    with pytest.raises(CheckpointNotFound, match=r"has no file 'preprocessor_config.json'\. It holds: config.json"):
        AutoImageProcessor.from_pretrained(tmp_path)


def test_settings_for_a_model_that_timm_knows():
    processor = TimmWrapperImageProcessor.for_model(TimmWrapperConfig(architecture="test_resnet"))
    assert (processor.size, processor.crop_pct, processor.resample) == ({"height": 160, "width": 160}, 0.95, 2)
    with pytest.raises(OptionError, match=r"size must have a height and a width, but is {'shortest_edge': 3}"):
        TimmWrapperImageProcessor(size={"shortest_edge": 3})


@pytest.mark.parametrize("values", [{"depth": 1_000_000}, {"embed_dim": 2**20, "num_heads": 1}])
def test_a_small_file_can_not_take_all_memory_or_time(tmp_path, values):
    TimmWrapperForImageClassification(TimmWrapperConfig(architecture="test_vit")).save_pretrained(tmp_path)
    config = json.loads((tmp_path / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps(config | {"model_args": values}))
    refused = (WeightsMismatch, ConfigError)  # the second one where the system itself has too little memory
    with pytest.raises(refused, match=r"a model of far more parameters than the 80 tensors of|allocate memory"):
        TimmWrapperForImageClassification.from_pretrained(tmp_path)
