"""The vocabulary of a model grows and shrinks, with everything that has a row for each token."""

import copy

import pytest
import torch
from torch import nn

from archsmith import (
    BertConfig,
    BertForMaskedLM,
    BertForPreTraining,
    BertForSequenceClassification,
    BertModel,
    DistilBertForMaskedLM,
    DistilBertModel,
    PreTrainedConfig,
    PreTrainedModel,
)
from archsmith.errors import ConfigError, InputError, OptionError

BERT = {"hidden_size": 8, "num_attention_heads": 2, "num_hidden_layers": 1, "intermediate_size": 12}
DISTILBERT = {"dim": 8, "n_heads": 2, "n_layers": 1, "hidden_dim": 12}
SCORING = (BertForMaskedLM, BertForPreTraining, DistilBertForMaskedLM)
ALL = (*SCORING, BertModel, BertForSequenceClassification, DistilBertModel)
IDS = torch.tensor([[1, 2, 3, 19]])


def build(cls, **values):
    sizes = BERT if cls.config_class is BertConfig else DISTILBERT
    model = cls(cls.config_class(**{"vocab_size": 40, **sizes, **values})).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(torch.randn_like(parameter))  # biases too, which start at zero
    return model


@pytest.mark.parametrize("tied", [True, False])
@pytest.mark.parametrize("count", [20, 47, 400])
@pytest.mark.parametrize("cls", ALL)
def test_rows_that_stay_keep_their_values(cls, count, tied, tmp_path):
    model = build(cls, tie_word_embeddings=tied)
    before = copy.deepcopy(model)
    embeddings = model.resize_token_embeddings(count)
    assert embeddings is model.get_input_embeddings()
    assert {m.config.vocab_size for m in model.modules() if isinstance(m, PreTrainedModel)} == {count}
    kept = min(count, 40)
    for name, old in before.named_parameters():
        new = model.get_parameter(name)
        if 40 in old.shape:
            assert new.shape == (count, *old.shape[1:])
            assert torch.equal(new[:kept], old[:kept])
        else:
            assert torch.equal(new, old)
    scores = model(IDS)[0]
    if cls in SCORING:
        assert scores.shape[-1] == count
        assert model.get_output_embeddings().out_features == count
        same = model.get_output_embeddings().weight is embeddings.weight
        assert same == tied
    else:
        assert model.get_output_embeddings() is None
    torch.testing.assert_close(scores[..., :kept], before(IDS)[0][..., :kept])
    model.save_pretrained(tmp_path)
    loaded = cls.from_pretrained(tmp_path)
    assert loaded.load_report.new == ()
    assert all(torch.equal(value, loaded.state_dict()[name]) for name, value in model.state_dict().items())


def test_a_bias_that_files_hold_under_another_name_follows_its_decoder():
    for tied in (True, False):
        predictions = build(BertForMaskedLM, tie_word_embeddings=tied)
        predictions.resize_token_embeddings(50)
        assert predictions.cls["predictions"].bias.shape == (50,)
        assert predictions.cls["predictions"].decoder.bias.shape == (50,)


@pytest.mark.parametrize("declared", [True, False])
@pytest.mark.parametrize("cls", SCORING)
def test_what_is_one_stays_one_and_what_is_two_stays_two_whatever_is_declared(cls, declared):
    one, two = build(cls, tie_word_embeddings=True), build(cls, tie_word_embeddings=True)
    two.load_state_dict({name: torch.randn_like(value) for name, value in two.state_dict().items()}, assign=True)
    for model in (one, two):
        model.config.tie_word_embeddings = declared
        before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
        model.resize_token_embeddings(50)
        after = model.state_dict()
        assert all(torch.equal(after[name][: len(old)], old) for name, old in before.items())
        assert (model.get_output_embeddings().weight is model.get_input_embeddings().weight) == (model is one)
        model(IDS)


def test_what_the_user_tied_follows():
    model = build(BertModel)
    model.extra = nn.Linear(8, 40, bias=False)
    model.extra.weight = model.get_input_embeddings().weight
    model.alike = nn.Linear(8, 40, bias=False)
    model.alike.weight = nn.Parameter(model.get_input_embeddings().weight.detach())  # another object, the same memory
    model.resize_token_embeddings(50)
    for module in (model.extra, model.alike):
        assert module.weight is model.get_input_embeddings().weight
        assert module.out_features == 50


def test_up_to_a_multiple():
    model = build(BertForMaskedLM)
    assert model.resize_token_embeddings(41, 8).num_embeddings == 48
    assert model.resize_token_embeddings(pad_to_multiple_of=64).num_embeddings == 64
    assert model.resize_token_embeddings(64, pad_to_multiple_of=64).num_embeddings == 64
    assert model.resize_token_embeddings(torch.tensor(65)).num_embeddings == model.config.vocab_size == 65


def test_the_present_size_changes_nothing():
    model = build(BertForMaskedLM)
    config, weight = model.config, model.get_input_embeddings().weight
    for arguments in ({}, {"new_num_tokens": 40}, {"pad_to_multiple_of": 5}):
        assert model.resize_token_embeddings(**arguments).weight is weight
    assert model.config is config


