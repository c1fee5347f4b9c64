"""torch.compile: one graph without a break."""

import pytest
import torch

from ..parity.support import assert_close
from .support import image_inputs, text_inputs

pytestmark = pytest.mark.long


@pytest.mark.parametrize(("model", "inputs"), [("bert", text_inputs()), ("vit", image_inputs())])
def test_compile(model, inputs, request):
    pair = request.getfixturevalue(model)
    with torch.no_grad():
        ours, theirs = (
            torch.compile(model, backend="aot_eager", fullgraph=True)(**inputs).logits
            for model in (pair.ours, pair.theirs)
        )
    assert_close(ours, theirs, "logits")
