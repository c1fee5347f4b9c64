"""Segmentation: the masks that are in an image, at its own size, by a model that knows three colours."""

import json

import numpy as np
import pytest
import torch
from PIL import Image
from sklearn.datasets import load_sample_image

from archsmith import MaskFormerConfig, MaskFormerForInstanceSegmentation, MaskFormerImageProcessor
from archsmith.errors import ArchsmithWarning, OptionError
from archsmith.outputs import ModelOutput
from archsmith_tasks import Failure, pipeline

VALUES = {
    "backbone_config": {
        "model_type": "swin", "embed_dim": 8, "depths": [1, 2], "num_heads": [1, 2], "window_size": 4, "image_size": 32,
    },
    "decoder_config": {"d_model": 16, "decoder_layers": 2, "decoder_attention_heads": 2, "num_queries": 5},
    "fpn_feature_size": 32, "mask_feature_size": 16, "id2label": {0: "red", 1: "green", 2: "blue"},
}  # fmt: skip


class Painter(MaskFormerForInstanceSegmentation):
    """Three queries, each for the pixels of a colour, less and less sure; pixels as the images have them."""

    def forward(self, pixel_values, pixel_mask=None, **options):
        classes = torch.zeros(len(pixel_values), 3, 4) - 5
        classes[:, range(3), range(3)] = torch.tensor([6.0, 5.0, 4.0])
        masks = 40 * (pixel_values - 0.5)
        return ModelOutput(class_queries_logits=classes, masks_queries_logits=masks)


Painter.__name__ = "MaskFormerForInstanceSegmentation"
PROCESSOR = MaskFormerImageProcessor(do_resize=False, do_normalize=False)


def make(model=None, processor=PROCESSOR, **options):
    return pipeline(
        "image-segmentation", model or Painter(MaskFormerConfig(**VALUES)), image_processor=processor, **options
    )


def random_model():
    torch.manual_seed(0)
    model = MaskFormerForInstanceSegmentation(MaskFormerConfig(**VALUES))
    with torch.no_grad():
        for parameter in model.parameters():  # so that nothing is flat
            if parameter.ndim > 1:
                parameter.normal_(std=parameter[0].numel() ** -0.5)
        model.model.transformer_module.queries_embedder.weight.mul_(40)
        model.class_predictor.weight.mul_(20)
        model.class_predictor.bias.sub_(model.eval()(torch.zeros(1, 3, 64, 64)).class_queries_logits[0].mean(0))
        model.class_predictor.bias[-1] -= 3  # "nothing"
    return model


@pytest.fixture
def drawing():
    """A red square and a green bar over black, 60 pixels wide and 40 high."""
    pixels = np.zeros((40, 60, 3), np.uint8)
    pixels[5:15, 10:20, 0] = 255
    pixels[30:34, 2:50, 1] = 255
    return pixels


def assert_the_drawing(segments, drawing):
    square, bar = segments[:2]
    assert (square.label, square.box) == ("red", (10, 5, 20, 15))
    assert (bar.label, bar.box) == ("green", (2, 30, 50, 34))
    assert np.array_equal(square.mask, drawing[..., 0] > 0)
    assert np.array_equal(bar.mask, drawing[..., 1] > 0)
    assert square.score > bar.score > 0.9


@pytest.mark.parametrize("subtask", [None, "panoptic", "instance"])
def test_things_in_a_drawing(subtask, drawing):
    result = make()(drawing, subtask=subtask)
    if subtask != "instance":  # each pixel has an owner; the black ones have it too where someone is a little sure
        assert [each.label for each in result.segments] == ["red", "green"]
        assert result.segments[0].mask[5:15, 10:20].all()
        assert result.segments[1].mask[30:34, 2:50].all()
        return
    assert len(result.segments) == 2
    assert_the_drawing(result.segments, drawing)
    assert str(result) == "red 1.000 4.2 %  green 1.000 8.0 %"


def test_a_class_for_each_pixel(drawing):
    drawing[..., 2] = 255 * (drawing.sum(-1) == 0)
    result = make(subtask="semantic")(drawing)
    assert [(each.label, each.score) for each in result.segments] == [("red", None), ("green", None), ("blue", None)]
    assert sum(each.mask.astype(int) for each in result.segments).tolist() == np.ones((40, 60), int).tolist()
    assert np.array_equal(result.segments[2].mask, drawing[..., 2] > 0)


def test_masks_are_of_the_size_of_the_image_as_it_is_seen(drawing, tmp_path):
    """Of one that is resized for the model, and of one that lies on its side in the file."""
    small = MaskFormerImageProcessor(size={"shortest_edge": 20, "longest_edge": 1000}, do_normalize=False, resample=0)
    (square, bar) = make(processor=small, subtask="instance")(drawing).segments
    assert square.mask.shape == bar.mask.shape == (40, 60)
    assert (square.mask != (drawing[..., 0] > 0)).mean() < 0.05
    image = Image.fromarray(np.rot90(drawing).copy())
    exif = image.getexif()
    exif[0x0112] = 6  # what is up lies to the right
    image.save(tmp_path / "turned.png", exif=exif)
    assert_the_drawing(make(subtask="instance")(tmp_path / "turned.png").segments, drawing)


