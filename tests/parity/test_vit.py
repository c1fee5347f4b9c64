"""ViT equals the reference: outputs, hidden states, maps, losses and gradients, for many configurations."""

import warnings

import pytest
import torch
import transformers
from torch import Tensor

import archsmith
from archsmith.errors import ArchsmithWarning

from .cases import ACTIVATIONS
from .support import assert_close, assert_forward, assert_gradients, assert_same_output, build, our_names

TINY = {
    "hidden_size": 24,
    "num_hidden_layers": 2,
    "num_attention_heads": 3,
    "intermediate_size": 37,
    "image_size": 12,
    "patch_size": 4,
    "encoder_stride": 4,
    "layer_norm_eps": 1e-6,
    "num_labels": 3,
}
CLASSES = {
    "base": "ViTModel",
    "classes": "ViTForImageClassification",
    "masked patches": "ViTForMaskedImageModeling",
}
CONFIGS = {
    "plain": {},
    "one layer": {"num_hidden_layers": 1},
    "five layers": {"num_hidden_layers": 5},
    "one head": {"num_attention_heads": 1},
    "five heads of seven": {"num_attention_heads": 5, "hidden_size": 35},
    "heads of one": {"num_attention_heads": 6, "hidden_size": 6},
    "narrow inside": {"intermediate_size": 1},
    "no bias": {"qkv_bias": False},
    "a large epsilon": {"layer_norm_eps": 0.1},
    "the usual epsilon": {"layer_norm_eps": 1e-12},
    "grey": {"num_channels": 1},
    "five channels": {"num_channels": 5},
    "one patch": {"image_size": 4},
    "patches of one pixel": {"image_size": 3, "patch_size": 1, "encoder_stride": 1},
    "pixels left over": {"image_size": 15},
    "many patches": {"image_size": 28},
    "a narrow pooler": {"pooler_output_size": 5},
    "a pooler of relu": {"pooler_act": "relu"},
    "all of it": {"qkv_bias": False, "num_channels": 2, "hidden_act": "silu", "pooler_output_size": 48},
    "numbers": {"problem_type": "regression", "num_labels": 1},
    "several labels": {"problem_type": "multi_label_classification"},
}
ATTENTION = ("sdpa", "eager")


def images(values: dict, batch: int = 3, size: tuple[int, int] | None = None) -> Tensor:
    side = values["image_size"]
    shape = (batch, values.get("num_channels", 3), *(size or (side, side)))
    return torch.randn(shape, generator=torch.Generator().manual_seed(5))


def mask_of(values: dict, batch: int = 3) -> Tensor:
    patches = (values["image_size"] // values["patch_size"]) ** 2
    return torch.rand(batch, patches, generator=torch.Generator().manual_seed(6)) < 0.5


def labelled(kind: str, values: dict) -> dict:
    """Return images, with the labels or the mask that a class takes."""
    inputs = {"pixel_values": images(values)}
    if kind == "classes":
        labels = {
            "regression": torch.tensor([0.5, -1.0, 2.0]),
            "multi_label_classification": torch.tensor([[0.0, 1.0, 1.0], [0.0, 0.0, 0.0], [1.0, 0.0, 1.0]]),
        }
        inputs["labels"] = labels.get(values.get("problem_type"), torch.tensor([0, 2, 1]))
    whole = values["image_size"] % values["patch_size"] == 0
    if kind == "masked patches" and whole:
        inputs["bool_masked_pos"] = mask_of(values)
    return inputs


@pytest.mark.parametrize("values", CONFIGS.values(), ids=CONFIGS)
@pytest.mark.parametrize("kind", CLASSES)
def test_configurations(kind, values):
    values = TINY | values
    pair = build(CLASSES[kind], values)
    inputs = labelled(kind, values)
    for attention in ATTENTION:
        assert_forward(pair.attend_with(attention), inputs)
        assert_gradients(pair, inputs)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_activations(name):
    values = TINY | {"hidden_act": name, "pooler_act": name}
    pair = build("ViTModel", values)
    assert_forward(pair, {"pixel_values": images(values)})
    assert_gradients(pair, {"pixel_values": images(values)})


@pytest.mark.parametrize("size", [(12, 12), (16, 16), (8, 8), (20, 20), (4, 4), (17, 18), (12, 40), (40, 12), (9, 31)])
@pytest.mark.parametrize("kind", ["base", "classes"])
def test_interpolated_positions(kind, size):
    pair = build(CLASSES[kind], TINY)
    inputs = {"pixel_values": images(TINY, size=size), "interpolate_pos_encoding": True}
    assert_forward(pair, inputs)
    assert_gradients(pair, inputs)


def test_interpolated_positions_of_masked_patches():
    pair = build("ViTForMaskedImageModeling", TINY)
    for size in ((12, 12), (20, 20), (8, 8)):
        assert_forward(pair, {"pixel_values": images(TINY, size=size), "interpolate_pos_encoding": True})
    asked = {"pixel_values": images(TINY), "interpolate_pos_encoding": True, "bool_masked_pos": mask_of(TINY)}
    assert_forward(pair, asked)
    assert_gradients(pair, asked)


@pytest.mark.parametrize("name", ["none", "all", "as numbers"])
def test_masks(name):
    mask = {"none": mask_of(TINY) & False, "all": mask_of(TINY) | True, "as numbers": mask_of(TINY).long()}[name]
    pair = build("ViTForMaskedImageModeling", TINY)
    assert_forward(pair, {"pixel_values": images(TINY), "bool_masked_pos": mask})
    assert_gradients(pair, {"pixel_values": images(TINY), "bool_masked_pos": mask})
    bare = build("ViTModel", TINY, use_mask_token=True, add_pooling_layer=False)
    assert_forward(bare, {"pixel_values": images(TINY), "bool_masked_pos": mask})


def test_the_decoder_may_have_another_stride():
    for stride in (1, 3, 16):
        pair = build("ViTForMaskedImageModeling", TINY | {"encoder_stride": stride})
        assert_forward(pair, {"pixel_values": images(TINY)})
        assert_gradients(pair, {"pixel_values": images(TINY)})


@pytest.mark.parametrize("attention", ATTENTION)
@pytest.mark.parametrize("kind", CLASSES)
def test_attention_masks(kind, attention):
    mask = torch.ones(3, 10, dtype=torch.long)
    mask[1, 4:] = 0
    mask[2, 1] = 0
    pair = build(CLASSES[kind], TINY, attention=attention)
    assert_forward(pair, labelled(kind, TINY) | {"attention_mask": mask})


@pytest.mark.parametrize("image", [[12, 20], [20, 12], [8, 4]])
def test_oblong_images_and_patches(image):
    for patch in (4, [4, 4], [2, 4]):
        values = TINY | {"image_size": image, "patch_size": patch}
        for name in ("ViTModel", "ViTForImageClassification"):
            pair = build(name, values)
            inputs = {"pixel_values": images(values, size=(image[0], image[1]))}
            assert_forward(pair, inputs)
            assert_gradients(pair, inputs)


def test_dropout():
    values = TINY | {"hidden_dropout_prob": 0.2, "attention_probs_dropout_prob": 0.3}
    for kind, name in CLASSES.items():
        pair = build(name, values, attention="eager")
        assert_forward(pair, labelled(kind, values))
        assert_gradients(pair, labelled(kind, values), seed=11)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float16, torch.bfloat16])
