"""wav2vec 2.0's preprocessing equals the reference's, and what one saves the other reads."""

import itertools
import json
import random

import numpy as np
import pytest
import torch
import transformers

from archsmith import AutoFeatureExtractor, AutoProcessor, AutoTokenizer
from archsmith.errors import ArchsmithError
from archsmith_wav2vec2 import Wav2Vec2CTCTokenizer, Wav2Vec2FeatureExtractor, Wav2Vec2Processor

from .support import deviation

LETTERS = {"<pad>": 0, "<s>": 1, "</s>": 2, "<unk>": 3, "|": 4, "E": 5, "A": 6, "T": 7, "H": 8, "CH": 9, "é": 10}
BARE = {"[PAD]": 0, "[UNK]": 1, "|": 2, "A": 3, "T": 4}
LANGUAGES = {"eng": LETTERS, "spa": {"<pad>": 0, "|": 1, "Ñ": 2, "LL": 3, "A": 4, "<unk>": 5, "<s>": 6, "</s>": 7}}

SETTINGS = [
    {},
    {"return_attention_mask": True},
    {"do_normalize": False},
    {"do_normalize": False, "return_attention_mask": True, "padding_value": 1.5},
    {"padding_value": -2.0},
    {"return_attention_mask": True, "padding_value": 0.25},
    {"do_normalize": False, "padding_side": "left", "return_attention_mask": True},
    {"padding_side": "left"},
]
CALLS = [
    {},
    {"padding": True},
    {"padding": "longest", "pad_to_multiple_of": 64},
    {"padding": "max_length", "max_length": 1500},
    {"padding": "max_length", "max_length": 1500, "pad_to_multiple_of": 128},
    {"padding": "max_length", "max_length": 500, "truncation": True},
    {"padding": True, "max_length": 700, "truncation": True, "pad_to_multiple_of": 100},
    {"truncation": True, "max_length": 400},
    {"padding": True, "max_length": 100},
    {"padding": True, "return_attention_mask": True},
    {"padding": True, "return_attention_mask": False},
    {"return_attention_mask": True},
]


def clips(dtype=np.float32):
    generator = np.random.default_rng(1)
    loudness = zip((1000, 733, 412, 901), (0.3, 0.001, 2.0, 0.05), strict=True)
    return [(generator.normal(0.1, scale, size)).astype(dtype) for size, scale in loudness]


def assert_same_batch(ours, theirs):
    assert set(ours) == set(theirs)
    for name in theirs:
        rows = [tuple(map(torch.as_tensor, pair)) for pair in zip(ours[name], theirs[name], strict=True)]
        assert rows
        for mine, reference in rows:
            assert (mine.shape, mine.dtype) == (reference.shape, reference.dtype), name
            assert deviation(mine, reference) <= 1e-5, name


@pytest.mark.filterwarnings("ignore:max_length=100 has no effect")
@pytest.mark.parametrize("settings", SETTINGS, ids=str)
def test_feature_extractor(settings):
    ours, theirs = Wav2Vec2FeatureExtractor(**settings), transformers.Wav2Vec2FeatureExtractor(**settings)
    rate = {"sampling_rate": 16000}
    for call, kind in itertools.product(CALLS, (None, "np", "pt")):
        if kind and "padding" not in call and "truncation" not in call:
            continue  # ragged
        if settings == {"padding_side": "left"} and call.get("return_attention_mask"):
            continue  # the next test but one
        for audio in (clips(), clips(np.float64), clips()[0].tolist(), [clip.tolist() for clip in clips()[:2]]):
            assert_same_batch(
                ours(audio, **rate, **call, return_tensors=kind), theirs(audio, **rate, **call, return_tensors=kind)
            )
    batch = np.stack([clip[:400] for clip in clips()])
    assert_same_batch(ours(batch, **rate), theirs(batch, **rate))


