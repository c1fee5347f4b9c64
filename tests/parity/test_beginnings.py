"""Configurations have the reference's fields and defaults, and fresh models begin from its initial values."""

import pytest
import torch
import transformers

import archsmith

from . import test_bert, test_distilbert

CONFIGS = ["BertConfig", "DistilBertConfig"]
#: What the reference's configurations carry about themselves.
BOOKKEEPING = {"transformers_version", "model_type", "architectures", "_name_or_path", "chunk_size_feed_forward"}
MODELS = [*{name: None for name, _ in test_bert.CLASSES.values()}, *test_distilbert.CLASSES.values()]


def values_of(name):
    """Return a configuration in which every field of the shapes is large enough for statistics."""
    values = {"vocab_size": 300, "max_position_embeddings": 100, "initializer_range": 0.3, "pad_token_id": 7}
    if name.startswith("Distil"):
        return values | {"dim": 48, "n_heads": 4, "n_layers": 2, "hidden_dim": 96}
    values |= {"is_decoder": True} if name == "BertLMHeadModel" else {}
    return values | {"hidden_size": 48, "num_attention_heads": 4, "num_hidden_layers": 2, "intermediate_size": 96}


@pytest.mark.parametrize("name", CONFIGS)
def test_fields_and_defaults_are_the_references(name):
    ours, theirs = getattr(archsmith, name)(), getattr(transformers, name)()
    for field, default in theirs.to_diff_dict().items():
        if field not in BOOKKEEPING:
            assert getattr(ours, field) == default, field
    declared = {field for field in type(theirs).__annotations__ if field not in ("model_type", "attribute_map")}
    own = set(type(ours).__annotations__)
    assert declared <= own
    assert own - declared <= {"position_embedding_type"}


@pytest.mark.parametrize("name", CONFIGS)
def test_what_is_written_is_read_on_the_other_side(name, tmp_path):
    values = values_of(name) | {"num_labels": 3, "tie_word_embeddings": False, "eos_token_id": [3, 4]}
    ours, theirs = getattr(archsmith, name)(**values), getattr(transformers, name)(**values)
    ours.save_pretrained(tmp_path / "ours")
    theirs.save_pretrained(tmp_path / "theirs")
    there = getattr(transformers, name).from_pretrained(tmp_path / "ours")
    here = getattr(archsmith, name).from_pretrained(tmp_path / "theirs")
    for field in (*type(theirs).__annotations__, "num_labels", "id2label", "label2id"):
        if field not in ("attribute_map", "model_type"):
            assert getattr(there, field) == getattr(theirs, field) == getattr(here, field) == getattr(ours, field)


@pytest.mark.parametrize("name", MODELS)
def test_initial_values_are_the_references(name):
    values = values_of(name)
    ours, theirs = (
        cls(cls.config_class(**values)).state_dict() for cls in (getattr(archsmith, name), getattr(transformers, name))
    )
    assert ours.keys() == theirs.keys()
    for key, value in theirs.items():
        if value.unique().numel() == 1:
            assert torch.equal(ours[key], value), key
        else:
            # The standard deviation of n draws is known to one part in the square root of 2n.
            assert ours[key].std().item() == pytest.approx(value.std().item(), rel=6 * (2 * value.numel()) ** -0.5), key
            assert ours[key].mean().abs() < 6 * value.std() * value.numel() ** -0.5, key
    word = next(key for key in ours if key.endswith("word_embeddings.weight"))
    assert not ours[word][7].any()
    assert not theirs[word][7].any()


def test_waves_are_the_references():
    values = values_of("DistilBert") | {"sinusoidal_pos_embds": True}
    key = "embeddings.position_embeddings.weight"
    ours, theirs = (
        library.DistilBertModel(library.DistilBertConfig(**values)).state_dict()[key]
        for library in (archsmith, transformers)
    )
    torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-6)


@pytest.mark.parametrize("kind", ["relative_key", "relative_key_query", "rotary"])
def test_relative_positions_are_refused(kind):
    with pytest.raises(archsmith.ArchsmithError) as error:
        archsmith.BertConfig.from_dict({"model_type": "bert", "position_embedding_type": kind})
    assert str(error.value) == f"BertConfig: position_embedding_type must be 'absolute', but is {kind!r}."


def test_cross_attention_is_refused():
    with pytest.raises(archsmith.ArchsmithError) as error:
        archsmith.BertConfig(is_decoder=True, add_cross_attention=True)
    assert str(error.value) == (
        "BertConfig: add_cross_attention is True, but must be False: this BERT has no cross-attention layers. "
        "For causal self-attention is_decoder=True is enough."
    )


def test_impossible_shapes_are_refused_together():
    with pytest.raises(archsmith.ArchsmithError) as error:
        archsmith.BertConfig(hidden_size=10, num_attention_heads=3, vocab_size=4, pad_token_id=4)
    assert error.value.faults == (
        "num_attention_heads is 3, but must divide hidden_size 10",
        "pad_token_id is 4, but must be below vocab_size 4",
    )
