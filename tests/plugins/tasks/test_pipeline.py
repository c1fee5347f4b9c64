"""What makes a pipeline of a folder or a model: the task, the class, the parts; and what it does with its inputs."""

import copy
import json
from types import MappingProxyType

import numpy as np
import pytest
import torch

from archsmith import (
    BertConfig,
    BertForMaskedLM,
    BertModel,
    DistilBertConfig,
    DistilBertForMaskedLM,
    DistilBertForSequenceClassification,
    DistilBertModel,
    ViTConfig,
    ViTModel,
)
from archsmith.errors import ArchsmithError, CheckpointCorrupt, InputError, OptionError, UnknownTask
from archsmith_tasks import Failure, pipeline

from .text_support import SIZES, TEXTS, WORDS, fast

pytestmark = pytest.mark.filterwarnings("ignore::archsmith.errors.ArchsmithWarning")
CONFIG = {"vocab_size": len(WORDS), "id2label": {0: "bad", 1: "good", 2: "so"}}
BERT = {"vocab_size": len(WORDS), "hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}
BERT |= {"intermediate_size": 24}
VIT = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 24}


@pytest.fixture
def folder(tmp_path):
    torch.manual_seed(0)
    DistilBertForSequenceClassification(DistilBertConfig(**SIZES | CONFIG)).save_pretrained(tmp_path)
    fast(tmp_path).save_pretrained(tmp_path)
    return tmp_path


def test_the_task_is_what_the_checkpoint_says(folder):
    found = pipeline(model=folder)
    assert found.task.name == "text-classification"
    assert repr(found) == "<Pipeline for text-classification of DistilBertForSequenceClassification>"
    assert found("ada").label in CONFIG["id2label"].values()
    assert not found.model.training


@pytest.mark.parametrize(("dtype", "expected"), [("auto", torch.float32), ("bfloat16", torch.bfloat16)])
def test_types_of_folders_and_of_models(folder, dtype, expected):
    found = pipeline(None, folder, dtype=dtype)
    assert found.model.dtype == expected
    again = pipeline("text-classification", copy.deepcopy(found.model), tokenizer=found.parts.tokenizer, dtype=dtype)
    assert again.model.dtype == expected
    assert again(TEXTS[0]) == found(TEXTS[0])


def test_one_a_list_and_a_stream(folder):
    found = pipeline(None, folder, top_k=None)
    each = [found(text) for text in TEXTS]
    several = found(TEXTS)
    assert len(several) == len(TEXTS)
    for result, alone in zip(several, each, strict=True):
        assert result.score == pytest.approx(alone.score, abs=1e-6)
    assert several[-1].label == each[-1].label
    assert [result.label for result in several[1:3]] == [result.label for result in each[1:3]]
    assert str(several).count("\n") == len(TEXTS) - 1
    with pytest.raises(IndexError):
        several[len(TEXTS)]
    assert [result.label for result in found(text for text in TEXTS)] == [result.label for result in each]
    assert list(found([])) == []


def test_a_list_is_worked_out_as_it_is_asked_for(folder):
    found = pipeline(None, folder)
    results = found([*["ada"] * 40, None])
    assert results[0].label
    assert results[39].label
    for _ in range(2):
        with pytest.raises(InputError, match="must be a text, but is None"):
            results[40]
    with pytest.raises(InputError):
        list(results)
    assert found(["ada", None, "new york"])[2].label


def test_bad_inputs_are_errors_or_kept(folder):
    found = pipeline(None, folder)
    with pytest.raises(InputError, match="an input is empty"):
        found("")
    kept = found(["ada", "", 5], errors="keep")
    assert [isinstance(result, Failure) for result in kept] == [False, True, True]
    assert kept[2].error == "an input must be a text, but is 5."
    with pytest.raises(OptionError, match=r"errors is 'skip'; expected one of 'raise', 'keep'"):
        found("ada", errors="skip")


def test_an_error_of_a_list_says_of_which_input(folder):
    found = pipeline(None, folder)
    for inputs in (["ada", None], iter(["ada", None])):
        with pytest.raises(InputError) as caught:
            list(found(inputs))
        assert caught.value.__notes__ == [
            "It is input 1, counted from 0. With errors='keep' it is a Failure in its place."
        ]
    with pytest.raises(InputError) as caught:
        found(None)
    assert not hasattr(caught.value, "__notes__")
    with pytest.raises(InputError, match=r"Of several texts pass a list: list\(…\)\.$"):
        found(np.array(["ada", "a"]))


def test_what_is_printed_does_not_raise(folder):
    results = pipeline(None, folder)(["ada", None, "new york"])
    for printed in (str(results).splitlines(), [line for line in repr(results).split("), ") if "error" in line]):
        assert any("must be a text, but is None" in line for line in printed)
    assert len(str(results).splitlines()) == 3


def test_classes_without_a_name(folder):
    values = json.loads((folder / "config.json").read_text())
    values |= {"id2label": {"1": "a", "2": "b", "3": "c"}, "label2id": {"a": 1, "b": 2, "c": 3}}
    (folder / "config.json").write_text(json.dumps(values))
    with pytest.raises(OptionError, match=r"^id2label of the configuration names the classes 1, 2, 3; expected 0 to 2"):
        pipeline(None, folder)("ada")


