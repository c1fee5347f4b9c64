"""A stranger's ConvNeXt, written from the documentation alone: it conforms, and refuses what cannot be."""

import numpy as np
import pytest
import torch

import archsmith
from archsmith.errors import ConfigError, InputError, OptionError, WeightsMismatch
from archsmith.registry import registry
from archsmith_devkit import assert_conforms

from .strangers import installed

SMALL = {"hidden_sizes": [4, 6, 8, 10], "depths": [1, 1, 1, 1]}


@pytest.fixture(scope="module", autouse=True)
def _installed(tmp_path_factory):
    with installed(tmp_path_factory.mktemp("metadata"), "convnext"):
        yield


def test_it_conforms():
    assert_conforms("acme-convnext")


def test_presets_have_the_published_sizes():
    # Liu et al., table 9: 29 and 50 million parameters.
    for name, millions in (("tiny", 28.6), ("small", 50.2)):
        preset = registry.get("convnext").presets[f"facebook/convnext-{name}-224"]
        config = archsmith.AutoConfig.for_model("convnext", **preset)
        with torch.device("meta"):
            model = archsmith.AutoModelForImageClassification.from_config(config)
        head = 769 * (1000 - config.num_labels)
        assert round((model.num_parameters() + head) / 1e6, 1) == millions


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"depths": [1, 2]}, "depths has 2 numbers, but must have one for each of num_stages = 4 stages"),
        ({"num_stages": 3}, "hidden_sizes has 4 numbers, but must have one for each of num_stages = 3 stages"),
        ({"drop_path_rate": 1.0}, "drop_path_rate must be below 1, but is 1.0"),
        (
            {"layer_scale_init": 1.0},
            "'layer_scale_init' is not a field of ConvNextConfig. Did you mean 'layer_scale_init_value'?",
        ),
        ({"out_features": ["stage5"]}, "out_features must be stages (stage_names are stem, stage1"),
        ({"hidden_act": "gelo"}, "hidden_act must be one of"),
        ({"hidden_sizes": [4, 6, 8, 0]}, "hidden_sizes[3] must be an integer from 1"),
    ],
)
def test_a_configuration_that_cannot_be(values, said):
    with pytest.raises((ConfigError, OptionError)) as caught:
        archsmith.ConvNextConfig(**values)
    assert said in str(caught.value)


def test_a_backbone_changes_its_stages():
    torch.manual_seed(0)
    backbone = archsmith.ConvNextBackbone(archsmith.ConvNextConfig(**SMALL)).eval()
    before = backbone.hidden_states_norms["stage4"]
    backbone.out_features = ["stem", "stage4"]
    assert backbone.hidden_states_norms["stage4"] is before
    pixels = torch.randn(1, 3, 64, 64)
    assert [tuple(each.shape) for each in backbone(pixels).feature_maps] == [(1, 4, 16, 16), (1, 10, 2, 2)]
    backbone.out_indices = [2]
    assert list(backbone.hidden_states_norms) == ["stage2"]
    assert backbone(pixels).feature_maps[0].mean(1).abs().max() < 1e-6  # normalised


def test_a_stage_that_a_file_lacks_is_announced_and_half_a_layer_is_refused(tmp_path):
    from safetensors.torch import load_file, save_file

    backbone = archsmith.ConvNextBackbone(archsmith.ConvNextConfig(**SMALL))
    backbone.save_pretrained(tmp_path)
    with pytest.warns(archsmith.ArchsmithWarning, match="hidden_states_norms"):
        archsmith.AutoBackbone.from_pretrained(tmp_path, out_features=["stage1"])
    weights = load_file(tmp_path / "model.safetensors")
    del weights["encoder.stages.2.layers.0.layer_scale_parameter"]
    save_file(weights, tmp_path / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(WeightsMismatch, match=r"missing key 'encoder.stages.2.layers.0.layer_scale_parameter'"):
        archsmith.AutoBackbone.from_pretrained(tmp_path)


def test_images_that_are_too_small_for_the_stages():
    model = archsmith.ConvNextModel(archsmith.ConvNextConfig(**SMALL))
    with pytest.raises(
        InputError, match=r"the images are 31 x 64 pixels \(height x width\); expected at least 32 x 32"
    ):
        model(torch.zeros(1, 3, 31, 64))


def test_a_published_file_of_images(tmp_path):
    """As facebook/convnext-tiny-224 has it: an older class, and the size as one number."""
    (tmp_path / "preprocessor_config.json").write_text(
        '{"crop_pct": 0.875, "do_normalize": true, "do_resize": true, "size": 224, "resample": 3,'
        ' "feature_extractor_type": "ConvNextFeatureExtractor",'
        ' "image_mean": [0.485, 0.456, 0.406], "image_std": [0.229, 0.224, 0.225]}'
    )
    processor = archsmith.AutoImageProcessor.from_pretrained(tmp_path)
    assert (type(processor).__name__, processor.size) == ("ConvNextImageProcessor", {"shortest_edge": 224})
    image = np.zeros((300, 500, 3), np.uint8)
    assert processor(image, return_tensors="pt").pixel_values.shape == (1, 3, 224, 224)
    assert processor(image, size=400, return_tensors="pt").pixel_values.shape == (1, 3, 400, 400)
    assert archsmith.ConvNextFeatureExtractor is archsmith.ConvNextImageProcessor
