"""A small ResNet learns to read: handwritten digits, through the image processor, held against digits it never saw."""

import numpy as np
import torch
from sklearn.datasets import load_digits

from archsmith import ConvNextImageProcessor, ResNetConfig, ResNetForImageClassification

EPOCHS, BATCH, HELD_OUT = 4, 64, 360


def test_a_small_resnet_reads_digits():
    digits = load_digits()
    # 32 pixels high and wide, so that the stem and two stages leave more than one place.
    processor = ConvNextImageProcessor(size=32, crop_pct=1, do_convert_rgb=False, image_mean=0.5, image_std=0.5)
    images = (digits.images * (255 / 16)).round().astype(np.uint8)  # (1797, 8, 8)
    pixels = processor(list(images), return_tensors="pt").pixel_values  # (1797, 1, 32, 32)
    labels = torch.from_numpy(digits.target)
    torch.manual_seed(0)
    seen, unseen = torch.randperm(len(labels)).tensor_split([len(labels) - HELD_OUT])
    config = ResNetConfig(
        embedding_size=8,
        hidden_sizes=[16, 32],
        depths=[1, 1],
        layer_type="basic",
        num_channels=1,
        num_labels=10,
    )
    model = ResNetForImageClassification(config)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2, weight_decay=0.05)
    steps = EPOCHS * len(seen.split(BATCH))
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 1e-2, total_steps=steps)
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
