"""tensorboard: scalars, histograms of parameters, the graph."""

import pytest
import torch

from .support import image_inputs, text_inputs

pytestmark = pytest.mark.long


@pytest.mark.parametrize(("name", "inputs"), [("bert", text_inputs()), ("vit", image_inputs())])
def test_graph(name, inputs, request, tmp_path):
    from torch.utils.tensorboard import SummaryWriter

    pair = request.getfixturevalue(name)
    sides = {"ours": pair.ours} | (
        {} if name == "vit" else {"theirs": pair.theirs}
    )  # its ViT fails without its dictionary
    for side, model in sides.items():
        model.config.return_dict = False
        with SummaryWriter(tmp_path / side) as writer:
            writer.add_graph(model, tuple(inputs.values()), use_strict_trace=False)
            for key, value in model.named_parameters():
                writer.add_histogram(key, value, 0)
            writer.add_text("configuration", model.config.to_json_string())
            writer.add_embedding(torch.randn(4, 3))
        assert any((tmp_path / side).iterdir())
