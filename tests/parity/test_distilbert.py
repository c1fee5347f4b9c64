"""DistilBERT equals the reference: outputs, hidden states, maps, losses and gradients, for many configurations."""

import pytest
import torch

import archsmith

from .cases import ACTIVATIONS, CHOICES, CLOSED, INPUTS, PROBLEMS, REFUSED, SPANS, SQUARE, choices_of, token_labels
from .support import (
    Pair,
    assert_close,
    assert_forward,
    assert_gradient_of_embeddings,
    assert_gradients,
    assert_same_output,
    build,
    ids,
    ragged,
)

TINY = {
    "vocab_size": 41,
    "dim": 24,
    "n_layers": 2,
    "n_heads": 3,
    "hidden_dim": 37,
    "max_position_embeddings": 19,
    "dropout": 0.0,
    "attention_dropout": 0.0,
    "seq_classif_dropout": 0.0,
    "qa_dropout": 0.0,
}
CLASSES = {
    "base": "DistilBertModel",
    "masked words": "DistilBertForMaskedLM",
    "classes": "DistilBertForSequenceClassification",
    "classes of words": "DistilBertForTokenClassification",
    "answers": "DistilBertForQuestionAnswering",
    "choices": "DistilBertForMultipleChoice",
}
CONFIGS = {
    "plain": {},
    "one layer": {"n_layers": 1},
    "five layers": {"n_layers": 5},
    "one head": {"n_heads": 1},
    "five heads of seven": {"n_heads": 5, "dim": 35},
    "heads of one": {"n_heads": 6, "dim": 6},
    "eight heads of eight": {"n_heads": 8, "dim": 64},
    "narrow inside": {"hidden_dim": 1},
    "small vocabulary": {"vocab_size": 2},
    "as many positions as tokens": {"max_position_embeddings": 11},
    "no padding token": {"pad_token_id": None},
    "another padding token": {"pad_token_id": 40},
    "waves for positions": {"sinusoidal_pos_embds": True},
    "separate embeddings": {"tie_word_embeddings": False},
    "separate embeddings, silu, one layer": {"tie_word_embeddings": False, "activation": "silu", "n_layers": 1},
    "no initial spread": {"initializer_range": 0.0},
}
ATTENTION = ("sdpa", "eager")
NAMES_OF_PLACES = ("position_ids",)


def pair_of(kind: str, attention: str = "sdpa", /, **values) -> Pair:
    return build(CLASSES[kind], TINY | values, attention=attention)


def fed(kind: str, inputs: dict) -> dict:
    """Return inputs of the shape that a class takes; the reference wants the places of choices flat."""
    if kind != "choices":
        return inputs
    batch = len(inputs.get("input_ids", inputs.get("inputs_embeds")))
    shaped = choices_of({name: value for name, value in inputs.items() if len(value) == batch})
    flat = {name: value.flatten(0, 1) for name, value in shaped.items() if name in NAMES_OF_PLACES}
    return inputs | shaped | flat


def labelled(kind: str, values: dict, inputs: dict) -> dict:
    """Add the labels that a class takes to inputs of the shape that it takes."""
    labels = {
        "masked words": {"labels": token_labels((TINY | values)["vocab_size"])},
        "classes": {"labels": torch.tensor([0, 1, 1])},
        "classes of words": {"labels": token_labels(2)},
        "answers": dict(zip(("start_positions", "end_positions"), SPANS["cut off at the end"], strict=True)),
        "choices": {"labels": CHOICES["each"]},
    }
    return fed(kind, inputs) | labels.get(kind, {})


@pytest.mark.parametrize("values", CONFIGS.values(), ids=CONFIGS)
@pytest.mark.parametrize("kind", CLASSES)
def test_configurations(kind, values):
    pair = pair_of(kind, **values)
    inputs = {"input_ids": ids((TINY | values)["vocab_size"]), "attention_mask": ragged()}
    asked = labelled(kind, values, inputs)
    for attention in ATTENTION:
        assert_forward(pair.attend_with(attention), asked)
        assert_gradients(pair, asked)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_activations(name):
    pair = pair_of("masked words", activation=name)
    asked = labelled("masked words", {}, {"input_ids": ids(41), "attention_mask": ragged()})
    assert_forward(pair, asked)
    assert_gradients(pair, asked)


