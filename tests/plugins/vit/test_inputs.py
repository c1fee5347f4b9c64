"""What a ViT refuses: pixels that it cannot take, and checkpoints that contradict themselves."""

import json
import re

import pytest
import torch

from archsmith import (
    AutoBackbone,
    AutoImageProcessor,
    AutoModelForImageClassification,
    ViTBackbone,
    ViTConfig,
    ViTForImageClassification,
    ViTForMaskedImageModeling,
    ViTImageProcessor,
    ViTModel,
)
from archsmith.errors import (
    CheckpointCorrupt,
    CheckpointNotFound,
    ConfigError,
    InputError,
    OptionError,
    WeightsMismatch,
)

TINY = {
    "hidden_size": 16,
    "num_attention_heads": 2,
    "num_hidden_layers": 2,
    "intermediate_size": 24,
    "image_size": 12,
    "patch_size": 4,
    "encoder_stride": 4,
}
PIXELS = torch.zeros(2, 3, 12, 12)
MASK = torch.zeros(2, 9, dtype=torch.bool)

BAD_PIXELS = {
    "a list": (
        [[0.0]],
        "pixel_values must be a tensor, but are [[0.0]]. Ask the image processor: return_tensors='pt'.",
    ),
    "an array": (PIXELS.numpy(), "pixel_values must be a tensor, but are"),
    "one image": (
        PIXELS[0],
        "pixel_values must have the shape (batch, channels, height, width), but have (3, 12, 12).",
    ),
    "no image": (PIXELS[:0], "but have (0, 3, 12, 12)."),
    "grey": (PIXELS[:, :1], "the model takes images with 3 channels, but pixel_values have (2, 1, 12, 12)."),
    "channels last": (
        PIXELS.permute(0, 2, 3, 1),
        "but pixel_values have (2, 12, 12, 3). The channels come second: data_format='channels_first'.",
    ),
    "bytes": (
        PIXELS.byte(),
        "pixel_values must be floating-point numbers, but are torch.uint8. Ask the image processor",
    ),
    "too small": (PIXELS[..., :3], "the images are 12 x 3 pixels (height x width); expected at least 4 x 4."),
    "another size": (
        torch.zeros(2, 3, 16, 12),
        "16 x 12 pixels (height x width), but the model takes 12 x 12. Resize them with its image processor, or pass",
    ),
}


@pytest.mark.parametrize(("pixels", "message"), BAD_PIXELS.values(), ids=BAD_PIXELS)
@pytest.mark.parametrize("model_class", [ViTModel, ViTForImageClassification, ViTForMaskedImageModeling])
def test_bad_pixels(model_class, pixels, message):
    with pytest.raises(InputError, match=re.escape(message)):
        model_class(ViTConfig(**TINY))(pixels)


@pytest.mark.parametrize(
    ("mask", "message"),
    [
        (
            MASK[:, :8],
            "bool_masked_pos must be boolean, of the shape (batch, patches) = (2, 9), but is torch.bool, of the",
        ),
        (MASK[:1], "of the shape (1, 9)."),
        (MASK.float(), "but is torch.float32, of the shape (2, 9)."),
        ([True], "bool_masked_pos must be a tensor, but is [True]."),
        (MASK.long() + 2, "bool_masked_pos must be 0 or 1 for each patch, but holds 2."),
        (MASK.long() - 1, "bool_masked_pos must be 0 or 1 for each patch, but holds -1."),
    ],
)
def test_bad_masks(mask, message):
    with pytest.raises(InputError, match=re.escape(message)):
        ViTForMaskedImageModeling(ViTConfig(**TINY))(PIXELS, bool_masked_pos=mask)


def test_masks_where_there_is_no_token_for_them():
    with pytest.raises(
        InputError, match="bool_masked_pos needs a mask token: build the model with use_mask_token=True"
    ):
        ViTModel(ViTConfig(**TINY))(PIXELS, bool_masked_pos=MASK)
    with pytest.raises(InputError, match=r"needs an encoder_stride that equals patch_size, .* but they are 2 and 4"):
        ViTForMaskedImageModeling(ViTConfig(**TINY | {"encoder_stride": 2}))(PIXELS, bool_masked_pos=MASK)
    with pytest.raises(InputError, match=r"the images are 15 x 12 pixels \(height x width\); expected multiples of 4"):
        ViTForMaskedImageModeling(ViTConfig(**TINY | {"image_size": [15, 12]}))(torch.zeros(2, 3, 15, 12), MASK)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"hidden_size": 15}, "num_attention_heads is 2, but must divide hidden_size 15."),
        ({"image_size": [12]}, "image_size must be one number, or height and width, but is [12]."),
        ({"patch_size": [1] * 5000}, "patch_size must be one number, or height and width, but is a list of 5000."),
        (
            {"num_hidden_layers": 2**31 - 1},
            "num_hidden_layers must be an integer from 1 to 10000, but is 2147483647.",
        ),
        ({"patch_size": [2, 2, 2]}, "patch_size must be one number, or height and width, but is [2, 2, 2]."),
        ({"patch_size": 16}, "image_size is 12, but must hold a patch of patch_size 16."),
        ({"image_size": 0}, "image_size must be an integer from 1 to 2147483647 or a list of"),
        ({"hidden_act": "glue"}, "hidden_act must be one of 'gelu'"),
        ({"out_features": ["stage3"]}, "out_features must be stages (stage_names are stem, stage1, stage2), but holds"),
        ({"num_labels": -1}, "num_labels must be an integer from 0 to 1000000, but is -1."),
    ],
)
def test_bad_configurations(values, message):
    with pytest.raises(ConfigError, match=re.escape(message)):
        ViTConfig(**TINY | values)