@pytest.mark.parametrize("settings", SETTINGS[:6], ids=str)
@pytest.mark.parametrize(
    "call", [{}, {"max_length": 1200, "padding": "max_length"}, {"pad_to_multiple_of": 7}], ids=str
)
def test_padding_alone(settings, call):
    ours, theirs = Wav2Vec2FeatureExtractor(**settings), transformers.Wav2Vec2FeatureExtractor(**settings)
    examples = [{"input_values": clip} for clip in clips()]
    for kind in ("np", "pt"):
        assert_same_batch(
            ours.pad(examples, return_tensors=kind, **call), theirs.pad(examples, return_tensors=kind, **call)
        )
    assert_same_batch(
        ours.pad({"input_values": clips()}, return_tensors="np", **call),
        theirs.pad({"input_values": clips()}, return_tensors="np", **call),
    )


def test_left_padding_keeps_the_audio():
    """With a mask the reference normalises, and wipes, the wrong end of clips that are padded on the left."""
    extractor = Wav2Vec2FeatureExtractor(padding_side="left", return_attention_mask=True)
    batch = extractor(clips(), sampling_rate=16000, padding=True, return_tensors="np")
    for row, mask, clip in zip(batch["input_values"], batch["attention_mask"], clips(), strict=True):
        alone = extractor(clip, sampling_rate=16000, return_tensors="np").input_values[0]
        assert np.allclose(row[mask == 1], alone, atol=1e-6)
        assert not row[mask == 0].any()


def write(path, vocabulary):
    path.write_text(json.dumps(vocabulary, ensure_ascii=False), encoding="utf-8")
    return path


TOKENIZERS = {
    "plain": (LETTERS, {}),
    "small letters": (LETTERS, {"do_lower_case": True}),
    "other names": (BARE, {"pad_token": "[PAD]", "unk_token": "[UNK]"}),
    "written delimiter": (LETTERS, {"replace_word_delimiter_char": "_"}),
    "a letter delimits": (LETTERS, {"word_delimiter_token": "E"}),
    "another blank": (LETTERS, {"pad_token": "<s>", "bos_token": "<pad>"}),
    "English": (LANGUAGES, {"target_lang": "eng"}),
    "Spanish": (LANGUAGES, {"target_lang": "spa"}),
}
PIECES = [
    "A",
    "T",
    "CH",
    "C",
    "H",
    "|",
    " ",
    "é",
    "<pad>",
    "<unk>",
    "<s>",
    "x",
    "\n",
    "a",
    "e",
    "[PAD]",
    "Ñ",
    "LL",
    "??",
]


def marks(tokenizer):
    names = ("content", "lstrip", "rstrip", "single_word", "normalized", "special")
    return {
        number: [getattr(token, name) for name in names] for number, token in tokenizer.added_tokens_decoder.items()
    }


def assert_same_tokenizer(ours, theirs, draws=120, seed=0):
    assert ours.get_vocab() == theirs.get_vocab()
    assert (len(ours), ours.vocab_size) == (len(theirs), theirs.vocab_size)
    assert ours.all_special_tokens == theirs.all_special_tokens
    assert marks(ours) == marks(theirs)
    choose = random.Random(seed)
    for _ in range(draws):
        text = "".join(choose.choices(PIECES, k=choose.randrange(12)))
        assert ours(text).input_ids == theirs(text).input_ids, text
        assert ours.tokenize(text) == theirs.tokenize(text), text
        ids = [number for number in choose.choices(range(len(ours)), k=12) for _ in range(choose.randrange(1, 3))]
        for skip, group, spaces, clean in itertools.product((False, True), repeat=4):
            options = {
                "skip_special_tokens": skip, "group_tokens": group, "spaces_between_special_tokens": spaces,
                "clean_up_tokenization_spaces": clean,
            }  # fmt: skip
            assert ours.decode(ids, **options) == theirs.decode(ids, **options)
            offsets = options | {"output_char_offsets": True, "output_word_offsets": True}
            mine, reference = ours.decode(ids, **offsets), theirs.decode(ids, **offsets)
            assert mine.text == reference.text
            assert mine.char_offsets == [dict(each) for each in reference.char_offsets]
            assert mine.word_offsets == [dict(each) for each in reference.word_offsets]


