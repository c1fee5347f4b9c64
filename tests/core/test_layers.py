"""Shared functions: activations, attention and masks, checks on inputs, losses."""

import math
import pickle
from typing import get_args

import pytest
import torch
import torch.nn.functional as F

from archsmith import DistilBertConfig, DistilBertForMaskedLM, DistilBertForSequenceClassification, DistilBertModel
from archsmith.config import Activation
from archsmith.errors import InputError
from archsmith.layers.activations import ACTIVATIONS, activation
from archsmith.layers.attention import attend, attention_mask_for, positions_for, split_heads
from archsmith.layers.losses import classification_loss, span_loss, token_loss

CONFIG = {"vocab_size": 30, "dim": 8, "n_heads": 2, "n_layers": 1, "hidden_dim": 16, "max_position_embeddings": 12}
IDS = torch.tensor([[1, 2, 3, 4], [5, 6, 7, 8]])


@pytest.fixture(scope="module")
def base():
    return DistilBertModel(DistilBertConfig(**CONFIG)).eval()


# ---- activations ----------------------------------------------------------------------------------------------


def test_the_names_are_those_of_configurations():
    assert set(get_args(Activation)) == set(ACTIVATIONS)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("gelu", 0.8411920),
        ("gelu_new", 0.8411920),
        ("quick_gelu", 1 / (1 + math.exp(-1.702))),
        ("laplace", 0.5 * (1 + math.erf((1 - 0.707107) / (0.282095 * math.sqrt(2))))),
        ("leaky_relu", 1.0),
        ("linear", 1.0),
        ("mish", math.tanh(math.log(1 + math.e))),
        ("relu2", 1.0),
        ("sigmoid", 1 / (1 + math.exp(-1))),
        ("silu", 1 / (1 + math.exp(-1))),
        ("sqrtsoftplus", math.sqrt(math.log(1 + math.e))),
        ("tanh", math.tanh(1)),
    ],
)
def test_values_at_one(name, value):
    assert activation(name)(torch.tensor(1.0)).item() == pytest.approx(value, abs=1e-3)


def test_activations_keep_shape_and_clip():
    for function in ACTIVATIONS.values():
        assert pickle.loads(pickle.dumps(function)) is function
        assert function(torch.randn(2, 3)).shape == (2, 3)
    assert activation("gelu_10")(torch.tensor([100.0, -100.0])).tolist() == [10, 0]
    assert activation("relu6")(torch.tensor(100.0)) == 6


@pytest.mark.parametrize("name", ["gleu", "", None, 3, ["gelu"]])
def test_no_such_activation(name):
    with pytest.raises(InputError, match="there is no activation"):
        activation(name)


# ---- attention ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("masked", [False, True])
def test_both_ways_to_attend_agree(masked, causal):
    hidden = torch.randn(2, 5, 12)
    query, key, value = (split_heads(torch.randn(2, 5, 12), 4) for _ in range(3))
    given = torch.tensor([[1, 1, 1, 1, 1], [1, 1, 1, 0, 0]]) if masked else None
    mask = attention_mask_for(hidden, given, causal=causal)
    fused, nothing = attend(query, key, value, mask)
    eager, maps = attend(query, key, value, mask, eager=True)
    assert nothing is None
    assert maps.shape == (2, 3, 5, 5)
    torch.testing.assert_close(maps.sum(-1), torch.ones(2, 3, 5))
    torch.testing.assert_close(fused, eager)
    if masked:
        assert not maps[1, :, :, 3:].any()
    if causal:
        assert not maps.triu(1).any()


def test_masks_of_every_kind_mean_the_same(base):
    mask = torch.tensor([[1, 1, 1, 1], [1, 1, 0, 0]])
    wanted = base(IDS, mask).last_hidden_state
    square = mask[:, None, None, :].expand(2, 1, 4, 4)
    for other in (
        mask.bool(),
        mask.float(),
        mask.to(torch.uint8),
        square,
        square.bool().expand(2, 2, 4, 4),
        mask[:, None, None, :],
        (1.0 - square.float()) * torch.finfo(torch.float32).min,
    ):
        torch.testing.assert_close(base(IDS, other).last_hidden_state, wanted)
    torch.testing.assert_close(base(IDS, torch.ones_like(IDS)).last_hidden_state, base(IDS).last_hidden_state)


