"""Names by which users of this field call a tokenizer: the same values as the calls that they stand for."""

import copy
import multiprocessing
import pickle
import re

import pytest
import torch

import archsmith
from archsmith import AddedToken
from archsmith.errors import ArchsmithWarning, InputError, OptionError
from archsmith.options import HUGE
from archsmith_bpe import ByteLevelTokenizer, ByteLevelTokenizerFast
from archsmith_wordpiece import WordPieceTokenizer, WordPieceTokenizerFast

TOKENS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "a", "good", "film", "bad", "the", "1"]
TEMPLATE = {"token_type_ids": [0, 0, 0, 0, 1, 1], "special_tokens_mask": [1, 0, 0, 1, 0, 1]}


@pytest.fixture(params=[WordPieceTokenizer, WordPieceTokenizerFast])
def tokenizer(request, tmp_path):
    path = tmp_path / "vocab.txt"
    path.write_text("\n".join(TOKENS) + "\n", encoding="utf-8")
    made = request.param(path, model_max_length=8, extra_special_tokens=["[X]"])
    made.add_tokens(["zz", "x1y"])
    return made


@pytest.fixture(params=[ByteLevelTokenizer, ByteLevelTokenizerFast])
def bpe(request, tmp_path):
    """A tokenizer without tokens for the bytes of most digits, whose merges take spaces."""
    (tmp_path / "vocab.json").write_text('{"a": 0, "b": 1, "ab": 2, "Ġ": 3, "<s>": 4, "</s>": 5}', encoding="utf-8")
    (tmp_path / "merges.txt").write_text("#version: 0.2\na b\n", encoding="utf-8")
    names = {"bos_token": "<s>", "eos_token": "</s>", "pad_token": "</s>", "unk_token": None, "add_bos_token": True}
    return request.param(tmp_path / "vocab.json", tmp_path / "merges.txt", **names)


def test_encode_plus(tokenizer):
    assert dict(tokenizer.encode_plus("a good")) == dict(tokenizer("a good"))
    pair = tokenizer.encode_plus("a", "good", return_tensors="pt", padding="max_length")
    assert pair.input_ids.tolist() == [[2, 5, 3, 6, 3, 0, 0, 0]]
    assert tokenizer.encode_plus(["a", "good"], is_split_into_words=True).input_ids == [2, 5, 6, 3]
    said = "encode_plus takes one text or pair, but got ['a', 'good']. Call the tokenizer itself."
    with pytest.raises(InputError, match=re.escape(said)):
        tokenizer.encode_plus(["a", "good"])


def test_batch_encode_plus(tokenizer):
    assert tokenizer.batch_encode_plus(["a", "good film"], padding=True).input_ids == [[2, 5, 3, 0], [2, 6, 7, 3]]
    pairs = tokenizer.batch_encode_plus(batch_text_or_text_pairs=[("a", "good"), ("film", "zz")])
    assert pairs.input_ids == [[2, 5, 3, 6, 3], [2, 7, 3, 12, 3]]
    for options in ({}, {"is_split_into_words": True}):
        with pytest.raises(InputError, match="batch_encode_plus takes a list of texts or of pairs, but got"):
            tokenizer.batch_encode_plus(["a"] if options else "a", **options)


def test_prepare_for_model(tokenizer):
    first, second = (tokenizer.convert_tokens_to_ids(text.split()) for text in ("a good zz", "film"))
    row = tokenizer.prepare_for_model(first, second, padding="max_length", max_length=10)
    assert dict(row) == dict(tokenizer("a good zz", "film", padding="max_length", max_length=10))
    row = tokenizer.prepare_for_model([5, 6, 7, 8], [9, 9, 9], truncation="only_first", max_length=7)
    assert dict(row) == dict(tokenizer("a good film bad", "the the the", truncation="only_first", max_length=7))
    rows = tokenizer.prepare_for_model([5, 6, 7, 8], max_length=5, stride=1, return_overflowing_tokens=True)
    assert rows.input_ids == [[2, 5, 6, 7, 3], [2, 7, 8, 3]]
    assert tokenizer.prepare_for_model([], add_special_tokens=False).input_ids == []
    tokenizer.truncation_side = "left"
    assert tokenizer.prepare_for_model([5, 6, 7], max_length=4).input_ids == [2, 6, 7, 3]


