"""The model learns: sequences that count upwards are gone on with."""

import torch

from archsmith_sample_net import (
    SampleNetConfig,
    SampleNetForCausalLM,
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
    model = SampleNetForCausalLM(config)
    optimiser = torch.optim.AdamW(model.parameters(), lr=0.01)
    losses = []
    for _ in range(60):
        input_ids = (torch.randint(0, 20, (32, 1)) + torch.arange(6)) % 20
        loss = model(input_ids, labels=input_ids).loss
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0] / 4
    written = model.eval().generate(torch.tensor([[3, 4, 5]]), max_new_tokens=3)
    assert written.tolist() == [[3, 4, 5, 6, 7, 8]]
