"""The feature maps learn: together they tell vertical stripes from horizontal ones."""

import torch

from archsmith_sample_net import (
    SampleNetBackbone,
    SampleNetConfig,
)


def test_loss_falls() -> None:
    torch.manual_seed(0)
    config = SampleNetConfig(
        hidden_sizes=[8, 16],
        depths=[1, 1],
        out_features=["stage1", "stage2"],
    )
    backbone = SampleNetBackbone(config)
    head = torch.nn.Linear(sum(backbone.channels), 2)
    optimiser = torch.optim.AdamW([*backbone.parameters(), *head.parameters()], lr=0.01)
    stripes = (torch.arange(16) % 4 < 2).float().expand(3, 16, 16)  # (channels, height, width)
    losses = []
    for _ in range(30):
        labels = torch.arange(16) % 2
        images = torch.stack([stripes if label else stripes.mT for label in labels])
        maps = backbone(images + 0.3 * torch.randn_like(images)).feature_maps
        pooled = torch.cat([each.mean((2, 3)) for each in maps], dim=1)  # (batch, channels of all maps)
        loss = torch.nn.functional.cross_entropy(head(pooled), labels)
        optimiser.zero_grad()
        torch.autograd.backward(loss)
        optimiser.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0] / 4
