"""Models and inputs that nobody thought of: random configurations equal the reference."""

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from . import test_bert, test_distilbert
from .cases import ACTIVATIONS, choices_of, token_labels
from .support import assert_forward, assert_gradients, build, ids, ragged

RANDOM = settings(
    max_examples=40, derandomize=True, deadline=None, database=None, suppress_health_check=[HealthCheck.too_slow]
)

CHOICES = 3


@st.composite
def shapes(draw):
    """Draw what both families have, under BERT's names."""
    heads, vocab_size = draw(st.integers(1, 5)), draw(st.integers(3, 60))
    return {
        "vocab_size": vocab_size,
        "num_attention_heads": heads,
        "hidden_size": heads * draw(st.integers(1, 9)),
        "num_hidden_layers": draw(st.integers(1, 4)),
        "intermediate_size": draw(st.integers(1, 50)),
        "hidden_act": draw(st.sampled_from(ACTIVATIONS)),
        "max_position_embeddings": draw(st.integers(1, 30)),
        "pad_token_id": draw(st.none() | st.integers(0, vocab_size - 1)),
        "tie_word_embeddings": draw(st.booleans()),
        "num_labels": draw(st.integers(1, 5)),
        "hidden_dropout_prob": draw(st.sampled_from([0.0, 0.25])),
        "attention_probs_dropout_prob": draw(st.sampled_from([0.0, 0.4])),
        "classifier_dropout": draw(st.sampled_from([0.0, 0.5])),
    }


@st.composite
def bert(draw):
    return draw(shapes()) | {
        "type_vocab_size": draw(st.integers(1, 4)),
        # A width near one over a tiny epsilon divides by rounding errors, on either side.
        "layer_norm_eps": draw(st.sampled_from([1e-5, 1e-3, 0.1])),
        "is_decoder": draw(st.booleans()),
    }


DISTILBERT_NAMES = {
    "num_attention_heads": "n_heads",
    "hidden_size": "dim",
    "num_hidden_layers": "n_layers",
    "intermediate_size": "hidden_dim",
    "hidden_act": "activation",
    "hidden_dropout_prob": "dropout",
    "attention_probs_dropout_prob": "attention_dropout",
    "classifier_dropout": "seq_classif_dropout",
}


@st.composite
def distilbert(draw):
    values = draw(shapes())
    width = values["num_attention_heads"] * draw(st.integers(4, 9))  # this family's epsilon is fixed, and tiny
    values |= {"hidden_size": width, "sinusoidal_pos_embds": draw(st.booleans())}
    values["qa_dropout"] = draw(st.sampled_from([0.0, 0.3]))
    return {DISTILBERT_NAMES.get(name, name): value for name, value in values.items()}


@st.composite
def inputs(draw, values):
    """Draw what a model is fed."""
    batch, tokens = draw(st.integers(1, 4)), draw(st.integers(1, values["max_position_embeddings"]))
    seed = draw(st.integers(0, 1000))
    asked = {"input_ids": ids(values["vocab_size"], batch, tokens, seed)}
    if draw(st.booleans()):
        asked["attention_mask"] = ragged(batch, tokens, left=draw(st.booleans()))
    if draw(st.booleans()):
        asked["position_ids"] = ids(values["max_position_embeddings"], batch, tokens, seed + 1)
    if "type_vocab_size" in values and draw(st.booleans()):
        asked["token_type_ids"] = ids(values["type_vocab_size"], batch, tokens, seed + 2)
    return asked


def labels_of(name, values, asked):
    (batch, tokens), count = asked["input_ids"].shape, values["num_labels"]
    texts = torch.arange(batch)
    labels = {
        "MaskedLM": {"labels": token_labels(values["vocab_size"], batch=batch, tokens=tokens)},
        "SequenceClassification": {"labels": texts.float() / 3 if count == 1 else texts % count},
        "TokenClassification": {"labels": token_labels(count, batch=batch, tokens=tokens)},
        "QuestionAnswering": {"start_positions": texts * 3, "end_positions": texts * 3 + 1},
        "MultipleChoice": {"labels": texts % CHOICES},
    }
    labels["PreTraining"] = labels["MaskedLM"] | {"next_sentence_label": texts % 2}
    return labels.get(name.partition("For")[2], {})


def hold_against_the_reference(name, values, data):
    attention = data.draw(st.sampled_from(["sdpa", "eager"]))
    if name == "BertLMHeadModel":
        values = values | {"is_decoder": True, "use_cache": False}
    asked = data.draw(inputs(values))
    # In the eager path a text that may attend to nothing lets gradients through in the reference alone.
    if attention == "eager" and values.get("is_decoder"):
        asked.pop("attention_mask", None)
    if name.endswith("QuestionAnswering"):
        values = values | {"num_labels": 2}
    pair = build(name, values, attention=attention, seed=data.draw(st.integers(0, 1000)))
    labels = labels_of(name, values, asked)
    if name.endswith("MultipleChoice"):
        asked = choices_of(asked, CHOICES)
        if name.startswith("Distil") and "position_ids" in asked:  # the reference wants the places of choices flat
            asked["position_ids"] = asked["position_ids"].flatten(0, 1)
    asked |= labels
    assert_forward(pair, asked)
    assert_gradients(pair, asked, seed=5)


@pytest.mark.parametrize("name", {name: None for name, _ in test_bert.CLASSES.values()})
def test_bert(name):
    @RANDOM
    @given(bert(), st.data())
    def holds(values, data):
        hold_against_the_reference(name, values, data)

    holds()


@pytest.mark.parametrize("name", test_distilbert.CLASSES.values())
def test_distilbert(name):
    @RANDOM
    @given(distilbert(), st.data())
    def holds(values, data):
        hold_against_the_reference(name, values, data)

    holds()
