"""MaskFormer's configurations: what follows from what, what files hold, and what is refused."""

import json

import pytest

from archsmith import AutoConfig, MaskFormerConfig, MaskFormerSwinBackbone, MaskFormerSwinConfig
from archsmith.errors import ArchsmithError, ConfigError
from archsmith.registry import registry
from archsmith.registry.resolve import find_preset

ALL = ["stage1", "stage2", "stage3", "stage4"]


def test_without_a_choice_it_is_the_published_swin():
    swin = MaskFormerConfig().backbone_config
    assert (swin.model_type, swin.embed_dim, swin.depths, swin.window_size) == ("swin", 128, [2, 2, 18, 2], 12)
    assert (swin.out_features, swin.out_indices) == (ALL, [1, 2, 3, 4])
    assert MaskFormerConfig(decoder_config=None, backbone_config=None) == MaskFormerConfig()


def test_a_swin_gives_all_its_stages_whatever_it_says():
    for said in ({}, {"out_features": ["stage4"]}, {"out_indices": [1, 2]}, {"out_features": None}):
        swin = MaskFormerConfig(backbone_config={"model_type": "swin", **said}).backbone_config
        assert (swin.out_features, swin.out_indices) == (ALL, [1, 2, 3, 4])
    swin.update(depths=[1, 1], num_heads=[3, 6])
    assert swin.out_features == ["stage1", "stage2"]
    own = MaskFormerSwinConfig(out_indices=[1, -1])
    assert own.out_features == ["stage1", "stage4"]
    own.update(depths=[1, 1], num_heads=[3, 6])
    assert own.out_features == ["stage2"]


def test_private_configurations_are_known_inside_alone():
    for model_type in ("swin", "detr"):
        assert model_type not in registry.names()
        with pytest.raises(ArchsmithError, match=f"needs model_type '{model_type}'"):
            AutoConfig.from_dict({"model_type": model_type})


def test_a_published_file():
    """What facebook/maskformer-swin-tiny-ade says, shortened, with keys that nobody reads."""
    values = {
        "architectures": ["MaskFormerForInstanceSegmentation"],
        "backbone_config": {
            "_name_or_path": "", "depths": [2, 2, 6, 2], "embed_dim": 96, "encoder_stride": 32,
            "hidden_size": 768, "image_size": 224, "model_type": "swin", "num_heads": [3, 6, 12, 24], "num_layers": 4,
            "path_norm": True, "window_size": 7, "torch_dtype": None, "transformers_version": "4.16.0.dev0",
        },
        "decoder_config": {
            "_name_or_path": "", "auxiliary_loss": False, "backbone": "resnet50", "bbox_cost": 5, "d_model": 256,
            "decoder_layerdrop": 0.0, "dilation": False, "encoder_attention_heads": 8, "encoder_layers": 6,
            "max_position_embeddings": 1024, "model_type": "detr", "num_queries": 100, "scale_embedding": False,
        },
        "fpn_feature_size": 256, "mask_feature_size": 256, "model_type": "maskformer", "no_object_weight": 0.1,
        "num_attention_heads": 8, "num_hidden_layers": 6, "init_std": 0.02, "init_xavier_std": 1.0,
        "id2label": {"0": "wall", "1": "building"}, "label2id": {"building": 1, "wall": 0},
        "torch_dtype": "float32", "transformers_version": None, "use_auxiliary_loss": False,
    }  # fmt: skip
    config = AutoConfig.from_dict(values)
    assert type(config) is MaskFormerConfig
    assert (config.num_labels, config.num_hidden_layers, config.num_attention_heads) == (2, 6, 8)
    assert (config.hidden_size, config.decoder_config.hidden_size) == (256, 256)
    assert config.decoder_config.extra["bbox_cost"] == 5
    assert config.backbone_config.hidden_size == 768
    written = json.loads(config.to_json_string())
    assert written["backbone_config"]["path_norm"] is True
    assert written["decoder_config"]["max_position_embeddings"] == 1024
    assert written["num_hidden_layers"] == 6
    assert MaskFormerConfig.from_dict(written) == config


