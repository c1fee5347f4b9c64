"""What the reference saves loads here, what is saved here loads there, and so do files with the spellings of old."""

import contextlib
import json
import warnings

import pytest
import safetensors.torch
import torch
import transformers

import archsmith

from . import test_bert, test_distilbert
from .cases import choices_of
from .support import assert_close, assert_same_output, build, ids, ragged, scramble

#: What makes a class one that writes.
WRITES = {"BertLMHeadModel": {"is_decoder": True, "use_cache": False}}
NAMES = {
    "BertModel": test_bert.TINY,
    "BertForMaskedLM": test_bert.TINY,
    "BertForSequenceClassification": test_bert.TINY | {"num_labels": 5},
    "BertForPreTraining": test_bert.TINY,
    "BertForNextSentencePrediction": test_bert.TINY,
    "BertLMHeadModel": test_bert.TINY | WRITES["BertLMHeadModel"],
    "BertForTokenClassification": test_bert.TINY | {"num_labels": 5},
    "BertForQuestionAnswering": test_bert.TINY,
    "BertForMultipleChoice": test_bert.TINY,
    "DistilBertModel": test_distilbert.TINY,
    "DistilBertForMaskedLM": test_distilbert.TINY,
    "DistilBertForSequenceClassification": test_distilbert.TINY | {"num_labels": 5},
    "DistilBertForTokenClassification": test_distilbert.TINY | {"num_labels": 5},
    "DistilBertForQuestionAnswering": test_distilbert.TINY,
    "DistilBertForMultipleChoice": test_distilbert.TINY,
}
MASKED = ["BertForMaskedLM", "BertForPreTraining", "BertLMHeadModel", "DistilBertForMaskedLM"]
POOLERLESS = ["BertForMaskedLM", "BertLMHeadModel", "BertForTokenClassification", "BertForQuestionAnswering"]
every_class = pytest.mark.parametrize("name", NAMES)


def inputs():
    return {"input_ids": ids(41), "attention_mask": ragged()}


def output(model, choices=2):
    """Return what a model makes of the inputs; one that chooses gets this many of them for each question."""
    fed = choices_of(inputs(), choices) if type(model).__name__.endswith("MultipleChoice") else inputs()
    with torch.no_grad():
        return model.eval()(**fed, output_hidden_states=True)


def assert_same_states(ours, theirs):
    """Assert that two models, whatever their heads, have the same hidden states."""
    assert_close(output(ours, 1).hidden_states, output(theirs, 1).hidden_states, "hidden states")


def theirs_of(name, **values):
    cls = getattr(transformers, name)
    model = cls(cls.config_class(**NAMES[name] | values))
    scramble(model)
    return model.eval()


def ours_of(name, **values):
    return build(name, NAMES[name] | values).ours


