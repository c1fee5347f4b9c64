"""Llama, Mistral and Qwen2 against the reference: the same weights, the same inputs, the same numbers."""

import pytest
import torch

import archsmith

from .cases import ACTIVATIONS, CAUSALLY_CLOSED, CLOSED, INPUTS, PROBLEMS, SQUARE, token_labels
from .decoders import (
    ALONE,
    CUTS,
    hold,
    hold_default,
    hold_parts,
    hold_writing,
    labelled,
    reference_config,
    saved_both_ways,
)
from .support import (
    Pair,
    assert_forward,
    assert_gradient_of_embeddings,
    assert_gradients,
    build,
    ids,
    ragged,
)

TINY = {
    "vocab_size": 41,
    "hidden_size": 24,
    "intermediate_size": 37,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 19,
    "pad_token_id": 0,
    "classifier_dropout": 0.0,
}
FAMILIES = ("Llama", "Mistral", "Qwen2")
CLASSES = {
    "base": "Model",
    "words": "ForCausalLM",
    "classes": "ForSequenceClassification",
    "classes of words": "ForTokenClassification",
}
LLAMA3 = {"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0, "rope_theta": 1e4,
          "original_max_position_embeddings": 64}  # fmt: skip
ROPE = {
    "another base": {"rope_parameters": {"rope_type": "default", "rope_theta": 100.0}},
    "linear": {"rope_parameters": {"rope_type": "linear", "factor": 2.5, "rope_theta": 1e4}},
    "dynamic, short": {"rope_parameters": {"rope_type": "dynamic", "factor": 2.0, "rope_theta": 1e4}},
    "dynamic, long": {
        "rope_parameters": {"rope_type": "dynamic", "factor": 2.0, "rope_theta": 1e4},
        "max_position_embeddings": 8,
    },
    "yarn": {"rope_parameters": {"rope_type": "yarn", "factor": 4.0, "rope_theta": 1e4}},
    "llama3": {"rope_parameters": LLAMA3},
}
CONFIGS = {
    "plain": {},
    "one layer": {"num_hidden_layers": 1},
    "five layers": {"num_hidden_layers": 5},
    "one head": {"num_attention_heads": 1, "num_key_value_heads": 1},
    "one key for all": {"num_key_value_heads": 1},
    "a key for each": {"num_key_value_heads": 4},
    "heads of another width": {"head_dim": 10},
    "narrow inside": {"intermediate_size": 1},
    "tied": {"tie_word_embeddings": True},
    "no padding token": {"pad_token_id": None},
    "another padding token": {"pad_token_id": 40},
    "a large eps": {"rms_norm_eps": 0.1},
    "another activation": {"hidden_act": "gelu_new"},
    "longer than in training": {"max_position_embeddings": 4},
    **ROPE,
}
OWN = {
    "Llama": {
        "as many keys as heads, unsaid": {"num_key_value_heads": None},
        "biases": {"attention_bias": True},
        "biases inside": {"mlp_bias": True},
        "all biases": {"attention_bias": True, "mlp_bias": True},
    },
    "Mistral": {
        "a window": {"sliding_window": 4},
        "a window of one": {"sliding_window": 1},
        "a window as long as the text": {"sliding_window": 11},
        "no window": {"sliding_window": None},
    },
    "Qwen2": {
        "windows": {"use_sliding_window": True, "sliding_window": 4, "max_window_layers": 0},
        "windows in the second layer": {"use_sliding_window": True, "sliding_window": 3, "max_window_layers": 1},
        "windows that are off": {"use_sliding_window": False, "sliding_window": 3, "max_window_layers": 0},
        "windows by name": {
            "use_sliding_window": True,
            "sliding_window": 3,
            "layer_types": ["sliding_attention", "full_attention"],
        },
    },
}
CASES = [(family, name, values) for family in FAMILIES for name, values in {**CONFIGS, **OWN[family]}.items()]
WINDOWED = [("Mistral", {"sliding_window": 4}), ("Qwen2", OWN["Qwen2"]["windows in the second layer"])]


def pair_of(family: str, kind: str = "words", attention: str = "sdpa", /, **values) -> Pair:
    return build(family + CLASSES[kind], TINY | values, attention=attention)


