"""What training asks of a model: less memory, frozen parameters, and how large it is."""

import copy
import pickle

import pytest
import torch
from torch import nn

from archsmith import (
    BertConfig,
    BertForMaskedLM,
    BertForSequenceClassification,
    DistilBertConfig,
    DistilBertForMaskedLM,
    PreTrainedConfig,
    PreTrainedModel,
)
from archsmith.errors import ArchsmithWarning, OptionError
from archsmith.layers.stack import Stack
from archsmith.model.marker import put

BERT = {"hidden_size": 8, "num_attention_heads": 2, "num_hidden_layers": 3, "intermediate_size": 12, "vocab_size": 30}
IDS = torch.tensor([[1, 2, 3, 19], [4, 5, 6, 7]])


@pytest.fixture
def model():
    return BertForMaskedLM(BertConfig(**BERT, hidden_dropout_prob=0.3, attention_probs_dropout_prob=0.3))


def calls_of(model):
    """Count how often each layer is computed from now on."""
    counts = [0] * len(model.bert.encoder.layer)
    for place, layer in enumerate(model.bert.encoder.layer):
        layer.register_forward_pre_hook(lambda *_, place=place: counts.__setitem__(place, counts[place] + 1))
    return counts


def gradients(model, **options):
    model.zero_grad()
    torch.manual_seed(3)
    loss = model(IDS, labels=IDS, attention_mask=torch.tensor([[1, 1, 1, 1], [1, 1, 0, 0]]), **options).loss
    loss.backward()
    return {"loss": loss.detach()} | {name: parameter.grad.clone() for name, parameter in model.named_parameters()}


@pytest.mark.parametrize("options", [{}, {"output_attentions": True}, {"output_hidden_states": True}])
def test_checkpointing_changes_nothing_but_the_work(model, options):
    plain = gradients(model, **options)
    model.gradient_checkpointing_enable()
    assert model.is_gradient_checkpointing
    counts = calls_of(model)
    found = gradients(model, **options)
    assert counts == [2, 2, 2]  # once forward, once more for the gradients
    assert found.keys() == plain.keys()
    for name, value in plain.items():
        torch.testing.assert_close(found[name], value, rtol=0, atol=0)
    model.gradient_checkpointing_disable()
    assert not model.is_gradient_checkpointing
    gradients(model)
    assert counts == [3, 3, 3]


def test_one_of_several_layers_is_computed_again(model):
    plain = gradients(model)
    model.activation_checkpointing_enable({"use_reentrant": False}, every_n_layers=2, offload=False)
    counts = calls_of(model)
    found = gradients(model)
    assert counts == [2, 1, 2]
    assert all(torch.equal(found[name], value) for name, value in plain.items())
    model.activation_checkpointing_disable()
    assert not model.is_gradient_checkpointing
    for options, said in [
        ({"every_n_layers": 0}, "every_n_layers must be an integer from 1"),
        ({"offload": True}, "save_on_cpu"),
        ({"ofload": False}, "'ofload' is not an option of gradient checkpointing"),
    ]:
        with pytest.raises(OptionError, match=said):
            model.gradient_checkpointing_enable(**options)
    assert not model.is_gradient_checkpointing


def test_checkpointing_keeps_less():
    def kept(model):
        sizes = []
        with torch.autograd.graph.saved_tensors_hooks(lambda t: sizes.append(t.nbytes) or t, lambda t: t):
            model(IDS, labels=IDS)
        return sum(sizes)

    model = BertForMaskedLM(BertConfig(**BERT | {"num_hidden_layers": 12}))
    before = kept(model)
    model.gradient_checkpointing_enable()
    assert kept(model) < before / 3


def test_checkpointing_is_for_training_alone(model):
    model.gradient_checkpointing_enable()
    counts = calls_of(model)
    model.eval()
    loss = model(IDS, labels=IDS).loss
    loss.backward()
    assert counts == [1, 1, 1]
    model.train()
    with torch.no_grad():
        model(IDS)
    assert counts == [2, 2, 2]
    assert copy.deepcopy(model).is_gradient_checkpointing


