"""torch.onnx with its exporter of graphs, and what onnxruntime makes of the file."""

import numpy as np
import pytest
import torch

from archsmith.registry import registry

from .support import image_inputs, text_inputs

pytestmark = pytest.mark.long


def test_segmentation_with_a_free_batch(tmp_path):
    """MaskFormer, whose attention has a bias that learns."""
    import onnxruntime

    config = registry.load("maskformer", "config")(**registry.get("maskformer").tiny)
    model = registry.load("maskformer", "models.instance-segmentation")(config).eval()
    pixels = model.dummy_inputs["pixel_values"]
    shapes = {"pixel_values": {0: torch.export.Dim("batch", min=1, max=8)}}
    options = {"kwargs": {"pixel_values": pixels}, "dynamo": True, "dynamic_shapes": shapes, "verbose": False}
    torch.onnx.export(model, (), str(tmp_path / "model.onnx"), **options)
    session = onnxruntime.InferenceSession(str(tmp_path / "model.onnx"), providers=["CPUExecutionProvider"])
    three = torch.cat([pixels, pixels.flip(0)[:1]])
    with torch.no_grad():
        expected = model(pixel_values=three)
    found = session.run(None, {"pixel_values": three.numpy()})
    assert len(found) == len(expected)
    for value, tensor in zip(found, expected.values(), strict=True):
        np.testing.assert_allclose(value, tensor.numpy(), atol=1e-4)


@pytest.mark.parametrize(
    ("name", "inputs"), [("bert", text_inputs()), ("distilbert", text_inputs()), ("vit", image_inputs())]
)
def test_export_and_run(name, inputs, request, tmp_path):
    import onnx
    import onnxruntime

    pair = request.getfixturevalue(name)
    found = []
    for side, model in (("ours", pair.ours), ("theirs", pair.theirs)):
        file = tmp_path / f"{side}.onnx"
        batch, length = torch.export.Dim("batch", min=2, max=8), torch.export.Dim("length", min=2, max=16)
        shapes = {key: {0: batch, 1: length} if name != "vit" else {0: batch} for key in inputs}
        torch.onnx.export(model, (), str(file), kwargs=inputs, dynamo=True, dynamic_shapes=shapes, verbose=False)
        onnx.checker.check_model(str(file))
        session = onnxruntime.InferenceSession(str(file), providers=["CPUExecutionProvider"])
        names = [each.name for each in session.get_inputs()]
        assert set(names) == set(inputs)
        found.append(session.run(None, {key: inputs[key][:3].numpy() for key in names})[0])
    np.testing.assert_allclose(*found, atol=1e-4)
