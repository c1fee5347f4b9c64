"""dask: delayed calls and a bag of texts."""

import pytest
import torch

from .support import make_tokenizers, text_inputs

pytestmark = pytest.mark.long


def test_bag_and_delayed(bert, vocabulary):
    import dask
    import dask.bag

    tokenizer = make_tokenizers(vocabulary)[0]
    texts = ["a good film", "bad"]
    assert dask.bag.from_sequence(texts).map(tokenizer.encode).compute(scheduler="threads") == [
        *map(tokenizer.encode, texts)
    ]
    (found,) = dask.compute(dask.delayed(bert.ours)(**text_inputs()), scheduler="threads")
    torch.testing.assert_close(found.logits, bert.theirs(**text_inputs()).logits)