def test_checkpointing_works_with_frozen_embeddings(model):
    model.freeze("bert.embeddings.*")
    model.gradient_checkpointing_enable()
    model(IDS, labels=IDS).loss.backward()
    assert model.bert.encoder.layer[0].attention.self.query.weight.grad.any()


class PlainConfig(PreTrainedConfig):
    model_type = "plain"


class PlainModel(PreTrainedModel):
    config_class = PlainConfig

    def __init__(self, config):
        super().__init__(config)
        self.register_buffer("steps", torch.zeros(3, dtype=torch.int64))
        self.linear = nn.Linear(2, 2)


def test_a_model_without_stacks_says_so():
    model = PlainModel(PlainConfig())
    assert not model.is_gradient_checkpointing
    for call in (model.gradient_checkpointing_enable, model.gradient_checkpointing_disable):
        with pytest.raises(OptionError) as caught:
            call()
        assert str(caught.value) == (
            "PlainModel has no gradient checkpointing: none of its layers are in a Stack (archsmith.layers.stack)."
        )


@pytest.mark.parametrize(
    "asked", [None, {}, {"use_reentrant": False}, {"use_reentrant": None, "preserve_rng_state": True}]
)
def test_how_layers_are_computed_again(model, asked):
    assert model.supports_gradient_checkpointing
    assert not PlainModel(PlainConfig()).supports_gradient_checkpointing
    plain = gradients(model)
    model.gradient_checkpointing_enable(gradient_checkpointing_kwargs=asked)
    assert model.is_gradient_checkpointing
    assert torch.equal(gradients(model)["loss"], plain["loss"])


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        (
            {"use_reentrant": True},
            "use_reentrant=True cannot be had here. Leave it out: layers are computed again with ",
        ),
        (
            {"preserve_rng_state": False},
            "preserve_rng_state=False cannot be had here. Leave it out: the same units are",
        ),
        (
            {"use_rentrant": False},
            "'use_rentrant' is not an option of gradient checkpointing; expected use_reentrant, pr",
        ),
    ],
)
def test_layers_are_not_computed_again_in_other_ways(model, asked, message):
    with pytest.raises(OptionError) as refused:
        model.gradient_checkpointing_enable(gradient_checkpointing_kwargs=asked)
    assert str(refused.value).startswith(message)
    assert not model.is_gradient_checkpointing


