"""BERT equals the reference: outputs, hidden states, maps, losses and gradients, for many configurations and inputs."""

import pytest
import torch

import archsmith

from .cases import (
    ACTIVATIONS,
    CAUSALLY_CLOSED,
    CHOICES,
    CLOSED,
    INPUTS,
    PROBLEMS,
    REFUSED,
    SPANS,
    SQUARE,
    choices_of,
    token_labels,
)
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
    "hidden_size": 24,
    "num_hidden_layers": 2,
    "num_attention_heads": 3,
    "intermediate_size": 37,
    "max_position_embeddings": 19,
    "hidden_dropout_prob": 0.0,
    "attention_probs_dropout_prob": 0.0,
}
#: Class → options of its constructor.
CLASSES = {
    "base": ("BertModel", {}),
    "without pooler": ("BertModel", {"add_pooling_layer": False}),
    "masked words": ("BertForMaskedLM", {}),
    "pre-training": ("BertForPreTraining", {}),
    "next sentences": ("BertForNextSentencePrediction", {}),
    "next words": ("BertLMHeadModel", {}),
    "classes": ("BertForSequenceClassification", {}),
    "classes of words": ("BertForTokenClassification", {}),
    "answers": ("BertForQuestionAnswering", {}),
    "choices": ("BertForMultipleChoice", {}),
}
CONFIGS = {
    "plain": {},
    "one layer": {"num_hidden_layers": 1},
    "five layers": {"num_hidden_layers": 5},
    "one head": {"num_attention_heads": 1},
    "five heads of seven": {"num_attention_heads": 5, "hidden_size": 35},
    "heads of one": {"num_attention_heads": 6, "hidden_size": 6},
    "width one": {"num_attention_heads": 1, "hidden_size": 1, "layer_norm_eps": 0.1},
    "eight heads of eight": {"num_attention_heads": 8, "hidden_size": 64},
    "narrow inside": {"intermediate_size": 1},
    "small vocabulary": {"vocab_size": 2},
    "as many positions as tokens": {"max_position_embeddings": 11},
    "larger epsilon": {"layer_norm_eps": 1e-5},
    "huge epsilon": {"layer_norm_eps": 0.5},
    "no padding token": {"pad_token_id": None},
    "another padding token": {"pad_token_id": 40},
    "one token type": {"type_vocab_size": 1},
    "five token types": {"type_vocab_size": 5},
    "separate embeddings": {"tie_word_embeddings": False},
    "causal": {"is_decoder": True},
    "causal, relu, one layer": {"is_decoder": True, "hidden_act": "relu", "num_hidden_layers": 1},
    "no initial spread": {"initializer_range": 0.0},
}
ATTENTION = ("sdpa", "eager")
NAMES_OF_PLACES = ("token_type_ids", "position_ids")


def pair_of(kind: str, attention: str = "sdpa", /, **values) -> Pair:
    name, options = CLASSES[kind]
    decodes = {"is_decoder": True, "use_cache": False} if kind == "next words" else {}
    return build(name, TINY | decodes | values, attention=attention, **options)


def fed(kind: str, inputs: dict) -> dict:
    """Return inputs of the shape that a class takes."""
    if kind != "choices":
        return inputs
    batch = len(inputs.get("input_ids", inputs.get("inputs_embeds")))
    return inputs | choices_of({name: value for name, value in inputs.items() if len(value) == batch})


def labelled(kind: str, values: dict, inputs: dict) -> dict:
    """Add the labels that a class takes to inputs of the shape that it takes."""
    words = token_labels((TINY | values)["vocab_size"])
    labels = {
        "masked words": {"labels": words},
        "pre-training": {"labels": words, "next_sentence_label": torch.tensor([0, 1, 1])},
        "next sentences": {"labels": torch.tensor([0, 1, -100])},
        "next words": {"labels": words},
        "classes": {"labels": torch.tensor([0, 1, 1])},
        "classes of words": {"labels": token_labels(2)},
        "answers": dict(zip(("start_positions", "end_positions"), SPANS["cut off at the end"], strict=True)),
        "choices": {"labels": CHOICES["each"]},
    }
    return fed(kind, inputs) | labels.get(kind, {})


def typed(values: dict) -> torch.Tensor:
    return ids(values.get("type_vocab_size", 2), seed=10)


@pytest.mark.parametrize("values", CONFIGS.values(), ids=CONFIGS)
@pytest.mark.parametrize("kind", CLASSES)
def test_configurations(kind, values):
    pair = pair_of(kind, **values)
    inputs = {
        "input_ids": ids((TINY | values)["vocab_size"]),
        "attention_mask": ragged(),
        "token_type_ids": typed(values),
    }
    asked = labelled(kind, values, inputs)
    for attention in ATTENTION:
        assert_forward(pair.attend_with(attention), asked)
        assert_gradients(pair, asked)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_activations(name):
    pair = pair_of("masked words", hidden_act=name)
    asked = labelled("masked words", {}, {"input_ids": ids(41), "attention_mask": ragged()})
    assert_forward(pair, asked)
    assert_gradients(pair, asked)


