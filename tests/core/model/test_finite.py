"""NaN and infinity are found wherever they are, and nothing else is."""

import itertools

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file

from archsmith.model.finite import first_not_finite

TYPES = (torch.float32, torch.float64, torch.float16, torch.bfloat16, torch.float8_e5m2, torch.complex64)
WRONG = (float("nan"), float("inf"), -float("inf"))


def through_a_file(tensors, folder):
    """Return tensors side by side in a mapped file, as they are when a model is loaded."""
    save_file(tensors, folder / "x.safetensors")
    file = safe_open(folder / "x.safetensors", framework="pt")
    return {name: file.get_tensor(name) for name in tensors}


@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("wrong", WRONG)
def test_the_damaged_tensor_is_named(wrong, dtype, tmp_path):
    sizes = {"a": (3, 5), "b": (1,), "c": (2, 0), "d": (), "e": (7,)}
    for damaged in ("a", "b", "d", "e"):
        tensors = {name: torch.randn(size).to(dtype) for name, size in sizes.items()}
        tensors[damaged].view(-1)[-1:] = torch.tensor([wrong]).to(dtype)
        assert first_not_finite(tensors) == damaged
        assert first_not_finite(through_a_file(tensors, tmp_path)) == damaged


@pytest.mark.parametrize("dtype", TYPES)
def test_what_is_finite_passes(dtype, tmp_path):
    tensors = {name: torch.randn(4, 3).to(dtype) for name in "abc"}
    tensors |= {"i": torch.arange(5), "none": torch.empty(0, dtype=dtype), "flags": torch.tensor([True])}
    assert first_not_finite(tensors) is None
    assert first_not_finite(through_a_file(tensors, tmp_path)) is None


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16, torch.float64])
def test_a_sum_that_overflows_proves_nothing(dtype, tmp_path):
    most = torch.finfo(dtype).max
    tensors = {name: torch.full((300, 300), most, dtype=dtype) for name in "abc"}
    assert first_not_finite(through_a_file(tensors, tmp_path)) is None
    tensors["b"][7, 7] = float("nan")
    assert first_not_finite(through_a_file(tensors, tmp_path)) == "b"


def test_infinities_do_not_cancel(tmp_path):
    tensors = {"a": torch.tensor([1.0, float("inf")]), "b": torch.tensor([-float("inf"), 1.0])}
    assert first_not_finite(through_a_file(tensors, tmp_path)) == "a"


def test_types_side_by_side(tmp_path):
    for order in itertools.permutations(TYPES[:4]):
        tensors = {f"{i}": torch.randn(6).to(dtype) for i, dtype in enumerate(order)} | {"n": torch.arange(3)}
        assert first_not_finite(through_a_file(tensors, tmp_path)) is None
        tensors["2"][0] = float("inf")
        assert first_not_finite(through_a_file(tensors, tmp_path)) == "2"