def test_embeddings_whose_output_requires_gradients(model):
    model.freeze()
    assert not model(IDS).logits.requires_grad
    model.enable_input_require_grads()
    model.enable_input_require_grads()  # once is enough
    for one in (model, copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
        assert one(IDS).logits.requires_grad
        one.disable_input_require_grads()
        one.disable_input_require_grads()
        assert not one(IDS).logits.requires_grad
        assert not one.get_input_embeddings()._forward_hooks
    with pytest.raises(OptionError, match="PlainModel has no input embeddings whose output could require gradients"):
        PlainModel(PlainConfig()).enable_input_require_grads()


class Adapted(nn.Module):
    """What PEFT puts in the place of a layer."""

    def __init__(self, layer, size):
        super().__init__()
        self.base_layer, self.added = layer, nn.Linear(size, size)
        self.weight = layer.weight

    def forward(self, inputs):
        return self.base_layer(inputs)


def test_an_adapter_on_a_tied_weight_is_announced():
    decoder, words = "cls.predictions.decoder", "bert.embeddings.word_embeddings"
    for path, other in ((decoder, words), (words, decoder)):
        model = BertForMaskedLM(BertConfig(**BERT))
        model.freeze()
        put(model, path, Adapted(model.get_submodule(path), 4))
        for switch in (model.train, model.eval):
            with pytest.warns(ArchsmithWarning) as told:
                assert switch() is model
            assert [str(each.message) for each in told] == [
                (
                    f"BertForMaskedLM: {path!r} was adapted (added.weight, added.bias), but its weight is tied to "
                    f"'{other}.weight': merged, the adapter changes both. Leave the layer out, as by exclude_modules "
                    "of PEFT, or load the model with tie_word_embeddings=False."
                )
            ]
        assert not model.training
        put(model, path, model.get_submodule(path).base_layer)
        model.train()
    apart = BertForMaskedLM(BertConfig(**BERT, tie_word_embeddings=False))
    put(apart, decoder, Adapted(apart.get_submodule(decoder), 4))
    put(apart, "bert.pooler", Adapted(nn.Linear(2, 2), 4))
    assert apart.train().training


def test_a_stack_is_a_list_of_modules():
    stack = Stack([nn.Linear(2, 2), nn.Linear(2, 2)])
    assert list(stack.state_dict()) == list(nn.ModuleList(stack).state_dict())
    assert stack.steps() == list(stack)


def test_what_tools_ask_of_every_model(model):
    assert not model.can_generate()
    assert not type(model).can_generate()
    assert model.transformer_backbone_name == "bert"
    before = copy.deepcopy(model.state_dict())
    model.post_init()
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


def test_memory_footprint(model):
    distinct = {id(parameter): parameter.nbytes for parameter in model.parameters()}
    assert model.get_memory_footprint() == sum(distinct.values())
    assert model.to(torch.bfloat16).get_memory_footprint() == sum(distinct.values()) / 2
    plain = PlainModel(PlainConfig())
    assert plain.get_memory_footprint() == 6 * 4 + 3 * 8
    assert plain.get_memory_footprint(return_buffers=False) == 6 * 4


def test_numbers_of_parameters(model):
    embeddings = sum(m.weight.numel() for m in model.modules() if isinstance(m, nn.Embedding))
    assert model.num_parameters(exclude_embeddings=True) == model.num_parameters() - embeddings
    model.freeze()
    model.unfreeze("cls.predictions.bias")
    assert model.num_parameters(only_trainable=True) == 30
    assert model.num_parameters(only_trainable=True, exclude_embeddings=True) == 30


def trained(model):
    return {name for name, parameter in model.named_parameters() if parameter.requires_grad}


def test_freezing_by_patterns():
    model = BertForSequenceClassification(BertConfig(**BERT))
    everything = trained(model)
    frozen = model.freeze("bert.embeddings.*", "bert.encoder.layer.[01].*")
    assert set(frozen) == everything - trained(model)
    assert all(
        name.startswith(("bert.embeddings.", "bert.encoder.layer.0.", "bert.encoder.layer.1.")) for name in frozen
    )
    assert set(model.freeze()) == everything
    assert not trained(model)
    assert model.unfreeze("classifier.*") == ["classifier.weight", "classifier.bias"]
    assert trained(model) == {"classifier.weight", "classifier.bias"}
    model(IDS, labels=torch.tensor([0, 1])).loss.backward()
    assert {name for name, parameter in model.named_parameters() if parameter.grad is not None} == trained(model)
    model.unfreeze()
    assert trained(model) == everything


def test_a_tied_parameter_is_frozen_by_either_name():
    config = DistilBertConfig(dim=8, n_heads=2, n_layers=1, hidden_dim=8, vocab_size=20)
    model = DistilBertForMaskedLM(config)
    assert model.freeze("vocab_projector.weight") == ["vocab_projector.weight"]
    assert not model.distilbert.embeddings.word_embeddings.weight.requires_grad


@pytest.mark.parametrize(
    ("pattern", "message"),
    [
        ("bert.encoder", "no parameter of BertForMaskedLM matches 'bert.encoder'. Did you mean 'bert.encoder.*'?"),
        ("bert.encodr.*", "no parameter of BertForMaskedLM matches 'bert.encodr.*'. Did you mean 'bert.encoder.*'?"),
        (
            "cls.predictions.bia",
            "no parameter of BertForMaskedLM matches 'cls.predictions.bia'. Did you mean 'cls.predictions.bias'?",
        ),
        ("xyz", "no parameter of BertForMaskedLM matches 'xyz'."),
        (3, "a pattern must be a string, as 'classifier.*', but is 3."),
        (["cls.*"], "a pattern must be a string, as 'classifier.*', but is ['cls.*']."),
    ],
)
def test_a_pattern_that_matches_nothing(model, pattern, message):
    before = trained(model)
    for method in (model.freeze, model.unfreeze):
        with pytest.raises(OptionError) as caught:
            method("bert.*", pattern)
        assert str(caught.value) == message
    assert trained(model) == before
