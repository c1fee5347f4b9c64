"""torch.jit.trace, as documented for models of texts: tuples out, ``strict=False``."""

import pytest
import torch

from ..parity.support import assert_close
from .support import EVERY_MODEL, image_inputs, small_model, tensors_in, text_inputs

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


@pytest.mark.filterwarnings("ignore::archsmith.errors.ArchsmithWarning")  # one that writes, as an encoder
@pytest.mark.parametrize(("name", "task"), EVERY_MODEL)
def test_every_model(name, task):
    model, inputs, more = small_model(name, task)
    model.config.return_dict = False
    traced = torch.jit.trace(model, example_kwarg_inputs=inputs, strict=False)
    with torch.no_grad():
        torch.testing.assert_close(tensors_in(traced(**more)), tensors_in(model(**more)), atol=1e-4, rtol=1e-4)
