"""A small ViT learns to read: handwritten digits, through the image processor, held against digits it never saw."""

import numpy as np
import torch
from sklearn.datasets import load_digits

from archsmith import ViTConfig, ViTForImageClassification, ViTImageProcessor

EPOCHS, BATCH, HELD_OUT = 25, 64, 360


def test_a_small_vit_reads_digits():
    digits = load_digits()
    processor = ViTImageProcessor(size=8, do_convert_rgb=False, image_mean=0.5, image_std=0.5)
    images = (digits.images * (255 / 16)).round().astype(np.uint8)  # (1797, 8, 8)
    pixels = processor(list(images), return_tensors="pt").pixel_values  # (1797, 1, 8, 8)
    labels = torch.from_numpy(digits.target)
    torch.manual_seed(0)
    seen, unseen = torch.randperm(len(labels)).tensor_split([len(labels) - HELD_OUT])
    config = ViTConfig(
        hidden_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        intermediate_size=128,
        image_size=8,
        patch_size=2,
        num_channels=1,
        num_labels=10,
        initializer_range=0.1,
    )
    model = ViTForImageClassification(config)
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3, weight_decay=0.05)
    steps = EPOCHS * len(seen.split(BATCH))
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 3e-3, total_steps=steps)
    for _ in range(EPOCHS):
        for chosen in seen[torch.randperm(len(seen))].split(BATCH):
            optimizer.zero_grad()
            model(pixels[chosen], labels=labels[chosen]).loss.backward()
            optimizer.step()
            schedule.step()
    with torch.no_grad():
        answers = model.eval()(pixels[unseen]).logits.argmax(-1)
    right = (answers == labels[unseen]).float().mean().item()
    assert right >= 0.96, f"{right:.1%} of the unseen digits were read"