@pytest.mark.parametrize(
    "mask",
    [
        torch.ones(2, 3),
        torch.ones(4),
        torch.ones(1, 4),
        torch.ones(2, 4, 4),
        torch.ones(2, 1, 3, 3),
        torch.ones(3, 1, 4, 4),
        torch.ones(2, 1, 4, 1),
        torch.ones(()),
        [[1, 1, 1, 1]],
        "mask",
    ],
)
def test_a_mask_of_another_shape(base, mask):
    with pytest.raises(InputError, match="attention_mask must"):
        base(IDS, mask)


# ---- inputs ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        ({}, "pass either input_ids or inputs_embeds, but got neither."),
        (
            {"input_ids": IDS, "inputs_embeds": torch.zeros(2, 4, 8)},
            "pass either input_ids or inputs_embeds, but got both.",
        ),
        ({"input_ids": IDS[0]}, "input_ids must have the shape (batch, tokens), but have (4,)."),
        ({"input_ids": IDS[None]}, "input_ids must have the shape (batch, tokens), but have (1, 2, 4)."),
        ({"input_ids": IDS.float()}, "input_ids must be integers, but are torch.float32."),
        ({"input_ids": IDS.bool()}, "input_ids must be integers, but are torch.bool."),
        ({"input_ids": IDS + 25}, "input_ids must be from 0 to 29, but hold 33."),
        ({"input_ids": IDS - 2}, "input_ids must be from 0 to 29, but hold -1."),
        ({"input_ids": IDS[:, :0]}, "the input has no tokens; expected at least one."),
        (
            {"input_ids": [[1, 2]]},
            "input_ids must be a tensor, but is [[1, 2]]. Ask the tokenizer: return_tensors='pt'.",
        ),
        ({"input_ids": "text"}, "input_ids must be a tensor, but is 'text'. Ask the tokenizer: return_tensors='pt'."),
        (
            {"input_ids": torch.zeros(1, 13, dtype=torch.int64)},
            (
                "the input has 13 tokens, but the model has positions for 12 (max_position_embeddings). "
                "Truncate it: tokenizer(…, truncation=True)."
            ),
        ),
        (
            {"inputs_embeds": torch.zeros(2, 4, 9)},
            "inputs_embeds must have the shape (batch, tokens, 8), but have (2, 4, 9).",
        ),
        (
            {"inputs_embeds": torch.zeros(4, 8)},
            "inputs_embeds must have the shape (batch, tokens, 8), but have (4, 8).",
        ),
        (
            {"inputs_embeds": torch.zeros(2, 4, 8).long()},
            "inputs_embeds must be floating-point numbers, but are torch.int64.",
        ),
        ({"input_ids": IDS, "position_ids": IDS + 10}, "position_ids must be from 0 to 11, but hold 18."),
        ({"input_ids": IDS, "position_ids": IDS.float()}, "position_ids must be integers, but are torch.float32."),
        ({"input_ids": IDS, "position_ids": [0]}, "position_ids must be a tensor, but is [0]."),
    ],
)
def test_wrong_inputs(base, inputs, message):
    with pytest.raises(InputError) as caught:
        base(**inputs)
    assert str(caught.value) == message


@pytest.mark.parametrize("dtype", [torch.int64, torch.int32])
def test_right_inputs(base, dtype):
    wanted = base(IDS).last_hidden_state
    torch.testing.assert_close(base(IDS.to(dtype)).last_hidden_state, wanted)
    words = base.embeddings.word_embeddings(IDS)
    torch.testing.assert_close(base(inputs_embeds=words).last_hidden_state, wanted)
    positions = torch.arange(4)[None]
    torch.testing.assert_close(base(IDS, position_ids=positions).last_hidden_state, wanted)


# ---- losses ---------------------------------------------------------------------------------------------------

LOGITS = torch.tensor([[0.5, -1.0, 2.0], [1.0, 0.0, -1.0]])