@pytest.mark.parametrize("attention", ATTENTION)
@pytest.mark.parametrize("causal", [False, True], ids=["both ways", "causal"])
@pytest.mark.parametrize("kind", CLASSES)
def test_inputs(kind, causal, attention):
    pair = pair_of(kind, attention, is_decoder=causal or kind == "next words")
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


@pytest.mark.parametrize("kind", CLASSES)
@pytest.mark.parametrize("count", [1, 2, 7])
def test_token_types(kind, count):
    pair = pair_of(kind, type_vocab_size=count)
    inputs = {"input_ids": ids(41), "token_type_ids": ids(count, seed=10)}
    assert_forward(pair, fed(kind, inputs))
    assert_forward(pair, fed(kind, inputs | {"position_ids": ids(19, seed=6), "attention_mask": ragged(left=True)}))


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


@pytest.mark.parametrize("share", [0.0, 0.3, 1.0])
@pytest.mark.parametrize("follows", [[0, 1, 1], [[1], [0], [1]], [-100, 0, 1], [-100, -100, -100]])
@pytest.mark.parametrize("tied", [True, False])
def test_losses_of_pre_training(tied, follows, share):
    pair = pair_of("pre-training", tie_word_embeddings=tied)
    labels = {"labels": token_labels(41, share=share), "next_sentence_label": torch.tensor(follows)}
    asked = {"input_ids": ids(41), "attention_mask": ragged(), "token_type_ids": typed({})} | labels
    assert_forward(pair, asked)
    assert_gradients(pair, asked)


@pytest.mark.parametrize("labels", [{"labels": token_labels(41)}, {"next_sentence_label": torch.tensor([0, 1, 1])}])
def test_half_of_the_labels_of_pre_training_make_no_loss(labels):
    assert_forward(pair_of("pre-training"), {"input_ids": ids(41)} | labels)


@pytest.mark.parametrize("follows", [[0, 1, 1], [[1], [0], [1]], [-100, 0, 1], [-100, -100, -100]])
def test_losses_of_next_sentences(follows):
    pair = pair_of("next sentences")
    asked = {"input_ids": ids(41), "token_type_ids": typed({}), "labels": torch.tensor(follows)}
    assert_forward(pair, asked)
    assert_gradients(pair, asked)


@pytest.mark.parametrize("share", [0.0, 0.3, 1.0])
@pytest.mark.parametrize("tied", [True, False])
def test_losses_of_next_words(tied, share):
    pair = pair_of("next words", tie_word_embeddings=tied)
    asked = {"input_ids": ids(41), "attention_mask": ragged(), "labels": token_labels(41, share=share)}
    assert_forward(pair, asked)
    assert_gradients(pair, asked)


def test_a_writer_that_sees_what_follows_is_announced():
    """The numbers are the reference's, and so is the word about it."""
    with pytest.warns(archsmith.ArchsmithWarning) as said:
        pair = pair_of("next words", is_decoder=False)
    (warning,) = said
    assert str(warning.message) == (
        "BertLMHeadModel: is_decoder is False, so every token attends to those after it too, and a loss over the next "
        "token learns to copy it. To write texts pass is_decoder=True."
    )
    assert_forward(pair, {"input_ids": ids(41), "labels": token_labels(41)})


@pytest.mark.parametrize("causal", [False, True], ids=["both ways", "causal"])
def test_both_implementations_of_attention_agree(causal):
    model = pair_of("base", is_decoder=causal).ours
    for name, make in INPUTS.items():
        if name not in ((*CLOSED, *CAUSALLY_CLOSED) if causal else CLOSED):
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


@pytest.mark.parametrize("attention", ATTENTION)
@pytest.mark.parametrize("kind", CLASSES)
def test_dropout_falls_at_the_same_places_with_the_same_rates(kind, attention):
    rates = {"hidden_dropout_prob": 0.3, "attention_probs_dropout_prob": 0.2, "classifier_dropout": 0.6}
    pair = pair_of(kind, attention, **rates)
    asked = labelled(kind, {}, {"input_ids": ids(41), "attention_mask": ragged()})
    assert_gradients(pair, asked, seed=11)


@pytest.mark.parametrize("kind", ["classes", "classes of words", "choices"])
def test_the_classifier_drops_as_the_hidden_states_unless_told_otherwise(kind):
    pair = pair_of(kind, hidden_dropout_prob=0.4, classifier_dropout=None)
    assert_gradients(pair, labelled(kind, {}, {"input_ids": ids(41)}), seed=12)


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
    ("head", "wrong", "message"), [(head, *case) for head, cases in REFUSED.items() for case in cases]
)
def test_what_does_not_fit_a_head_is_refused(head, wrong, message):
    model = build(f"BertFor{head}", TINY).ours
    asked = {"input_ids": ids(41)}
    if head == "MultipleChoice":
        asked = choices_of(asked)
    with pytest.raises(archsmith.errors.InputError) as error:
        model(**asked | wrong)
    assert str(error.value) == message


def test_answers_have_two_ends():
    with pytest.raises(archsmith.errors.ConfigError) as error:
        archsmith.BertForQuestionAnswering(archsmith.BertConfig(**TINY, num_labels=3))
    assert str(error.value) == (
        "BertForQuestionAnswering scores where an answer begins and where it ends, so num_labels must be 2, "
        "but is 3. Pass num_labels=2."
    )
