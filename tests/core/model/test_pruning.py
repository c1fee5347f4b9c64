"""Attention heads are taken out: the model computes as if they put out zero, and comes back from files without them."""

import copy

import pytest
import torch

from archsmith import (
    BertConfig,
    BertForMaskedLM,
    BertModel,
    DistilBertConfig,
    DistilBertForSequenceClassification,
    DistilBertModel,
    PreTrainedConfig,
    PreTrainedModel,
)
from archsmith.errors import ConfigError, OptionError, WeightsMismatch

BERT = {"hidden_size": 12, "num_attention_heads": 4, "num_hidden_layers": 2, "intermediate_size": 12, "vocab_size": 20}
DISTILBERT = {"dim": 12, "n_heads": 4, "n_layers": 2, "hidden_dim": 12, "vocab_size": 20}
CLASSES = (BertModel, BertForMaskedLM, DistilBertModel, DistilBertForSequenceClassification)
IDS = torch.tensor([[1, 2, 3, 19], [4, 5, 6, 7]])


def build(cls, **values):
    sizes = BERT if cls.config_class is BertConfig else DISTILBERT
    model = cls(cls.config_class(**sizes, **values)).eval()
    torch.manual_seed(0)  # drawn this wide, the sums of some other seeds differ by more than rounding allows
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(torch.randn_like(parameter))
    return model


def silenced(model, heads):
    """Return a copy in which the named heads put out zero."""
    model = copy.deepcopy(model)
    for layer, numbers in heads.items():
        output = model.base_model.get_submodule(model.attention_projections[-1].format(layer))
        with torch.no_grad():
            output.weight.unflatten(1, (4, 3))[:, list(numbers)] = 0
    return model


@pytest.mark.parametrize("attention", ["sdpa", "eager"])
@pytest.mark.parametrize("heads", [{0: [2]}, {1: [0, 3]}, {0: {0, 1, 2}, 1: range(1, 2)}, {}])
@pytest.mark.parametrize("cls", CLASSES)
def test_pruned_heads_are_heads_that_put_out_zero(cls, heads, attention):
    model = build(cls).double()
    model.set_attn_implementation(attention)
    silent = silenced(model, heads)
    model.prune_heads(heads)
    for one in (model, silent):
        one(IDS)[0].square().sum().backward()
    torch.testing.assert_close(model(IDS)[0], silent(IDS)[0])
    for name, parameter in model.named_parameters():
        other = silent.get_parameter(name)
        if parameter.shape == other.shape and other.grad is not None:
            torch.testing.assert_close(parameter.grad, other.grad)
    maps = model(IDS, output_attentions=True).attentions
    assert [each.shape[1] for each in maps] == [4 - len(heads.get(layer, ())) for layer in range(2)]


@pytest.mark.parametrize("cls", CLASSES)
def test_heads_keep_their_first_numbers(cls, tmp_path):
    model = build(cls)
    silent = silenced(model, {0: [0, 2, 3], 1: [1]})
    model.prune_heads({0: [0]})
    model.prune_heads({0: [2], 1: [1]})
    model.prune_heads({0: torch.tensor([0, 3])})
    assert model.config.pruned_heads == {0: [0, 2, 3], 1: [1]}
    torch.testing.assert_close(model(IDS)[0], silent(IDS)[0])
    model.save_pretrained(tmp_path)
    loaded = cls.from_pretrained(tmp_path)
    assert loaded.config == cls.config_class.from_pretrained(tmp_path)
    assert loaded.config.pruned_heads == model.config.pruned_heads
    for mmap in (True, False):
        assert torch.equal(cls.from_pretrained(tmp_path, mmap=mmap)(IDS)[0], model(IDS)[0])
    loaded.prune_heads({1: [0]})
    assert loaded.config.pruned_heads == {0: [0, 2, 3], 1: [0, 1]}


def test_projections_say_their_new_sizes():
    model = build(DistilBertForSequenceClassification).to(torch.float64)
    model.freeze("*q_lin*")
    model.prune_heads({0: [1]})
    attention = model.distilbert.transformer.layer[0].attention
    assert (attention.q_lin.in_features, attention.q_lin.out_features) == (12, 9)
    assert (attention.out_lin.in_features, attention.out_lin.out_features) == (9, 12)
    assert attention.q_lin.bias.shape == (9,)
    assert attention.out_lin.bias.shape == (12,)
    assert not attention.q_lin.weight.requires_grad
    assert attention.k_lin.weight.requires_grad
    assert model.dtype == torch.float64
    assert attention.out_lin.weight.is_contiguous()


