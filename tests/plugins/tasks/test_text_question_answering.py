"""Answers in texts of any length: where they stand, that there is none, and what is refused."""

import pytest
import torch

from archsmith import DistilBertForQuestionAnswering
from archsmith.errors import InputError, OptionError
from archsmith_tasks import Failure
from archsmith_tasks.text.question_answering import AnsweringOptions, QuestionAnswering

from .text_support import fast, made, slow

CONTEXT = "Ada Lovelace wrote to New York. A b c d e."


@pytest.fixture
def ask(tmp_path):
    return made("question-answering", DistilBertForQuestionAnswering, fast(tmp_path))


def answer_of(ask, first, last, *, text=CONTEXT, **options):
    """Return the answer where the model is sure of these tokens of each window, counted behind the question."""
    steps = QuestionAnswering(ask.model, ask.parts, AnsweringOptions(**options))
    rows = []
    for example in steps.prepare_one(("Who?", text)):
        begins, ends = torch.zeros(2, example.size)
        places = example.notes["places"]
        for scores, sure in ((begins, first), (ends, last)):
            for place, score in sure.items():
                scores[0 if place is None else places[place]] = score
        rows.append((example, (begins, ends)))
    return steps.answer(rows)


def test_words_and_their_places(ask):
    # ada love ##lace wrote to new york . a b c d e .
    found = answer_of(ask, {5: 9.0}, {6: 9.0})
    assert (found.answer, found.start, found.end, found.others) == ("New York", 22, 30, ())
    assert found.score == pytest.approx(0.9966, abs=1e-3)
    assert str(found) == "New York 0.997"


def test_answers_are_whole_words_unless_told_otherwise(ask):
    assert answer_of(ask, {2: 9.0}, {2: 9.0}).answer == "Lovelace"
    assert answer_of(ask, {2: 9.0}, {2: 9.0}, align_to_words=False).answer == "lace"


def test_the_length_of_an_answer_is_limited(ask):
    assert answer_of(ask, {0: 9.0}, {6: 9.0, 0: 3.0}, max_answer_len=3).answer == "Ada"
    assert answer_of(ask, {0: 9.0}, {6: 9.0, 0: 3.0}, max_answer_len=7).answer == "Ada Lovelace wrote to New York"


def test_no_answer(ask):
    sure = {None: 9.0, 5: 4.0}
    assert answer_of(ask, sure, sure).answer == "New"
    found = answer_of(ask, sure, sure, handle_impossible_answer=True, top_k=3)
    assert (found.answer, found.start, found.end) == ("", None, None)
    assert str(found).startswith("(no answer)")
    assert found.others[0].answer == "New"


def test_several_are_told_apart(ask):
    found = answer_of(ask, {5: 9.0, 1: 8.0}, {5: 9.0, 6: 8.9, 1: 8.0}, top_k=4)
    answers = [found.answer, *(each.answer for each in found.others)]
    assert len(set(answers)) == len(answers) == 4
    assert [found.score, *(each.score for each in found.others)] == sorted(
        [found.score, *(each.score for each in found.others)], reverse=True
    )


def test_long_texts_are_read_to_their_end(ask):
    text = " ".join("abcde"[place * 7 % 5] for place in range(300)) + " new york"
    steps = QuestionAnswering(ask.model, ask.parts, AnsweringOptions(doc_stride=5))
    rows = steps.prepare_one(("who", text))
    assert all(row.size <= 32 for row in rows)
    seen = {start for row in rows for place in row.notes["places"] for start in [row.notes["offset_mapping"][place][0]]}
    assert seen == set(range(0, 602, 2)) | {604}
    found = ask({"question": "who", "context": text})
    assert found.answer == text[found.start : found.end]


def test_many_are_each_alone_also_where_one_question_leaves_little_room(ask):
    long = "a b c d e " * 20
    asked = [("who", long), ("who " * 25, long), ("who ?", CONTEXT), {"question": "ada", "context": "new york"}] * 5
    for value, found in zip(asked, ask(asked), strict=True):
        alone = ask(value)
        assert (found.start, found.end) == (alone.start, alone.end)
        assert found.score == pytest.approx(alone.score, abs=1e-5)


def test_bad_inputs_are_bad_alone(ask):
    good = ("who", CONTEXT)
    bad = ["who", None, ("who",), ("", "a"), ("who", " "), ("who", None), {"question": "who"}, {"query": "a"}, (1, 2)]
    found = ask([good, *bad, good, ("who " * 65, CONTEXT), ("who " * 30, CONTEXT)], errors="keep")
    assert [isinstance(each, Failure) for each in found] == [False, *[True] * len(bad), False, True, True]
    assert found[7].error == "context must be a text, but is None."
    assert found[8].error == "an input has the keys question and context, but got 'query'."
    assert found[11].error == (
        "the question has 65 tokens, but may have 64. Make it shorter, or pass max_question_len."
    )
    assert "Pass a larger max_seq_len or a smaller doc_stride." in found[12].error


def test_refusals(ask, tmp_path):
    for options, said in [
        ({"max_seq_len": 33}, "max_seq_len is 33, but the model reads at most 32 tokens."),
        ({"doc_stride": 32}, "doc_stride must be below the 32 tokens of a window, but is 32."),
        ({"top_k": 0}, "top_k must be an integer"),
    ]:
        with pytest.raises(OptionError, match=said):
            ask(("who", CONTEXT), **options)
    with pytest.raises(OptionError, match="needs a fast tokenizer"):
        made("question-answering", DistilBertForQuestionAnswering, slow(tmp_path))
    with pytest.raises(OptionError, match="needs a tokenizer with a cls_token"):
        tokenizer = fast(tmp_path)
        tokenizer.cls_token = None
        made("question-answering", DistilBertForQuestionAnswering, tokenizer,
             pipeline_options={"handle_impossible_answer": True})  # fmt: skip
    with pytest.raises(InputError, match="an input must be a pair or a mapping of question and context"):
        ask("who")
