"""What a call of a decoder may ask for, and what it may not."""

import copy

import pytest
import torch

from archsmith import (
    LlamaConfig,
    LlamaForCausalLM,
    LlamaForSequenceClassification,
    LlamaForTokenClassification,
    MistralConfig,
    MistralForCausalLM,
)
from archsmith.errors import ConfigError, InputError, OptionError
from archsmith_generation import Cache

TINY = {"vocab_size": 40, "hidden_size": 24, "intermediate_size": 20, "num_hidden_layers": 2, "num_attention_heads": 4,
        "num_key_value_heads": 2}  # fmt: skip
IDS = torch.arange(12).reshape(2, 6)


@pytest.fixture(scope="module")
def model():
    torch.manual_seed(0)
    return LlamaForCausalLM(LlamaConfig(**TINY)).eval()


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        (
            {"past_key_values": ((IDS, IDS),)},
            InputError,
            "past_key_values must be a Cache of archsmith_generation, as an earlier call returned it, but is ",
        ),
        ({"use_cache": "yes"}, OptionError, "use_cache must be True or False, but is 'yes'."),
        ({"logits_to_keep": -1}, OptionError, "logits_to_keep must be an integer from 0 to 2147483647, but is -1."),
        ({"logits_to_keep": True}, OptionError, "logits_to_keep must be an integer from 0 to 2147483647, but is True."),
        ({"logits_to_keep": torch.tensor([6])}, InputError, "logits_to_keep must be from 0 to 5, but hold 6."),
        (
            {"logits_to_keep": torch.ones(2, 6, dtype=torch.bool)},
            InputError,
            "logits_to_keep must have the shape (places,), but has (2, 6).",
        ),
        (
            {"attention_mask": torch.ones(2, 5)},
            InputError,
            "attention_mask must have the shape (batch, tokens) = (2, 6) or (batch, heads, tokens, tokens)",
        ),
        (
            {"position_ids": torch.full((2, 6), -1)},
            InputError,
            "position_ids must be from 0 to 2147483646, but hold -1.",
        ),
        (
            {"position_ids": torch.zeros(3, 6).long()},
            InputError,
            "position_ids must have the shape (batch, tokens) = (2, 6), but have (3, 6).",
        ),
        (
            {"labels": IDS[:, :-1]},
            InputError,
            "labels must have the shape (2, 6), one class index for each row of logits, but have (2, 5).",
        ),
        ({"labels": IDS + 30}, InputError, "labels must be from 0 to 39 (or -100 to be ignored), but hold 40."),
    ],
)
def test_what_does_not_fit_is_refused(model, options, error, message):
    with pytest.raises(error) as refused:
        model(IDS, **options)
    assert str(refused.value).startswith(message)


def test_a_configuration_that_has_changed_since(model):
    model = copy.deepcopy(model)
    before = model(IDS).logits
    model.config.head_dim = 4  # the heads stay as they were built
    assert torch.equal(model(IDS).logits, before)
    model.config.num_hidden_layers = 1
    with pytest.raises(ConfigError, match="num_hidden_layers is 1, but this model has 2 layers"):
        model(IDS)


def test_a_cache_is_kept_where_it_is_wanted(model):
    with torch.no_grad():
        assert isinstance(model(IDS).past_key_values, Cache)
        assert model(IDS, use_cache=False).past_key_values is None
        given = Cache()
        assert model(IDS, past_key_values=given, use_cache=False).past_key_values is given
        assert given.length == 6
    model.train()
    try:
        assert model(IDS).past_key_values is None
        assert model(IDS, use_cache=True).past_key_values.length == 6
    finally:
        model.eval()


def test_layers_that_run_twice_write_into_no_cache(model):
    trained = copy.deepcopy(model).train()
    trained.gradient_checkpointing_enable()
    trained(IDS, labels=IDS).loss.backward()
    for options in ({"use_cache": True}, {"past_key_values": Cache()}):
        with pytest.raises(OptionError, match="the cache would hold each token twice"):
            trained(IDS, **options)
    with torch.no_grad():
        assert trained(IDS, use_cache=True).past_key_values.length == 6
    assert trained.eval()(IDS).past_key_values.length == 6


def test_gradients_flow_through_a_cache(model):
    """In chunks, the loss and its gradients are those of the whole."""
    whole = model(IDS).logits.square().sum()
    wanted = torch.autograd.grad(whole, list(model.parameters()))
    cache, logits = Cache(), []
    for part in IDS.split([3, 1, 2], dim=1):
        logits.append(model(part, past_key_values=cache).logits)
    found = torch.autograd.grad(torch.cat(logits, 1).square().sum(), list(model.parameters()))
    for one, other in zip(found, wanted, strict=True):
        assert torch.allclose(one, other, rtol=1e-4, atol=1e-5)


