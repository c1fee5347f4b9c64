"""Labelled parts of texts: grouped, placed, read in windows; and what is refused."""

import numpy as np
import pytest

from archsmith import DistilBertForTokenClassification, GPT2ForTokenClassification
from archsmith.errors import InputError, OptionError
from archsmith_tasks import Failure, Parts
from archsmith_tasks.text.token_classification import TokenClassification, TokenOptions

from .text_support import TEXTS, fast, made, slow, words_only

TAGS = ["O", "B-PER", "I-PER", "B-LOC", "I-LOC", "E-LOC"]


@pytest.fixture
def ner(tmp_path):
    return made(
        "token-classification", DistilBertForTokenClassification, fast(tmp_path), id2label=dict(enumerate(TAGS))
    )


def answer_of(pipe, text, tags, **options):
    """Return what is answered where the model says these labels, each with 0.9 minus a tenth of its place."""
    steps = TokenClassification(pipe.model, pipe.parts, TokenOptions(**options))
    (example,) = steps.prepare_one(text)
    scores = np.full((example.size, len(TAGS)), 0.01, np.float32)
    for place, tag in enumerate(tags, 1):
        scores[place, TAGS.index(tag)] = 0.9 - place / 10
    return steps.answer([(example, scores)])


# ada love ##lace wrote to new york .
SAID = ["B-PER", "I-PER", "O", "O", "O", "B-LOC", "I-LOC", "O"]


def test_parts_of_one_label_are_one(ner):
    found = answer_of(ner, "Ada Lovelace wrote to New York.", SAID)
    assert [(each.label, each.text, each.start, each.end) for each in found.entities] == [
        ("PER", "Ada Love", 0, 8),
        ("LOC", "New York", 22, 30),
    ]
    assert found.entities[0].score == pytest.approx((0.8 + 0.7) / 2)
    assert str(found) == "Ada Love [PER 0.750]  New York [LOC 0.250]"
    assert found.to_dict()["entities"][1]["start"] == 22


@pytest.mark.parametrize("strategy", ["first", "average", "max"])
def test_a_word_has_one_label(ner, strategy):
    found = answer_of(ner, "Ada Lovelace wrote to New York.", SAID, aggregation_strategy=strategy)
    assert found.entities[0].text == "Ada Lovelace"
    whole = {"first": 0.7, "max": 0.7, "average": (0.7 + 0.01) / 2}[strategy]
    assert found.entities[0].score == pytest.approx((0.8 + whole) / 2)


def test_tokens_alone(ner):
    found = answer_of(ner, "ada love", ["B-PER", "I-PER"], aggregation_strategy="none", ignore_labels=[])
    assert [(each.label, each.text) for each in found.entities] == [("B-PER", "ada"), ("I-PER", "love")]


def test_a_beginning_is_a_new_part_and_other_letters_are_told_apart(ner):
    found = answer_of(ner, "ada ada new york", ["B-PER", "B-PER", "I-LOC", "E-LOC"])
    assert [(each.label, each.text) for each in found.entities] == [
        ("PER", "ada"),
        ("PER", "ada"),
        ("LOC", "new"),
        ("LOC", "york"),
    ]


def test_labels_are_left_out(ner):
    found = answer_of(ner, "ada wrote to new", ["B-PER", "O", "O", "B-LOC"], ignore_labels=["O", "PER"])
    assert [each.label for each in found.entities] == ["LOC"]


@pytest.mark.parametrize("strategy", ["none", "simple", "average"])
def test_many_are_each_alone(ner, strategy):
    options = {"aggregation_strategy": strategy, "ignore_labels": []}
    several = list(ner(TEXTS * 9, **options))
    for text, found in zip(TEXTS * 9, several, strict=True):
        (alone,) = ner([text], **options)
        assert [(each.label, each.start, each.end) for each in found.entities] == [
            (each.label, each.start, each.end) for each in alone.entities
        ]
        assert [each.score for each in found.entities] == pytest.approx(
            [each.score for each in alone.entities], abs=1e-5
        )


def test_windows(ner):
    text = " ".join("abcde"[place * 7 % 5] for place in range(200))
    with pytest.raises(InputError) as error:
        ner(text)
    assert str(error.value) == (
        "the text has 202 tokens, but the model reads at most 32. Make it shorter, or pass stride=0 or more to read it "
        "in windows, or truncation=True to leave out its end."
    )
    for stride in (0, 7, 29):
        found = ner(text, stride=stride, aggregation_strategy="none", ignore_labels=[])
        assert [each.start for each in found.entities] == list(range(0, 400, 2))  # each token once, none lost
    with pytest.warns(match="texts of more than 32 tokens are cut"):
        assert ner(text, truncation=True, ignore_labels=[]).entities[-1].end == 59


def test_refusals(ner, tmp_path):
    for options, said in [
        ({"stride": 30}, "stride must be below 30, the tokens of a window, but is 30."),
        ({"stride": 3, "truncation": True}, "stride and truncation=True are two ways"),
        ({"stride": -1}, "stride must be an integer"),
        ({"aggregation_strategy": "best"}, "aggregation_strategy must be"),
        ({"aggregation": "max"}, "'aggregation' is not an option of token-classification"),
    ]:
        with pytest.raises(OptionError, match=said):
            ner("ada", **options)
    with pytest.raises(OptionError, match="needs a fast tokenizer, but DistilBertTokenizer is a slow one"):
        made("token-classification", DistilBertForTokenClassification, slow(tmp_path))


def test_bad_inputs_are_bad_alone(ner):
    found = ner(["ada", "", None, 5, "a " * 99, ("a", "b"), "ada"], errors="keep")
    assert [isinstance(each, Failure) for each in found] == [False, True, True, True, True, True, False]
    assert found[0] == found[6]


def test_a_decoder_without_padding(tmp_path):
    ner = made(
        "token-classification", GPT2ForTokenClassification, words_only(), vocab_size=12, n_embd=16, n_layer=2, n_head=2,
        n_positions=32, id2label=dict(enumerate(TAGS)),
    )  # fmt: skip
    texts = ["ada wrote to new york", "a", "b c d"]
    for text, found in zip(texts, ner(texts, ignore_labels=[]), strict=True):
        alone = ner(text, ignore_labels=[])
        assert [(each.label, each.text) for each in alone.entities] == [
            (each.label, each.text) for each in found.entities
        ]
    assert isinstance(ner.parts, Parts)
