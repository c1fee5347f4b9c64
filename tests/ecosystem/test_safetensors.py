"""safetensors itself: our files read by it, and a model saved and loaded by its helpers."""

import pytest
import torch

from ..parity.support import assert_close
from .support import make_pair, text_inputs

pytestmark = pytest.mark.long


def test_helpers_for_models(masked, tmp_path):
    from safetensors.torch import load_file, load_model, save_model

    for model in (masked.theirs, masked.ours):
        save_model(model, str(tmp_path / "whole.safetensors"))
        fresh = type(model)(model.config).eval()
        load_model(fresh, str(tmp_path / "whole.safetensors"))
        with torch.no_grad():
            assert_close(fresh(**text_inputs()).logits, model(**text_inputs()).logits, "logits")
    masked.ours.save_pretrained(tmp_path)
    assert all(value.dtype == torch.float32 for value in load_file(tmp_path / "model.safetensors").values())


def test_torch_save(bert, tmp_path):
    torch.save(bert.ours.state_dict(), tmp_path / "state.pt")
    fresh = make_pair("BertForSequenceClassification", num_labels=3).ours
    fresh.load_state_dict(torch.load(tmp_path / "state.pt", weights_only=True))
    torch.save(bert.ours, tmp_path / "whole.pt")
    again = torch.load(tmp_path / "whole.pt", weights_only=False)
    with torch.no_grad():
        assert_close(again(**text_inputs()).logits, bert.ours(**text_inputs()).logits, "logits")
