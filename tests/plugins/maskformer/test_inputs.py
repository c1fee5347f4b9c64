"""What a MaskFormer and its image processor cannot take, and what Swin makes of images of another size."""

import json
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image

from archsmith import (
    MaskFormerConfig,
    MaskFormerForInstanceSegmentation,
    MaskFormerImageProcessor,
    MaskFormerSwinConfig,
    MaskFormerSwinModel,
)
from archsmith.errors import ArchsmithError, ArchsmithWarning, ConfigError, InputError, OptionError
from archsmith_maskformer.segmentation import MaskFormerForInstanceSegmentationOutput

PIXELS = torch.zeros(2, 3, 40, 32)
MASKS = [torch.zeros(1, 40, 32), torch.ones(2, 40, 32)]
CLASSES = [torch.tensor([0]), torch.tensor([1, 2])]


@pytest.fixture(scope="module")
def model():
    config = MaskFormerConfig(
        backbone_config={"model_type": "swin", "embed_dim": 8, "depths": [1], "num_heads": [2], "window_size": 4},
        decoder_config={"d_model": 16, "decoder_layers": 1, "decoder_attention_heads": 2, "num_queries": 5},
        fpn_feature_size=32,
        mask_feature_size=16,
        num_labels=3,
    )
    return MaskFormerForInstanceSegmentation(config)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"pixel_values": PIXELS[0]}, "pixel_values must have the shape (batch, channels, height, width), but have "),
        ({"pixel_values": PIXELS[:, :2]}, "the model takes images with 3 channels, but pixel_values have (2, 2,"),
        ({"pixel_values": PIXELS.long()}, "pixel_values must be floating-point numbers, but are torch.int64."),
        (
            {"pixel_mask": torch.ones(2, 40)},
            "pixel_mask must be a tensor of the shape (batch, height, width) = (2, 40, 32), but has (2, 40).",
        ),
        ({"pixel_mask": [1]}, "pixel_mask must be a tensor of the shape (batch, height, width) = (2, 40, 32), but is "),
        ({"mask_labels": None}, "a loss needs mask_labels and class_labels, but mask_labels are missing."),
        ({"class_labels": None}, "a loss needs mask_labels and class_labels, but class_labels are missing."),
        ({"class_labels": [0, 1]}, "class_labels must be a list with one tensor for each image, but are [0, 1]."),
        ({"mask_labels": MASKS[:1]}, "mask_labels must hold one tensor for each of 2 images, but hold 1."),
        (
            {"mask_labels": [MASKS[0], MASKS[1][0]]},
            "mask_labels[1] must have the shape (segments, height, width), but have (40, 32).",
        ),
        (
            {"class_labels": [CLASSES[0], CLASSES[0]]},
            ("class_labels[1] must be integers of the shape (segments,) = (2,), but are torch.int64 of (1,)."),
        ),
        (
            {"class_labels": [CLASSES[0], torch.tensor([1.0, 2.0])]},
            "class_labels[1] must be integers of the shape (segments,) = (2,), but are torch.float32 of (2,).",
        ),
        ({"class_labels": [torch.tensor([3]), CLASSES[1]]}, "class_labels[0] must be from 0 to 2, but hold 3."),
        ({"class_labels": [torch.tensor([-1]), CLASSES[1]]}, "class_labels[0] must be from 0 to 2, but hold -1."),
        ({"mask_labels": [MASKS[0] + 255, MASKS[1]]}, "mask_labels[0] must be from 0 to 1, but hold 255."),
        ({"mask_labels": [MASKS[0], -MASKS[1]]}, "mask_labels[1] must be from 0 to 1, but hold -1."),
        ({"mask_labels": [MASKS[0] * float("nan"), MASKS[1]]}, "mask_labels[0] must be from 0 to 1, but hold nan."),
    ],
)
def test_what_the_model_can_not_take(model, wrong, message):
    with pytest.raises(InputError) as caught:
        model(**{"pixel_values": PIXELS, "mask_labels": MASKS, "class_labels": CLASSES, **wrong})
    assert str(caught.value).startswith(message)