def padded(pad: int = 0, *, left: bool = False) -> dict:
    """Return texts of which the reference's classifier sees, too, where they end: by the padding token alone."""
    mask = ragged(left=left)
    return {"input_ids": torch.where(mask == 1, ids(39) + 1, pad), "attention_mask": mask}


@pytest.mark.parametrize("kind", CLASSES)
@pytest.mark.parametrize(("family", "values"), [case[::2] for case in CASES], ids=[f"{f}, {n}" for f, n, _ in CASES])
def test_configurations(family, values, kind):
    pad = values.get("pad_token_id", 0)
    inputs = labelled(kind, padded(pad or 0))
    if kind == "classes" and pad is None:  # then the reference takes a single text, and no padding
        inputs = {"input_ids": inputs["input_ids"][:1], "labels": inputs["labels"][:1]}
    hold(pair_of(family, kind, **values), inputs, has_closed="sliding_window" in values)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_activations(name):
    hold(pair_of("Llama", hidden_act=name), labelled("words", padded()))


@pytest.mark.parametrize("attention", ["sdpa", "eager"])
@pytest.mark.parametrize("kind", ["base", "words"])
@pytest.mark.parametrize("family", FAMILIES)
def test_inputs(family, kind, attention):
    pair = pair_of(family, kind, attention)
    for name, make in INPUTS.items():
        if name not in SQUARE or attention == "sdpa":
            print(name)
            assert_forward(pair, make(41, 19, 24, 4) | ALONE)


@pytest.mark.parametrize("attention", ["sdpa", "eager"])
@pytest.mark.parametrize(("family", "values"), [("Llama", {}), *WINDOWED])
def test_gradients_through_inputs(family, values, attention):
    pair = pair_of(family, "base", attention, **values)
    for name, make in INPUTS.items():
        inputs = make(41, 19, 24, 4)
        has_closed = name in (*SQUARE, *CLOSED, *CAUSALLY_CLOSED) or (values and "attention_mask" in inputs)
        if attention == "sdpa" or not has_closed:
            assert_gradients(pair, inputs | ALONE)


@pytest.mark.parametrize(("family", "values"), [("Llama", {}), *WINDOWED])
def test_several_texts_in_a_row(family, values):
    """Without a mask, the reference takes a step in the positions for the beginning of another text."""
    packed = torch.tensor(
        [[0, 1, 2, 3, 0, 1, 2, 3, 4, 5, 0], [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10], [*range(5), *range(6)]]
    )
    pair = pair_of(family, "words", **values)
    hold(pair, {"input_ids": ids(41), "labels": ids(41), "position_ids": packed})
    hold(pair, {"input_ids": ids(41), "labels": ids(41), "position_ids": packed[:1]})
    hold(pair, {"input_ids": ids(41), "labels": ids(41), "position_ids": packed[1:2] + 3})


@pytest.mark.parametrize("kind", CLASSES)
@pytest.mark.parametrize("family", FAMILIES)
def test_gradients_of_embedded_words(family, kind):
    inputs = INPUTS["embeddings"](41, 19, 24, 4)
    if kind == "classes":
        inputs["attention_mask"] = ragged(left=True)  # where the reference takes the last place for the last token
    given = labelled(kind, inputs) | ALONE
    assert_gradient_of_embeddings(pair_of(family, kind), given)


@pytest.mark.parametrize(("problem", "count", "labels"), PROBLEMS.values(), ids=PROBLEMS)
@pytest.mark.parametrize("left", [False, True])
def test_classification_losses(problem, count, labels, left):
    hold(pair_of("Llama", "classes", num_labels=count, problem_type=problem), padded(left=left) | {"labels": labels})


@pytest.mark.parametrize("share", [0.0, 0.3, 1.0])
@pytest.mark.parametrize("kind", ["words", "classes of words"])
def test_losses_of_tokens(kind, share):
    pair = pair_of("Qwen2", kind)
    hold(pair, padded() | {"labels": token_labels(41 if kind == "words" else 2, share=share)})
    hold(pair, {"input_ids": ids(41), "labels": torch.full((3, 11), -100)})


@pytest.mark.parametrize("kept", [0, 1, 3, 11, torch.tensor([0, 4, 10])])
def test_logits_of_some_places(kept):
    assert_forward(pair_of("Mistral"), padded() | ALONE | {"logits_to_keep": kept})