@pytest.mark.parametrize("attention", ATTENTION)
@pytest.mark.parametrize("kind", CLASSES)
def test_inputs(kind, attention):
    pair = pair_of(kind, attention)
    for name, make in INPUTS.items():
        inputs = make(41, 19, 24, 3)
        if kind == "choices" and inputs.get("attention_mask", ids(2)).ndim != 2:
            continue  # a mask for each pair of tokens has no place for choices
        if name not in SQUARE or attention == "sdpa":
            assert_forward(pair, fed(kind, inputs))


@pytest.mark.parametrize("name", SQUARE)
def test_square_boolean_masks_mean_the_same_in_both_implementations(name):
    pair = pair_of("base")
    inputs = INPUTS[name](41, 19, 24, 3)
    with torch.no_grad():
        theirs = pair.theirs(**inputs)
        pair.ours.set_attn_implementation("eager")
        assert_same_output(pair.ours(**inputs), theirs)


def test_both_implementations_of_attention_agree():
    model = pair_of("base").ours
    for name, make in INPUTS.items():
        if name not in (CLOSED):
            inputs = make(41, 19, 24, 3)
            with torch.no_grad():
                model.set_attn_implementation("sdpa")
                fast = model(**inputs, output_hidden_states=True)
                model.set_attn_implementation("eager")
                assert_same_output(model(**inputs, output_hidden_states=True), fast, f"{name}: ")


@pytest.mark.parametrize("attention", ATTENTION)
def test_gradients_through_inputs(attention):
    pair = pair_of("base", attention)
    for name, make in INPUTS.items():
        if attention == "sdpa" or name not in (*SQUARE, *CLOSED):
            assert_gradients(pair, make(41, 19, 24, 3))


@pytest.mark.parametrize("attention", ATTENTION)
@pytest.mark.parametrize("kind", CLASSES)
def test_gradients_of_embedded_words(kind, attention):
    given = labelled(kind, {}, INPUTS["embeddings"](41, 19, 24, 3))
    assert_gradient_of_embeddings(pair_of(kind, attention), given)


@pytest.mark.parametrize(("problem", "count", "labels"), PROBLEMS.values(), ids=PROBLEMS)
def test_classification_losses(problem, count, labels):
    pair = pair_of("classes", num_labels=count, problem_type=problem)
    asked = {"input_ids": ids(41), "attention_mask": ragged(), "labels": labels}
    assert_forward(pair, asked)
    assert_gradients(pair, asked)


@pytest.mark.parametrize("share", [0.0, 0.3, 1.0])
@pytest.mark.parametrize("tied", [True, False])
def test_masked_word_losses(tied, share):
    pair = pair_of("masked words", tie_word_embeddings=tied)
    asked = {"input_ids": ids(41), "attention_mask": ragged(), "labels": token_labels(41, share=share)}
    assert_forward(pair, asked)
    assert_gradients(pair, asked)


@pytest.mark.parametrize("kind", ["masked words", "classes of words"])
def test_a_loss_over_no_token_is_the_references(kind):
    pair = pair_of(kind)
    assert_forward(pair, {"input_ids": ids(41), "labels": torch.full((3, 11), -100)})


@pytest.mark.parametrize("share", [0.0, 0.3, 1.0])
@pytest.mark.parametrize("count", [1, 2, 7])
def test_losses_of_classes_of_words(count, share):
    pair = pair_of("classes of words", num_labels=count)
    asked = {"input_ids": ids(41), "attention_mask": ragged(), "labels": token_labels(count, share=share)}
    assert_forward(pair, asked)
    assert_gradients(pair, asked)


@pytest.mark.parametrize(("starts", "ends"), SPANS.values(), ids=SPANS)
def test_losses_of_answers(starts, ends):
    pair = pair_of("answers")
    asked = {"input_ids": ids(41), "attention_mask": ragged(), "start_positions": starts, "end_positions": ends}
    assert_forward(pair, asked)
    assert_gradients(pair, asked)


