"""DataParallel without devices, and what it does with the outputs of several: gather."""

import pytest
import torch

from ..parity.support import assert_close
from .support import text_inputs

pytestmark = pytest.mark.long


def test_wrapped(bert):
    with torch.no_grad():
        ours, theirs = (torch.nn.DataParallel(model)(**text_inputs()).logits for model in (bert.ours, bert.theirs))
    assert_close(ours, theirs, "logits")


def test_gather_rebuilds_outputs(bert):
    with torch.no_grad():
        output = bert.ours(**text_inputs())
    rebuilt = type(output)((name, value) for name, value in output.items())
    assert_close(rebuilt.logits, output.logits, "logits")