def test_losses():
    classes = torch.tensor([2, 0])
    torch.testing.assert_close(token_loss(LOGITS, classes), F.cross_entropy(LOGITS, classes))
    torch.testing.assert_close(token_loss(LOGITS, torch.tensor([2, -100])), F.cross_entropy(LOGITS[:1], classes[:1]))
    torch.testing.assert_close(token_loss(LOGITS, classes.int()[:, None]), F.cross_entropy(LOGITS, classes))
    torch.testing.assert_close(classification_loss(LOGITS, classes, None), F.cross_entropy(LOGITS, classes))
    several = torch.tensor([[1.0, 0.0, 1.0], [0.0, 0.0, 0.5]])
    binary = F.binary_cross_entropy_with_logits(LOGITS, several)
    torch.testing.assert_close(classification_loss(LOGITS, several, None), binary)
    whole = several.round().long()
    binary = F.binary_cross_entropy_with_logits(LOGITS, whole.float())
    torch.testing.assert_close(classification_loss(LOGITS, whole, "multi_label_classification"), binary)
    torch.testing.assert_close(classification_loss(LOGITS, several, "regression"), F.mse_loss(LOGITS, several))
    for targets in (torch.tensor([1.5, -2.0]), torch.tensor([[1.5], [-2.0]])):
        wanted = F.mse_loss(LOGITS[:, 0], targets.reshape(-1))
        torch.testing.assert_close(classification_loss(LOGITS[:, :1], targets, None), wanted)


@pytest.mark.parametrize(
    ("labels", "kind", "message"),
    [
        (torch.tensor([3, 0]), None, "labels must be from 0 to 2 (or -100 to be ignored), but hold 3."),
        (torch.tensor([-1, 0]), None, "labels must be from 0 to 2 (or -100 to be ignored), but hold -1."),
        (
            torch.tensor([1]),
            None,
            "labels must have the shape (2,), one class index for each row of logits, but have (1,).",
        ),
        (
            torch.tensor([[1, 0]]),
            None,
            "labels must have the shape (2,), one class index for each row of logits, but have (1, 2).",
        ),
        (
            torch.tensor([1.0, 0.0]),
            "single_label_classification",
            "labels must be integers, one class index for each row of logits, but are torch.float32.",
        ),
        (
            torch.tensor([True, False]),
            None,
            "labels must be integers, one class index for each row of logits, but are torch.bool.",
        ),
        (torch.zeros(3, 2), "regression", "labels for regression must have the shape (2, 3), but have (3, 2)."),
        (torch.zeros(6), None, "labels for multi_label_classification must have the shape (2, 3), but have (6,)."),
        (
            torch.full((2, 3), 2.0),
            None,
            "labels for multi_label_classification must be from 0 to 1, but hold 2.",
        ),
        ([1, 0], None, "labels must be a tensor, but are [1, 0]."),
    ],
)
def test_labels_that_do_not_fit(labels, kind, message):
    with pytest.raises(InputError) as caught:
        classification_loss(LOGITS, labels, kind)
    assert str(caught.value) == message


def test_answers_beyond_the_text_are_left_out():
    starts, ends = torch.tensor([0, 7]), torch.tensor([[2], [3]])
    wanted = (F.cross_entropy(LOGITS[:1], torch.tensor([0])) + F.cross_entropy(LOGITS[:1], torch.tensor([2]))) / 2
    torch.testing.assert_close(span_loss(LOGITS, LOGITS, starts, ends), wanted)
    assert span_loss(LOGITS, LOGITS, starts.int() - 5, ends.to(torch.uint8)).isfinite()


def test_labels_are_called_as_the_caller_calls_them():
    with pytest.raises(InputError) as caught:
        token_loss(LOGITS, torch.tensor([0, 5]), name="next_sentence_label")
    assert str(caught.value) == "next_sentence_label must be from 0 to 2 (or -100 to be ignored), but hold 5."


def test_labels_that_are_turned_round_are_not_taken():
    model = DistilBertForMaskedLM(DistilBertConfig(**CONFIG))
    with pytest.raises(InputError, match=r"labels must have the shape \(2, 4\), .*, but have \(4, 2\)\."):
        model(IDS, labels=IDS.t().contiguous())
    classifier = DistilBertForSequenceClassification(DistilBertConfig(**CONFIG, num_labels=3))
    assert classifier(IDS, labels=torch.tensor([0, 2])).loss.isfinite()
    with pytest.raises(InputError):
        classifier(IDS, labels=torch.tensor([0, 3]))


