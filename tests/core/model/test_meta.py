import subprocess
import sys

import pytest
import torch
from torch import nn

from archsmith.model.building import foreign_modules, from_files
from archsmith.model.meta import TooLarge


def test_everything_is_made_from_files():
    with from_files(at_most=1000, at_most_numbers=100):
        made = [
            nn.Linear(3, 2),
            nn.Embedding(5, 3, padding_idx=0),
            nn.Conv2d(3, 4, 3),
            nn.BatchNorm2d(4),
            nn.MultiheadAttention(4, 2),
        ]
        loose = [torch.arange(3), torch.ones(2), torch.full((2,), 1.0), torch.eye(2), torch.tensor([1.0])]
    tensors = [tensor for module in made for tensor in (*module.parameters(), *module.buffers())]
    assert all(tensor.is_meta for tensor in (*tensors, *loose))


def test_a_device_that_is_named_is_obeyed():
    with from_files(at_most=10, at_most_numbers=100), torch.device("meta"):
        assert torch.zeros(2, device="cpu").tolist() == [0.0, 0.0]


def test_filling_what_has_values_still_fills():
    tensor = torch.zeros(2)
    with from_files(at_most=10, at_most_numbers=100):
        nn.init.ones_(tensor)
    assert tensor.tolist() == [1.0, 1.0]


def test_the_mode_ends_with_its_block():
    with pytest.raises(TooLarge), from_files(at_most=5, at_most_numbers=100):
        for _ in range(100):
            torch.zeros(1)
    assert not torch.zeros(1).is_meta


def test_what_has_values_all_the_same_is_counted():
    with from_files(at_most=1000, at_most_numbers=100), foreign_modules(nn.Module()):
        assert torch.zeros(99).sum() == 0
        torch.zeros(1)
        with pytest.raises(TooLarge):
            torch.zeros(1)
    with pytest.raises(TooLarge), from_files(at_most=5, at_most_numbers=100), foreign_modules(nn.Module()):
        for _ in range(100):
            torch.zeros(0)


def test_torch_does_not_import_its_compiler():
    code = (
        "import sys, torch\n"
        "from archsmith.model.building import from_files\n"
        "before = 'torch._decomp.decompositions' in sys.modules, 'sympy' in sys.modules\n"
        "with from_files(at_most=1000, at_most_numbers=100):\n"
        "    torch.nn.Linear(3, 2), torch.nn.Embedding(4, 2, padding_idx=0)\n"
        "sys.exit(before != ('torch._decomp.decompositions' in sys.modules, 'sympy' in sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
