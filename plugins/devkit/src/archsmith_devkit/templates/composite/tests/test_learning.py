"""The encoders learn from each other: images of one brightness belong to texts of one token."""

import torch

from archsmith_sample_net import (
    SampleNetConfig,
    SampleNetModel,
    SampleNetTextConfig,
    SampleNetVisionConfig,
)


def test_loss_falls() -> None:
    torch.manual_seed(0)
    config = SampleNetConfig(
        text_config=SampleNetTextConfig(
            hidden_size=32,
            num_hidden_layers=1,
            vocab_size=20,
            dropout=0.0,
        ),
        vision_config=SampleNetVisionConfig(
            hidden_size=32,
            num_hidden_layers=1,
            image_size=16,
            patch_size=8,
            dropout=0.0,
        ),
        projection_dim=16,
    )
    model = SampleNetModel(config)
    optimiser = torch.optim.AdamW(model.parameters(), lr=0.01)
    losses = []
    for _ in range(60):
        kinds = torch.arange(4)
        input_ids = (kinds + 1)[:, None].expand(4, 3)
        pixel_values = kinds[:, None, None, None] - 1.5 + 0.1 * torch.randn(4, 3, 16, 16)
        loss = model(input_ids, pixel_values, return_loss=True).loss
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0] / 4
