"""torch.export: a graph with a batch and a length that are free."""

import pytest
import torch

from ..parity.support import assert_close
from .support import EVERY_MODEL, image_inputs, small_model, tensors_in, text_inputs

pytestmark = pytest.mark.long


@pytest.mark.parametrize(
    ("name", "inputs"), [("bert", text_inputs()), ("distilbert", text_inputs()), ("vit", image_inputs())]
)
def test_export(name, inputs, request, tmp_path):
    pair = request.getfixturevalue(name)
    batch, length = torch.export.Dim("batch", min=2, max=8), torch.export.Dim("length", min=2, max=16)
    shapes = {key: {0: batch, 1: length} if name != "vit" else {0: batch} for key in inputs}
    program = torch.export.export(pair.ours, (), inputs, dynamic_shapes=shapes, strict=False)
    torch.export.save(program, tmp_path / "model.pt2")
    again = torch.export.load(tmp_path / "model.pt2").module()
    other = {key: value[:3] for key, value in inputs.items()}
    with torch.no_grad():
        assert_close(again(**other).logits, pair.theirs(**other).logits, "logits")


@pytest.mark.filterwarnings("ignore::archsmith.errors.ArchsmithWarning")  # one that writes, as an encoder
@pytest.mark.parametrize(("name", "task"), EVERY_MODEL)
def test_every_model(name, task):
    model, inputs, more = small_model(name, task)
    batch = torch.export.Dim("batch", min=1, max=64)
    shapes = {key: {0: batch} for key in inputs}
    program = torch.export.export(model, (), inputs, dynamic_shapes=shapes, strict=False).module()
    with torch.no_grad():
        torch.testing.assert_close(tensors_in(program(**more)), tensors_in(model(**more)), atol=1e-4, rtol=1e-4)