def test_a_model_is_built_from_its_configuration():
    with pytest.raises(ConfigError) as caught:
        MaskFormerForInstanceSegmentation("facebook/maskformer-swin-base-ade")
    assert str(caught.value) == (
        "MaskFormerForInstanceSegmentation is built from a MaskFormerConfig, but got str. To load a checkpoint use "
        "MaskFormerForInstanceSegmentation.from_pretrained."
    )


def test_a_number_in_a_file_can_not_take_all_time(model, tmp_path):
    model.save_pretrained(tmp_path)
    path = tmp_path / "config.json"
    whole = json.loads(path.read_text())
    for part, change in (
        ("backbone_config", {"depths": [2**31 - 1]}),
        ("backbone_config", {"window_size": 2**31 - 1}),
        ("decoder_config", {"decoder_layers": 2**31 - 1}),
    ):
        path.write_text(json.dumps({**whole, part: {**whole[part], **change}}))
        with pytest.raises(ArchsmithError):
            MaskFormerForInstanceSegmentation.from_pretrained(tmp_path)


def test_labels_in_one_tensor(model):
    masks, classes = torch.zeros(2, 1, 40, 32), torch.tensor([[0], [2]])
    assert model(PIXELS, masks, classes).loss == model(PIXELS, list(masks), list(classes)).loss


def test_absolute_positions_are_stretched():
    config = MaskFormerSwinConfig(
        embed_dim=8, depths=[1, 1], num_heads=[1, 2], window_size=4, image_size=[32, 48], use_absolute_embeddings=True
    )
    swin = MaskFormerSwinModel(config).eval()
    with torch.no_grad():
        swin.embeddings.position_embeddings.normal_()
    assert swin(torch.zeros(1, 3, 32, 48)).last_hidden_state.shape == (1, 24, 16)
    assert swin(torch.zeros(1, 3, 64, 48), interpolate_pos_encoding=True).last_hidden_state.shape == (1, 48, 16)
    same = swin(torch.zeros(1, 3, 32, 48), interpolate_pos_encoding=True).last_hidden_state
    assert torch.equal(same, swin(torch.zeros(1, 3, 32, 48)).last_hidden_state)
    with pytest.raises(InputError) as caught:
        swin(torch.zeros(1, 3, 64, 48))
    assert str(caught.value) == (
        "the image has 16 x 12 patches (rows x columns), but the model has positions for 8 x 12. Resize it, or pass "
        "interpolate_pos_encoding=True."
    )


def test_swin_says_how_it_attends():
    config = MaskFormerSwinConfig(embed_dim=8, depths=[1, 2], num_heads=[1, 2], window_size=4)
    maps = MaskFormerSwinModel(config).eval()(torch.randn(2, 3, 40, 32), output_attentions=True).attentions
    assert [tuple(each.shape) for each in maps] == [(12, 1, 16, 16), (4, 2, 16, 16), (4, 2, 16, 16)]
    for each in maps:
        assert torch.allclose(each.sum(-1), torch.ones(()), atol=1e-5)


def test_gradient_checkpointing_changes_no_gradient(model):
    gradients = []
    for switch in (model.gradient_checkpointing_disable, model.gradient_checkpointing_enable):
        switch()
        torch.manual_seed(0)
        model.train().zero_grad()
        model(PIXELS + 1, MASKS, CLASSES).loss.backward()
        gradients.append([each.grad.clone() for each in model.parameters() if each.grad is not None])
    model.gradient_checkpointing_disable()
    for one, other in zip(*gradients, strict=True):
        assert torch.allclose(one, other, atol=1e-6)


# ---- the image processor --------------------------------------------------------------------------------------

IMAGE = np.zeros((20, 30, 3), np.uint8)
MAP = np.zeros((20, 30), np.uint8)
SMALL = {"size": {"shortest_edge": 32, "longest_edge": 64}}


