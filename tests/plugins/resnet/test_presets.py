"""The presets are the published models: as many parameters as those have, found without a file or a network."""

import pytest
import torch

from archsmith import AutoBackbone, ResNetConfig, ResNetForImageClassification
from archsmith.registry import registry

PARAMETERS = {
    "microsoft/resnet-18": 11_689_512,
    "microsoft/resnet-26": 15_995_176,
    "microsoft/resnet-34": 21_797_672,
    "microsoft/resnet-50": 25_557_032,
    "microsoft/resnet-101": 44_549_160,
    "microsoft/resnet-152": 60_192_808,
}
PRESETS = registry.get("resnet").presets


def test_all_are_here():
    assert PRESETS.keys() == PARAMETERS.keys()


@pytest.mark.parametrize("name", PARAMETERS)
def test_sizes(name):
    config = ResNetConfig(**PRESETS[name], out_indices=[1, 2, 3, 4])
    with torch.device("meta"):
        assert ResNetForImageClassification(config).num_parameters() == PARAMETERS[name]
        backbone = AutoBackbone.from_config(config)
    wide = 1 if config.layer_type == "basic" else 4
    assert backbone.channels == [64 * wide, 128 * wide, 256 * wide, 512 * wide]
    assert backbone.strides == [4, 8, 16, 32]
    assert config.num_labels == 1000
