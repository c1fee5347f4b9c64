"""GPT-2 against the reference: the same weights, the same inputs, the same numbers."""

import pytest
import torch
from safetensors.torch import load_file, save_file

import archsmith

from .cases import ACTIVATIONS, CAUSALLY_CLOSED, CLOSED, INPUTS, PROBLEMS, SQUARE, token_labels
from .decoders import ALONE, CUTS, hold, hold_default, hold_parts, hold_writing, labelled, saved_both_ways
from .oracle import transformers
from .support import (
    Pair,
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
    "n_positions": 19,
    "n_embd": 24,
    "n_layer": 2,
    "n_head": 4,
    "n_inner": 37,
    "pad_token_id": 0,
    "bos_token_id": None,
    "eos_token_id": None,
    "resid_pdrop": 0.0,
    "embd_pdrop": 0.0,
    "attn_pdrop": 0.0,
    "classifier_dropout": 0.0,
}
CLASSES = {
    "base": "GPT2Model",
    "words": "GPT2LMHeadModel",
    "classes": "GPT2ForSequenceClassification",
    "classes of words": "GPT2ForTokenClassification",
}
CONFIGS = {
    "plain": {},
    "one layer": {"n_layer": 1},
    "five layers": {"n_layer": 5},
    "one head": {"n_head": 1},
    "heads of one": {"n_head": 6, "n_embd": 6},
    "the usual width inside": {"n_inner": None},
    "narrow inside": {"n_inner": 1},
    "as many positions as tokens": {"n_positions": 11},
    "separate embeddings": {"tie_word_embeddings": False},
    "no padding token": {"pad_token_id": None},
    "another padding token": {"pad_token_id": 40},
    "a large eps": {"layer_norm_epsilon": 0.1},
    "scores as they are": {"scale_attn_weights": False},
    "scores by the layer": {"scale_attn_by_inverse_layer_idx": True, "n_layer": 3},
    "scores by the layer alone": {"scale_attn_weights": False, "scale_attn_by_inverse_layer_idx": True},
    "in the other order": {"reorder_and_upcast_attn": True},
}


def pair_of(kind: str, attention: str = "sdpa", /, **values) -> Pair:
    if "reorder_and_upcast_attn" in values:  # in float32 it changes nothing, so it is no field
        del values["reorder_and_upcast_attn"]
        pair = build(CLASSES[kind], TINY | values, attention=attention)
        for module in pair.theirs.modules():
            if hasattr(module, "reorder_and_upcast_attn"):
                module.reorder_and_upcast_attn = True
        return pair
    return build(CLASSES[kind], TINY | values, attention=attention)


def padded(pad: int = 0, *, left: bool = False) -> dict:
    """Return texts of which the reference's classifier sees, too, where they end: by the padding token alone."""
    mask = ragged(left=left)
    return {"input_ids": torch.where(mask == 1, ids(39) + 1, pad), "attention_mask": mask}


def alone(kind: str) -> dict:
    return {} if kind == "classes of words" else ALONE


@pytest.mark.parametrize("values", CONFIGS.values(), ids=CONFIGS)
@pytest.mark.parametrize("kind", CLASSES)
def test_configurations(kind, values):
    pad = values.get("pad_token_id", 0)
    inputs = labelled(kind, padded(pad or 0))
    if kind == "classes" and pad is None:  # then the reference takes a single text, and no padding
        inputs = {"input_ids": inputs["input_ids"][:1], "labels": inputs["labels"][:1]}
    hold(pair_of(kind, **values), inputs)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_activations(name):
    hold(pair_of("words", activation_function=name), labelled("words", padded()))


@pytest.mark.parametrize("attention", ["sdpa", "eager"])
@pytest.mark.parametrize("kind", ["base", "words", "classes of words"])
def test_inputs(kind, attention):
    pair = pair_of(kind, attention)
    for name, make in INPUTS.items():
        if name not in SQUARE or attention == "sdpa":
            assert_forward(pair, make(41, 19, 24, 4) | ALONE)


@pytest.mark.parametrize("attention", ["sdpa", "eager"])
def test_gradients_through_inputs(attention):
    pair = pair_of("base", attention)
    for name, make in INPUTS.items():
        if attention == "sdpa" or name not in (*SQUARE, *CLOSED, *CAUSALLY_CLOSED):
            assert_gradients(pair, make(41, 19, 24, 4) | ALONE)


@pytest.mark.parametrize("kind", CLASSES)
def test_tokens_that_tell_speakers_apart(kind):
    hold(pair_of(kind), labelled(kind, padded()) | {"token_type_ids": ids(41, seed=3)})


def test_several_texts_in_a_row():
    """Without a mask, the reference takes a step in the positions for the beginning of another text."""
    packed = torch.tensor([[0, 1, 2, 3, 0, 1, 2, 3, 4, 5, 0], [*range(11)], [*range(5), *range(6)]])
    for positions in (packed, packed[:1], packed[1:2] + 3):
        hold(pair_of("words"), {"input_ids": ids(41), "labels": ids(41), "position_ids": positions})