def test_new_rows_have_the_mean_of_the_old_ones_and_a_trace_of_their_covariance():
    torch.manual_seed(0)
    model = build(DistilBertForMaskedLM, vocab_size=300, tie_word_embeddings=False)
    with torch.no_grad():
        for rows in (model.get_input_embeddings().weight, model.get_output_embeddings().weight):
            rows.copy_(torch.randn(300, 8) @ torch.randn(8, 8) * 100 + torch.arange(8.0))
    old = {name: p.detach().double() for name, p in model.named_parameters() if 300 in p.shape}
    model.double().resize_token_embeddings(20_300)
    for name, rows in old.items():
        new = model.get_parameter(name)[300:].detach()
        torch.testing.assert_close(new.mean(0), rows.mean(0), atol=0.01, rtol=1e-4)
        if rows.ndim > 1:
            expected = rows.T.cov(correction=0)
            margin = 5 * expected.diagonal().max().item() / 20_000**0.5  # five standard errors of the widest entry
            torch.testing.assert_close(new.T.cov() / 1e-9, expected, atol=margin, rtol=0)
    assert len(model.get_input_embeddings().weight[300:].unique(dim=0)) == 20_000


def test_new_rows_can_start_as_the_models_own_do():
    model = build(BertForMaskedLM, initializer_range=7.0, tie_word_embeddings=False, pad_token_id=39)
    model.resize_token_embeddings(4000, mean_resizing=False)
    for rows in (model.get_input_embeddings().weight[40:], model.get_output_embeddings().weight[40:]):
        assert 6.8 < rows.std() < 7.2
    assert not model.get_output_embeddings().bias[40:].any()
    assert not model.cls["predictions"].bias[40:].any()
    assert model.cls["predictions"].bias[:40].any()
    assert model.get_input_embeddings().padding_idx == 39
    assert model.get_input_embeddings().weight[39].any()  # it was not zero before


@pytest.mark.parametrize("mean_resizing", [True, False])
def test_type_device_and_freezing_stay(mean_resizing):
    model = build(BertForMaskedLM, tie_word_embeddings=False).to(torch.bfloat16)
    model.freeze("*word_embeddings*")
    model.resize_token_embeddings(50, mean_resizing=mean_resizing)
    assert {parameter.dtype for parameter in model.parameters()} == {torch.bfloat16}
    assert not model.get_input_embeddings().weight.requires_grad
    assert model.get_output_embeddings().weight.requires_grad
    blank = model.to("meta")
    blank.resize_token_embeddings(60, mean_resizing=mean_resizing)
    assert blank.get_input_embeddings().weight.is_meta


def test_gradients_reach_new_rows():
    model = build(BertForMaskedLM)
    model.resize_token_embeddings(50)
    model(torch.tensor([[1, 45]]), labels=torch.tensor([[-100, 46]])).loss.backward()
    gradient = model.get_input_embeddings().weight.grad
    assert gradient[45].any()
    assert gradient[46].any()


def test_another_model_of_the_same_configuration_is_left_alone(tmp_path):
    config = BertConfig(vocab_size=40, **BERT)
    one, other = BertForMaskedLM(config), BertModel(config)
    one.resize_token_embeddings(50)
    assert (one.config.vocab_size, one.bert.config.vocab_size) == (50, 50)
    assert (config.vocab_size, other.config.vocab_size) == (40, 40)
    other.save_pretrained(tmp_path)
    assert BertModel.from_pretrained(tmp_path).config.vocab_size == 40


def test_a_part_that_was_put_in_later_and_changed_alone_is_not_saved(tmp_path):
    model = build(BertForSequenceClassification)
    model.bert = build(BertModel)
    model.bert.resize_token_embeddings(50)
    with pytest.raises(ConfigError) as caught:
        model.save_pretrained(tmp_path)
    assert str(caught.value) == (
        "BertForSequenceClassification cannot be saved: of 'bert' inside its configuration says vocab_size 40 and "
        "pruned_heads {}, but that model's own says vocab_size 50 and pruned_heads {}. Put the model's own into the "
        "configuration."
    )
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"new_num_tokens": 0}, "new_num_tokens must be an integer from 1 to 2147483647, but is 0."),
        ({"new_num_tokens": -3}, "new_num_tokens must be an integer from 1 to 2147483647, but is -3."),
        ({"new_num_tokens": 4.5}, "new_num_tokens must be an integer from 1 to 2147483647, but is 4.5."),
        ({"new_num_tokens": True}, "new_num_tokens must be an integer from 1 to 2147483647, but is True."),
        ({"pad_to_multiple_of": 0}, "pad_to_multiple_of must be an integer from 1 to 2147483647, but is 0."),
    ],
)
def test_sizes_that_are_none(arguments, message):
    model = build(BertForMaskedLM)
    with pytest.raises(OptionError) as caught:
        model.resize_token_embeddings(**arguments)
    assert str(caught.value) == message


