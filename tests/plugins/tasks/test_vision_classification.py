"""Labels of images: what an input may be, what is refused, and that many at once say what each alone says."""

import io
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from sklearn.datasets import load_digits, load_sample_image

from archsmith import (
    ResNetConfig,
    ResNetForImageClassification,
    TimmWrapperConfig,
    TimmWrapperForImageClassification,
    TimmWrapperImageProcessor,
    ViTConfig,
    ViTForImageClassification,
    ViTImageProcessor,
)
from archsmith.errors import InputError, OptionError
from archsmith_tasks import Failure, pipeline

PROCESSOR = ViTImageProcessor(size=32)
VIT = {
    "hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 16, "image_size": 32,
    "patch_size": 8, "id2label": {0: "temple", 1: "flower", 2: "digit"},
}  # fmt: skip


def vit(**values):
    torch.manual_seed(0)
    return ViTForImageClassification(ViTConfig(**VIT | {"initializer_range": 0.5} | values))


def make(model=None, processor=PROCESSOR, **options):
    return pipeline("image-classification", model or vit(), image_processor=processor, **options)


@pytest.fixture(scope="module")
def photo():
    return load_sample_image("china.jpg")


def test_the_steps_are_those_of_a_user(photo):
    """What is returned is what processor and model say, one after the other."""
    model = vit().eval()
    with torch.inference_mode():
        scores = model(**PROCESSOR(photo, return_tensors="pt")).logits.softmax(-1)[0]
    result = make(model)(photo)
    assert [each.label for each in result.labels] == [model.config.id2label[i] for i in scores.argsort().tolist()[::-1]]
    torch.testing.assert_close(torch.tensor([each.score for each in result.labels]), scores.sort(descending=True)[0])
    assert (result.label, result.score) == (result.labels[0].label, result.labels[0].score)


def test_every_form_of_an_image_is_the_same_image(photo, tmp_path):
    image = Image.fromarray(photo)
    image.save(tmp_path / "photo.png")
    stream = io.BytesIO()
    image.save(stream, "PNG")
    content = stream.getvalue()
    classify = make()
    forms = [
        photo, image, str(tmp_path / "photo.png"), tmp_path / "photo.png", content, torch.from_numpy(photo.copy()),
        photo.transpose(2, 0, 1), {"bytes": content, "path": None},
        {"bytes": None, "path": str(tmp_path / "photo.png")},
    ]  # fmt: skip
    alone = [classify(form) for form in forms]
    assert all(result == alone[0] for result in alone)
    assert list(classify(forms)) == list(classify(iter(forms)))


@pytest.mark.parametrize("batch_size", ["auto", 1, 3, 100])
def test_many_are_as_each_alone(batch_size):
    """Digits of scikit-learn, more than a window of them, in the order that they came in."""
    images = [(image * 15).astype(np.uint8) for image in load_digits().images[:150]]
    classify = make(batch_size=batch_size, top_k=None)
    for image, result in zip(images, classify(images), strict=True):
        alone = classify(image)
        assert result.label == alone.label
        assert result.score == pytest.approx(alone.score, abs=1e-5)


def test_images_that_stay_as_large_as_they_are(photo):
    """A network of convolutions takes any size; those of one size share a batch, and none is padded."""
    torch.manual_seed(0)
    model = ResNetForImageClassification(
        ResNetConfig(embedding_size=8, hidden_sizes=[8, 16], depths=[1, 1], layer_type="basic", num_labels=4)
    )
    shapes = [(40, 50), (50, 40), (64, 64), (40, 50), (33, 41), (50, 40)]
    images = [photo[:height, :width] for height, width in shapes]
    classify = make(model, ViTImageProcessor(do_resize=False), batch_size=4)
    for image, result in zip(images, classify(images), strict=True):
        assert [each.score for each in result.labels] == pytest.approx(
            [each.score for each in classify(image).labels], abs=1e-6
        )


def test_a_model_of_timm(photo):
    torch.manual_seed(0)
    config = TimmWrapperConfig(architecture="test_resnet", num_labels=3)
    model = TimmWrapperForImageClassification(config)
    classify = make(model, TimmWrapperImageProcessor.for_model(config))
    assert len(classify([photo, photo[:100]])[1].labels) == 3


def test_from_a_folder_without_naming_the_task(photo, tmp_path):
    model = vit()
    model.save_pretrained(tmp_path)
    PROCESSOR.save_pretrained(tmp_path)
    classify = pipeline(model=tmp_path)
    assert classify.task.name == "image-classification"
    assert classify(photo) == make(model)(photo)


def test_the_function_that_makes_scores(photo):
    several = make(vit(problem_type="multi_label_classification"))
    labels = several(photo, function_to_apply="none").labels
    assert [each.score for each in several(photo).labels] == pytest.approx(
        [torch.tensor(each.score).sigmoid().item() for each in labels], abs=1e-6
    )
    assert sum(each.score for each in several(photo, function_to_apply="softmax").labels) == pytest.approx(1)
    assert len(several(photo, top_k=1).labels) == 1


BAD = {
    "no such file": ("nowhere.png", "there is no file 'nowhere.png'"),
    "an address": ("https://example.org/cat.png", "only local files are read"),
    "a number": (3, "must be a path, the bytes of a file"),
    "nothing": (None, "must be a path, the bytes of a file"),
    "damaged": (b"not an image", "is damaged, or not of a known format"),
    "empty": (np.zeros((0, 5, 3), np.uint8), "it has no pixels"),
    "two": (np.zeros((2, 9, 9, 3), np.uint8), "an input must be one image, but holds 2"),
    "a pair": ((np.zeros((9, 9, 3), np.uint8),) * 2, "an input must be one image, but holds 2"),
    "not finite": (np.full((9, 9, 3), np.nan, np.float32), "finite"),
    "a mapping": ({"image": 3}, "must be a path, the bytes of a file"),
}


@pytest.mark.parametrize(("value", "said"), BAD.values(), ids=BAD)
def test_a_bad_image(value, said, photo):
    classify = make()
    with pytest.raises(InputError) as caught:
        classify(value)
    assert said in str(caught.value)
    found = classify([photo, value, photo], errors="keep")
    assert isinstance(found[1], Failure)
    assert said in found[1].error
    assert found[0] == found[2] == classify(photo)


def test_an_image_of_the_wrong_size_spoils_no_other(photo):
    """The model refuses it, in a batch as alone."""
    classify = make(processor=ViTImageProcessor(do_resize=False))
    good = photo[:32, :32]
    found = classify([good, photo[:40, :40], good], errors="keep")
    assert isinstance(found[1], Failure)
    assert found[0] == found[2]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"top_k": 0}, "top_k must be"),
        ({"function_to_apply": "tanh"}, "function_to_apply must be"),
        ({"topk": 2}, "Did you mean 'top_k'?"),
    ],
)
def test_a_wrong_option(options, said):
    with pytest.raises(OptionError) as caught:
        make(**options)
    assert said in str(caught.value)


def test_a_folder_is_not_an_image(tmp_path):
    with pytest.raises(InputError, match="is not a regular file"):
        make()(Path(tmp_path))