def test_prepare_for_model_is_one_row(tokenizer):
    row = tokenizer.prepare_for_model([5], return_tensors="pt", return_length=True)
    assert row.input_ids.tolist() == [2, 5, 3]
    assert row.length.tolist() == 3
    batch = tokenizer.prepare_for_model(torch.tensor([5]), return_tensors="np", prepend_batch_axis=True)
    assert batch.input_ids.tolist() == [[2, 5, 3]]


def test_ids_are_taken_as_they_are(tokenizer):
    """No id is looked up as text: neither a digit of the vocabulary, nor a token inside another, nor a special one."""
    ids = list(range(len(tokenizer)))
    assert tokenizer.build_inputs_with_special_tokens(ids) == [2, *ids, 3]
    tokenizer.split_special_tokens = True
    assert tokenizer.build_inputs_with_special_tokens(ids, ids[::-1]) == [2, *ids, 3, *ids[::-1], 3]


def test_ids_of_bytes(bpe):
    assert bpe.build_inputs_with_special_tokens([2, 3, 0]) == bpe("ab a").input_ids
    assert bpe.prepare_for_model([2, 3, 0], [1])["attention_mask"] == [1] * len(bpe("ab a", "b").input_ids)


def test_what_is_around(tokenizer):
    assert tokenizer.build_inputs_with_special_tokens([5, 6], [7]) == [2, 5, 6, 3, 7, 3]
    assert tokenizer.create_token_type_ids_from_sequences([5, 6], [7]) == TEMPLATE["token_type_ids"]
    assert tokenizer.get_special_tokens_mask([5, 6], [7]) == TEMPLATE["special_tokens_mask"]
    assert tokenizer.build_inputs_with_special_tokens([5] * 9) == [2, *[5] * 9, 3]  # and no word about its length
    row = torch.tensor([2, 5, 10, 1, 3, 0])
    assert tokenizer.get_special_tokens_mask(row, already_has_special_tokens=True) == [1, 0, 0, 1, 1, 1]


@pytest.mark.parametrize(
    ("arguments", "options", "kind", "said"),
    [
        ([[5], [6]], {"already_has_special_tokens": True}, OptionError, "one whole row, but token_ids_1 is given too"),
        ([5], {}, InputError, "ids must be a list of ids, but is 5."),
        (["a b"], {}, InputError, "ids must be integers, but got 'a b'."),
        ([[5, 77]], {}, InputError, "ids[1] is 77, not in the vocabulary"),
        ([[[5]]], {}, InputError, "ids must be integers, but got [[5]]."),
        ([[5], [-100]], {}, InputError, "ids[0] is -100, not in the vocabulary"),
        ([[5]], {"already_has_special_tokens": 1}, OptionError, "must be True or False, but is 1."),
    ],
)
def test_wrong_ids(tokenizer, arguments, options, kind, said):
    with pytest.raises(kind, match=re.escape(said)):
        tokenizer.get_special_tokens_mask(*arguments, **options)


@pytest.mark.parametrize("name", ["return_offsets_mapping", "is_split_into_words"])
def test_ids_have_no_text(tokenizer, name):
    said = f"{name}=True needs a text, but prepare_for_model takes ids. Call the tokenizer itself."
    with pytest.raises(OptionError, match=said):
        tokenizer.prepare_for_model([5], **{name: True})


def test_vocabulary(tokenizer):
    added = {"[PAD]": 0, "[UNK]": 1, "[CLS]": 2, "[SEP]": 3, "[MASK]": 4, "[X]": 11, "zz": 12, "x1y": 13}
    assert tokenizer.get_added_vocab() == tokenizer.added_tokens_encoder == added
    assert tokenizer.vocab == tokenizer.get_vocab() == added | {token: n for n, token in enumerate(TOKENS)}
    assert tokenizer.additional_special_tokens_ids == tokenizer.extra_special_tokens_ids == [11]
    assert (tokenizer.max_len_single_sentence, tokenizer.max_len_sentences_pair) == (6, 5)
    assert (tokenizer.num_special_tokens_to_add(True), tokenizer.num_special_tokens_to_add()) == (3, 2)
    tokenizer.model_max_length = HUGE
    assert tokenizer.max_len_single_sentence == HUGE - 2
    with pytest.raises(OptionError, match="max_len_single_sentence cannot be set"):
        tokenizer.max_len_single_sentence = 4


