"""Two things archsmith does with images: find the shapes in drawings, and read handwritten digits.

Run it with ``make demo``. No network is used: the drawings are made up as they are needed, and the digits come with
scikit-learn. The models are trained in half a minute, saved, and then used by ``archsmith run``, which draws as well.
"""

import time
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.rule import Rule
from sklearn.datasets import load_digits
from tour import OUTPUT, archsmith, work_folder

from archsmith import (
    MaskFormerConfig,
    MaskFormerForInstanceSegmentation,
    MaskFormerImageProcessor,
    ResNetConfig,
    ViTConfig,
    ViTForImageClassification,
    ViTImageProcessor,
)

SHAPES = ("background", "disc", "square", "triangle")
SIZE = 64  # pixels, in each direction
STEPS, BATCH = 260, 8

console = Console(highlight=False)

Drawing = tuple[np.ndarray, np.ndarray]


def draw(generator: np.random.Generator) -> Drawing:
    """Return a drawing of two to four shapes, (64, 64, 3) uint8, and the class of each pixel, (64, 64) uint8."""
    rows, columns = np.mgrid[:SIZE, :SIZE]
    image = generator.integers(0, 40, (SIZE, SIZE, 3)) + generator.integers(0, 60)
    classes = np.zeros((SIZE, SIZE), np.uint8)
    for _ in range(generator.integers(2, 5)):
        kind, radius = generator.integers(1, len(SHAPES)), generator.integers(7, 13)
        middle = generator.integers(radius, SIZE - radius, 2)
        down, right = rows - middle[0], np.abs(columns - middle[1])
        inside = {
            "disc": down**2 + right**2 <= radius**2,
            "square": np.maximum(np.abs(down), right) <= 0.8 * radius,
            "triangle": (np.abs(down) <= radius) & (right <= (down + radius) / 2),
        }[SHAPES[kind]]
        colour = np.eye(3)[kind - 1] * 130 + generator.integers(50, 120, 3)  # mostly that of its kind, never the same
        image[inside], classes[inside] = colour, kind
    return image.astype(np.uint8), classes


def build_finder() -> tuple[MaskFormerForInstanceSegmentation, MaskFormerImageProcessor]:
    """Return a small MaskFormer around a small ResNet, and its image processor."""
    backbone_config = ResNetConfig(
        embedding_size=24,
        hidden_sizes=[24, 48, 96],
        depths=[1, 1, 1],
        layer_type="basic",
        out_features=["stage1", "stage2", "stage3"],
    )
    config = MaskFormerConfig(
        backbone_config=backbone_config,
        decoder_config={
            "d_model": 64, "decoder_layers": 2, "decoder_attention_heads": 4, "decoder_ffn_dim": 128, "num_queries": 8,
            "dropout": 0.0,
        },
        fpn_feature_size=64,
        mask_feature_size=32,
        id2label=dict(enumerate(SHAPES)),
    )  # fmt: skip
    return MaskFormerForInstanceSegmentation(config), MaskFormerImageProcessor(do_resize=False)


def train_finder(
    model: MaskFormerForInstanceSegmentation, processor: MaskFormerImageProcessor, *, steps: int = STEPS
) -> None:
    """Train on drawings that are made up as they are needed."""
    generator = np.random.default_rng(0)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=1e-3, total_steps=steps)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console) as progress:
        task = progress.add_task("learning to find shapes", total=steps)
        for _ in range(steps):
            images, classes = zip(*(draw(generator) for _ in range(BATCH)), strict=True)
            batch = processor(list(images), list(classes), return_tensors="pt")
            loss = model(**batch).loss
            optimizer.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            schedule.step()
            progress.advance(task)


@torch.inference_mode()
def find(
    model: MaskFormerForInstanceSegmentation, processor: MaskFormerImageProcessor, drawings: list[Drawing]
) -> list[np.ndarray]:
    """Return the class of each pixel, as the model sees it."""
    model.eval()
    outputs = model(**processor([image for image, _ in drawings], return_tensors="pt"))
    sizes = [classes.shape for _, classes in drawings]
    return [found.numpy() for found in processor.post_process_semantic_segmentation(outputs, target_sizes=sizes)]


