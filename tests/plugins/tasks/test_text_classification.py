"""Labels of texts and of pairs: in batches as alone, in any order and number; and what is refused."""

import pytest
import torch

from archsmith import (
    BertConfig,
    BertForSequenceClassification,
    DistilBertForSequenceClassification,
    GPT2ForSequenceClassification,
    LlamaForSequenceClassification,
)
from archsmith.errors import InputError, OptionError
from archsmith_tasks import Failure, pipeline

from .text_support import TEXTS, WORDS, fast, made, slow, typed, words_only

DECODER = {"vocab_size": 12, "n_embd": 16, "n_layer": 2, "n_head": 2, "n_positions": 32, "num_labels": 3}
LLAMA = {
    "vocab_size": 12, "hidden_size": 16, "intermediate_size": 24, "num_hidden_layers": 2, "num_attention_heads": 2,
    "max_position_embeddings": 32, "num_labels": 3,
}  # fmt: skip


@pytest.fixture(params=[fast, slow])
def classify(request, tmp_path):
    return made("text-classification", DistilBertForSequenceClassification, request.param(tmp_path), num_labels=3)


def logits_of(pipe, *texts):
    with torch.no_grad():
        return pipe.model(**pipe.parts.tokenizer(*texts, return_tensors="pt")).logits[0]


def test_many_are_each_alone(classify):
    texts = TEXTS * 30
    for text, found in zip(texts, classify(texts, top_k=None), strict=True):
        wanted = logits_of(classify, text).softmax(-1)
        assert found.score == pytest.approx(float(wanted.max()), abs=1e-5)
        assert {each.label: each.score for each in found.labels} == pytest.approx(
            {f"LABEL_{place}": float(score) for place, score in enumerate(wanted)}, abs=1e-5
        )
    for rows in (1, 3, 64):
        other = pipeline("text-classification", classify.model, tokenizer=classify.parts.tokenizer, batch_size=rows)
        assert [each.label for each in other(texts)] == [each.label for each in classify(texts)]


@pytest.mark.parametrize(
    ("made_of", "values"), [(GPT2ForSequenceClassification, DECODER), (LlamaForSequenceClassification, LLAMA)]
)
def test_decoders_without_padding(made_of, values):
    classify = made("text-classification", made_of, words_only(), **values)
    texts = ["ada wrote to new york", "a", "b c", "york"]
    sizes = []
    read = type(classify.model).forward
    classify.model.forward = lambda **given: sizes.append(len(given["input_ids"])) or read(classify.model, **given)
    for text, found in zip(texts, classify(texts), strict=True):
        assert found.score == pytest.approx(float(logits_of(classify, text).softmax(-1).max()), abs=1e-5)
    assert sizes[0] == len(texts)  # at once, not one by one


def test_pairs(tmp_path):
    torch.manual_seed(0)
    sizes = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 24}
    config = BertConfig(vocab_size=len(WORDS), max_position_embeddings=32, num_labels=3, **sizes)
    classify = pipeline("text-classification", BertForSequenceClassification(config).eval(), tokenizer=typed(tmp_path))
    mixed = [
        ("ada", "wrote to"),
        "new york",
        {"text": "ada", "text_pair": "wrote to"},
        {"text": "new york"},
    ]
    found = list(classify(iter(mixed)))
    assert found[0].score == pytest.approx(float(logits_of(classify, "ada", "wrote to").softmax(-1).max()), abs=1e-5)
    assert found[0].score == pytest.approx(found[2].score, abs=1e-6)
    assert found[1].score == pytest.approx(found[3].score, abs=1e-6)
    assert classify(("ada", "wrote to")).score == pytest.approx(found[0].score, abs=1e-6)


def test_a_tokenizer_that_tells_more_than_the_model_reads(tmp_path):
    classify = made("text-classification", DistilBertForSequenceClassification, typed(tmp_path))
    assert "token_type_ids" in classify.parts.tokenizer("a")
    assert 0 < classify("ada wrote").score <= 1


@pytest.mark.parametrize(
    ("values", "function"),
    [
        ({"num_labels": 1}, torch.sigmoid),
        ({"num_labels": 1, "problem_type": "regression"}, lambda it: it),
        ({"num_labels": 3, "problem_type": "multi_label_classification"}, torch.sigmoid),
        ({"num_labels": 3, "problem_type": "single_label_classification"}, lambda it: it.softmax(-1)),
    ],
)
def test_the_function_is_what_the_model_was_trained_for(tmp_path, values, function):
    classify = made("text-classification", DistilBertForSequenceClassification, fast(tmp_path), **values)
    wanted = sorted(function(logits_of(classify, "ada wrote")).tolist(), reverse=True)
    assert [each.score for each in classify("ada wrote", top_k=9).labels] == pytest.approx(wanted, abs=1e-5)
    raw = sorted(logits_of(classify, "ada wrote").tolist(), reverse=True)
    found = classify("ada wrote", top_k=None, function_to_apply="none")
    assert [each.score for each in found.labels] == pytest.approx(raw, abs=1e-5)


def test_texts_that_are_too_long(classify):
    long = "a " * 31
    with pytest.raises(InputError) as error:
        classify(long)
    assert str(error.value) == (
        "the text has 33 tokens, but the model reads at most 32. Make it shorter, or pass truncation=True to leave out "
        "its end."
    )
    with pytest.warns(match="texts of more than 32 tokens are cut: the model reads no more"):
        assert classify(long, truncation=True) == classify("a " * 30)


def test_bad_inputs_are_bad_alone(classify):
    bad = ["", " \n", None, 5, b"ada", "a " * 40, ("a",), ("a", "b", "c"), {"texts": "a"}, {"text_pair": "a"}, ("a", 3)]
    bad += [("a", None), {"text": "a", "text_pair": None}, ["a", "b"]]  # a list is several texts
    found = classify(["ada", *bad, "ada"], errors="keep")
    assert [isinstance(each, Failure) for each in found] == [False, *[True] * len(bad), False]
    assert found[0] == found[-1]
    assert [found[place].error for place in (12, 13, 14)] == [
        *["text_pair must be a text, but is None."] * 2, "an input must be a text, but is ['a', 'b'].",
    ]  # fmt: skip
    assert [found[place].error for place in (1, 3, 7, 9, 10)] == [
        "an input is empty; expected a text.",
        "an input must be a text, but is None.",
        "a pair has two texts, but got 1.",
        "an input has the keys text and text_pair, but got 'texts'.",
        "text must be a text, but is None.",
    ]
    with pytest.raises(InputError, match="an input is empty"):
        list(classify(["ada", ""]))


def test_a_text_without_tokens():
    classify = made("text-classification", GPT2ForSequenceClassification, words_only(), **DECODER)
    classify.parts.tokenizer.backend_tokenizer.normalizer = __import__("tokenizers").normalizers.Replace("x", "")
    found = classify(["ada", "xxx", "a"], errors="keep")
    assert [isinstance(each, Failure) for each in found] == [False, True, False]
    assert found[1].error == "'xxx' has no tokens; expected a text."


def test_refusals(classify):
    for options, said in [
        ({"top_k": 0}, "top_k must be an integer"),
        ({"function_to_apply": "relu"}, "function_to_apply must be one of"),
        ({"truncate": True}, r"'truncate' is not an option of text-classification.*Did you mean 'truncation'"),
        ({"truncation": "yes"}, "truncation must be"),
    ]:
        with pytest.raises(OptionError, match=said):
            classify("ada", **options)