def test_any_mapping_is_one_input(folder):
    found = pipeline(None, folder)
    assert found(MappingProxyType({"text": "ada"})) == found({"text": "ada"})


def test_a_model_that_is_trained_meanwhile_answers_in_eval_mode(folder):
    found = pipeline(None, folder, tokenizer=str(folder))
    before = found(TEXTS)
    before = [result.score for result in before]
    found.model.train()
    assert [result.score for result in found(TEXTS)] == before


def test_numbers_that_are_not_finite_are_no_answers(folder):
    found = pipeline(None, folder)
    with torch.no_grad():
        found.model.classifier.weight.fill_(float("nan"))
    with pytest.raises(InputError, match="the model's numbers for it are NaN or infinite"):
        found("ada")


def test_weights_that_are_missing_are_refused(folder, tmp_path):
    DistilBertForMaskedLM(DistilBertConfig(**SIZES | CONFIG)).save_pretrained(folder)
    with pytest.raises(CheckpointCorrupt, match="does not hold all weights of a model for text-classification"):
        pipeline("text-classification", folder)
    BertModel(BertConfig(**BERT), add_pooling_layer=False).save_pretrained(folder)
    with pytest.raises(CheckpointCorrupt, match="pooler"):
        pipeline("text-classification", folder)


def test_a_missing_pooler_changes_no_vector(folder):
    BertForMaskedLM(BertConfig(**BERT)).save_pretrained(folder)
    assert pipeline("feature-extraction", folder)("ada").vector.shape == (16,)


@pytest.mark.parametrize(
    ("call", "error", "said"),
    [
        (lambda folder: pipeline("text-clasification", folder), OptionError, "Did you mean 'text-classification'?"),
        (lambda folder: pipeline("text-classification"), OptionError, "name a model"),
        (lambda folder: pipeline("image-classification", folder), UnknownTask, "no model for image-classification"),
        (lambda folder: pipeline(None, folder, topk=2), OptionError, "it has: top_k, function_to_apply, truncation"),
        (lambda folder: pipeline(None, folder, top_k=0), OptionError, "top_k must be an integer from 1"),
        (lambda folder: pipeline(None, folder, batch_size="big"), OptionError, "batch_size must be 'auto' or a number"),
        (lambda folder: pipeline(None, folder, batch_size=0), OptionError, "batch_size must be an integer from 1"),
        (lambda folder: pipeline(None, folder / "nowhere"), ArchsmithError, "there is no folder"),
        (
            lambda folder: pipeline("text-classification", DistilBertModel(DistilBertConfig(**SIZES))),
            OptionError,
            "DistilBertModel is not for text-classification, which needs a model for sequence-classification",
        ),
        (
            lambda folder: pipeline(None, DistilBertForSequenceClassification(DistilBertConfig(**SIZES))),
            OptionError,
            "text-classification needs tokenizer=…",
        ),
        (
            lambda folder: pipeline(None, ViTModel(ViTConfig(hidden_size=8, num_attention_heads=2))),
            OptionError,
            "ViTModel is for none of them",
        ),
        (
            lambda folder: pipeline(None, pipeline(None, folder).model, tokenizer=fast(folder), dtype="int8"),
            OptionError,
            "dtype must be 'auto' or a floating-point type, as 'bfloat16', but is 'int8'",
        ),
        (
            lambda folder: pipeline(None, folder, tokenizer=5),
            OptionError,
            "tokenizer must be an object of that kind, a folder or a hub id, but is 5.",
        ),
        (lambda folder: pipeline(None, folder, device=63), OptionError, "63"),
        (
            lambda folder: pipeline(None, folder, revision="main"),
            OptionError,
            "revision is for a model on the hub, but ",
        ),
        (
            lambda folder: pipeline(None, pipeline(None, folder).model, tokenizer=fast(folder), subfolder="x"),
            OptionError,
            "subfolder has no effect on a model that is an object; leave it out.",
        ),
        (
            lambda folder: pipeline(None, folder, image_processor=len),
            OptionError,
            "text-classification does not use image_processor; it takes: tokenizer.",
        ),
        (
            lambda folder: pipeline(
                "feature-extraction", BertModel(BertConfig(**BERT | {"vocab_size": 5})), tokenizer=fast(folder)
            ),
            OptionError,
            "the tokenizer has 20 tokens, but the model 5 (vocab_size): it is another model's.",
        ),
        (
            lambda folder: pipeline("feature-extraction", ViTModel(ViTConfig(**VIT)), tokenizer=fast(folder)),
            OptionError,
            "feature-extraction reads text, but ViTModel takes pixel_values.",
        ),
        (
            lambda folder: pipeline("feature-extraction", BertModel(BertConfig(**BERT)), tokenizer=fast(folder))(
                "ada", pooling=[]
            ),
            OptionError,
            "pooling holds nothing; leave it out for what the folder says.",
        ),
        (lambda folder: pipeline("sentiment-analysis", folder), OptionError, "Did you mean 'text-classification'?"),
        (lambda folder: pipeline("ner", folder), OptionError, "Did you mean 'token-classification'?"),
        (
            lambda folder: pipeline(None, pipeline(None, folder).model, tokenizer=fast(folder), device="gpu"),
            OptionError,
            "device is 'gpu', where the model cannot go",
        ),
    ],
)
def test_what_is_refused(folder, call, error, said):
    with pytest.raises(error) as caught:
        call(folder)
    assert said in str(caught.value)
