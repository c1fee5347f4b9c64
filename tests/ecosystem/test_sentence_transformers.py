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


@pytest.mark.parametrize(
    ("mode", "normalizes", "includes"),
    [
        ("mean", True, True), ("cls", False, True), ("max", True, True), ("mean_sqrt_len_tokens", False, True),
        ("weightedmean", True, True), ("lasttoken", False, True), (["lasttoken", "mean", "cls"], True, True),
        ("mean", False, False), ("weightedmean", False, False), ("cls", False, False), ("max", False, False),
    ],
)  # fmt: skip
def test_features_of_a_folder_that_it_saved(vocabulary, tmp_path, mode, normalizes, includes):
    """Each way to pool, with prompts and a limit of tokens, in the folder of this version."""
    from sentence_transformers import SentenceTransformer, models

    from archsmith_tasks import pipeline

    ours, tokenizer = make_pair("BertModel").ours, make_tokenizers(vocabulary)[0]
    tokenizer.model_max_length = 16
    ours.save_pretrained(tmp_path / "saved")
    tokenizer.save_pretrained(tmp_path / "saved")
    modules = [
        models.Transformer(str(tmp_path / "saved"), max_seq_length=12),
        models.Pooling(16, mode, include_prompt=includes),
        *([models.Normalize()] if normalizes else []),
    ]
    encoder = SentenceTransformer(modules=modules, device="cpu", prompts={"query": "good film ", "none": ""})
    encoder.save(str(tmp_path / "encoder"))
    extract = pipeline("feature-extraction", tmp_path / "encoder")
    texts = ["a good film", "bad", "a bad film is a bad film", "good " * 30]
    for name in (None, "query"):
        with pytest.warns(match="texts of more than 12 tokens are cut"):
            found = [each.vector for each in extract(texts, prompt_name=name)]
        np.testing.assert_allclose(found, encoder.encode(texts, prompt_name=name), atol=1e-5)