@pytest.mark.parametrize(
    ("maps", "settings", "message"),
    [
        ([MAP, MAP], {}, "segmentation_maps must hold one entry for each of 1 images, but hold 2."),
        (
            MAP[:10],
            {},
            "segmentation map 0 has 30 x 10 pixels, but its image has 30 x 20, upright.",
        ),
        (
            np.zeros((20, 30, 3), np.uint8),
            {},
            "segmentation_maps must hold one entry for each of 1 images, but hold 20.",
        ),
        (
            [np.zeros((20, 30, 3), np.uint8)],
            {},
            (
                "segmentation map 0 must be an image of one channel, or an array of whole numbers of the shape "
                "(height, width), but is uint8 of (20, 30, 3)."
            ),
        ),
        (
            Image.fromarray(IMAGE),
            {},
            (
                "segmentation map 0 must be an image of one channel, or an array of whole numbers of the shape "
                "(height, width), but is uint8 of (20, 30, 3)."
            ),
        ),
        ("map.png", {}, "segmentation map 0 must be an image of one channel, or an array of whole numbers of the "),
        (MAP + 0.5, {}, "segmentation map 0 must hold whole numbers, but holds others."),
        (MAP - np.ones(1, int), {}, "segmentation map 0 must hold labels from 0 to 2147483647, but holds -1 to -1."),
        (
            MAP + 7,
            {"num_labels": 7},
            (
                "segmentation map 0 has the class 7; expected classes from 0 to 6 (num_labels). Pixels of no class "
                "need a label of their own: ignore_index."
            ),
        ),
        (
            MAP + 3,
            {"instance_id_to_semantic_id": {1: 2}},
            "segmentation map 0 holds 3, which instance_id_to_semantic_id does not name.",
        ),
        (
            MAP,
            {"instance_id_to_semantic_id": {0: "cat"}},
            (
                "instance_id_to_semantic_id must be a mapping from labels to numbers of classes, or one for each "
                "image, but is {0: 'cat'}."
            ),
        ),
        (
            MAP,
            {"instance_id_to_semantic_id": [{0: 1}, {0: 2}]},
            "instance_id_to_semantic_id must hold one entry for each of 1 images, but hold 2.",
        ),
    ],
)
def test_maps_that_do_not_fit(maps, settings, message):
    with pytest.raises(InputError) as caught:
        MaskFormerImageProcessor(**SMALL)(IMAGE, maps, **settings)
    assert str(caught.value).startswith(message)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (
            {"do_reduce_labels": True},
            ("MaskFormerImageProcessor: do_reduce_labels needs ignore_index, the label that takes the place of 0."),
        ),
        (
            {"reduce_labels": True, "do_reduce_labels": False},
            "MaskFormerImageProcessor: reduce_labels is True and do_reduce_labels is False, but they are one setting.",
        ),
        (
            {"size": {"height": 3, "width": 4}, "max_size": 9},
            (
                "MaskFormerImageProcessor: max_size is the longest edge beside a size of one number, but size is "
                "{'height': 3, 'width': 4}."
            ),
        ),
        (
            {"size_divisor": -1},
            "MaskFormerImageProcessor: size_divisor must be an integer from 0 to 2147483647 or null, but is -1.",
        ),
        (
            {"size_divisr": 8},
            (
                "MaskFormerImageProcessor: 'size_divisr' is not a setting of MaskFormerImageProcessor. Did you mean "
                "'size_divisor'?"
            ),
        ),
    ],
)
def test_settings_that_are_wrong(settings, message):
    with pytest.raises(OptionError) as caught:
        MaskFormerImageProcessor(**settings)
    assert str(caught.value).startswith(message)
    with pytest.raises(OptionError) as caught:
        MaskFormerImageProcessor()(IMAGE, **settings)
    assert str(caught.value).startswith(message)


def test_old_spellings():
    old = MaskFormerImageProcessor(size=100, max_size=200, reduce_labels=True, ignore_index=255, size_divisibility=16)
    assert old.size == {"shortest_edge": 100, "longest_edge": 200}
    assert (old.do_reduce_labels, old.size_divisor) == (True, 16)


def outputs(masks, classes):
    return MaskFormerForInstanceSegmentationOutput(class_queries_logits=classes, masks_queries_logits=masks)