def load_here(name, folder, **options):
    """Load with nothing announced."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model = getattr(archsmith, name).from_pretrained(folder, **options)
    assert not model.load_report.new
    assert not model.load_report.unused
    return model


def load_there(name, folder, **options):
    """Load with nothing missing and nothing left over."""
    model, report = getattr(transformers, name).from_pretrained(folder, output_loading_info=True, **options)
    assert not any(report.values()), report
    return model


def tensors_of(folder):
    return safetensors.torch.load_file(folder / "model.safetensors")


def rewrite(folder, change, **config):
    """Change the names or tensors of a saved file, and values in config.json; a value of None deletes the key."""
    safetensors.torch.save_file(change(tensors_of(folder)), folder / "model.safetensors", metadata={"format": "pt"})
    path = folder / "config.json"
    values = json.loads(path.read_text()) | config
    path.write_text(json.dumps({key: value for key, value in values.items() if value is not None}))


@contextlib.contextmanager
def announced(*parts):
    """Expect exactly these announcements, each with its part of the text."""
    with pytest.warns(archsmith.ArchsmithWarning) as caught:
        yield
    said = [str(warning.message) for warning in caught]
    assert len(said) == len(parts), said
    assert all(part in text for part, text in zip(parts, said, strict=True)), said


# ---- both directions ----------------------------------------------------------------------------------------


@every_class
@pytest.mark.parametrize("size", ["5GB", "5KB"], ids=["one file", "shards"])
@pytest.mark.parametrize("tied", [True, False], ids=["tied", "separate"])
def test_the_references_files_load_here(name, size, tied, tmp_path):
    theirs = theirs_of(name, tie_word_embeddings=tied)
    theirs.save_pretrained(tmp_path, max_shard_size=size)
    assert (tmp_path / "model.safetensors.index.json").exists() == (size == "5KB")
    ours = load_here(name, tmp_path)
    assert not ours.load_report.ignored
    assert set(ours.load_report.loaded) <= theirs.state_dict().keys()
    assert_same_output(output(ours), output(theirs))


@every_class
@pytest.mark.parametrize("size", ["5GB", "5KB"], ids=["one file", "shards"])
@pytest.mark.parametrize("tied", [True, False], ids=["tied", "separate"])
def test_our_files_load_there(name, size, tied, tmp_path):
    ours = ours_of(name, tie_word_embeddings=tied)
    ours.save_pretrained(tmp_path, max_shard_size=size)
    assert (tmp_path / "model.safetensors.index.json").exists() == (size == "5KB")
    theirs = load_there(name, tmp_path)
    assert_same_output(output(ours), output(theirs))
    assert theirs.config.architectures == [name]


@every_class
def test_a_file_goes_there_and_back_unchanged(name, tmp_path):
    ours = ours_of(name)
    ours.save_pretrained(tmp_path / "ours")
    load_there(name, tmp_path / "ours").save_pretrained(tmp_path / "theirs")
    load_here(name, tmp_path / "theirs").save_pretrained(tmp_path / "again")
    first, last = tensors_of(tmp_path / "ours"), tensors_of(tmp_path / "again")
    assert first.keys() == last.keys() == tensors_of(tmp_path / "theirs").keys()
    assert all(torch.equal(first[key], last[key]) for key in first)


@every_class
def test_the_auto_classes_find_the_model(name, tmp_path):
    theirs = theirs_of(name)
    theirs.save_pretrained(tmp_path)
    task = "CausalLM" if name == "BertLMHeadModel" else name.partition("For")[2]
    ours = getattr(archsmith, f"AutoModelFor{task}" if task else "AutoModel").from_pretrained(tmp_path)
    assert type(ours) is getattr(archsmith, name)
    assert_same_output(output(ours), output(theirs))


@pytest.mark.parametrize("pooled", [True, False])
def test_bert_without_pooler_goes_both_ways(pooled, tmp_path):
    pair = build("BertModel", test_bert.TINY, add_pooling_layer=pooled)
    pair.theirs.save_pretrained(tmp_path / "theirs")
    pair.ours.save_pretrained(tmp_path / "ours")
    load_there("BertModel", tmp_path / "ours", add_pooling_layer=pooled)
    loaded = load_here("BertModel", tmp_path / "theirs", add_pooling_layer=pooled)
    assert_same_output(output(loaded), output(pair.theirs))
    loaded = archsmith.AutoModel.from_config(pair.ours.config, add_pooling_layer=pooled)
    assert ("pooler.dense.weight" in loaded.state_dict()) == pooled


# ---- types --------------------------------------------------------------------------------------------------


@every_class
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_halves_stay_halves(name, dtype, tmp_path):
    theirs_of(name).to(dtype).save_pretrained(tmp_path / "theirs")
    ours = load_here(name, tmp_path / "theirs")
    assert {p.dtype for p in ours.parameters()} == {dtype}
    theirs = load_there(name, tmp_path / "theirs", dtype="auto")
    # Half precision is not exact: a few steps of its last place are allowed.
    assert_same_output(output(ours), output(theirs), tolerance=4 * torch.finfo(dtype).eps)
    ours.save_pretrained(tmp_path / "ours")
    again = load_there(name, tmp_path / "ours", dtype="auto")
    assert again.dtype == dtype
    assert_same_output(output(again), output(theirs), tolerance=0.0)


@every_class
@pytest.mark.parametrize("option", ["dtype", "torch_dtype"])
def test_a_type_can_be_asked_for(name, option, tmp_path):
    theirs_of(name).to(torch.bfloat16).save_pretrained(tmp_path)
    ours = load_here(name, tmp_path, **{option: torch.float32}, device="cpu")
    assert {(p.dtype, p.device.type) for p in ours.parameters()} == {(torch.float32, "cpu")}
    theirs = load_there(name, tmp_path, dtype=torch.float32)
    assert_same_output(output(ours), output(theirs))
    assert load_here(name, tmp_path, **{option: "auto"}).dtype == torch.bfloat16
    assert load_here(name, tmp_path, **{option: "float64"}, attn_implementation="eager").dtype == torch.float64


@every_class
def test_double_precision(name, tmp_path):
    theirs = theirs_of(name).double()
    theirs.save_pretrained(tmp_path)
    ours = load_here(name, tmp_path)
    assert ours.dtype == torch.float64
    assert_same_output(output(ours), output(theirs), tolerance=1e-13)


# ---- spellings of old ---------------------------------------------------------------------------------------


@every_class
def test_gamma_and_beta(name, tmp_path):
    theirs = theirs_of(name)
    theirs.save_pretrained(tmp_path)
    old = {"LayerNorm.weight": "LayerNorm.gamma", "LayerNorm.bias": "LayerNorm.beta"}

    def change(tensors):
        for new, former in old.items():
            tensors = {key.replace(new, former): value for key, value in tensors.items()}
        assert any(key.endswith(".gamma") for key in tensors)
        return tensors

    rewrite(tmp_path, change)
    assert_same_output(output(load_here(name, tmp_path)), output(theirs))


@every_class
def test_dead_buffers_are_ignored(name, tmp_path):
    theirs = theirs_of(name)
    theirs.save_pretrained(tmp_path)
    prefix = "" if name.endswith("Model") else f"{theirs.base_model_prefix}."
    rewrite(tmp_path, lambda tensors: tensors | {f"{prefix}embeddings.position_ids": torch.arange(19)[None]})
    ours = load_here(name, tmp_path)
    assert ours.load_report.ignored == (f"{prefix}embeddings.position_ids",)
    assert_same_output(output(ours), output(theirs))


@every_class
def test_config_of_the_fourth_version(name, tmp_path):
    theirs = theirs_of(name)
    theirs.to(torch.bfloat16).save_pretrained(tmp_path)
    rewrite(
        tmp_path,
        dict,
        dtype=None,
        torch_dtype="bfloat16",
        transformers_version="4.8.2",
        gradient_checkpointing=False,
        _name_or_path="somewhere/else",
        tie_word_embeddings=None,
        tie_weights_=True,
    )
    ours = load_here(name, tmp_path)
    assert ours.config.dtype == "bfloat16"
    assert ours.dtype == torch.bfloat16
    assert ours.config.extra["_name_or_path"] == "somewhere/else"
    assert_same_output(output(ours), output(theirs), tolerance=4 * torch.finfo(torch.bfloat16).eps)


@pytest.mark.parametrize("name", MASKED)
def test_tied_weights_in_the_file(name, tmp_path):
    theirs = theirs_of(name)
    theirs.save_pretrained(tmp_path)
    twins = getattr(archsmith, name).tied_weights
    rewrite(tmp_path, lambda tensors: tensors | {twin: tensors[source].clone() for twin, source in twins.items()})
    ours = load_here(name, tmp_path)
    for twin, source in twins.items():
        assert ours.get_parameter(twin) is ours.get_parameter(source)
    assert_same_output(output(ours), output(theirs))


@pytest.mark.parametrize("name", MASKED)
def test_only_the_other_name_of_tied_weights_in_the_file(name, tmp_path):
    theirs = theirs_of(name)
    theirs.save_pretrained(tmp_path)
    source_of = getattr(archsmith, name).tied_weights
    names = {source: twin for twin, source in source_of.items()}
    rewrite(tmp_path, lambda tensors: {names.get(key, key): value for key, value in tensors.items()})
    assert_same_output(output(load_here(name, tmp_path)), output(theirs))


@pytest.mark.parametrize("name", MASKED)
def test_tied_weights_that_differ_are_refused(name, tmp_path):
    theirs_of(name).save_pretrained(tmp_path)
    twin, source = next(iter(getattr(archsmith, name).tied_weights.items()))
    rewrite(tmp_path, lambda tensors: tensors | {twin: tensors[source] + 1})
    with pytest.raises(archsmith.ArchsmithError, match=f"ties {twin!r} to {source!r}"):
        load_here(name, tmp_path)


# ---- base and head ------------------------------------------------------------------------------------------


@every_class
def test_base_weights_go_into_every_head(name, tmp_path):
    family = "Bert" if name.startswith("Bert") else "DistilBert"
    base = theirs_of(f"{family}Model")
    base.save_pretrained(tmp_path)
    if name == f"{family}Model":
        load_here(name, tmp_path)
        return
    with announced(*[f"{name}: not in"], *(["pooler"] if name in POOLERLESS else [])):
        ours = getattr(archsmith, name).from_pretrained(tmp_path, **WRITES.get(name, {}))
    assert set(ours.load_report.new) == {
        key for key in ours.state_dict() if not key.startswith(ours.base_model_prefix) and key not in ours.tied_names()
    } | ({"cls.predictions.decoder.bias"} if name in MASKED[:3] else set())
    if name not in WRITES:  # which sees less than its base
        assert_same_states(ours, base)


@pytest.mark.parametrize("name", [name for name in NAMES if not name.endswith("Model")])
def test_a_heads_file_goes_into_the_base(name, tmp_path):
    theirs = theirs_of(name)
    theirs.save_pretrained(tmp_path)
    fresh = ["they start from random values: pooler.dense"] if name in POOLERLESS else []
    with announced(*fresh, "but not used by this model"):
        ours = archsmith.AutoModel.from_pretrained(tmp_path)
    heads = {key for key in tensors_of(tmp_path) if not key.startswith(f"{theirs.base_model_prefix}.")}
    assert set(ours.load_report.unused) == heads
    assert_same_states(ours, theirs)


@pytest.mark.parametrize("family", ["Bert", "DistilBert"])
@pytest.mark.parametrize(
    ("there", "wanted"),
    [
        ("MaskedLM", "SequenceClassification"),
        ("MaskedLM", "TokenClassification"),
        ("MaskedLM", "QuestionAnswering"),
        ("MaskedLM", "MultipleChoice"),
        ("TokenClassification", "MaskedLM"),
        ("SequenceClassification", "QuestionAnswering"),
        ("MultipleChoice", "QuestionAnswering"),
        ("QuestionAnswering", "MultipleChoice"),
    ],
)
def test_one_head_goes_into_another(family, there, wanted, tmp_path):
    theirs = theirs_of(f"{family}For{there}", num_labels=2)
    theirs.save_pretrained(tmp_path)
    with pytest.warns(archsmith.ArchsmithWarning) as said:
        ours = getattr(archsmith, f"{family}For{wanted}").from_pretrained(tmp_path)
    base = f"{theirs.base_model_prefix}."
    assert not [key for key in ours.load_report.unused if key.startswith(base) and ".pooler." not in key]
    expected = ("so they start from random values", "but not used by this model")
    assert all(any(part in str(warning.message) for part in expected) for warning in said)
    assert_same_states(ours, theirs)


@pytest.mark.parametrize("family", ["Bert", "DistilBert"])
def test_another_number_of_labels_begins_with_a_new_head(family, tmp_path):
    theirs = theirs_of(f"{family}ForMaskedLM")
    theirs.save_pretrained(tmp_path)
    for head, shape in {"SequenceClassification": (3, 3), "TokenClassification": (3, 11, 3)}.items():
        with announced("so they start from random values", "but not used by this model"):
            ours = getattr(archsmith, f"{family}For{head}").from_pretrained(tmp_path, num_labels=3)
        assert output(ours).logits.shape == shape


@pytest.mark.parametrize("family", ["Bert", "DistilBert"])
def test_a_classifier_of_several_labels_is_no_head_for_choices(family, tmp_path):
    theirs_of(f"{family}ForTokenClassification").save_pretrained(tmp_path)
    with pytest.raises(archsmith.errors.WeightsMismatch) as error:
        getattr(archsmith, f"{family}ForMultipleChoice").from_pretrained(tmp_path)
    assert error.value.faults == (
        "'classifier.weight' must be [1, 24] float, but model.safetensors holds [5, 24] F32",
        "'classifier.bias' must be [1] float, but model.safetensors holds [5] F32",
    )


@pytest.mark.parametrize("family", ["Bert", "DistilBert"])
def test_answers_begin_from_a_classifier_of_more_labels(family, tmp_path):
    name = f"{family}ForQuestionAnswering"
    theirs = theirs_of(f"{family}ForTokenClassification")
    theirs.save_pretrained(tmp_path)
    with pytest.raises(archsmith.errors.ConfigError, match=r"num_labels must be 2, but is 5\. Pass num_labels=2\."):
        getattr(archsmith, name).from_pretrained(tmp_path)
    with announced("so they start from random values: qa_outputs", "but not used by this model: classifier"):
        ours = getattr(archsmith, name).from_pretrained(tmp_path, num_labels=2)
    assert_same_states(ours, theirs)


@pytest.mark.parametrize("head", ["TokenClassification", "QuestionAnswering"])
def test_heads_for_tokens_leave_an_old_files_pooler_out(head, tmp_path):
    name = f"BertFor{head}"
    theirs = theirs_of(name)
    theirs.save_pretrained(tmp_path)
    pooler = {"bert.pooler.dense.weight": torch.zeros(24, 24), "bert.pooler.dense.bias": torch.zeros(24)}
    rewrite(tmp_path, lambda tensors: tensors | pooler)
    with announced("but not used by this model: bert.pooler.dense.bias, bert.pooler.dense.weight"):
        ours = getattr(archsmith, name).from_pretrained(tmp_path)
    assert_same_output(output(ours), output(theirs))


def test_a_pooler_that_is_not_wanted_is_announced(tmp_path):
    theirs = theirs_of("BertModel")
    theirs.save_pretrained(tmp_path)
    with announced("but not used by this model: pooler.dense.bias, pooler.dense.weight"):
        ours = archsmith.AutoModel.from_pretrained(tmp_path, add_pooling_layer=False)
    assert "pooler_output" not in output(ours)
    assert_same_states(ours, theirs)


def test_a_pooler_that_is_missing_is_announced(tmp_path):
    theirs = build("BertModel", test_bert.TINY, add_pooling_layer=False).theirs
    theirs.save_pretrained(tmp_path)
    with announced("they start from random values: pooler.dense.weight, pooler.dense.bias"):
        ours = archsmith.BertModel.from_pretrained(tmp_path)
    assert_same_states(ours, theirs)


def test_the_published_layout_of_bert_with_next_sentence_prediction(tmp_path):
    values = test_bert.TINY
    theirs = transformers.BertForPreTraining(transformers.BertConfig(**values))
    scramble(theirs)
    theirs.save_pretrained(tmp_path)
    rewrite(tmp_path, dict, architectures=["BertForMaskedLM"])
    head = "cls.seq_relationship.bias, cls.seq_relationship.weight"
    with announced(f"but not used by this model: bert.pooler.dense.bias, bert.pooler.dense.weight, {head}"):
        ours = archsmith.AutoModelForMaskedLM.from_pretrained(tmp_path)
    with torch.no_grad():
        assert_close(output(ours).logits, theirs.eval()(**inputs()).prediction_logits, "scores of words")


def test_the_published_layout_holds_all_that_pre_training_needs(tmp_path):
    theirs = theirs_of("BertForPreTraining")
    theirs.save_pretrained(tmp_path)
    rewrite(tmp_path, dict, architectures=["BertForMaskedLM"])
    assert_same_output(output(load_here("BertForPreTraining", tmp_path)), output(theirs))


@pytest.mark.parametrize("name", ["BertForNextSentencePrediction", "BertLMHeadModel"])
def test_the_published_layout_gives_each_head_its_own(tmp_path, name):
    whole = theirs_of("BertForPreTraining")
    whole.save_pretrained(tmp_path)
    theirs = getattr(transformers, name).from_pretrained(tmp_path, **WRITES.get(name, {})).eval()
    with announced("but not used by this model: "):
        ours = getattr(archsmith, name).from_pretrained(tmp_path, **WRITES.get(name, {}))
    assert ours.load_report.new == ()
    assert_same_output(output(ours), output(theirs))


def test_pre_training_goes_on_from_masked_words_alone(tmp_path):
    theirs = theirs_of("BertForMaskedLM")
    theirs.save_pretrained(tmp_path)
    with pytest.warns(archsmith.ArchsmithWarning) as said:
        ours = archsmith.BertForPreTraining.from_pretrained(tmp_path)
    assert all("start from random values" in str(warning.message) for warning in said)
    new = {f"{head}.{part}" for head in ("bert.pooler.dense", "cls.seq_relationship") for part in ("weight", "bias")}
    assert set(ours.load_report.new) == new
    assert_close(output(ours).prediction_logits, output(theirs).logits, "scores of words")