def test_pixels_of_other_types(dtype):
    pair = build("ViTModel", TINY)
    assert_forward(pair, {"pixel_values": images(TINY).to(dtype)})


@pytest.mark.parametrize("kind", CLASSES)
@pytest.mark.parametrize("old_names", [True, False])
def test_what_the_reference_saves_loads_here(tmp_path, kind, old_names):
    pair = build(CLASSES[kind], TINY)
    pair.theirs.save_pretrained(tmp_path, save_original_format=old_names)
    loaded = getattr(archsmith, CLASSES[kind]).from_pretrained(tmp_path)
    assert (loaded.load_report.new, loaded.load_report.unused) == ((), ())
    inputs = labelled(kind, TINY)
    with torch.no_grad():
        assert_same_output(loaded(**inputs), pair.theirs(**inputs))


@pytest.mark.parametrize("kind", CLASSES)
def test_what_we_save_loads_in_the_reference(tmp_path, kind):
    values = TINY | {"qkv_bias": False, "num_channels": 2, "id2label": {0: "cat", 1: "dog", 2: "fish"}}
    del values["num_labels"]
    pair = build(CLASSES[kind], values)
    pair.ours.save_pretrained(tmp_path)
    loaded, info = getattr(transformers, CLASSES[kind]).from_pretrained(tmp_path, output_loading_info=True)
    assert not any(info.values()), info
    assert loaded.config.id2label == {0: "cat", 1: "dog", 2: "fish"}
    inputs = labelled(kind, values)
    with torch.no_grad():
        assert_same_output(pair.ours(**inputs), loaded.eval()(**inputs))


def test_a_backbone_takes_the_weights_of_a_classifier(tmp_path):
    """The reference has no ViT backbone; its hidden states and its last normalisation say what one must give."""
    pair = build("ViTForImageClassification", TINY)
    pair.theirs.save_pretrained(tmp_path)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ArchsmithWarning)
        backbone = archsmith.AutoBackbone.from_pretrained(tmp_path, out_features=["stem", "stage1", "stage2"])
    inputs = {"pixel_values": images(TINY, size=(20, 8))}
    with torch.no_grad():
        found = backbone(**inputs, output_hidden_states=True)
        theirs = pair.theirs(**inputs, output_hidden_states=True, interpolate_pos_encoding=True)
        assert_close(found.hidden_states, theirs.hidden_states, "hidden states")
        for features, hidden in zip(found.feature_maps, theirs.hidden_states, strict=True):
            maps = pair.theirs.vit.layernorm(hidden)[:, 1:].transpose(1, 2).reshape(3, 24, 5, 2)
            assert_close(features, maps, "feature maps")


def test_initial_values():
    """Both sides draw from the same distributions."""
    values = TINY | {"hidden_size": 240, "intermediate_size": 300, "image_size": 64, "initializer_range": 0.05}
    ours = archsmith.ViTForMaskedImageModeling(archsmith.ViTConfig(**values))
    theirs = transformers.ViTForMaskedImageModeling(transformers.ViTConfig(**values))
    reference = our_names(ours, dict(theirs.named_parameters()))
    for name, parameter in ours.named_parameters():
        other = reference[name]
        count = parameter.numel()
        for one, two in ((parameter.mean(), other.mean()), (parameter.std(), other.std())):
            assert abs(one - two) < 0.3 / count**0.5 + 1e-9, name