GIVEN = outputs(torch.zeros(1, 2, 4, 5), torch.zeros(1, 2, 4))


@pytest.mark.parametrize("task", ["semantic", "instance", "panoptic"])
@pytest.mark.parametrize(
    ("given", "settings", "message"),
    [
        (object(), {}, "outputs must hold class_queries_logits and masks_queries_logits, as MaskFormerForInstanceSeg"),
        (
            GIVEN,
            {"target_sizes": [(4, 5), (6, 7)]},
            "target_sizes must hold a height and a width for each of 1 images, but hold [(4, 5), (6, 7)].",
        ),
        (GIVEN, {"target_sizes": [(4, 0)]}, "target_sizes must hold pairs (height, width) of pixels, but hold (4, 0)."),
        (GIVEN, {"target_sizes": 4}, "target_sizes must hold a height and a width for each image, but are 4."),
        (GIVEN, {"target_sizes": [(2**20, 1)]}, "target_sizes ask for 1 x 1048576 pixels, but a side may have 65,536"),
        (GIVEN, {"target_sizes": [(60_000, 60_000)]}, "target_sizes ask for 60000 x 60000 pixels, above the limit of"),
        (
            outputs(torch.zeros(1, 2, 4, 5), torch.zeros(1, 3, 4)),
            {},
            (
                "outputs must hold class_queries_logits (batch, queries, classes + 1) and masks_queries_logits (batch, "
                "queries, height, width), but they have (1, 3, 4) and (1, 2, 4, 5)."
            ),
        ),
        (GIVEN, {"target_sizes": [4]}, "target_sizes must hold pairs (height, width) of pixels, but hold 4."),
        (GIVEN, {"threshold": 2}, "threshold must be a number from 0 to 1, but is 2."),
        (GIVEN, {"mask_threshold": "x"}, "mask_threshold must be a number from 0 to 1, but is 'x'."),
    ],
)
def test_what_no_map_can_be_made_of(task, given, settings, message):
    if task == "semantic" and "target_sizes" not in settings and given is GIVEN:
        settings, message = (
            {"target_sizes": "x"},
            "target_sizes must hold pairs (height, width) of pixels, but hold 'x'.",
        )
    make = getattr(MaskFormerImageProcessor(), f"post_process_{task}_segmentation")
    with pytest.raises(ArchsmithError) as caught:
        make(given, **settings)
    assert str(caught.value).startswith(message)


@pytest.mark.parametrize(
    ("fused", "message"),
    [
        (3, "label_ids_to_fuse must be a set of classes, but is 3."),
        (0, "label_ids_to_fuse must be a set of classes, but is 0."),
        ("", "label_ids_to_fuse must be a set of classes, but is ''."),
        ({0: "sky"}, "label_ids_to_fuse must be a set of classes, but is {0: 'sky'}."),
        (torch.tensor(0), "label_ids_to_fuse must be a set of classes, but is tensor(0)."),
        ({"sky"}, "label_ids_to_fuse must hold whole numbers of classes, but holds 'sky'."),
        ([None], "label_ids_to_fuse must hold whole numbers of classes, but holds None."),
        ([True], "label_ids_to_fuse must hold whole numbers of classes, but holds True."),
        ([0.0], "label_ids_to_fuse must hold whole numbers of classes, but holds 0.0."),
        ([3], "label_ids_to_fuse holds 3, but the classes of the model are 0 to 2."),
        ([-1], "label_ids_to_fuse holds -1, but the classes of the model are 0 to 2."),
    ],
)
def test_classes_to_fuse_are_a_set(fused, message):
    with pytest.raises(OptionError) as caught:
        MaskFormerImageProcessor().post_process_panoptic_segmentation(GIVEN, label_ids_to_fuse=fused)
    assert str(caught.value) == message


@pytest.mark.parametrize("fused", [set(), (), np.array([], int), torch.tensor([], dtype=torch.long), None])
def test_no_class_to_fuse(fused):
    found = MaskFormerImageProcessor().post_process_panoptic_segmentation(stripes(), label_ids_to_fuse=fused)[0]
    assert found["segmentation"][:, 0].tolist() == [1, 2, 3, 4]


