"""Labels that a user names: a stranger's CLIP reads them once for all images, and they are as each alone."""

import json

import numpy as np
import pytest
import torch
from sklearn.datasets import load_sample_image
from tokenizers import pre_tokenizers

import archsmith
from archsmith.errors import OptionError
from archsmith_tasks import Failure, pipeline

pytestmark = pytest.mark.usefixtures("clip_installed")
LABELS = ["temple", "flower", "a dog"]
TEXT = {
    "vocab_size": 516, "hidden_size": 16, "intermediate_size": 20, "num_hidden_layers": 2, "num_attention_heads": 2,
    "max_position_embeddings": 40, "projection_dim": 6, "bos_token_id": 514, "eos_token_id": 515,
}  # fmt: skip
VISION = {
    "hidden_size": 12, "intermediate_size": 20, "num_hidden_layers": 2, "num_attention_heads": 2, "image_size": 16,
    "patch_size": 4, "projection_dim": 6,
}  # fmt: skip


@pytest.fixture(scope="module")
def parts(tmp_path_factory):
    return parts_in(tmp_path_factory.mktemp("tokenizer"))


def parts_in(folder):
    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    known = [*letters, *(f"{each}</w>" for each in letters), "lo", "low</w>", "<|startoftext|>", "<|endoftext|>"]
    (folder / "vocab.json").write_text(json.dumps({token: number for number, token in enumerate(known)}))
    (folder / "merges.txt").write_text("#version: 0.2\nl o\nlo w</w>\n")
    tokenizer = archsmith.CLIPTokenizerFast(folder / "vocab.json", folder / "merges.txt")
    processor = archsmith.CLIPImageProcessor(size={"shortest_edge": 16}, crop_size=16)
    return {"tokenizer": tokenizer, "image_processor": processor}


def model(kind=None):
    torch.manual_seed(0)
    kind = kind or archsmith.CLIPModel
    found = kind(archsmith.CLIPConfig(text_config=TEXT, vision_config=VISION, projection_dim=6)).eval()
    with torch.no_grad():
        for parameter in found.parameters():
            if parameter.ndim > 1:
                parameter.normal_(std=parameter[0].numel() ** -0.5)
        found.logit_scale.fill_(1.5)
    return found


def named(kind):
    kind.__name__ = "CLIPModel"
    return kind


@pytest.fixture(scope="module")
def photos():
    whole = load_sample_image("china.jpg")
    return [whole, whole[:200, 100:300], load_sample_image("flower.jpg"), whole[::-1], whole[:, 300:]]


def test_the_steps_are_those_of_a_user(parts, photos):
    network = model()
    batch = parts["tokenizer"]([f"This is a photo of {label}." for label in LABELS], padding=True, return_tensors="pt")
    with torch.inference_mode():
        pixels = parts["image_processor"](photos[0], return_tensors="pt").pixel_values
        scores = network(**batch, pixel_values=pixels).logits_per_image.softmax(-1)[0]
    result = pipeline("zero-shot-image-classification", network, **parts, candidate_labels=LABELS)(photos[0])
    assert {each.label: each.score for each in result.labels} == pytest.approx(
        dict(zip(LABELS, scores.tolist(), strict=True)), abs=1e-6
    )


def test_labels_are_read_once_for_all_images(parts, photos):
    """By the first batch together with the images, and once more by themselves; then no more."""
    network, calls = model(), []
    network.text_model.register_forward_hook(lambda *_: calls.append(1))
    classify = pipeline("zero-shot-image-classification", network, **parts, candidate_labels=LABELS, batch_size=2)
    results = list(classify(photos * 8))
    assert len(calls) == 2
    for photo, result in zip(photos, results, strict=False):
        alone = classify(photo)
        assert [each.label for each in alone.labels] == [each.label for each in result.labels]
        assert [each.score for each in alone.labels] == pytest.approx([each.score for each in result.labels], abs=1e-6)


def test_a_model_that_compares_in_its_own_way(parts, photos):
    """Its logits count, not those that its vectors would have."""

    @named
    class Own(archsmith.CLIPModel):
        def forward(self, *args, **options):
            found = super().forward(*args, **options)
            found.logits_per_image = -found.logits_per_image
            return found

    usual, own = (
        pipeline("zero-shot-image-classification", each, **parts, candidate_labels=LABELS, batch_size=1)
        for each in (model(), model(Own))
    )
    for first, second in zip(
        usual(photos, function_to_apply="none"), own(photos, function_to_apply="none"), strict=True
    ):
        assert {each.label: each.score for each in second.labels} == pytest.approx(
            {each.label: -each.score for each in first.labels}, abs=1e-5
        )


def test_labels_may_be_named_at_each_call(parts, photos):
    classify = pipeline("zero-shot-image-classification", model(), **parts)
    by_list = classify(photos[0], candidate_labels=LABELS, hypothesis_template="{} at night", top_k=2)
    by_text = classify(photos[0], candidate_labels="temple, flower,a dog", hypothesis_template="{} at night", top_k=2)
    assert by_list == by_text
    assert len(by_list.labels) == 2
    with pytest.raises(OptionError, match="name the labels: candidate_labels="):
        classify(photos[0])
    assert all(type(each) is Failure for each in classify(photos, errors="keep"))


WRONG = {
    "twice the same": ({"candidate_labels": ["cat", "cat "]}, "candidate_labels must be different texts"),
    "an empty one": ({"candidate_labels": "cat,,dog"}, "candidate_labels must be different texts"),
    "none": ({"candidate_labels": []}, "candidate_labels must be different texts"),
    "numbers": ({"candidate_labels": [1, 2]}, "candidate_labels"),
    "no place": ({"hypothesis_template": "a photo"}, "hypothesis_template must have {} where the label goes"),
}


@pytest.mark.parametrize(("options", "said"), WRONG.values(), ids=WRONG)
def test_a_wrong_option(options, said, parts):
    with pytest.raises(OptionError) as caught:
        pipeline("zero-shot-image-classification", model(), **parts, **options)
    assert said in str(caught.value)


def test_a_label_that_is_too_long(parts):
    classify = pipeline("zero-shot-image-classification", model(), **parts, candidate_labels=["cat", "dog" * 30])
    (found,) = classify([np.zeros((9, 9, 3), np.uint8)], errors="keep")
    assert "but the model has positions for 40" in found.error


def test_from_a_folder(parts, photos, tmp_path):
    model().save_pretrained(tmp_path)
    for part in parts.values():
        part.save_pretrained(tmp_path)
    classify = pipeline("zero-shot-image-classification", tmp_path, candidate_labels=LABELS)
    given = pipeline("zero-shot-image-classification", model(), **parts, candidate_labels=LABELS)
    assert classify(photos[2]).label == given(photos[2]).label
    assert classify(photos[2]).score == pytest.approx(given(photos[2]).score, abs=1e-6)