@pytest.mark.parametrize("name", TOKENIZERS)
def test_tokenizer(name, tmp_path):
    vocabulary, settings = TOKENIZERS[name]
    path = write(tmp_path / "my letters.json", vocabulary)
    ours = Wav2Vec2CTCTokenizer(path, **settings)
    theirs = transformers.Wav2Vec2CTCTokenizer(str(path), **settings)
    assert_same_tokenizer(ours, theirs)
    texts = ["A CHAT", "HÉ", "TEA"]
    for call in ({"padding": True}, {"padding": "max_length", "max_length": 9}, {"truncation": True, "max_length": 3}):
        assert ours(texts, **call) == dict(theirs(texts, **call))
    ids = torch.randint(len(ours), (3, 40), generator=torch.Generator().manual_seed(3))
    assert ours.batch_decode(ids) == theirs.batch_decode(ids)
    assert ours.batch_decode(ids.numpy(), output_word_offsets=True).text == theirs.batch_decode(ids)


@pytest.mark.parametrize("name", TOKENIZERS)
def test_tokenizer_files(name, tmp_path):
    """Both directions, with tokens that were added."""
    vocabulary, settings = TOKENIZERS[name]
    path = write(tmp_path / "v.json", vocabulary)
    ours = Wav2Vec2CTCTokenizer(path, **settings)
    theirs = transformers.Wav2Vec2CTCTokenizer(str(path), **settings)
    for tokenizer in (ours, theirs):
        tokenizer.add_tokens(["zz", "Q"])
        tokenizer.add_special_tokens({"additional_special_tokens": ["<noise>"]})
    ours.save_pretrained(tmp_path / "ours")
    theirs.save_pretrained(tmp_path / "theirs")
    back = transformers.Wav2Vec2CTCTokenizer.from_pretrained(tmp_path / "ours")
    loaded = AutoTokenizer.from_pretrained(tmp_path / "theirs")
    assert type(loaded) is Wav2Vec2CTCTokenizer
    for mine in (ours, loaded):
        # The reference forgets an unusual delimiter where it reads other special tokens, even in its own files.
        for reference in (theirs,) if name == "a letter delimits" else (theirs, back):
            assert mine.get_vocab() == reference.get_vocab()
            for text in ("zz A <noise> Q", "TEAzzCH", "A <pad> T"):
                assert mine(text).input_ids == reference(text).input_ids
    assert loaded.target_lang == settings.get("target_lang")


def test_languages_change(tmp_path):
    path = write(tmp_path / "v.json", LANGUAGES)
    ours = Wav2Vec2CTCTokenizer(path, target_lang="eng")
    theirs = transformers.Wav2Vec2CTCTokenizer(str(path), target_lang="eng")
    for language in ("spa", "eng", "spa"):
        for tokenizer in (ours, theirs):
            tokenizer.set_target_lang(language)
        assert ours.target_lang == language
        for text in ("A LLA", "Ñ T", "<unk>A", "A |"):  # the reference still finds tokens of the language before
            assert ours(text).input_ids == theirs(text).input_ids
        assert ours.decode([4, 4, 0, 3, 2, 2]) == theirs.decode([4, 4, 0, 3, 2, 2])
    ours.save_pretrained(tmp_path / "saved")
    assert Wav2Vec2CTCTokenizer.from_pretrained(tmp_path / "saved").target_lang == "spa"
    assert Wav2Vec2CTCTokenizer.from_pretrained(tmp_path / "saved", target_lang="eng")("CH").input_ids == [9]
    assert transformers.Wav2Vec2CTCTokenizer.from_pretrained(tmp_path / "saved")("LL").input_ids == [3]


# ---- processors ---------------------------------------------------------------------------------------------------


