"""Words at masks: several masks, only some words, and what is refused."""

import pytest
import torch

from archsmith import DistilBertForMaskedLM
from archsmith.errors import InputError, OptionError
from archsmith_tasks import Failure

from .text_support import WORDS, fast, made, slow


@pytest.fixture(params=[fast, slow])
def fill(request, tmp_path):
    return made("fill-mask", DistilBertForMaskedLM, request.param(tmp_path), scale=2)


def test_one_mask(fill):
    found = fill("ada wrote to [MASK] york", top_k=3)
    ((first, second, third),) = found.masks
    assert first.score > second.score > third.score > 0
    assert first.token == WORDS[first.token_id]
    assert first.text == f"ada wrote to {first.token} york" or first.token.startswith(("##", "["))
    assert str(found) == "  ".join(f"{each.token} {each.score:.3f}" for each in found.masks[0])
    batch = fill.parts.tokenizer("ada wrote to [MASK] york", return_tensors="pt")
    with torch.no_grad():
        scores = fill.model(**batch).logits[0, 4].softmax(-1)
    assert first.score == pytest.approx(float(scores.max()), abs=1e-6)
    assert first.token_id == int(scores.argmax())


def test_several_masks_and_several_texts(fill):
    texts = ["[MASK] wrote to [MASK]", "a [MASK]", "[MASK] [MASK] [MASK] a b c d e a b"] * 20
    for text, found in zip(texts, fill(texts), strict=True):
        alone = fill(text)
        assert len(found.masks) == text.count("[MASK]")
        assert [[each.token_id for each in mask] for mask in found.masks] == [
            [each.token_id for each in mask] for mask in alone.masks
        ]
    first = fill("[MASK] wrote to [MASK]").masks[0][0]
    assert first.text.endswith("wrote to [MASK]")


def test_targets(fill):
    found = fill("ada wrote to [MASK]", targets=["york", "Ada", "york"], top_k=9)
    assert {each.token for each in found.masks[0]} == {"york", "ada"}
    whole = {each.token: each.score for each in fill("ada wrote to [MASK]", top_k=99).masks[0]}
    assert len(whole) == len(WORDS)
    assert all(each.score == pytest.approx(whole[each.token]) for each in found.masks[0])
    assert len(fill("a [MASK]", targets="york").masks[0]) == 1
    for targets, said in [
        (
            ["york", "lovelace"],
            "targets must hold words that are one token, but 'lovelace' is not; it is love, ##lace.",
        ),
        (["zebra"], "targets must hold words that are one token, but 'zebra' is not."),
        (" ", "targets must hold words that are one token, but ' ' is not."),
        ([], "targets holds no word; leave it out for the whole vocabulary."),
    ]:
        with pytest.raises(OptionError) as error:
            fill("a [MASK]", targets=targets)
        assert str(error.value) == said


def test_bad_inputs_are_bad_alone(fill):
    found = fill(["[MASK]", "ada", "", 5, "a " * 40 + "[MASK]", "a [MASK]"], errors="keep")
    assert [isinstance(each, Failure) for each in found] == [False, True, True, True, True, False]
    assert found[1].error == "the text has no mask: write [MASK] where a word is missing."
    with pytest.warns(match="are cut"), pytest.raises(InputError, match="only 1 of 2 masks are read"):
        fill("[MASK] " + "a " * 40 + "[MASK]", truncation=True)


def test_a_vocabulary_that_the_model_does_not_fill(tmp_path):
    fill = made("fill-mask", DistilBertForMaskedLM, fast(tmp_path), vocab_size=64)
    assert {each.token_id for each in fill("[MASK]", top_k=99).masks[0]} == set(range(len(WORDS)))


def test_a_tokenizer_without_a_mask(tmp_path):
    tokenizer = fast(tmp_path)
    tokenizer.mask_token = None
    with pytest.raises(OptionError, match="fill-mask needs a tokenizer with a mask_token"):
        made("fill-mask", DistilBertForMaskedLM, tokenizer)