@pytest.mark.parametrize("name", ["start_positions", "end_positions"])
def test_one_end_of_an_answer_makes_no_loss(name):
    assert_forward(pair_of("answers"), {"input_ids": ids(41), name: torch.tensor([1, 2, 3])})


@pytest.mark.parametrize("labels", CHOICES.values(), ids=CHOICES)
def test_losses_of_choices(labels):
    pair = pair_of("choices")
    asked = choices_of({"input_ids": ids(41), "attention_mask": ragged()}) | {"labels": labels}
    assert_forward(pair, asked)
    assert_gradients(pair, asked)


@pytest.mark.parametrize("count", [1, 2, 5])
def test_any_number_of_choices(count):
    assert_forward(pair_of("choices"), choices_of({"input_ids": ids(41), "attention_mask": ragged()}, count))


def test_places_may_have_the_shape_of_choices():
    model = pair_of("choices").ours
    inputs = choices_of({"input_ids": ids(41), **{name: ids(2, seed=6) for name in NAMES_OF_PLACES}})
    flat = {name: inputs[name].flatten(0, 1) for name in NAMES_OF_PLACES}
    with torch.no_grad():
        assert_same_output(model(**inputs), model(**inputs | flat), tolerance=0.0)


@pytest.mark.parametrize("attention", ATTENTION)
@pytest.mark.parametrize("kind", CLASSES)
def test_dropout_falls_at_the_same_places_with_the_same_rates(kind, attention):
    pair = pair_of(kind, attention, dropout=0.3, attention_dropout=0.2, seq_classif_dropout=0.6, qa_dropout=0.5)
    asked = labelled(kind, {}, {"input_ids": ids(41), "attention_mask": ragged()})
    assert_gradients(pair, asked, seed=11)


@pytest.mark.parametrize("kind", CLASSES)
def test_the_configuration_decides_what_is_returned(kind):
    pair = pair_of(kind, "eager", output_hidden_states=True, output_attentions=True)
    words = fed(kind, {"input_ids": ids(41)})["input_ids"]
    with torch.no_grad():
        ours, theirs = (model(words) for model in (pair.ours, pair.theirs))
    assert {"hidden_states", "attentions"} <= set(ours.keys())
    assert_same_output(ours, theirs)


@pytest.mark.parametrize("kind", CLASSES)
def test_the_configuration_decides_in_which_form(kind):
    pair = pair_of(kind, return_dict=False)
    words = fed(kind, {"input_ids": ids(41)})["input_ids"]
    with torch.no_grad():
        ours, theirs = (model(words) for model in (pair.ours, pair.theirs))
        assert_close(ours, tuple(part for part in theirs if not isinstance(part, tuple) or part), "tuple")
        assert_close(pair.ours(words, return_dict=True)[0], ours[0], "object")


@pytest.mark.parametrize("shape", [(2, 3), (3, 5), (2, 4), (4,), (1, 3, 4)])
@pytest.mark.parametrize("name", NAMES_OF_PLACES)
def test_indices_of_another_shape_are_refused(name, shape):
    model = pair_of("base").ours
    with pytest.raises(archsmith.ArchsmithError) as error:
        model(ids(41, 3, 4), **{name: torch.zeros(shape, dtype=torch.long)})
    assert str(error.value) == f"{name} must have the shape (batch, tokens) = (3, 4), but have {shape}."


@pytest.mark.parametrize(
    ("head", "wrong", "message"),
    [(head, *case) for head, cases in REFUSED.items() if head != "PreTraining" for case in cases],
)
def test_what_does_not_fit_a_head_is_refused(head, wrong, message):
    model = build(f"DistilBertFor{head}", TINY).ours
    asked = {"input_ids": ids(41)}
    if head == "MultipleChoice":
        asked = choices_of(asked)
    with pytest.raises(archsmith.errors.InputError) as error:
        model(**asked | wrong)
    assert str(error.value) == message


def test_answers_have_two_ends():
    with pytest.raises(archsmith.errors.ConfigError) as error:
        archsmith.DistilBertForQuestionAnswering(archsmith.DistilBertConfig(**TINY, num_labels=3))
    assert str(error.value) == (
        "DistilBertForQuestionAnswering scores where an answer begins and where it ends, so num_labels must be 2, "
        "but is 3. Pass num_labels=2."
    )