@pytest.fixture
def processors(tmp_path):
    path = write(tmp_path / "v.json", LETTERS)
    settings = {"return_attention_mask": True, "padding_value": 0.5}
    ours = Wav2Vec2Processor(
        feature_extractor=Wav2Vec2FeatureExtractor(**settings), tokenizer=Wav2Vec2CTCTokenizer(path)
    )
    theirs = transformers.Wav2Vec2Processor(
        feature_extractor=transformers.Wav2Vec2FeatureExtractor(**settings),
        tokenizer=transformers.Wav2Vec2CTCTokenizer(str(path)),
    )
    return ours, theirs


def test_processor_calls(processors):
    ours, theirs = processors
    options = {"sampling_rate": 16000, "padding": True, "return_tensors": "pt"}
    assert_same_batch(ours(clips(), **options), theirs(clips(), **options))
    texts = ["A CHAT", "TEA", "é", "HEAT"]
    assert_same_batch(
        ours(text=texts, padding=True, return_tensors="np"), theirs(text=texts, padding=True, return_tensors="np")
    )
    both, reference = ours(clips(), text=texts, **options), theirs(clips(), text=texts, **options)
    assert set(both) == set(reference)
    labels = reference.pop("labels")
    mask = theirs(text=texts, padding=True, return_tensors="pt").attention_mask
    assert torch.equal(
        both.pop("labels"), labels.masked_fill(mask == 0, -100)
    )  # ours leave the filling out of the loss
    assert_same_batch(both, reference)
    assert ours.model_input_names == theirs.model_input_names
    ids = torch.randint(len(ours.tokenizer), (3, 40))
    assert ours.batch_decode(ids) == theirs.batch_decode(ids)
    examples = [{"input_values": clip} for clip in clips()]
    tokens = [{"input_ids": theirs.tokenizer(text).input_ids} for text in texts]
    assert_same_batch(ours.pad(examples, return_tensors="pt"), theirs.pad(examples, return_tensors="pt"))
    padded = ours.pad(examples, labels=tokens, return_tensors="pt")
    assert torch.equal(padded.labels, labels.masked_fill(mask == 0, -100))


def test_processor_files(processors, tmp_path):
    ours, theirs = processors
    ours.save_pretrained(tmp_path / "ours")
    theirs.save_pretrained(tmp_path / "theirs")  # the newer layout: nested, no preprocessor_config.json
    older = tmp_path / "older"  # the older one: each part in a file of its own
    theirs.tokenizer.save_pretrained(older)
    theirs.feature_extractor.save_pretrained(older)
    for file in ("preprocessor_config.json", "tokenizer_config.json"):
        values = json.loads((older / file).read_text(encoding="utf-8"))
        (older / file).write_text(json.dumps(values | {"processor_class": "Wav2Vec2Processor"}), encoding="utf-8")
    for folder in ("ours", "theirs", "older"):
        back = transformers.AutoProcessor.from_pretrained(tmp_path / folder)
        loaded = AutoProcessor.from_pretrained(tmp_path / folder)
        assert type(back) is transformers.Wav2Vec2Processor
        assert type(loaded) is Wav2Vec2Processor
        extractor = AutoFeatureExtractor.from_pretrained(tmp_path / folder)
        for name in ("padding_value", "sampling_rate", "return_attention_mask", "do_normalize", "padding_side"):
            assert getattr(extractor, name) == getattr(back.feature_extractor, name)
            assert getattr(loaded.feature_extractor, name) == getattr(theirs.feature_extractor, name)
        assert loaded.tokenizer.get_vocab() == back.tokenizer.get_vocab()


def test_settings_are_printed_alike():
    ours, theirs = (
        Wav2Vec2FeatureExtractor(sampling_rate=8000),
        transformers.Wav2Vec2FeatureExtractor(sampling_rate=8000),
    )
    assert str(ours).strip() == str(theirs).strip()
    with pytest.raises(ArchsmithError):
        Wav2Vec2FeatureExtractor(sampling_rate=0)