def test_an_empty_batch_is_attended_to():
    hidden = torch.zeros(0, 4, 6)
    heads = split_heads(hidden, 3)
    assert heads.shape == (0, 2, 4, 3)
    for eager in (False, True):
        assert attend(heads, heads, heads, eager=eager)[0].shape == (0, 4, 6)


# ---- decoders -------------------------------------------------------------------------------------------------


def heads_of(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("eager", [False, True])
@pytest.mark.parametrize("scale", [None, 0.3])
@pytest.mark.parametrize(("tokens", "keys"), [(1, 1), (1, 7), (5, 5), (3, 7)])
@pytest.mark.parametrize("masked", ["", "padding", "float", "whole"])
def test_heads_that_share_keys(eager, scale, tokens, keys, masked):
    query, key, value = heads_of(2, 6, tokens, 4), heads_of(2, 2, keys, 4, seed=1), heads_of(2, 2, keys, 4, seed=2)
    allowed = torch.ones(tokens, keys, dtype=torch.bool).tril(keys - tokens)[None, None]
    mask = None
    if masked:
        mask = torch.ones(2, 1, 1, keys, dtype=torch.bool)
        mask[1, :, :, : keys - tokens] = False
        allowed = allowed & mask
    if masked == "float":
        mask = (~mask).float() * -1e9
    if masked == "whole":
        mask = allowed = torch.ones(1, 1, tokens, keys, dtype=torch.bool)
    found, maps = attend(query, key, value, mask, eager=eager, scale=scale, causal=True)
    scores = query @ key.repeat_interleave(3, 1).mT * (0.5 if scale is None else scale)
    wanted = scores.masked_fill(~allowed, -torch.inf).softmax(-1)
    torch.testing.assert_close(found, (wanted @ value.repeat_interleave(3, 1)).transpose(1, 2).flatten(2))
    assert (maps is not None) == eager
    if eager:
        torch.testing.assert_close(maps, wanted)


def test_a_mask_for_each_head_and_one_token():
    query, key, value = heads_of(2, 6, 1, 4), heads_of(2, 2, 5, 4), heads_of(2, 2, 5, 4, seed=2)
    mask = heads_of(2, 6, 1, 5, seed=3) > 0
    mask[..., 0] = True
    torch.testing.assert_close(attend(query, key, value, mask)[0], attend(query, key, value, mask, eager=True)[0])


@pytest.mark.parametrize("tokens", [1, 2, 5])
@pytest.mark.parametrize("past", [None, 0, 3])
@pytest.mark.parametrize("window", [None, 1, 2, 4, 99])
@pytest.mark.parametrize("padded", [None, "none", "left"])
def test_causal_masks_over_a_cache(tokens, past, window, padded):
    hidden, keys = torch.zeros(2, tokens, 6), tokens + (past or 0)
    given = None if padded is None else torch.ones(2, keys)
    if padded == "left":
        given[0, : keys // 2] = 0
    mask = attention_mask_for(hidden, given, causal=True, past=past, window=window)
    places = torch.arange(keys)
    distance = places[-tokens:, None] - places
    wanted = ((distance >= 0) & (distance < (window or 99)))[None, None].expand(2, 1, -1, -1)
    wanted = wanted & (given if padded == "left" else torch.ones(2, keys)).bool()[:, None, None]
    plain = (given is None or given.all()) and (window or 99) >= keys
    assert (mask is None) == (plain and past is not None and (tokens == 1 or past == 0))
    query, key, value = heads_of(2, 2, tokens, 3), heads_of(2, 2, keys, 3), heads_of(2, 2, keys, 3, seed=1)
    own = wanted.any(-1).transpose(1, 2)  # a token of padding sees nothing, and what comes of it is nobody's
    whole = attend(query, key, value, wanted, eager=True)[0]
    for eager in (False, True):
        found = attend(query, key, value, mask, causal=True, eager=eager)[0]
        assert not found.isnan().any()
        torch.testing.assert_close(found * own, whole * own)
    if past is None and mask is not None and tokens > 1:  # complete without `causal`
        torch.testing.assert_close(attend(query, key, value, mask)[0] * own, whole * own)


def test_masks_beside_a_cache():
    hidden = torch.zeros(2, 2, 6)
    longer = torch.tensor([[0, 1, 1, 1, 1], [1, 1, 1, 1, 0]])
    cropped = attention_mask_for(hidden, longer, causal=True, past=1, window=2)
    torch.testing.assert_close(cropped, attention_mask_for(hidden, longer[:, -3:], causal=True, past=1, window=2))
    whole = torch.ones(1, 1, 2, 5)
    assert attention_mask_for(hidden, whole, causal=True, past=3) is whole
    with pytest.raises(InputError) as caught:
        attention_mask_for(hidden, longer, causal=True, past=1)
    assert str(caught.value) == (
        "attention_mask must have the shape (batch, past + tokens) = (2, 3) or (batch, heads, tokens, past + tokens), "
        "but has (2, 5)."
    )
    with pytest.raises(InputError, match=r"past \+ tokens\) = \(2, 6\) or"):
        attention_mask_for(hidden, longer, causal=True, past=4, window=2)


def test_places_in_texts():
    mask = torch.tensor([[0, 0, 1, 1, 1], [1, 1, 1, 1, 1], [1, 1, 0, 0, 0]])
    assert positions_for(mask, 5).tolist() == [[0, 0, 0, 1, 2], [0, 1, 2, 3, 4], [0, 1, 1, 1, 1]]
    assert positions_for(mask.float() * 7, 2).tolist() == [[1, 2], [3, 4], [1, 1]]
    assert positions_for(None, 2, past=3).tolist() == [[3, 4]]
    assert positions_for(mask[:, None, None], 5).tolist() == [[0, 1, 2, 3, 4]]
    assert positions_for(mask, 2).dtype == torch.int64


def test_a_shifted_loss():
    logits, labels = heads_of(2, 5, 7), torch.tensor([[1, 2, -100, 4, 5], [6, 0, 1, -100, 3]])
    wanted = F.cross_entropy(logits[:, :-1].flatten(0, 1), labels[:, 1:].flatten())
    torch.testing.assert_close(token_loss(logits, labels, shifted=True), wanted)
    torch.testing.assert_close(
        token_loss(logits[0], labels[0].int(), shifted=True), F.cross_entropy(logits[0, :-1], labels[0, 1:])
    )
    leaf = logits.clone().requires_grad_()
    token_loss(leaf, labels, shifted=True).backward()
    assert not leaf.grad[:, -1].any()
    assert leaf.grad[:, 0].any()
    with pytest.raises(InputError, match="labels must be from 0 to 6 "):
        token_loss(logits, labels + 2, shifted=True)


@pytest.mark.filterwarnings("ignore:There is a performance drop:UserWarning")
def test_rows_that_are_mapped_are_not_looked_at(base):
    """Gradients for each row are those of a loop: ids, a ragged mask and labels have no values under vmap."""
    ids, mask = torch.tensor([[5, 6, 7], [8, 9, 0]]), torch.tensor([[1, 1, 1], [1, 1, 0]])
    parameters = dict(base.named_parameters())

    def loss(parameters, ids, mask):
        hidden = torch.func.functional_call(base, parameters, (ids[None], mask[None])).last_hidden_state
        return token_loss(hidden, ids[None] % 8)

    found = torch.func.vmap(torch.func.grad(loss), in_dims=(None, 0, 0))(parameters, ids, mask)
    for row in range(2):
        alone = torch.func.grad(loss)(parameters, ids[row], mask[row])
        for name, gradient in alone.items():
            torch.testing.assert_close(found[name][row], gradient)


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::torch.jit.TracerWarning")
def test_a_trace_keeps_a_mask_of_ones(base):
    """A mask of ones is left out where it is seen; in a trace it stands for any mask."""
    ids, mask = torch.tensor([[5, 6, 7], [8, 9, 3]]), torch.ones(2, 3, dtype=torch.long)
    traced = torch.jit.trace(base, (ids, mask), strict=False)
    mask[1, 2] = 0
    found = traced(ids, mask)["last_hidden_state"]
    torch.testing.assert_close(found, base(ids, mask).last_hidden_state)
    assert not torch.equal(found, base(ids).last_hidden_state)
