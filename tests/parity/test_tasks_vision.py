"""Tasks of images say what the reference's pipelines say: the same labels, scores equal to 1e-4."""

import pytest
import transformers
from PIL import Image
from sklearn.datasets import load_sample_image

import archsmith
from archsmith_tasks import pipeline

from .support import build

TOLERANCE = 1e-4
VIT = {
    "hidden_size": 24, "num_hidden_layers": 2, "num_attention_heads": 3, "intermediate_size": 32, "image_size": 32,
    "patch_size": 8, "num_labels": 7,
}  # fmt: skip
RESNET = {"embedding_size": 8, "hidden_sizes": [8, 16], "depths": [1, 2], "num_labels": 7}
CLASSIFIERS = {
    "vit": ("ViTForImageClassification", VIT, "ViTImageProcessor", {"size": 32}),
    "vit, several labels": (
        "ViTForImageClassification",
        VIT | {"problem_type": "multi_label_classification"},
        "ViTImageProcessor",
        {"size": 32, "resample": 3},
    ),
    "vit, a number": (
        "ViTForImageClassification",
        VIT | {"problem_type": "regression", "num_labels": 1},
        "ViTImageProcessor",
        {"size": 32},
    ),
    "resnet": ("ResNetForImageClassification", RESNET, "ConvNextImageProcessor", {"size": {"shortest_edge": 64}}),
    "resnet, undecided": (
        "ResNetForImageClassification", RESNET | {"num_labels": 1}, "ConvNextImageProcessor",
        {"size": {"shortest_edge": 64}},
    ),
    "timm": (
        "TimmWrapperForImageClassification", {"architecture": "test_resnet", "num_labels": 4}, "ViTImageProcessor",
        {"size": 64},
    ),
}  # fmt: skip


def photos():
    """Two photographs and parts of them, of several sizes and ratios."""
    whole = [Image.fromarray(load_sample_image(name)) for name in ("china.jpg", "flower.jpg")]
    return [*whole, whole[0].crop((10, 20, 310, 420)), whole[1].rotate(90, expand=True), whole[1].crop((0, 0, 99, 50))]


@pytest.mark.parametrize("case", CLASSIFIERS)
def test_image_classification(case):
    name, values, processor, settings = CLASSIFIERS[case]
    pair, images = build(name, values, attention="eager"), photos()
    theirs = transformers.pipeline(
        "image-classification", pair.theirs, image_processor=getattr(transformers, f"{processor}Pil")(**settings)
    )
    ours = pipeline("image-classification", pair.ours, image_processor=getattr(archsmith, processor)(**settings))
    calls = ({}, {"top_k": 2}, {"function_to_apply": "sigmoid"}, {"function_to_apply": "none", "top_k": 100})
    for options in calls:
        for expected, result in zip(theirs(images, **options), ours(images, **options), strict=True):
            assert [each.label for each in result.labels] == [each["label"] for each in expected]
            assert [each.score for each in result.labels] == pytest.approx(
                [each["score"] for each in expected], abs=TOLERANCE
            )