@pytest.mark.parametrize("fused", [{0}, [0], np.array([0]), torch.tensor([0]), {np.int64(0)}, [torch.tensor(0)]])
def test_forms_of_a_set_of_classes(fused):
    found = MaskFormerImageProcessor().post_process_panoptic_segmentation(stripes(), label_ids_to_fuse=fused)[0]
    assert found["segmentation"][:, 0].tolist() == [1, 2, 1, 3]


def test_a_threshold_without_effect_is_announced():
    with pytest.warns(ArchsmithWarning, match="mask_threshold and overlap_mask_area_threshold have no effect"):
        MaskFormerImageProcessor().post_process_instance_segmentation(GIVEN, mask_threshold=0.9)


def test_two_forms_at_once_are_refused():
    with pytest.raises(OptionError) as caught:
        MaskFormerImageProcessor().post_process_instance_segmentation(
            GIVEN, return_coco_annotation=True, return_binary_maps=True
        )
    assert str(caught.value) == ("return_coco_annotation and return_binary_maps are two results; ask for one of them.")


def test_sizes_may_come_as_a_tensor():
    processor = MaskFormerImageProcessor()
    for sizes in (torch.tensor([[7, 9]]), np.array([[7, 9]]), [torch.tensor([7, 9])], [(np.int64(7), 9)]):
        assert processor.post_process_semantic_segmentation(GIVEN, sizes)[0].shape == (7, 9)


def stripes():
    """Four stripes: sky, a thing, sky again, another thing."""
    masks = torch.full((1, 4, 4, 4), -9.0)
    masks[0, torch.arange(4), torch.arange(4)] = 9.0
    classes = torch.full((1, 4, 4), -9.0)
    classes[0, torch.arange(4), torch.tensor([0, 1, 0, 2])] = 9.0
    return outputs(masks, classes)


def test_segments_beside_a_fused_class_keep_numbers_of_their_own():
    found = MaskFormerImageProcessor().post_process_panoptic_segmentation(stripes(), label_ids_to_fuse={0})[0]
    assert found["segmentation"][:, 0].tolist() == [1, 2, 1, 3]
    assert [(each["id"], each["label_id"], each["was_fused"]) for each in found["segments_info"]] == [
        (1, 0, True), (2, 1, False), (1, 0, True), (3, 2, False),
    ]  # fmt: skip


@pytest.mark.parametrize("number", [float("nan"), float("inf")])
@pytest.mark.parametrize("name", ["class_queries_logits", "masks_queries_logits"])
@pytest.mark.parametrize("kind", ["semantic", "instance", "panoptic"])
def test_scores_that_are_no_numbers(number, name, kind):
    logits = {"class_queries_logits": torch.zeros(1, 2, 4), "masks_queries_logits": torch.zeros(1, 2, 3, 3)}
    logits[name][0, 0, 0] = number
    with pytest.raises(InputError, match="outputs must hold finite numbers, but hold NaN or infinity"):
        getattr(MaskFormerImageProcessor(), f"post_process_{kind}_segmentation")(SimpleNamespace(**logits))


def test_thresholds_of_numpy_are_numbers():
    outputs = SimpleNamespace(class_queries_logits=torch.zeros(1, 2, 4), masks_queries_logits=torch.zeros(1, 2, 3, 3))
    for number in (np.float32(0.5), np.int64(1)):
        assert MaskFormerImageProcessor().post_process_panoptic_segmentation(outputs, threshold=number)


def test_scores_of_two_types():
    classes, masks = torch.randn(1, 2, 4), torch.randn(1, 2, 3, 3)
    outputs = SimpleNamespace(class_queries_logits=classes.half(), masks_queries_logits=masks.bfloat16())
    found = MaskFormerImageProcessor().post_process_semantic_segmentation(outputs)[0]
    same = SimpleNamespace(class_queries_logits=classes.half().float(), masks_queries_logits=masks.bfloat16().float())
    assert torch.equal(found, MaskFormerImageProcessor().post_process_semantic_segmentation(same)[0])
