"""datasets: map with our tokenizer and image processor, on several processes, with a fingerprint that stays."""

import pytest

from .support import SIDES, image_array, make_tokenizers

pytestmark = pytest.mark.long

TEXTS = ["a good film", "bad", "the films was bad!"]


def test_map_texts(vocabulary):
    from datasets import Dataset

    found = []
    for tokenizer in make_tokenizers(vocabulary):
        mapped = Dataset.from_dict({"text": TEXTS}).map(lambda rows, t=tokenizer: t(rows["text"]), batched=True)
        found.append(mapped.remove_columns("text").to_dict())
    assert found[0] == found[1]


def test_map_in_processes(vocabulary):
    from datasets import Dataset

    tokenizer = make_tokenizers(vocabulary)[0]
    mapped = Dataset.from_dict({"text": TEXTS * 2}).map(
        lambda rows: tokenizer(rows["text"]), batched=True, batch_size=2, num_proc=2
    )
    assert mapped["input_ids"][:3] == [tokenizer(text)["input_ids"] for text in TEXTS]


def test_images_with_a_transform():
    from datasets import Dataset

    found = []
    for library in SIDES.values():
        processor = library.ViTImageProcessor(size={"height": 20, "width": 20})
        data = Dataset.from_dict({"image": [image_array(seed=i).tolist() for i in range(2)]})
        data.set_transform(lambda rows, p=processor: p([_array(image) for image in rows["image"]], return_tensors="pt"))
        found.append(data[:2]["pixel_values"])
    assert found[0].shape == found[1].shape == (2, 3, 20, 20)
    assert (found[0] - found[1]).abs().max() < 1e-5


def _array(image):
    import numpy as np

    return np.asarray(image, dtype=np.uint8)


@pytest.mark.parametrize("kind", ["tokenizer", "slow tokenizer", "image processor", "configuration"])
@pytest.mark.parametrize("side", list(SIDES))
def test_fingerprint_stays(kind, side, vocabulary):
    """Without one, ``map`` computes everything again each time."""
    from datasets.fingerprint import Hasher

    library = SIDES[side]

    def make():
        if kind == "tokenizer":
            return library.BertTokenizerFast(str(vocabulary))
        if kind == "slow tokenizer":
            return library.BertTokenizer(str(vocabulary))
        return library.ViTImageProcessor() if kind == "image processor" else library.BertConfig()

    one, other = make(), make()
    assert Hasher.hash(one) == Hasher.hash(other)


@pytest.mark.parametrize("name", ["BertTokenizerFast", "BertTokenizer"])
def test_fingerprint_stays_after_a_call(name, vocabulary):
    from datasets.fingerprint import Hasher

    tokenizer = make_tokenizers(vocabulary, name)[0]
    before = Hasher.hash(tokenizer)
    tokenizer(TEXTS[0])
    assert Hasher.hash(tokenizer) == before


def test_fingerprint_after_padding(vocabulary):
    """A call with padding and truncation changes nothing that the fingerprint sees."""
    from datasets.fingerprint import Hasher

    tokenizer = make_tokenizers(vocabulary)[0]
    before = Hasher.hash(tokenizer)
    tokenizer(TEXTS, padding=True, truncation=True, max_length=4)
    assert Hasher.hash(tokenizer) == before


def test_format_of_torch(vocabulary, bert):
    from datasets import Dataset

    tokenizer = make_tokenizers(vocabulary)[0]
    rows = Dataset.from_dict({"text": TEXTS}).map(
        lambda rows: tokenizer(rows["text"], padding="max_length", max_length=12), batched=True
    )
    rows.set_format("torch", columns=["input_ids", "attention_mask"])
    assert bert.ours(**rows[:2]).logits.shape == (2, 3)
