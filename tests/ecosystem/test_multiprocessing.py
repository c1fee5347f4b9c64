"""Pools of processes and threads, joblib's, and a DataLoader with workers: objects that go over and back."""

from concurrent.futures import ThreadPoolExecutor

import pytest
import torch

from .support import make_tokenizers, rows_of, text_inputs

pytestmark = pytest.mark.long


def test_joblib_processes(vocabulary):
    from joblib import Parallel, delayed

    tokenizer = make_tokenizers(vocabulary)[0]
    found = Parallel(n_jobs=2)(delayed(tokenizer.encode)(text) for text in ("a good film", "bad"))
    assert found == [tokenizer.encode("a good film"), tokenizer.encode("bad")]


def test_threads(bert):
    rows = rows_of(text_inputs(batch=8))
    with ThreadPoolExecutor(4) as pool, torch.inference_mode():
        found = list(pool.map(lambda row: bert.ours(**{key: value[None] for key, value in row.items()}).logits, rows))
    with torch.inference_mode():
        torch.testing.assert_close(torch.cat(found), bert.theirs(**text_inputs(batch=8)).logits)


def test_loader_with_workers(vocabulary):
    tokenizer = make_tokenizers(vocabulary)[0]
    loader = torch.utils.data.DataLoader(
        ["a good film", "bad"],
        batch_size=2,
        num_workers=2,
        collate_fn=lambda texts: tokenizer(texts, padding=True, return_tensors="pt"),
        multiprocessing_context="fork",
    )
    (batch,) = loader
    assert torch.equal(
        batch["input_ids"], tokenizer(["a good film", "bad"], padding=True, return_tensors="pt").input_ids
    )