def test_a_cache_of_another_model_is_refused(model):
    cache = model(IDS).past_key_values
    other = LlamaForCausalLM(LlamaConfig(**{**TINY, "num_key_value_heads": 4})).eval()
    with torch.no_grad(), pytest.raises(InputError, match="another model's"):
        other(IDS, past_key_values=cache)


def test_a_window_holds_over_any_cut():
    torch.manual_seed(0)
    model = MistralForCausalLM(MistralConfig(**TINY, sliding_window=3)).eval()
    ids = torch.randint(40, (2, 40))
    with torch.no_grad():
        whole = model(ids).logits
        for cut in ([1] * 40, [17, 1, 5, 17], [39, 1], [3, 3, 34]):
            cache = Cache(windows=model.config.windows)
            parts = torch.cat([model(part, past_key_values=cache).logits for part in ids.split(cut, dim=1)], 1)
            assert torch.allclose(parts, whole, atol=1e-5)
            assert cache.length == 40


def test_writing_far_beyond_a_window_holds_no_more_than_it():
    torch.manual_seed(0)
    model = MistralForCausalLM(MistralConfig(**TINY, sliding_window=3)).eval()
    ids = torch.randint(40, (2, 5))
    written = model.generate(ids, max_new_tokens=300, do_sample=False, eos_token_id=None)
    with torch.no_grad():
        again = model(written, use_cache=False).logits[:, 4:-1].argmax(-1)
    assert torch.equal(written[:, 5:], again)
    cache = model.new_cache()
    model.generate(ids, max_new_tokens=300, do_sample=False, eos_token_id=None, past_key_values=cache)
    assert cache.kept(0) == 2


def test_the_longest_window_of_one_sees_itself_alone():
    torch.manual_seed(0)
    model = MistralForCausalLM(MistralConfig(**TINY, sliding_window=1)).eval()
    with torch.no_grad():
        ids = torch.randint(40, (1, 5))
        alone = torch.cat([model(each).logits for each in ids.split(1, dim=1)], 1)
        assert torch.allclose(model(ids).logits, alone, atol=1e-5)


@pytest.mark.parametrize("side", ["left", "right"])
def test_a_classifier_reads_the_last_token_of_each_text(side):
    torch.manual_seed(0)
    texts = [IDS[0, :3] + 1, IDS[1] + 1]
    model = LlamaForSequenceClassification(LlamaConfig(**TINY, num_labels=3)).eval()
    pads = [torch.zeros(6 - len(text)).long() for text in texts]
    order = (lambda pad, text: (pad, text)) if side == "left" else (lambda pad, text: (text, pad))
    ids, mask = (
        torch.stack([torch.cat(order(pad, each(text))) for pad, text in zip(pads, texts, strict=True)])
        for each in (lambda text: text, torch.ones_like)
    )
    with torch.no_grad():
        alone = torch.cat([model(text[None]).logits for text in texts])
        assert torch.allclose(model(ids, mask).logits, alone, atol=1e-5)  # by the mask
        words = model.get_input_embeddings()(ids)
        assert torch.allclose(model(inputs_embeds=words, attention_mask=mask).logits, alone, atol=1e-5)
        model.config.pad_token_id = 0
        if side == "right":
            assert torch.allclose(model(ids).logits, alone, atol=1e-5)  # by the padding token


def test_classifiers_load_each_other(tmp_path):
    """Both heads are called score, and one has a bias."""
    config = LlamaConfig(**TINY)
    LlamaForSequenceClassification(config).save_pretrained(tmp_path)
    with pytest.warns(UserWarning, match="score.bias"):
        model = LlamaForTokenClassification.from_pretrained(tmp_path)
    assert model.load_report.new == ("score.bias",)
    model.save_pretrained(tmp_path / "tokens")
    with pytest.warns(UserWarning, match="not used by this model: score.bias"):
        again = LlamaForSequenceClassification.from_pretrained(tmp_path / "tokens")
    assert again.load_report.unused == ("score.bias",)


def test_tools_learn_that_it_writes(model):
    assert model.can_generate() and not model.model.can_generate()  # noqa: PT018
    assert model.prepare_inputs_for_generation(IDS, use_cache=True) == {"input_ids": IDS, "use_cache": True}


@pytest.mark.filterwarnings("ignore:There is a performance drop")  # of torch's own kernel
def test_rows_under_vmap(model):
    """There no value can be looked at: a mask says where texts begin."""
    places = torch.tensor([[0, 1, 2, 0, 1, 2], [0, 1, 2, 3, 4, 5]])

    def logits(ids, positions):
        return model(ids[None], position_ids=positions[None], use_cache=False).logits[0]

    with torch.no_grad():
        found = torch.func.vmap(logits)(IDS, places)
        assert torch.allclose(found, model(IDS, position_ids=places, use_cache=False).logits, atol=1e-5)
