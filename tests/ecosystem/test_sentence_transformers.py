"""sentence-transformers: a folder that we saved, as its Transformer module, with pooling."""

import numpy as np
import pytest
import torch

from .support import make_pair, make_tokenizers

pytestmark = pytest.mark.long


def test_encode(vocabulary, tmp_path):
    from sentence_transformers import SentenceTransformer, models

    ours, tokenizer = make_pair("BertModel").ours, make_tokenizers(vocabulary)[0]
    tokenizer.model_max_length = 16
    ours.save_pretrained(tmp_path / "saved")
    tokenizer.save_pretrained(tmp_path / "saved")
    transformer = models.Transformer(str(tmp_path / "saved"), max_seq_length=16)
    encoder = SentenceTransformer(modules=[transformer, models.Pooling(16, "mean")], device="cpu")
    texts = ["a good film", "bad"]
    batch = tokenizer(texts, padding=True, return_tensors="pt")
    with torch.no_grad():
        hidden, mask = ours(**batch).last_hidden_state, batch["attention_mask"][..., None]
    expected = (hidden * mask).sum(1) / mask.sum(1)
    np.testing.assert_allclose(encoder.encode(texts), expected.numpy(), atol=1e-5)
