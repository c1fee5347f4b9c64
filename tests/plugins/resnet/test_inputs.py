"""What ResNet and its image processor refuse, in whole sentences."""

import re

import numpy as np
import pytest
import torch

from archsmith import (
    ConvNextImageProcessor,
    PreTrainedConfig,
    ResNetBackbone,
    ResNetConfig,
    ResNetForImageClassification,
    ResNetModel,
)
from archsmith.config import Size
from archsmith.errors import CheckpointCorrupt, ConfigError, InputError, OptionError, WeightsMismatch

TINY = {"embedding_size": 4, "hidden_sizes": [8, 12], "depths": [1, 1]}


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (
            {"depths": [], "hidden_sizes": []},
            "depths must have a number for each stage, at least for one, but is empty.",
        ),
        (
            {"depths": [3, 4]},
            "hidden_sizes has 4 and depths has 2 numbers, but both must have one for each stage.",
        ),
        (
            {"depths": [1, 1], "hidden_sizes": [3, 8]},
            (
                "hidden_sizes must be at least 4 each for bottleneck layers, which have 4 times fewer channels inside, "
                "but holds 3."
            ),
        ),
        ({"layer_type": "Basic"}, "layer_type must be one of 'basic', 'bottleneck', but is 'Basic'."),
        (
            {"depths": [3, 4, 0, 3]},
            "depths[2] must be an integer from 1 to 10000, but is 0.",
        ),
        ({"hidden_act": "rule"}, "hidden_act must be one of 'gelu', "),
        ({"layers": [1]}, "'layers' is not a field of ResNetConfig."),
    ],
)
def test_configurations(values, message):
    with pytest.raises(ConfigError) as caught:
        ResNetConfig(**values)
    assert str(caught.value).startswith(f"ResNetConfig: {message}")


def test_stages_change_together():
    config = ResNetConfig()
    with pytest.raises(ConfigError, match="both must have one for each stage"):
        config.depths = [1, 2]
    assert config.depths == [3, 4, 6, 3]
    config.update(depths=[1, 2], hidden_sizes=[8, 16])
    assert (config.stage_names, config.out_features) == (["stem", "stage1", "stage2"], ["stage2"])
    config.depths = [2, 2]
    assert ResNetConfig(layer_type="basic", hidden_sizes=[1], depths=[1]).hidden_sizes == [1]


@pytest.mark.parametrize("cls", [ResNetModel, ResNetForImageClassification, ResNetBackbone])
@pytest.mark.parametrize(
    ("pixels", "message"),
    [
        ([[0.0]], "pixel_values must be a tensor, but are [[0.0]]. Ask the image processor: return_tensors='pt'."),
        (
            torch.zeros(3, 8, 8),
            "pixel_values must have the shape (batch, channels, height, width), but have (3, 8, 8).",
        ),
        (
            torch.zeros(1, 1, 8, 8),
            "the model takes images with 3 channels, but pixel_values have (1, 1, 8, 8).",
        ),
        (
            torch.zeros(1, 3, 0, 8),
            "the images are 0 x 8 pixels (height x width); expected at least 1 x 1.",
        ),
        (
            torch.zeros(1, 3, 8, 8, dtype=torch.uint8),
            (
                "pixel_values must be floating-point numbers, but are torch.uint8. "
                "Ask the image processor: return_tensors='pt'."
            ),
        ),
    ],
)
def test_pixels(cls, pixels, message):
    with pytest.raises(InputError) as caught:
        cls(ResNetConfig(**TINY))(pixels)
    assert str(caught.value) == message


@pytest.mark.parametrize("cls", [ResNetModel, ResNetForImageClassification, ResNetBackbone])
def test_one_number_for_each_channel_is_nothing_to_learn_from(cls):
    model = cls(ResNetConfig(**TINY))
    with pytest.raises(InputError) as caught:
        model(torch.zeros(1, 3, 8, 8))
    assert str(caught.value) == (
        "batch normalisation learns from several numbers for each channel, but the batch is one image, and it has "
        "shrunk to 1 x 1. In training pass several images or a larger one; to predict call model.eval() first."
    )
    model(torch.zeros(2, 3, 8, 8))
    model(torch.zeros(1, 3, 8, 9))
    model.eval()(torch.zeros(1, 3, 1, 1))


