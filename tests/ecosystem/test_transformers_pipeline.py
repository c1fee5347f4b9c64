"""The pipelines of transformers, around our models, tokenizers and image processors."""

import pytest

from ..parity.oracle import transformers
from .support import SIDES, image_array, make_pair, make_tokenizers

pytestmark = pytest.mark.long


@pytest.mark.parametrize(
    ("task", "name", "given"),
    [
        ("text-classification", "BertForSequenceClassification", ["a good film", "bad"]),
        ("token-classification", "BertForTokenClassification", "a good film"),
        ("fill-mask", "BertForMaskedLM", "a [MASK] film"),
        ("feature-extraction", "BertModel", "a good film"),
        ("text-classification", "DistilBertForSequenceClassification", "a good film"),
    ],
)
def test_texts(task, name, given, vocabulary):
    pair, results = make_pair(name), []
    for model, tokenizer in zip((pair.ours, pair.theirs), make_tokenizers(vocabulary), strict=True):
        if name.startswith("DistilBert"):
            tokenizer.model_input_names = ["input_ids", "attention_mask"]
        tokenizer.model_max_length = 16  # the pipeline truncates to it
        if task == "feature-extraction" and model is pair.ours:
            model.config.return_dict = False  # it rebuilds outputs of other classes than its own as bare mappings
        results.append(transformers.pipeline(task, model=model, tokenizer=tokenizer, device="cpu")(given))
    assert_alike(*results)


def test_images(vit):
    from PIL import Image

    results = []
    for library, model in zip(SIDES.values(), (vit.ours, vit.theirs), strict=True):
        processor = library.ViTImageProcessor(size={"height": 16, "width": 16})
        pipe = transformers.pipeline("image-classification", model=model, image_processor=processor, device="cpu")
        results.append(pipe(Image.fromarray(image_array())))
    assert_alike(*results, tolerance=2e-3)  # the reference resizes with other rounding


def assert_alike(ours, theirs, tolerance=1e-4):
    if isinstance(theirs, dict):
        assert ours.keys() == theirs.keys()
        for key in theirs:
            assert_alike(ours[key], theirs[key], tolerance)
    elif isinstance(theirs, list):
        assert len(ours) == len(theirs)
        for mine, reference in zip(ours, theirs, strict=True):
            assert_alike(mine, reference, tolerance)
    elif isinstance(theirs, str):
        assert ours == theirs
    else:
        assert float(ours) == pytest.approx(float(theirs), abs=tolerance)