def test_a_backbone_has_one_stride():
    with pytest.raises(ConfigError, match=r"ViTBackbone has one stride for both directions, so patch_size .* \[4, 2\]"):
        ViTBackbone(ViTConfig(**TINY | {"patch_size": [4, 2]}))


def test_oblong_images_with_masks():
    """Where the reference takes squares alone: rows and columns stay what they are."""
    torch.manual_seed(0)
    model = ViTForMaskedImageModeling(ViTConfig(**TINY | {"image_size": [8, 20]}))
    pixels = torch.randn(2, 3, 8, 20)
    mask = torch.rand(2, 10) < 0.5
    output = model(pixels, bool_masked_pos=mask)
    painted = mask.reshape(2, 1, 2, 5).repeat_interleave(4, 2).repeat_interleave(4, 3).expand(2, 3, 8, 20)
    expected = (pixels - output.reconstruction).abs()[painted].mean()
    assert torch.allclose(output.loss, expected, rtol=1e-4)


def test_a_backbone_fills_the_last_patches_up():
    torch.manual_seed(0)
    backbone = ViTBackbone(ViTConfig(**TINY, out_indices=[0, 1, 2])).eval()
    pixels = torch.randn(2, 3, 13, 22)
    maps = backbone(pixels).feature_maps
    assert [tuple(each.shape) for each in maps] == [(2, 16, 4, 6)] * 3
    whole = torch.nn.functional.pad(pixels, (0, 2, 0, 3))
    assert all(torch.equal(one, two) for one, two in zip(maps, backbone(whole).feature_maps, strict=True))


def test_positions_of_another_grid_keep_their_places():
    """Positions that rise from row to row do so on another grid too, rather than from column to column."""
    model = ViTModel(ViTConfig(**TINY | {"image_size": [12, 20]})).eval()
    rows = torch.arange(3.0)[:, None].expand(3, 5).reshape(1, 15, 1)
    with torch.no_grad():
        model.embeddings.position_embeddings[:, 1:] = rows
    grid = model.embeddings.positions((6, 4))[:, 1:, 0].reshape(6, 4)
    assert torch.allclose(grid, grid[:, :1].expand(6, 4), atol=1e-5)
    assert (grid[1:, 0] > grid[:-1, 0]).all()


# ---- checkpoints ----------------------------------------------------------------------------------------------


@pytest.fixture
def folder(tmp_path):
    ViTForImageClassification(ViTConfig(**TINY)).save_pretrained(tmp_path)
    ViTImageProcessor(size=12).save_pretrained(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"image_size": 16}, "embeddings.position_embeddings"),
        ({"patch_size": 2}, "embeddings.patch_embeddings.projection.weight"),
        ({"num_channels": 1}, "embeddings.patch_embeddings.projection.weight"),
        ({"num_hidden_layers": 1}, "encoder.layer.1"),
        ({"num_hidden_layers": 3}, "encoder.layer.2"),
        ({"qkv_bias": False}, "attention.attention.query.bias"),
        ({"intermediate_size": 23}, "intermediate.dense.weight"),
    ],
)
def test_a_configuration_that_belongs_to_other_weights(folder, changes, message):
    values = json.loads((folder / "config.json").read_text()) | changes
    (folder / "config.json").write_text(json.dumps(values))
    with pytest.raises(WeightsMismatch, match=re.escape(message)):
        AutoModelForImageClassification.from_pretrained(folder)
    with pytest.raises(WeightsMismatch, match=re.escape(message)):
        AutoBackbone.from_pretrained(folder)


@pytest.mark.parametrize(
    ("content", "error", "message"),
    [
        ("", CheckpointCorrupt, "is not JSON"),
        ("[]", CheckpointCorrupt, "must hold a JSON object, but holds a list"),
        (
            '{"image_processor_type": "ViTImageProcessor", "size": {"height": 12}}',
            CheckpointCorrupt,
            "size must be a number",
        ),
        (
            '{"image_processor_type": "ViTImageProcessor", "resample": "os.system"}',
            CheckpointCorrupt,
            "resample must be one",
        ),
        ('{"image_processor_type": "ViTImageProcessor", "image_std": [0, 0, 0]}', CheckpointCorrupt, "divided by it"),
        (
            '{"image_processor_type": "ViTImageProcessor", "image_mean": [1, 2]}',
            CheckpointCorrupt,
            "must have one length",
        ),
        (
            '{"image_processor_type": "ViTImageProcessor", "do_resize": "yes"}',
            CheckpointCorrupt,
            "must be true or false",
        ),
        (None, CheckpointNotFound, "has no file 'preprocessor_config.json'"),
    ],
)
def test_bad_files_of_an_image_processor(folder, content, error, message):
    (folder / "preprocessor_config.json").unlink()
    if content is not None:
        (folder / "preprocessor_config.json").write_text(content)
    with pytest.raises(error, match=re.escape(message)):
        AutoImageProcessor.from_pretrained(folder)


def test_options_of_the_auto_class(folder):
    assert AutoImageProcessor.from_pretrained(folder, do_normalize=False).do_normalize is False
    with pytest.raises(
        OptionError, match=r"^ViTImageProcessor: 'use_fast' is not a setting of ViTImageProcessor\. There is"
    ):
        AutoImageProcessor.from_pretrained(folder, use_fast=True)
    with pytest.raises(OptionError, match="trust_remote_code is refused"):
        AutoImageProcessor.from_pretrained(folder, trust_remote_code=True)
    with pytest.raises(OptionError, match=r"^AutoImageProcessor has no instances"):
        AutoImageProcessor()