@pytest.mark.parametrize("kind", CLASSES)
@pytest.mark.parametrize("family", FAMILIES)
def test_dropout_falls_at_the_same_places_with_the_same_rates(family, kind):
    pair = pair_of(family, kind, "eager", attention_dropout=0.3, classifier_dropout=0.5)
    assert_gradients(pair, labelled(kind, padded()) | ALONE, seed=11)


@pytest.mark.parametrize("left", [False, True])
@pytest.mark.parametrize("places", [False, True])
@pytest.mark.parametrize("cut", CUTS.values(), ids=CUTS)
@pytest.mark.parametrize(
    ("family", "values"),
    [*((family, {}) for family in FAMILIES), ("Llama", ROPE["yarn"]), ("Mistral", {"sliding_window": 2}), *WINDOWED],
)
def test_reading_in_parts(family, values, cut, places, left):
    for attention in ("sdpa", "eager"):
        hold_parts(pair_of(family, "words", attention, **values), cut, left=left, places=places)


@pytest.mark.parametrize(("kind", "family"), [("words", "Llama"), ("base", "Mistral"), ("classes", "Qwen2"),
                                              ("classes of words", "Llama"), ("classes", "Mistral")])  # fmt: skip
def test_files_both_ways(kind, family, tmp_path):
    values = {"sliding_window": 4} if family == "Mistral" else {}
    saved_both_ways(pair_of(family, kind, **ROPE["llama3"], **values), tmp_path, padded())


ROPE_FILES = {
    "nothing": {},
    "a base": {"rope_theta": 5e5},
    "nulls": {"rope_scaling": None, "rope_theta": 1e6},
    "the old kind": {"rope_theta": 1e4, "rope_scaling": {"type": "linear", "factor": 2.0}},
    "both kinds": {"rope_scaling": {"type": "dynamic", "rope_type": "dynamic", "factor": 2.0}},
    "llama3": {"rope_theta": 5e5, "rope_scaling": {k: v for k, v in LLAMA3.items() if k != "rope_theta"}},
    "llama3, the training unsaid": {
        "max_position_embeddings": 32,
        "rope_scaling": {
            k: v for k, v in LLAMA3.items() if k not in ("rope_theta", "original_max_position_embeddings")
        },
    },
    "yarn": {"rope_scaling": {"type": "yarn", "factor": 4.0}},
    "the new key": {"rope_parameters": {"rope_type": "linear", "factor": 3.0, "rope_theta": 77.0}},
    "the new key without a base": {"rope_parameters": {"rope_type": "linear", "factor": 3.0}},
    "the new key, the base apart": {"rope_parameters": {"rope_type": "linear", "factor": 3.0}, "rope_theta": 55.0},
}


@pytest.mark.parametrize("values", ROPE_FILES.values(), ids=ROPE_FILES)
@pytest.mark.parametrize("family", FAMILIES)
def test_every_spelling_of_rotary_positions_is_read_as_the_reference_reads_it(family, values):
    """What is written is read on both sides as the same."""
    name = f"{family}Config"
    file = {
        "model_type": family.lower(),
        "hidden_size": 64,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        **values,
    }
    ours, theirs = getattr(archsmith, name).from_dict(file), reference_config(name, file)
    wanted = {key: value for key, value in theirs.rope_parameters.items() if key != "type"}
    assert ours.rope_parameters == wanted
    again = reference_config(name, ours.to_file_dict())
    assert again.rope_parameters == wanted
    assert getattr(archsmith, name).from_dict(theirs.to_dict()).rope_parameters == wanted
    older = ours.to_file_dict()
    del older["rope_parameters"]
    assert reference_config(name, older).rope_parameters == wanted


@pytest.mark.parametrize("kind", CLASSES)
def test_what_comes_unasked(kind):
    for inputs in (padded(), {"input_ids": ids(41)[:1], "position_ids": ids(19)[:1]}):
        hold_default(pair_of("Mistral", kind), inputs)


@pytest.mark.parametrize("options", [{}, {"num_beams": 3}, {"repetition_penalty": 1.7}, {"no_repeat_ngram_size": 2}])
@pytest.mark.parametrize(("family", "values"), [("Llama", ROPE["llama3"]), ("Qwen2", {}), *WINDOWED])
def test_writing(family, values, options):
    hold_writing(pair_of(family, "words", eos_token_id=None, **values), **options)
