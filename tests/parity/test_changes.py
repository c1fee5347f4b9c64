"""Models that were resized or pruned equal the reference's: resized there too, or with the same heads silenced."""

import pytest
import torch

from .cases import token_labels
from .support import Pair, assert_close, assert_forward, assert_gradients, assert_same_output, build, ids, ragged
from .test_checkpoints import NAMES

SCORING = ["BertForMaskedLM", "BertForPreTraining", "BertLMHeadModel", "DistilBertForMaskedLM"]
RESIZED = [(name, tied) for name in SCORING for tied in (True, False)]
RESIZED += [(name, True) for name in ("BertModel", "DistilBertModel", "BertForSequenceClassification")]
SIZES = {"grown": {"new_num_tokens": 53}, "shrunk": {"new_num_tokens": 29}, "rounded": {"pad_to_multiple_of": 8}}


def inputs(vocab_size: int) -> dict:
    return {"input_ids": ids(vocab_size), "attention_mask": ragged()}


def rows_of(model) -> dict:
    """Return the parameters with a row for each token."""
    found = {"input": model.get_input_embeddings().weight}
    if (output := model.get_output_embeddings()) is not None:
        found |= {"output": output.weight, "bias": output.bias}
    return found


@pytest.mark.parametrize("size", SIZES.values(), ids=SIZES)
@pytest.mark.parametrize(("name", "tied"), RESIZED)
def test_resizing(name, size, tied, tmp_path):
    pair = build(name, NAMES[name] | {"tie_word_embeddings": tied})
    before = {key: value.detach().clone() for key, value in rows_of(pair.theirs).items()}
    for model in (pair.ours, pair.theirs):
        model.resize_token_embeddings(**size)
    count = pair.theirs.config.vocab_size
    kept = min(count, 41)
    assert pair.ours.config.vocab_size == count
    for key, theirs in rows_of(pair.theirs).items():
        ours = rows_of(pair.ours)[key]
        assert ours.shape == theirs.shape
        assert torch.equal(ours[:kept], before[key][:kept])
        assert torch.equal(theirs[:kept], before[key][:kept])
        if count > kept:
            expected = before[key].mean(0).expand_as(ours[kept:])
            assert_close(ours[kept:], expected, f"new rows: {key}", 1e-3)
            if key != "bias" or not tied:  # the reference fills up the bias of a tied layer with zeros
                assert_close(theirs[kept:], expected, f"new rows there: {key}", 1e-3)
    old = inputs(kept)
    with torch.no_grad():
        ours, theirs = (model(**old, output_hidden_states=True) for model in (pair.ours, pair.theirs))
    for field in ours:
        mine, reference = ours[field], theirs[field]
        if name in SCORING and field in ("logits", "prediction_logits"):
            assert mine.shape == reference.shape
            mine, reference = mine[..., :kept], reference[..., :kept]
        assert_close(mine, reference, f"{name}, {field}")
    assert_the_same_through_files(pair, inputs(count), tmp_path)


def assert_the_same_through_files(pair: Pair, asked: dict, folder) -> None:
    """Assert that what either saves the other loads, with the same outputs and gradients, new rows included."""
    decoder = pair.theirs.get_output_embeddings()
    if not pair.theirs.config.tie_word_embeddings and decoder is not None:
        # Resizing made the two biases of BERT one there; files then hold it once, and the reference itself loses it.
        decoder.bias = torch.nn.Parameter(decoder.bias.detach().clone())
    pair.ours.save_pretrained(folder / "ours")
    pair.theirs.save_pretrained(folder / "theirs")
    for path, source in (("ours", pair.ours), ("theirs", pair.theirs)):
        loaded = Pair(
            *(type(m).from_pretrained(folder / path, dtype=torch.float32).eval() for m in (pair.ours, pair.theirs))
        )
        for key, rows in rows_of(source).items():
            assert torch.equal(rows_of(loaded.ours)[key], rows)
        assert_forward(loaded, asked)
        assert_gradients(loaded, asked)


@pytest.mark.parametrize("name", SCORING)
def test_losses_over_new_tokens(name):
    pair = build(name, NAMES[name])
    for model in (pair.ours, pair.theirs):
        model.resize_token_embeddings(60)
    pair.ours.load_state_dict(pair.theirs.state_dict())
    labels = {"labels": token_labels(60)}
    if name == "BertForPreTraining":
        labels["next_sentence_label"] = torch.tensor([0, 1, 1])
    assert_forward(pair, inputs(60) | labels)
    assert_gradients(pair, inputs(60) | labels)


@pytest.mark.parametrize("name", ["BertForMaskedLM", "DistilBertForMaskedLM"])
def test_new_rows_are_spread_as_there(name):
    pair = build(name, NAMES[name] | {"vocab_size": 500, "tie_word_embeddings": False})
    for model in (pair.ours, pair.theirs):
        model.resize_token_embeddings(8500)
    for key in ("input", "output"):
        ours, theirs = (rows_of(model)[key][500:].detach().double() for model in (pair.ours, pair.theirs))
        assert_close(ours.mean(0), theirs.mean(0), f"mean: {key}")
        (mine, reference) = (rows.T.cov() for rows in (ours, theirs))
        assert (mine - reference).norm() < 0.2 * reference.norm()
        assert abs(mine.trace() / reference.trace() - 1) < 0.05


@pytest.mark.parametrize("heads", [{0: [1]}, {0: [0, 2], 1: [1]}], ids=str)
@pytest.mark.parametrize("attention", ["sdpa", "eager"])
@pytest.mark.parametrize("name", NAMES)
def test_pruned_heads_are_silent_heads_there(name, attention, heads):
    pair = build(name, NAMES[name], attention=attention)
    count = pair.ours.config.num_attention_heads
    for layer, numbers in heads.items():
        output = pair.theirs.base_model.get_submodule(pair.ours.attention_projections[-1].format(layer))
        with torch.no_grad():
            output.weight.unflatten(1, (count, -1))[:, numbers] = 0
    pair.ours.prune_heads(heads)
    shape = (3, 2, 11) if name.endswith("MultipleChoice") else (3, 11)
    words = torch.randint(41, shape, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        ours, theirs = (model(words, output_hidden_states=True) for model in (pair.ours, pair.theirs))
    assert_same_output(ours, theirs)


@pytest.mark.parametrize("name", NAMES)
def test_gradient_checkpointing_equals_the_references(name):
    pair = build(name, NAMES[name])
    pair.ours.gradient_checkpointing_enable()
    pair.theirs.activation_checkpointing_enable()
    words = inputs(41)
    if name.endswith("MultipleChoice"):
        words = {key: torch.stack([value, value.flip(0)], 1) for key, value in words.items()}
    assert_gradients(pair, words, seed=5)


@pytest.mark.parametrize("tied", [True, False])
@pytest.mark.parametrize("name", NAMES)
def test_counts(name, tied):
    pair = build(name, NAMES[name] | {"tie_word_embeddings": tied})
    for only_trainable in (False, True):
        for exclude_embeddings in (False, True):
            asked = {"only_trainable": only_trainable, "exclude_embeddings": exclude_embeddings}
            assert pair.ours.num_parameters(**asked) == pair.theirs.num_parameters(**asked)
    buffers = sum(buffer.nbytes for buffer in pair.theirs.buffers())  # position_ids, which only the reference has
    assert pair.ours.get_memory_footprint() == pair.theirs.get_memory_footprint() - buffers
