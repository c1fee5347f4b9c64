"""The head learns: images with vertical stripes are told from those with horizontal ones."""

import torch

from archsmith_sample_net import (
    SampleNetConfig,
    SampleNetForImageClassification,
)


def test_loss_falls() -> None:
    torch.manual_seed(0)
    config = SampleNetConfig(
        patch_size=4,
        hidden_size=16,
        num_hidden_layers=2,
        kernel_size=3,
    )
    model = SampleNetForImageClassification(config)
    optimiser = torch.optim.AdamW(model.parameters(), lr=0.01)
    stripes = (torch.arange(16) % 4 < 2).float().expand(3, 16, 16)  # (channels, height, width)
    losses = []
    for _ in range(30):
        labels = torch.arange(16) % 2
        images = torch.stack([stripes if label else stripes.mT for label in labels])
        loss = model(images + 0.3 * torch.randn_like(images), labels=labels).loss
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0] / 4