@pytest.mark.parametrize("kind", CLASSES)
def test_gradients_of_embedded_words(kind):
    inputs = INPUTS["embeddings"](41, 19, 24, 4)
    if kind == "classes":
        inputs["attention_mask"] = ragged(left=True)  # where the reference takes the last place for the last token
    assert_gradient_of_embeddings(pair_of(kind), labelled(kind, inputs) | ALONE)


@pytest.mark.parametrize(("problem", "count", "labels"), PROBLEMS.values(), ids=PROBLEMS)
def test_classification_losses(problem, count, labels):
    hold(pair_of("classes", num_labels=count, problem_type=problem), padded() | {"labels": labels})


@pytest.mark.parametrize("share", [0.0, 0.3, 1.0])
@pytest.mark.parametrize("kind", ["words", "classes of words"])
def test_losses_of_tokens(kind, share):
    pair = pair_of(kind)
    hold(pair, padded() | {"labels": token_labels(41 if kind == "words" else 2, share=share)})
    hold(pair, {"input_ids": ids(41), "labels": torch.full((3, 11), -100)})


@pytest.mark.parametrize("kept", [0, 1, 3, 11, torch.tensor([0, 4, 10])])
def test_logits_of_some_places(kept):
    assert_forward(pair_of("words"), padded() | ALONE | {"logits_to_keep": kept})


@pytest.mark.parametrize("kind", CLASSES)
def test_dropout_falls_at_the_same_places_with_the_same_rates(kind):
    rates = {"resid_pdrop": 0.3, "embd_pdrop": 0.2, "attn_pdrop": 0.4, "classifier_dropout": 0.5}
    assert_gradients(pair_of(kind, "eager", **rates), labelled(kind, padded()) | ALONE, seed=11)


@pytest.mark.parametrize("left", [False, True])
@pytest.mark.parametrize("places", [False, True])
@pytest.mark.parametrize("cut", CUTS.values(), ids=CUTS)
def test_reading_in_parts(cut, places, left):
    for attention in ("sdpa", "eager"):
        hold_parts(pair_of("words", attention), cut, left=left, places=places)


@pytest.mark.parametrize("kind", CLASSES)
@pytest.mark.parametrize("tied", [True, False])
def test_files_both_ways(kind, tied, tmp_path):
    values = {"tie_word_embeddings": tied, "scale_attn_by_inverse_layer_idx": True}
    saved_both_ways(pair_of(kind, **values), tmp_path, padded())


def test_files_as_they_were_published(tmp_path):
    """Without the prefix of the base model, with the causal mask as a buffer in every layer, and without the head."""
    theirs = transformers.GPT2LMHeadModel(transformers.GPT2Config(**TINY)).eval()
    theirs.save_pretrained(tmp_path)
    found = {
        name.removeprefix("transformer."): value for name, value in load_file(tmp_path / "model.safetensors").items()
    }
    for layer in range(2):
        found[f"h.{layer}.attn.bias"] = torch.ones(1, 1, 19, 19).tril()
        found[f"h.{layer}.attn.masked_bias"] = torch.tensor(-1e4)
    save_file(found, tmp_path / "model.safetensors", metadata={"format": "pt"})
    ours = archsmith.AutoModelForCausalLM.from_pretrained(tmp_path)
    assert type(ours) is archsmith.GPT2LMHeadModel
    assert len(ours.load_report.ignored) == 4
    with torch.no_grad():
        assert_same_output(ours(**padded(), **ALONE), theirs(**padded(), **ALONE))


def test_beginnings():
    """What is added to the stream of states starts smaller, by the root of how often that happens."""
    torch.manual_seed(0)
    model = archsmith.GPT2Model(archsmith.GPT2Config(n_embd=256, n_layer=8, n_head=4, vocab_size=50))
    stds = {name: parameter.std().item() for name, parameter in model.named_parameters() if parameter.ndim > 1}
    for name, std in stds.items():
        wanted = 0.02 / 4 if "c_proj" in name else 0.02
        assert abs(std / wanted - 1) < 0.05, name
    assert all(not parameter.any() for name, parameter in model.named_parameters() if name.endswith("bias"))


@pytest.mark.parametrize("kind", CLASSES)
def test_what_comes_unasked(kind):
    for inputs in (padded(), {"input_ids": ids(41)[:1], "position_ids": ids(19)[:1]}):
        hold_default(pair_of(kind), inputs)


@pytest.mark.parametrize("options", [{}, {"num_beams": 3}, {"repetition_penalty": 1.7}, {"no_repeat_ngram_size": 2}])
@pytest.mark.parametrize("values", [{}, {"scale_attn_by_inverse_layer_idx": True, "tie_word_embeddings": False}])
def test_writing(values, options):
    hold_writing(pair_of("words", **values), **options)
