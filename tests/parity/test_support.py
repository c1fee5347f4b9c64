"""The comparison sees what it is there to see: each of these faults, put into a model on purpose, is found."""

import dataclasses

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from archsmith.layers import attention

from . import support, test_bert, test_distilbert
from .cases import token_labels
from .support import assert_close, assert_forward, assert_gradients, deviation, ids, ragged


@pytest.fixture(autouse=True)
def _uncounted():
    """Keep what these models compare out of the tally."""
    before = dataclasses.astuple(support.tally)
    yield
    support.tally.tensors, support.tally.worst, support.tally.where = before


def _asked():
    return {"input_ids": ids(41), "attention_mask": ragged(), "labels": token_labels(41)}


def _layers(model):
    return (
        model.base_model.encoder.layer if hasattr(model.base_model, "encoder") else model.base_model.transformer.layer
    )


def other_epsilon(model):
    for module in model.modules():
        if isinstance(module, nn.LayerNorm):
            module.eps = 1e-3


def other_activation(model):
    for module in model.modules():
        if hasattr(module, "activation"):
            module.activation = lambda values: F.gelu(values, approximate="tanh")


def swapped_layers(model):
    layers = _layers(model)
    layers[0], layers[1] = layers[1], layers[0]


def one_weight(model):
    with torch.no_grad():
        next(_layers(model)[1].parameters()).view(-1)[0] += 1e-2


def shifted_positions(model):
    weight = model.base_model.embeddings.position_embeddings.weight
    weight.data = weight.data.roll(1, 0)


def loose_embeddings(model):
    head = model.cls["predictions"].decoder if hasattr(model, "cls") else model.vocab_projector
    head.weight = nn.Parameter(head.weight.detach().clone())


FAULTS = [other_epsilon, other_activation, swapped_layers, one_weight, shifted_positions, loose_embeddings]


@pytest.mark.parametrize("module", [test_bert, test_distilbert], ids=["bert", "distilbert"])
@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_in_the_model_is_found(module, fault):
    pair = module.pair_of("masked words")
    assert_forward(pair, _asked())
    fault(pair.ours)
    # Loose embeddings give the same output and show in the gradients alone.
    check = assert_gradients if fault is loose_embeddings else assert_forward
    with pytest.raises(AssertionError):
        check(pair, _asked())


@pytest.mark.parametrize("module", [test_bert, test_distilbert], ids=["bert", "distilbert"])
@pytest.mark.parametrize("implementation", ["sdpa", "eager"])
def test_a_fault_in_attention_is_found(module, implementation, monkeypatch):
    pair = module.pair_of("masked words", implementation)
    asked = _asked()
    original = attention.attend
    for faulty in (
        lambda q, k, v, mask, **options: original(q, k, v, None, **options),
        lambda q, k, v, mask, **options: original(q * 1.01, k, v, mask, **options),
        lambda q, k, v, mask, **options: original(q, k, v.flip(1), mask, **options),
    ):
        with monkeypatch.context() as patched:
            patched.setitem(type(_layers(pair.ours)[0]).__init__.__globals__, "attend", faulty)
            with pytest.raises(AssertionError):
                assert_forward(pair, asked)
    assert_forward(pair, asked)


@pytest.mark.parametrize("module", [test_bert, test_distilbert], ids=["bert", "distilbert"])
def test_a_wrong_dropout_rate_is_found(module):
    rates = {"hidden_dropout_prob": 0.3} if module is test_bert else {"dropout": 0.3}
    pair = module.pair_of("masked words", **rates)
    assert_gradients(pair, _asked(), seed=3)
    next(m for m in pair.ours.modules() if isinstance(m, nn.Dropout)).p = 0.31
    with pytest.raises(AssertionError):
        assert_gradients(pair, _asked(), seed=3)


def test_shapes_types_nans_and_absences_are_found():
    ones = torch.ones(2, 2)
    for other in (torch.ones(2), ones.double(), ones.clone().fill_diagonal_(float("nan")), None, (ones,), 2 * ones):
        with pytest.raises(AssertionError):
            assert_close(other, ones, "ones")
        with pytest.raises(AssertionError):
            assert_close((ones, other), (ones, ones), "ones")


def test_the_deviation_is_relative_to_one_and_the_reference():
    assert deviation(torch.tensor([101.0, 0.0]), torch.tensor([100.0, 0.0])) == pytest.approx(1 / 101)
    assert deviation(torch.tensor([0.5]), torch.tensor([0.0])) == pytest.approx(0.5)
    assert deviation(torch.tensor([float("inf")]), torch.tensor([float("inf")])) == 0
    assert deviation(torch.tensor([float("inf")]), torch.tensor([1.0])) == float("inf")