def mean_iou(found: list[np.ndarray], drawings: list[Drawing]) -> float:
    """Return how well the pixels found fit the true ones: intersection over union, the mean of all classes."""
    truth, guess = np.stack([classes for _, classes in drawings]), np.stack(found)
    ratios = [
        ((guess == kind) & (truth == kind)).sum() / ((guess == kind) | (truth == kind)).sum()
        for kind in range(len(SHAPES))
    ]
    return float(np.mean(ratios))


def write_images(folder: Path, images: list[np.ndarray]) -> None:
    """Write images as PNG files into a new folder."""
    folder.mkdir()
    for number, image in enumerate(images, start=1):
        Image.fromarray(image).save(folder / f"{number}.png")


def find_shapes() -> None:
    """Train a MaskFormer, and show what it finds in new drawings."""
    console.print(Rule("A MaskFormer around a ResNet, trained here"))
    torch.manual_seed(0)
    model, processor = build_finder()
    train_finder(model, processor)
    generator = np.random.default_rng(1)
    drawings = [draw(generator) for _ in range(48)]
    found = find(model, processor, drawings)
    score = mean_iou(found, drawings)
    console.print(f"{model.num_parameters():,} parameters; mean IoU on new drawings [bold]{score:.2f}[/bold]")
    folder = work_folder("shapes")
    model.save_pretrained(folder / "model")
    processor.save_pretrained(folder / "model")
    write_images(folder / "drawings", [image for image, _ in drawings[:6]])
    names = [folder / "model", folder / "drawings"]
    archsmith("run", "image-segmentation", "--model", *names, "--set", "subtask=semantic", "--draw", OUTPUT / "shapes")
    if score < 0.8:
        raise SystemExit(1)


def read_digits() -> None:
    """Train a ViT on handwritten digits, and count how many new ones it reads."""
    console.print()
    console.print(Rule("A ViT that reads digits"))
    torch.manual_seed(0)
    digits = load_digits()
    images = [np.round(image * (255 / 16)).astype(np.uint8) for image in digits.images]
    processor = ViTImageProcessor(size=8, do_convert_rgb=False, image_mean=[0.5], image_std=[0.5])
    pixels = processor(images, return_tensors="pt").pixel_values
    labels = torch.from_numpy(digits.target)
    order = torch.randperm(len(labels))
    test, learn = order[:360], order[360:]
    config = ViTConfig(
        image_size=8, patch_size=2, num_channels=1, hidden_size=48, num_hidden_layers=2, num_attention_heads=4,
        intermediate_size=96, id2label={digit: str(digit) for digit in range(10)},
    )  # fmt: skip
    model = ViTForImageClassification(config)
    optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3)
    start = time.perf_counter()
    for step in range(300):
        rows = learn[torch.randint(len(learn), (64,))]
        loss = model(pixels[rows], labels=labels[rows]).loss
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if step == 200:
            optimizer.param_groups[0]["lr"] = 5e-4
    with torch.inference_mode():
        right = (model.eval()(pixels[test]).logits.argmax(-1) == labels[test]).float().mean().item()
    console.print(f"trained in {time.perf_counter() - start:.1f} s; reads [bold]{right:.0%}[/bold] of 360 new digits")
    if right < 0.9:
        raise SystemExit(1)
    folder = work_folder("digits")
    model.save_pretrained(folder / "model")
    processor.save_pretrained(folder / "model")
    write_images(folder / "images", [images[number] for number in test[:6]])
    command = ("run", "image-classification", "--model", folder / "model", folder / "images")
    archsmith(*command, "--set", "top_k=3", "--draw", OUTPUT / "digits")


if __name__ == "__main__":
    torch.set_num_threads(1)  # models this small wait for threads longer than they compute
    find_shapes()
    read_digits()