def test_presets_have_the_published_shapes():
    widths = {"tiny": 96, "small": 96, "base": 128, "large": 192}
    for size, width in widths.items():
        for images, classes in (("ade", 150), ("coco", 133)):
            preset = find_preset(f"facebook/maskformer-swin-{size}-{images}")
            config = AutoConfig.for_model(preset.model_type, **preset.values)
            assert (config.backbone_config.embed_dim, config.num_labels) == (width, classes)


@pytest.mark.parametrize(
    ("values", "fault"),
    [
        ({"fpn_feature_size": 40}, "fpn_feature_size must be divisible by 32, but is 40"),
        ({"num_labels": 0}, "id2label must hold at least one class, but is empty"),
        ({"mask_weight": -1}, "mask_weight must be a number of at least 0, but is -1"),
        (
            {"decoder_config": {"d_model": 18, "decoder_attention_heads": 3}},
            "decoder_config.d_model must be divisible by 4, for sines and cosines of rows and columns, but is 18",
        ),
        (
            {"decoder_config": {"d_model": 16, "decoder_attention_heads": 3}},
            "decoder_config.decoder_attention_heads is 3, but must divide d_model 16",
        ),
        ({"decoder_config": {"model_type": "bert"}}, "decoder_config.model_type must be 'detr', but is 'bert'"),
        ({"decoder_config": 3}, "decoder_config must be a DetrConfig, or its values as a mapping, or null, but is 3"),
        (
            {"backbone_config": {"model_type": "swin", "num_heads": [3, 6]}},
            "backbone_config.num_heads is [3, 6], but must hold one number for each of depths [2, 2, 6, 2]",
        ),
        (
            {"backbone_config": {"model_type": "swin", "num_heads": [3, 6, 12, 25]}},
            "backbone_config.num_heads of stage4 is 25, but must divide its width 768",
        ),
        (
            {"backbone_config": {"model_type": "swin", "depths": []}},
            "backbone_config.depths must hold at least one stage, but is empty",
        ),
        (
            {"backbone_config": {"model_type": "swin", "image_size": 3}},
            "backbone_config.image_size is 3, but must hold a patch of patch_size 4",
        ),
        (
            {"backbone_config": {"model_type": "swin", "patch_size": [4, 4, 4]}},
            "backbone_config.patch_size must be one number, or height and width, but is [4, 4, 4]",
        ),
        (
            {"backbone_config": {"model_type": "swin", "mlp_ratio": 0}},
            "backbone_config.mlp_ratio is 0.0, but must be from 1 / 96 to 22369621 for stage1",
        ),
        (
            {"backbone_config": {"model_type": "swin", "window_size": 2**31 - 1}},
            ("backbone_config.window_size is 2147483647, but must leave room for a table of all pairs of its places"),
        ),
        (
            {"backbone_config": {"model_type": "swin", "depths": [1] * 40, "num_heads": [1] * 40}},
            "backbone_config.embed_dim is 96, but must be small enough to be doubled for 40 stages",
        ),
        ({"mask_wieght": 1.0}, "'mask_wieght' is not a field of MaskFormerConfig. Did you mean 'mask_weight'?"),
    ],
)
def test_what_is_wrong_is_said(values, fault):
    with pytest.raises(ConfigError) as caught:
        MaskFormerConfig(**values)
    assert caught.value.faults[0] == fault


def test_what_no_backbone_can_be():
    with pytest.raises(ConfigError) as caught:
        MaskFormerSwinBackbone(MaskFormerSwinConfig(patch_size=[4, 2]))
    assert str(caught.value) == (
        "a backbone has one stride in both directions, so patch_size must be square, but is [4, 2]."
    )
