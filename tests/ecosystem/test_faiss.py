"""faiss: embeddings in, the nearest out."""

import pytest
import torch

from .support import make_pair, text_inputs

pytestmark = pytest.mark.long


def test_index():
    import faiss

    with torch.inference_mode():
        vectors = make_pair("BertModel").ours(**text_inputs()).pooler_output.numpy()
    index = faiss.IndexFlatL2(16)
    index.add(vectors)
    assert index.search(vectors, 1)[1].ravel().tolist() == [0, 1, 2, 3]
