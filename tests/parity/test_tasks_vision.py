"""Tasks of images say what the reference's pipelines say: the same labels, scores equal to 1e-4."""

import json

import numpy as np
import pytest
import torch
import transformers
from PIL import Image
from sklearn.datasets import load_sample_image
from tests.third_party.strangers import installed
from tokenizers import pre_tokenizers

import archsmith
from archsmith_tasks import pipeline

from .support import build, our_names, scramble

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


SWIN = {"depths": [1, 1, 1, 1], "embed_dim": 8, "num_heads": [1, 2, 2, 4], "window_size": 4, "image_size": 64}
DETR = {"d_model": 16, "decoder_layers": 2, "decoder_attention_heads": 2, "num_queries": 9, "decoder_ffn_dim": 24}
MASKFORMER = {
    "backbone_config": {"model_type": "swin", **SWIN}, "decoder_config": {"model_type": "detr", **DETR},
    "fpn_feature_size": 32, "mask_feature_size": 12, "num_labels": 4,
}  # fmt: skip
CUTS = [
    {"threshold": 0.3},
    {"threshold": 0.2, "mask_threshold": 0.4, "overlap_mask_area_threshold": 0.1},
    {"subtask": "panoptic", "threshold": 0.95},
    {"subtask": "instance", "threshold": 0.1},
    {"subtask": "instance", "threshold": 0.25},
    {"subtask": "semantic"},
]


@pytest.mark.parametrize("batch_size", ["auto", 3])
def test_image_segmentation(batch_size):
    theirs_model = transformers.MaskFormerForInstanceSegmentation(transformers.MaskFormerConfig(**MASKFORMER))
    scramble(theirs_model)
    ours_model = archsmith.MaskFormerForInstanceSegmentation(archsmith.MaskFormerConfig(**MASKFORMER))
    ours_model.load_state_dict(our_names(ours_model, theirs_model.state_dict()), strict=False)
    for model in (theirs_model, ours_model):
        with torch.no_grad():  # the classes stand out, and so do the masks
            model.class_predictor.weight.mul_(4)
    settings = {"size": {"shortest_edge": 64, "longest_edge": 96}}
    images = photos()
    theirs = transformers.pipeline(
        "image-segmentation",
        theirs_model.eval(),
        image_processor=transformers.MaskFormerImageProcessorPil(**settings),
        subtask=None,
    )
    ours = pipeline(
        "image-segmentation",
        ours_model.eval(),
        image_processor=archsmith.MaskFormerImageProcessor(**settings),
        batch_size=batch_size,
    )
    parts = 0
    for options in CUTS:
        for image, result in zip(images, ours(images, **options), strict=True):
            expected = sorted(theirs(image, **options), key=lambda each: -(each["score"] or 0))
            assert [each.label for each in result.segments] == [each["label"] for each in expected]
            for segment, wanted in zip(result.segments, expected, strict=True):
                assert segment.score == pytest.approx(wanted["score"], abs=TOLERANCE)
                mask = np.asarray(wanted["mask"]) > 0
                assert segment.mask.shape == mask.shape == (image.height, image.width)
                assert (segment.mask != mask).mean() < 1e-3
            parts += len(expected)
    assert parts > 30


CLIP = {
    "text_config": {
        "vocab_size": 516, "hidden_size": 16, "intermediate_size": 20, "num_hidden_layers": 2,
        "num_attention_heads": 4, "max_position_embeddings": 40, "projection_dim": 6, "bos_token_id": 514,
        "eos_token_id": 515,
    },
    "vision_config": {
        "hidden_size": 12, "intermediate_size": 18, "num_hidden_layers": 3, "num_attention_heads": 2, "image_size": 16,
        "patch_size": 4, "projection_dim": 6,
    },
    "projection_dim": 6,
}  # fmt: skip


def test_zero_shot_image_classification(tmp_path):
    """By a stranger's CLIP."""
    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    known = [*letters, *(f"{each}</w>" for each in letters), "lo", "low</w>", "<|startoftext|>", "<|endoftext|>"]
    (tmp_path / "vocab.json").write_text(json.dumps({token: number for number, token in enumerate(known)}))
    (tmp_path / "merges.txt").write_text("#version: 0.2\nl o\nlo w</w>\n")
    (tmp_path / "metadata").mkdir()
    settings = {"size": {"shortest_edge": 16}, "crop_size": {"height": 16, "width": 16}}
    with installed(tmp_path / "metadata", "clip"):
        pair, images = build("CLIPModel", CLIP), photos()
        theirs, ours = (
            make(
                "zero-shot-image-classification",
                model,
                tokenizer=library.CLIPTokenizerFast.from_pretrained(tmp_path)
                if library is transformers
                else library.CLIPTokenizerFast(tmp_path / "vocab.json", tmp_path / "merges.txt"),
                image_processor=getattr(library, name)(**settings),
            )
            for library, make, model, name in (
                (transformers, transformers.pipeline, pair.theirs, "CLIPImageProcessorPil"),
                (archsmith, pipeline, pair.ours, "CLIPImageProcessor"),
            )
        )
        labels = ["temple", "flower", "a yellow dog"]
        for options in ({}, {"hypothesis_template": "low {} low"}):
            expected = theirs(images, candidate_labels=labels, **options)
            for wanted, result in zip(expected, ours(images, candidate_labels=labels, **options), strict=True):
                assert [each.label for each in result.labels] == [each["label"] for each in wanted]
                assert [each.score for each in result.labels] == pytest.approx(
                    [each["score"] for each in wanted], abs=TOLERANCE
                )
