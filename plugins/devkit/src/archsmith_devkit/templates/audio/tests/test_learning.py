"""The head learns: high tones are told from low ones."""

import torch

from archsmith_sample_net import (
    SampleNetConfig,
    SampleNetForAudioClassification,
)


def test_loss_falls() -> None:
    torch.manual_seed(0)
    config = SampleNetConfig(
        window=64,
        hop=32,
        hidden_size=32,
        num_hidden_layers=1,
        kernel_size=3,
    )
    model = SampleNetForAudioClassification(config)
    optimiser = torch.optim.AdamW(model.parameters(), lr=0.01)
    places = torch.arange(800) / 16000  # (samples,), in seconds
    losses = []
    for _ in range(40):
        labels = torch.arange(16) % 2
        hertz = (400 + 800 * labels + 100 * torch.rand(16))[:, None]  # (batch, 1)
        loss = model((2 * torch.pi * hertz * places).sin(), labels=labels).loss
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0] / 4