def test_a_size_that_the_configuration_refuses_changes_nothing():
    model = build(BertForMaskedLM, pad_token_id=30)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    with pytest.raises(ConfigError) as caught:
        model.resize_token_embeddings(30)
    assert str(caught.value) == "BertConfig: pad_token_id is 30, but must be below vocab_size 30."
    with pytest.raises(ConfigError, match="vocab_size must be an integer from 1 to 2147483647, but is 2147483648"):
        model.resize_token_embeddings(2**31 - 1, pad_to_multiple_of=2)
    assert model.config.vocab_size == 40
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


def test_a_padding_token_that_only_the_embeddings_know_of_is_kept():
    model = build(BertModel, pad_token_id=None)
    model.set_input_embeddings(nn.Embedding(40, 8, padding_idx=30))
    with pytest.raises(OptionError) as caught:
        model.resize_token_embeddings(30)
    assert str(caught.value) == "the padding token is 30, so 30 tokens are too few: expected at least 31."
    assert model.config.vocab_size == 40
    assert model.resize_token_embeddings(31).padding_idx == 30


class PixelConfig(PreTrainedConfig):
    model_type = "pixels"


class PixelModel(PreTrainedModel):
    config_class = PixelConfig
    main_input_name = "pixel_values"


def test_a_model_without_token_embeddings_says_so():
    model = PixelModel(PixelConfig())
    for call in (
        model.resize_token_embeddings,
        lambda: model.set_input_embeddings(nn.Embedding(3, 2)),
    ):
        with pytest.raises(OptionError) as caught:
            call()
        assert str(caught.value) == (
            "PixelModel has no token embeddings: it takes pixel_values. The author of a model of texts names them in "
            "the class attribute input_embeddings."
        )
    assert model.get_input_embeddings() is None
    assert model.get_output_embeddings() is None
    with pytest.raises(OptionError) as caught:
        model.set_output_embeddings(nn.Linear(3, 2))
    assert str(caught.value) == "PixelModel has no output embeddings: no layer of it scores tokens."


def test_input_embeddings_can_be_replaced():
    for model in (build(BertForMaskedLM), build(BertForMaskedLM, tie_word_embeddings=False)):
        new, decoder = nn.Embedding(40, 8), model.get_output_embeddings()
        model.set_input_embeddings(new)
        assert model.bert.embeddings.word_embeddings is new
        assert (decoder.weight is new.weight) == model.config.tie_word_embeddings


def test_output_embeddings_can_be_replaced(tmp_path):
    for model in (build(BertForMaskedLM), build(BertForMaskedLM, tie_word_embeddings=False)):
        new = nn.Linear(8, 40)
        weight, bias = new.weight, new.bias
        model.set_output_embeddings(new)
        assert model.get_output_embeddings() is new
        assert new.weight is weight
        assert new.bias is bias
        tied = model.config.tie_word_embeddings
        assert (model.get_input_embeddings().weight is weight) == tied
        assert (model.cls["predictions"].bias is bias) == tied
        model.save_pretrained(tmp_path)
        assert torch.equal(BertForMaskedLM.from_pretrained(tmp_path)(IDS).logits, model(IDS).logits)


def test_what_replaces_embeddings_must_fit():
    model = build(DistilBertForMaskedLM)
    place, more = "'distilbert.embeddings.word_embeddings'", "For another number of tokens call resize_token_embeddings"
    for wrong, got in (
        (nn.Embedding(41, 8), "Embedding with {'weight': [41, 8]}"),
        (nn.Linear(8, 40, bias=False), "Linear with {'weight': [40, 8]}"),
        (None, "None"),
    ):
        with pytest.raises(InputError) as caught:
            model.set_input_embeddings(wrong)
        assert str(caught.value) == (
            f"{place} of DistilBertForMaskedLM must be an nn.Embedding with {{'weight': [40, 8]}}, but got {got}. "
            f"{more} first."
        )
    with pytest.raises(InputError, match=r"'vocab_projector' of DistilBertForMaskedLM must be an nn.Linear with"):
        model.set_output_embeddings(nn.Linear(8, 40, bias=False))


def test_replaced_embeddings_leave_alone_what_is_one_with_them_no_longer():
    """A declared tie that the objects have given up is none: what was trained apart stays as it is."""
    model = build(BertForMaskedLM)
    apart = torch.nn.Parameter(torch.randn_like(model.cls.predictions.decoder.weight))
    model.cls.predictions.decoder.weight = apart
    rows, width = apart.shape
    model.set_input_embeddings(torch.nn.Embedding(rows, width))
    assert model.get_output_embeddings().weight is apart


def test_equal_parameters_of_a_declared_tie_stay_one_as_they_grow(tmp_path):
    """`load_state_dict` with assign=True makes two objects of one; the user has not untied them."""
    model = build(BertForMaskedLM)
    model.load_state_dict({name: tensor.clone() for name, tensor in model.state_dict().items()}, assign=True)
    model.resize_token_embeddings(model.config.vocab_size + 3)
    assert model.get_output_embeddings().weight is model.get_input_embeddings().weight
    model.save_pretrained(tmp_path)
    assert BertForMaskedLM.from_pretrained(tmp_path).config.vocab_size == model.config.vocab_size