def test_labels():
    model = ResNetForImageClassification(ResNetConfig(**TINY, num_labels=3))
    with pytest.raises(InputError, match=re.escape("labels must be from 0 to 2 (or -100 to be ignored), but hold 3.")):
        model(torch.zeros(2, 3, 16, 16), labels=torch.tensor([0, 3]))


def test_statistics_must_be_in_the_files(tmp_path):
    """Running statistics are what a model has learnt, like its parameters."""
    from safetensors.torch import load_file, save_file

    ResNetModel(ResNetConfig(**TINY)).save_pretrained(tmp_path)
    state = load_file(tmp_path / "model.safetensors")
    del state["embedder.embedder.normalization.running_mean"]
    save_file(state, tmp_path / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(WeightsMismatch, match=r"embedder\.embedder\.normalization\.running_mean"):
        ResNetModel.from_pretrained(tmp_path)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (
            {"size": (224, 200)},
            (
                "size must be one number, the shortest_edge, because the result is square, but is "
                "{'height': 224, 'width': 200}."
            ),
        ),
        ({"size": {"longest_edge": 9}}, "size must be one number, the shortest_edge, because the result is square"),
        ({"crop_pct": 0}, "crop_pct must be from 0.01 to 1, but is 0.0."),
        ({"crop_pct": 87.5}, "crop_pct must be from 0.01 to 1, but is 87.5."),
        ({"crop_pct": "0.9"}, "crop_pct must be a number or null, but is '0.9'."),
        ({"crop_percent": 0.9}, "'crop_percent' is not a setting of ConvNextImageProcessor. Did you mean 'crop_pct'?"),
    ],
)
def test_settings_of_the_image_processor(settings, message):
    for build in (ConvNextImageProcessor, ConvNextImageProcessor().changed):
        with pytest.raises(OptionError) as caught:
            build(**settings)
        assert str(caught.value).startswith(f"ConvNextImageProcessor: {message}")


def test_a_setting_that_is_taken_away():
    processor = ConvNextImageProcessor()
    processor.crop_pct = None
    with pytest.raises(OptionError, match="do_resize needs crop_pct"):
        processor(np.zeros((5, 6, 3), np.uint8))
    assert processor(np.zeros((5, 6, 3), np.uint8), do_resize=False).pixel_values[0].shape == (3, 5, 6)


def test_a_share_so_small_that_nothing_could_hold_the_image():
    with pytest.raises(InputError, match=r"it would be resized to 3830000 x 38300 pixels, above the limit"):
        ConvNextImageProcessor(size=383, crop_pct=0.01)(np.zeros((5, 500, 3), np.uint8))


def test_a_file_with_a_wrong_setting(tmp_path):
    (tmp_path / "preprocessor_config.json").write_text('{"crop_pct": 2, "size": 224}')
    with pytest.raises(CheckpointCorrupt, match=r"preprocessor_config\.json: ConvNextImageProcessor: crop_pct must be"):
        ConvNextImageProcessor.from_pretrained(tmp_path)


def test_a_configuration_may_say_how_large_images_are():
    class SizedConfig(PreTrainedConfig):
        image_size: Size = 96

    assert ConvNextImageProcessor.for_model(SizedConfig()).size == {"shortest_edge": 96}
    assert ConvNextImageProcessor.for_model(ResNetConfig(**TINY)).size == {"shortest_edge": 384}


def test_grey_models_take_grey_images():
    processor = ConvNextImageProcessor.for_model(ResNetConfig(**TINY, num_channels=1))
    pixels = processor(np.zeros((40, 50), np.uint8), size=16, return_tensors="pt").pixel_values
    assert pixels.shape == (1, 1, 16, 16)
    ResNetModel(ResNetConfig(**TINY, num_channels=1)).eval()(pixels)