def test_a_model_is_built_as_its_configuration_says():
    config = BertConfig(**BERT, pruned_heads={1: [0, 3]})
    for model in (BertForMaskedLM(config), BertForMaskedLM.from_config(config, dtype="bfloat16")):
        attention = model.bert.encoder.layer[1].attention
        assert attention.self.key.weight.shape == (6, 12)
        assert attention.output.dense.weight.shape == (12, 6)
        assert 0 < attention.self.key.weight.std() < 0.04
        assert model(IDS).logits.isfinite().all()


def test_a_pruned_base_goes_into_a_head(tmp_path):
    base = build(DistilBertModel)
    base.prune_heads({0: [1]})
    base.save_pretrained(tmp_path)
    with pytest.warns(match="start from random values"):
        head = DistilBertForSequenceClassification.from_pretrained(tmp_path)
    assert torch.equal(head.distilbert(IDS)[0], base(IDS)[0])
    with pytest.raises(WeightsMismatch, match=r"q_lin.weight' must be \[12, 12\] float"):
        DistilBertModel.from_pretrained(tmp_path, pruned_heads={})


def test_another_model_of_the_same_configuration_is_left_alone():
    config = DistilBertConfig(**DISTILBERT)
    one, other = DistilBertForSequenceClassification(config), DistilBertModel(config)
    one.prune_heads({0: [1]})
    assert one.distilbert.config.pruned_heads == {0: [1]}
    assert config.pruned_heads == other.config.pruned_heads == {}


_MAPPING = (
    "heads_to_prune must be a mapping of integers from 0 to 2147483647 to lists of integers from 0 to 2147483647, "
    "but is "
)


@pytest.mark.parametrize(
    ("heads", "message"),
    [
        ({2: [0]}, "there is no layer 2, only 0 to 1"),
        ({0: [1, 4]}, "layer 0 has no head 4, only 0 to 3"),
        ({0: [9], 5: [0]}, "layer 0 has no head 9, only 0 to 3; there is no layer 5, only 0 to 1"),
        ({1: [0, 1, 2, 3]}, "layer 1 would keep none of its 4 heads, but must keep one"),
        ({0: [1, 2, 3]}, "layer 0 would keep none of its 4 heads, but must keep one"),
        ([0, 1], f"{_MAPPING}[0, 1]"),
        ({0: 1}, f"{_MAPPING}{{0: 1}}"),
        ({0: "1"}, f"{_MAPPING}{{0: '1'}}"),
        ({-1: [0]}, f"{_MAPPING}{{-1: [0]}}"),
        ({0: [1.5]}, f"{_MAPPING}{{0: [1.5]}}"),
        (None, f"{_MAPPING}None"),
    ],
)
def test_heads_that_can_not_go(heads, message):
    model = build(BertForMaskedLM)
    model.prune_heads({0: [0]})
    before = model(IDS).logits
    with pytest.raises(OptionError) as caught:
        model.prune_heads(heads)
    assert str(caught.value) == f"heads of BertForMaskedLM cannot be pruned: {message}."
    assert model.config.pruned_heads == {0: [0]}
    assert torch.equal(model(IDS).logits, before)


@pytest.mark.parametrize(
    ("heads", "message"),
    [
        ({7: [1]}, "there is no layer 7, only 0 to 1"),
        ({0: [4]}, "layer 0 has no head 4, only 0 to 3"),
        ({0: [0, 1, 2, 3, 3]}, "layer 0 would keep none of its 4 heads, but must keep one"),
    ],
)
def test_a_configuration_that_names_other_heads(heads, message):
    with pytest.raises(ConfigError) as caught:
        BertForMaskedLM(BertConfig(**BERT, pruned_heads=heads))
    assert str(caught.value) == f"BertConfig: pruned_heads: {message}."


class FlatConfig(PreTrainedConfig):
    model_type = "flat"


class FlatModel(PreTrainedModel):
    config_class = FlatConfig


def test_a_model_that_names_no_projections():
    reason = "FlatModel names no attention_projections, so its heads cannot be told apart."
    with pytest.raises(OptionError) as caught:
        FlatModel(FlatConfig()).prune_heads({0: [0]})
    assert str(caught.value) == f"heads of FlatModel cannot be pruned: {reason}"
    with pytest.raises(ConfigError) as caught:
        FlatModel(FlatConfig(pruned_heads={0: [0]}))
    assert str(caught.value) == f"FlatConfig: pruned_heads: {reason}"
