"""nnsight: what a layer computes, read and changed while the model runs."""

import pytest
import torch

from ..parity.support import assert_close
from .support import text_inputs

pytestmark = pytest.mark.long


def test_trace(bert):
    from nnsight import NNsight

    found = []
    for model in (bert.ours, bert.theirs):
        wrapped = NNsight(model)
        with torch.no_grad(), wrapped.trace(**text_inputs()):
            saved = wrapped.classifier.output.save()
        found.append(saved)
    assert_close(*found, "logits")
