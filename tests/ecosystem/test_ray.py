"""ray: objects in its store, and a remote call with our tokenizer."""

import pytest
import torch

from .support import make_tokenizers, text_inputs

pytestmark = pytest.mark.long


def test_put_and_call(bert, vocabulary):
    import ray

    tokenizer = make_tokenizers(vocabulary)[0]
    ray.init(num_cpus=1, include_dashboard=False, log_to_driver=False, _node_ip_address="127.0.0.1")
    try:
        again = ray.get(ray.put(bert.ours))
        torch.testing.assert_close(again(**text_inputs()).logits, bert.theirs(**text_inputs()).logits)
        call = ray.remote(lambda tokenizer, text: tokenizer.encode(text))
        assert ray.get(call.remote(ray.put(tokenizer), "a good film")) == tokenizer.encode("a good film")
    finally:
        ray.shutdown()
