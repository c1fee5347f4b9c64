"""Initial values: of children before their parents, of frozen tables, and never in the place of what files brought."""

import math

import pytest
import torch
from safetensors.torch import load, save_file
from torch import nn

from archsmith import PreTrainedConfig, PreTrainedModel
from archsmith.config import Size, field
from archsmith.errors import ArchsmithWarning, PluginBroken


class ToyConfig(PreTrainedConfig):
    """A configuration of the tests."""

    model_type = "toy_of_initial_values"
    dim: Size = field(default=4, doc="Width.")


class Gate(nn.Module):
    """Sets the bias of its child, as gates that begin closed do."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.linear = nn.Linear(dim, dim)

    def reset_parameters(self) -> None:
        """Begin closed."""
        nn.init.constant_(self.linear.bias, -2.0)


class Block(nn.Module):
    """Has a parameter and a child; the model sets values of both when it comes to the block."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.empty(dim))
        self.linear = nn.Linear(dim, dim)


def waves(dim: int) -> torch.Tensor:
    places = torch.arange(6)[:, None] / 10 ** torch.arange(dim)
    return (places * math.pi).sin()


class Toy(PreTrainedModel):
    """A model whose modules set values for their children, with a frozen table of waves."""

    config_class = ToyConfig
    optional_keys = ("block.*", "gate.*", "table.*")

    def __init__(self, config: ToyConfig) -> None:
        super().__init__(config)
        self.block, self.gate = Block(config.dim), Gate(config.dim)
        self.table = nn.Embedding.from_pretrained(waves(config.dim), freeze=True)
        self.head = nn.Linear(config.dim, 2)

    def init_weights(self, module: nn.Module) -> None:
        """Initialise one module."""
        super().init_weights(module)
        if isinstance(module, Block):
            nn.init.constant_(module.scale, 3.0)
            nn.init.constant_(module.linear.weight, 0.5)
        elif module is self:
            nn.init.constant_(self.head.bias, 7.0)


def test_what_a_module_sets_for_its_children_lasts():
    model = Toy(ToyConfig())
    assert (model.gate.linear.bias == -2).all()
    assert model.gate.linear.weight.std() < 0.05
    assert (model.block.scale == 3).all()
    assert (model.block.linear.weight == 0.5).all()
    assert (model.block.linear.bias == 0).all()
    assert (model.head.bias == 7).all()


def test_a_frozen_table_is_never_noise(tmp_path):
    model = Toy(ToyConfig())
    assert torch.equal(model.table.weight, waves(4))
    model.save_pretrained(tmp_path)
    assert torch.equal(Toy.from_pretrained(tmp_path).table.weight, waves(4))
    tensors = load((tmp_path / "model.safetensors").read_bytes())
    del tensors["table.weight"]
    save_file(tensors, tmp_path / "model.safetensors", {"format": "pt"})
    with pytest.raises(
        PluginBroken, match=r"'table\.weight' has no initial values. Toy must give them to Embedding in "
    ):
        Toy.from_pretrained(tmp_path)


@pytest.mark.parametrize("missing", ["block.scale", "block.linear.weight", "gate.linear.weight", "gate.linear.bias"])
def test_what_files_brought_stays_whatever_a_parent_sets(tmp_path, missing):
    model = Toy(ToyConfig())
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if name != "table.weight":
                parameter.fill_(0.25)
    model.save_pretrained(tmp_path)
    tensors = load((tmp_path / "model.safetensors").read_bytes())
    del tensors[missing]
    save_file(tensors, tmp_path / "model.safetensors", {"format": "pt"})
    with pytest.warns(ArchsmithWarning, match=f"start from random values: {missing}"):
        after = Toy.from_pretrained(tmp_path)
    assert all(torch.equal(after.state_dict()[name], tensor) for name, tensor in tensors.items())
    fresh = {"block.scale": 3.0, "block.linear.weight": 0.5, "gate.linear.bias": -2.0}
    assert missing == "gate.linear.weight" or (after.get_parameter(missing) == fresh[missing]).all()
    assert after.get_parameter(missing).isfinite().all()
    assert all(parameter.requires_grad for name, parameter in after.named_parameters() if name != "table.weight")