def test_verbose(tokenizer):
    with pytest.warns(ArchsmithWarning, match="a text has 11 tokens, but the model takes 8"):
        ids = tokenizer("a " * 9).input_ids
    assert tokenizer("a " * 9, verbose=False).input_ids == ids
    assert tokenizer.pad({"input_ids": [[2], [2, 3]]}, verbose=False).input_ids == [[2, 0], [2, 3]]
    with pytest.raises(OptionError, match="verbose must be True or False, but is 0"):
        tokenizer("a", verbose=0)


def test_target_tokenizer_is_refused(tokenizer):
    said = (
        "as_target_tokenizer is not supported: a call never changes what another one sees. Tokenize labels in a call "
        "of their own: batch['labels'] = tokenizer(targets).input_ids."
    )
    with pytest.raises(OptionError, match=re.escape(said)), tokenizer.as_target_tokenizer():
        pass


def test_added_token(tokenizer):
    """It is special only where it says so, or where it is given as a special token."""
    assert archsmith.AddedToken is AddedToken
    assert tokenizer.add_tokens([AddedToken("qq"), AddedToken("<s>", special=True)]) == 2
    assert tokenizer.decode(tokenizer("a qq <s>").input_ids, skip_special_tokens=True) == "a qq"
    tokenizer.add_special_tokens({"bos_token": AddedToken("<b>", lstrip=True)})
    assert tokenizer.added_tokens_decoder[tokenizer.bos_token_id].special
    assert tokenizer.decode(tokenizer("a <b>").input_ids, skip_special_tokens=True) == "a"


def _pickled(tokenizer):
    return pickle.loads(pickle.dumps(tokenizer))


@pytest.mark.parametrize("duplicate", [copy.copy, copy.deepcopy, _pickled])
def test_copies_are_apart(tokenizer, duplicate):
    before = tokenizer("a zz").input_ids
    other = duplicate(tokenizer)
    other.model_max_length, other.pad_token, other.chat_template = 7, "[MASK]", "x"
    other.add_tokens(["qq"])
    assert (tokenizer.model_max_length, tokenizer.pad_token, tokenizer.chat_template) == (8, "[PAD]", None)
    assert (len(other), len(tokenizer)) == (15, 14)
    assert tokenizer("a zz").input_ids == other("a zz").input_ids == before
    assert other("qq").input_ids == [2, 14, 3]


def test_pickles_hold_nothing_that_a_call_keeps(tokenizer, bpe):
    for each in (tokenizer, bpe):
        before = pickle.dumps(each)
        each("a", padding="max_length", max_length=6, truncation=True)
        each.build_inputs_with_special_tokens([0])
        assert pickle.dumps(each) == before


def _encode(tokenizer, texts):
    return tokenizer(texts, padding=True).input_ids


def test_forks(tokenizer):
    """A process that is forked off after a batch was tokenised goes on with the same tokenizer."""
    texts = ["a good film"] * 64
    expected = _encode(tokenizer, texts)
    with multiprocessing.get_context("fork").Pool(1) as pool:
        assert pool.apply_async(_encode, (tokenizer, texts)).get(timeout=60) == expected


def test_where_it_was_loaded_from(tokenizer, tmp_path):
    assert tokenizer.name_or_path == ""
    tokenizer.save_pretrained(tmp_path)
    again = type(tokenizer).from_pretrained(tmp_path)
    assert again.name_or_path == str(tmp_path)
    again.save_pretrained(tmp_path)
    assert str(tmp_path) not in (tmp_path / "tokenizer_config.json").read_text()


@pytest.mark.parametrize(
    ("name", "said"),
    [("text_target", "Tokenize targets in a call of their own"), ("pad_to_max_length", "Pass padding='max_length'")],
)
def test_the_nearest_name_would_be_another_thing(tokenizer, name, said):
    with pytest.raises(OptionError, match=f"'{name}' is not an option of {type(tokenizer).__name__}. {said}"):
        tokenizer("a", **{name: True})


def test_pair_is_on_or_off(tokenizer):
    assert tokenizer.num_special_tokens_to_add(True) == 3
    with pytest.raises(OptionError, match="pair must be True or False, but is 'x'"):
        tokenizer.num_special_tokens_to_add("x")