def test_the_threshold(drawing):
    found = make(subtask="instance")
    surest, second = (each.score for each in found(drawing).segments)
    assert [each.label for each in found(drawing, threshold=(surest + second) / 2).segments] == ["red"]
    assert [each.label for each in found(drawing, threshold=1.0).segments] == []
    assert str(found(drawing, threshold=1.0)) == "(none)"


def test_what_is_hidden_has_no_pixels(drawing):
    """A yellow image: what is green lies over what is red, all of which is told nevertheless."""
    drawing[...] = (255, 255, 0)
    red, green = make(subtask="instance")(drawing).segments
    assert (red.label, red.mask.any(), red.box) == ("red", False, (0, 0, 0, 0))
    assert (green.label, green.mask.all(), green.box) == ("green", True, (0, 0, 60, 40))
    red, green = make(subtask="instance", overlap=True)(drawing).segments
    assert (red.label, red.mask.all(), red.box) == ("red", True, (0, 0, 60, 40))
    assert green.mask.all()
    assert make(subtask="instance", overlap=True, threshold=1.0)(drawing).segments == ()
    with pytest.raises(OptionError, match=r"^overlap=True is for the subtask instance, but this is panoptic\.$"):
        make(overlap=True)


def test_as_json(drawing):
    (square, _) = make(subtask="instance")(drawing).segments
    values = json.loads(square.to_json())
    assert values["mask"]["size"] == [40, 60]
    flat = np.repeat(np.arange(len(values["mask"]["counts"])) % 2, values["mask"]["counts"])
    assert np.array_equal(flat.reshape(60, 40).T, square.mask)
    assert values["box"] == [10, 5, 20, 15]


@pytest.mark.parametrize("batch_size", ["auto", 4])
@pytest.mark.parametrize("subtask", ["panoptic", "instance", "semantic"])
def test_many_are_as_each_alone(subtask, batch_size):
    """Images of several sizes: this model looks at padding as at an image, so that none must be computed."""
    photo = load_sample_image("flower.jpg")
    sizes = [(60, 80), (80, 60), (60, 80), (50, 50), (70, 90), (60, 80)]
    images = [photo[100 : 100 + height, 200 : 200 + width] for height, width in sizes]
    processor = MaskFormerImageProcessor(size={"shortest_edge": 32, "longest_edge": 64})
    cut = make(random_model(), processor, subtask=subtask, threshold=0.2, batch_size=batch_size)
    results = list(cut(iter(images)))
    assert sum(len(result.segments) for result in results) > 6
    for image, result in zip(images, results, strict=True):
        alone = cut(image)
        assert len(alone.segments) == len(result.segments)
        for segment, other in zip(result.segments, alone.segments, strict=True):
            assert (segment.label, segment.mask.shape) == (other.label, image.shape[:2])
            assert segment.score == (None if other.score is None else pytest.approx(other.score, abs=1e-5))
            assert (segment.mask != other.mask).mean() < 1e-3


def test_a_bad_image_spoils_no_other(drawing):
    found = make()([drawing, b"", drawing, (drawing, drawing)], errors="keep")
    assert [type(each) is Failure for each in found] == [False, True, False, True]
    assert "must be one image, but holds 2" in found[3].error


def test_from_a_folder(tmp_path, drawing):
    random_model().save_pretrained(tmp_path)
    processor = MaskFormerImageProcessor(size={"shortest_edge": 32, "longest_edge": 64})
    processor.save_pretrained(tmp_path)
    cut = pipeline(model=tmp_path, threshold=0.1)
    assert cut.task.name == "image-segmentation"
    assert cut(drawing).to_json() == make(random_model(), processor, threshold=0.1)(drawing).to_json()


class OnlyClasses:
    """What a processor is that only knows classes of pixels."""

    do_center_crop = do_pad = False

    def __call__(self, images, **options):
        raise NotImplementedError

    def post_process_semantic_segmentation(self, outputs, target_sizes=None):
        raise NotImplementedError


WRONG = {
    "another subtask": ({"subtask": "amodal"}, PROCESSOR, "subtask must be"),
    "a subtask that it cannot do": (
        {"subtask": "panoptic"}, OnlyClasses(),
        "subtask must be one of semantic, which OnlyClasses can do, but is 'panoptic'",
    ),
    "a threshold above one": ({"threshold": 1.5}, PROCESSOR, "threshold must be"),
    "cut": ({}, PROCESSOR.changed(do_center_crop=True, crop_size=9), "the image processor has do_center_crop set"),
    "padded": ({}, PROCESSOR.changed(pad_size=99), "the image processor has pad_size set"),
}  # fmt: skip


@pytest.mark.parametrize(("options", "processor", "said"), WRONG.values(), ids=WRONG)
def test_a_wrong_option(options, processor, said):
    with pytest.raises(OptionError) as caught:
        make(processor=processor, **options)
    assert said in str(caught.value)


def test_an_option_without_effect_is_said(drawing):
    with pytest.warns(ArchsmithWarning, match="have no effect on segments that may overlap"):
        make(subtask="instance", mask_threshold=0.3)(drawing)
