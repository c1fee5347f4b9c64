"""torch.jit.trace, as documented for models of texts: tuples out, ``strict=False``."""

import pytest
import torch

from ..parity.support import assert_close
from .support import image_inputs, text_inputs

pytestmark = pytest.mark.long


@pytest.mark.parametrize(
    ("name", "inputs"), [("bert", text_inputs()), ("distilbert", text_inputs()), ("vit", image_inputs())]
)
def test_trace(name, inputs, request, tmp_path):
    pair = request.getfixturevalue(name)
    pair.ours.config.return_dict = False
    traced = torch.jit.trace(pair.ours, tuple(inputs.values()), strict=False)
    torch.jit.save(traced, tmp_path / "traced.pt")
    again = torch.jit.load(tmp_path / "traced.pt")
    with torch.no_grad():
        assert_close(again(*inputs.values())[0], pair.theirs(**inputs).logits, "logits")
