"""The pipelines of transformers, around our models, tokenizers and image processors."""

import pytest

from ..parity.oracle import transformers
from ..parity.support import build
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


def test_generated_texts(vocabulary):
    pair = build("GPT2LMHeadModel", {"vocab_size": 40, "n_positions": 16, "n_embd": 16, "n_layer": 2, "n_head": 2})
    tokenizers = make_tokenizers(vocabulary)
    given, options = ["a good film", "bad"], {"max_new_tokens": 6, "do_sample": False, "pad_token_id": 0}
    results = []
    for model, tokenizer in zip((pair.ours, pair.theirs), tokenizers, strict=True):
        pipe = transformers.pipeline("text-generation", model=model, tokenizer=tokenizer, device="cpu")
        results.append([pipe(given, **options), pipe(given, batch_size=2, **options)])
    assert_alike(*results)
    assert results[0][0] == results[0][1]


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
