"""The head learns to label the places of one batch, on top of a model with random weights."""

import torch
from archsmith import AutoModelForSampleNet
from archsmith_devkit import ExtensionConformance


class Kit(ExtensionConformance):
    """The conformance kit, which knows a small configuration of every architecture."""

    model_type = "distilbert"
    extension = "sample-net"


def test_loss_falls() -> None:
    torch.manual_seed(0)
    model = AutoModelForSampleNet.from_config(Kit().config())
    labels = torch.randint(2, model(**model.dummy_inputs).logits.shape[:-1])
    optimiser = torch.optim.AdamW(model.parameters(), lr=0.01)
    losses = []
    for _ in range(60):
        loss = model(**model.dummy_inputs, labels=labels).loss
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0] / 2
