"""jiwer and seqeval: what is decoded goes into word error rates and F1 of entities."""

import pytest
import torch

from .support import make_pair, make_tokenizers, text_inputs

pytestmark = pytest.mark.long


def test_scores(vocabulary):
    import jiwer
    from seqeval.metrics import f1_score

    tokenizer = make_tokenizers(vocabulary)[0]
    assert jiwer.wer("a good film", tokenizer.decode(tokenizer.encode("A good film"), skip_special_tokens=True)) == 0
    pair, found = make_pair("BertForTokenClassification", id2label={0: "O", 1: "B-X", 2: "I-X"}), []
    for model in (pair.ours, pair.theirs):
        with torch.no_grad():
            best = model(**text_inputs()).logits.argmax(-1).tolist()
        found.append([[model.config.id2label[label] for label in row] for row in best])
    assert f1_score(found[1], found[0]) == 1.0 or found[0] == found[1]
