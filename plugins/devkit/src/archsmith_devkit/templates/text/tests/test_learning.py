"""The head learns: texts that hold a certain token are told from those that do not."""

import torch

from archsmith_sample_net import (
    SampleNetConfig,
    SampleNetForSequenceClassification,
)


def test_loss_falls() -> None:
    torch.manual_seed(0)
    config = SampleNetConfig(
        vocab_size=20,
        hidden_size=32,
        num_hidden_layers=1,
        intermediate_size=32,
        dropout=0.0,
    )
    model = SampleNetForSequenceClassification(config)
    optimiser = torch.optim.AdamW(model.parameters(), lr=0.01)
    losses = []
    for _ in range(60):
        input_ids = torch.randint(2, 20, (32, 6))
        labels = torch.arange(32) % 2
        input_ids[labels == 1, 3] = 1
        loss = model(input_ids, labels=labels).loss
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0] / 4
