"""Byte-level BPE: slow, fast and the library itself give the same, from files of each kind."""

import json
import pickle

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Regex, Tokenizer, decoders, normalizers, pre_tokenizers, processors

from archsmith.errors import ArchsmithWarning, CheckpointCorrupt, InputError, OptionError
from archsmith_bpe import (
    GPT2Tokenizer,
    GPT2TokenizerFast,
    Qwen2Tokenizer,
    Qwen2TokenizerFast,
    RobertaTokenizer,
    RobertaTokenizerFast,
)
from archsmith_bpe.alphabet import ALPHABET
from archsmith_bpe.splitting import DIGITS, LLAMA3, PATTERNS, QWEN2, split_by

TEXTS = [
    "",
    " ",
    "   \t\r\n\n \u00a0\u3000\u2028 ",
    "Hello, world! It's  a\ttest\nof\r\nwhite\u2003space   and more ",
    " leading, DON'T WE'LL i'M 'tis don\u017ft",
    "naïve café cafe\u0301 Å A\u030a \u212b 각 \u1100\u1161\u11a8",
    "日本語のテキスト 中文，標點。\U00020000\U0002a6d6 \u3400\uf900",
    "العربية עברית हिन्दी ไทย Русский",
    "👩\u200d👩\u200d👧\u200d👦 🏳\ufe0f\u200d🌈 👍🏽 e😀f",
    "zero\u200bwidth\ufeffbom\u00adsoft nul\x00bell\x07\x1c\x1f\x85",
    "\ufffd \ue000 \uffff \ud7ff \U0010ffff \u0378 \u1c89 \U00011de0 \U00016ff4",
    "1234567 12 3.5 ½ ² Ⅷ ٣٤ a1b22c333",
    "a<|endoftext|>b <s></s> <mask> x<mask>y  <pad>",
    "aaaa" * 500,
    "x" * 5000,
]
KINDS = [
    (GPT2Tokenizer, GPT2TokenizerFast),
    (Qwen2Tokenizer, Qwen2TokenizerFast),
    (RobertaTokenizer, RobertaTokenizerFast),
]
SMOL = pre_tokenizers.Sequence(
    [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]
)


def isolated(pattern):
    split = pre_tokenizers.Split(Regex(pattern), "isolated")
    return pre_tokenizers.Sequence([split, pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])


def llama_like(rust):
    """Give a tokenizer the parts that the published Llama 3 has."""
    end = rust.token_to_id("</s>")
    rust.pre_tokenizer = isolated(LLAMA3)
    rust.post_processor = processors.Sequence(
        [
            processors.ByteLevel(trim_offsets=False),
            processors.TemplateProcessing(
                single="<s>:0 $A:0",
                pair="<s>:0 $A:0 </s>:1 $B:1",
                special_tokens=[("<s>", rust.token_to_id("<s>")), ("</s>", end)],
            ),
        ]
    )


def as_published(rust, kind):
    """Return the library's tokenizer with the parts of one published kind."""
    new = Tokenizer.from_str(rust.to_str())
    new.decoder = decoders.ByteLevel()
    if kind == "llama3":
        llama_like(new)
    elif kind == "qwen2":
        new.normalizer, new.pre_tokenizer = normalizers.NFC(), isolated(QWEN2)
        new.post_processor = processors.ByteLevel(trim_offsets=False)
    elif kind == "smollm":
        new.pre_tokenizer = SMOL
        new.post_processor = processors.ByteLevel(trim_offsets=True)
    elif kind == "roberta":
        ends = (("</s>", new.token_to_id("</s>")), ("<s>", new.token_to_id("<s>")))
        new.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=True)
        new.post_processor = processors.RobertaProcessing(*ends, trim_offsets=True, add_prefix_space=True)
    return new


@pytest.fixture(params=["gpt2", "llama3", "qwen2", "smollm", "roberta"])
def published(request, trained, tmp_path):
    """The library's tokenizer of one published kind, and the path of its tokenizer.json."""
    rust = as_published(trained, request.param)
    path = tmp_path / "tokenizer.json"
    path.write_text(rust.to_str())
    return rust, path


def test_slow_and_fast_are_the_library(published):
    rust, path = published
    slow, fast = GPT2Tokenizer(tokenizer_file=path), GPT2TokenizerFast(tokenizer_file=path)
    for text in TEXTS:
        expected = rust.encode(text)
        assert fast(text).input_ids == expected.ids
        assert slow(text).input_ids == expected.ids
        assert slow.tokenize(text) == rust.encode(text, add_special_tokens=False).tokens
        assert (
            slow.decode(expected.ids)
            == fast.decode(expected.ids)
            == rust.decode(expected.ids, skip_special_tokens=False)
        )
    pair = rust.encode(TEXTS[3], TEXTS[4])
    for tokenizer in (slow, fast):
        batch = tokenizer(TEXTS[3], TEXTS[4], return_token_type_ids=True)
        assert (batch.input_ids, batch.token_type_ids) == (pair.ids, pair.type_ids)


@given(text=st.text(st.characters(codec="utf-8"), max_size=60))
@settings(max_examples=60, deadline=None)
def test_any_text(trained, tmp_path_factory, text):
    for kind in ("gpt2", "llama3", "qwen2", "smollm"):
        path = tmp_path_factory.getbasetemp() / f"{kind}.json"
        if not path.exists():
            path.write_text(as_published(trained, kind).to_str())
            CACHE[kind] = (Tokenizer.from_file(str(path)), GPT2Tokenizer(tokenizer_file=path))
        rust, slow = CACHE[kind]
        assert slow(text).input_ids == rust.encode(text).ids
        if kind != "qwen2":  # which composes characters
            assert slow.decode(slow(text, add_special_tokens=False).input_ids) == text


CACHE = {}


@pytest.mark.long
@pytest.mark.parametrize("pattern", [*PATTERNS, DIGITS])
def test_every_character_is_split_as_the_library_splits_it(pattern):
    """The tables of letters and digits are the library's own; digits alone follow a newer Unicode there."""
    split = (
        pre_tokenizers.Digits(individual_digits=True)
        if pattern == DIGITS
        else pre_tokenizers.Split(Regex(pattern), "isolated")
    )
    for block in range(0, 0x110000, 0x400):
        text = "".join(
            f"a{chr(code)} {chr(code)}1 " for code in range(block, block + 0x400) if not 0xD800 <= code < 0xE000
        )
        assert split_by(pattern, text) == [word for word, _ in split.pre_tokenize_str(text)]


@pytest.mark.parametrize(("slow_class", "fast_class"), KINDS)
def test_from_vocab_and_merges(plain, tmp_path, slow_class, fast_class):
    files = plain / "vocab.json", plain / "merges.txt"
    for adds in (False, True):
        slow, fast = (cls(*files, add_prefix_space=adds) for cls in (slow_class, fast_class))
        assert slow.special_tokens_map == fast.special_tokens_map
        assert slow.add_prefix_space is fast.add_prefix_space is adds
        for text in TEXTS:
            assert slow(text, "b") == fast(text, "b")
            assert slow(text).input_ids == fast(text).input_ids
        for tokenizer in (slow, fast):
            folder = tmp_path / f"{type(tokenizer).__name__}-{adds}"
            tokenizer.save_pretrained(folder)
            config = json.loads((folder / "tokenizer_config.json").read_text())
            assert config["tokenizer_class"] == slow_class.__name__
            for cls in (slow_class, fast_class):
                again = cls.from_pretrained(folder)
                assert [again(text).input_ids for text in TEXTS] == [fast(text).input_ids for text in TEXTS]
                assert again.add_prefix_space is adds
                assert again.special_tokens_map == fast.special_tokens_map
            other = slow_class.from_pretrained(folder, add_prefix_space=not adds)
            whole = fast_class.from_pretrained(folder, add_prefix_space=not adds)
            assert other("word").input_ids == whole("word").input_ids != fast("word").input_ids
        assert pickle.loads(pickle.dumps(slow))("a b") == slow("a b")


def test_plain_files_come_back(plain, tmp_path):
    files = plain / "vocab.json", plain / "merges.txt"
    for cls in (GPT2Tokenizer, GPT2TokenizerFast):
        paths = cls(*files).save_vocabulary(tmp_path / cls.__name__)
        again = GPT2TokenizerFast(*paths)
        assert again("some words 123").input_ids == GPT2TokenizerFast(*files)("some words 123").input_ids
        assert (tmp_path / cls.__name__ / "merges.txt").read_text() == files[1].read_text()


def test_roberta_puts_its_tokens_around(plain):
    files = plain / "vocab.json", plain / "merges.txt"
    slow, fast = RobertaTokenizer(*files), RobertaTokenizerFast(*files)
    assert fast.convert_ids_to_tokens(fast("a", "b").input_ids) == ["<s>", "a", "</s>", "</s>", "b", "</s>"]
    for tokenizer in (slow, fast):
        tokenizer.cls_token = "<pad>"
        assert tokenizer.convert_ids_to_tokens(tokenizer("a", "b").input_ids)[0] == "<pad>"
        assert tokenizer("x <mask> y").input_ids[2] == tokenizer.mask_token_id  # with the space before it
    assert slow("a", "b") == fast("a", "b")
    assert fast(" two words", return_offsets_mapping=True).offset_mapping[1][0] == 1


def test_a_byte_without_a_token_is_refused(plain, tmp_path):
    """The library leaves it out without a word."""
    vocabulary = json.loads((plain / "vocab.json").read_text())
    for character in (ALPHABET[0xC3], ALPHABET[ord("Q")]):
        del vocabulary[character]
    vocabulary = {
        token: number for token, number in vocabulary.items() if "Q" not in token and ALPHABET[0xC3] not in token
    }
    merges = [
        line
        for line in (plain / "merges.txt").read_text().splitlines()[1:]
        if all(part in vocabulary for part in (*line.split(" "), line.replace(" ", "")))
    ]
    (tmp_path / "vocab.json").write_text(json.dumps(vocabulary))
    (tmp_path / "merges.txt").write_text("\n".join(merges))
    for cls in (GPT2Tokenizer, GPT2TokenizerFast):
        tokenizer = cls(tmp_path / "vocab.json", tmp_path / "merges.txt")
        assert tokenizer.decode(tokenizer("no such letter").input_ids) == "no such letter"
        for text, place in (("a Q", 2), ("caf\u00e9", 3)):
            with pytest.raises(InputError, match=f"no token for a byte of '{text[place]}', character {place} of"):
                tokenizer(["fine", text])


FAULTS = {
    "a merge of three": (None, "a b c\n", r"merges.txt', line 1: a merge must be two tokens, but is \('a', 'b', 'c'\)"),
    "an empty line": (None, "#version: 0.2\n\nt h\n", "line 2: a merge must be two tokens"),
    "a merge without its result": (
        None,
        "Q Q\n",
        "line 1: the merge 'Q Q' needs the token 'QQ', which the vocabulary lacks",
    ),
    "ids that are shared": ({"a": 1, "b": 1}, "", "the tokens 'a' and 'b' share the id 1"),
    "an id that is no number": ({"a": "1"}, "", "the token 'a' has the id '1'"),
    "a whole tokenizer": ({"model": {"type": "BPE"}}, "", "pass it as tokenizer_file"),
}


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("cls", [GPT2Tokenizer, GPT2TokenizerFast])
def test_damaged_files(plain, tmp_path, cls, fault):
    vocabulary, merges, message = FAULTS[fault]
    (tmp_path / "vocab.json").write_text(
        (plain / "vocab.json").read_text() if vocabulary is None else json.dumps(vocabulary)
    )
    (tmp_path / "merges.txt").write_text(merges)
    with pytest.raises(CheckpointCorrupt, match=message):
        cls(tmp_path / "vocab.json", tmp_path / "merges.txt")


def test_what_is_not_read_in_python(trained, tmp_path):
    odd = as_published(trained, "gpt2")
    odd.pre_tokenizer = isolated(r"\p{L}+(?=x)|.")
    path = tmp_path / "tokenizer.json"
    path.write_text(odd.to_str())
    assert GPT2TokenizerFast(tokenizer_file=path)("ab").input_ids
    with pytest.raises(
        CheckpointCorrupt, match=r"Expected a pattern of GPT-2, Llama 3 or Qwen2.* Use GPT2TokenizerFast"
    ):
        GPT2Tokenizer(tokenizer_file=path)


@pytest.mark.parametrize("cls", [GPT2Tokenizer, GPT2TokenizerFast])
def test_sources(plain, cls):
    with pytest.raises(OptionError, match="needs vocab_file and merges_file together, but merges_file is missing"):
        cls(plain / "vocab.json")
    with pytest.raises(OptionError, match="needs one source"):
        cls()
    with pytest.raises(OptionError, match="needs one source"):
        cls(plain / "vocab.json", plain / "merges.txt", tokenizer_file=plain / "tokenizer.json")


class TestAround:
    """The tokens that settings put around texts, as transformers does, and the offsets of words."""

    @pytest.mark.parametrize(
        "ends", [{"add_bos_token": True}, {"add_eos_token": True}, {"add_bos_token": True, "add_eos_token": True}]
    )
    @pytest.mark.parametrize("cls", [GPT2Tokenizer, GPT2TokenizerFast])
    def test_ends(self, cls, ends, plain, tmp_path):
        for name in ("vocab.json", "merges.txt"):
            (tmp_path / name).write_bytes((plain / name).read_bytes())
        tokens = {"bos_token": "<s>", "eos_token": "</s>"}
        (tmp_path / "tokenizer_config.json").write_text(json.dumps(ends | tokens))
        tokenizer = cls.from_pretrained(tmp_path)
        begin = ["<s>"] if "add_bos_token" in ends else []
        end = ["</s>"] if "add_eos_token" in ends else []
        for each in (tokenizer, cls.from_pretrained(saved(tokenizer, tmp_path / "saved"))):
            batch = each("a", "b", return_token_type_ids=True)
            assert each.convert_ids_to_tokens(batch.input_ids) == [*begin, "a", *end, *begin, "b", *end]
            assert batch.token_type_ids == [0] * (len(batch.input_ids) // 2) + [1] * (len(batch.input_ids) // 2)
            assert each.convert_ids_to_tokens(each("a").input_ids) == [*begin, "a", *end]
        written = json.loads((tmp_path / "saved" / "tokenizer_config.json").read_text())
        assert {name: written[name] for name in ends} == ends
        tokenizer.bos_token, tokenizer.eos_token = "<mask>", "<pad>"
        changed = [{"<s>": "<mask>", "</s>": "<pad>"}.get(token, token) for token in [*begin, "a", *end]]
        assert tokenizer.convert_ids_to_tokens(tokenizer("a").input_ids) == changed

    @pytest.mark.parametrize("cls", [GPT2Tokenizer, GPT2TokenizerFast, RobertaTokenizer, RobertaTokenizerFast])
    def test_ends_that_can_have_no_effect(self, cls, plain, tmp_path):
        saved(cls(plain / "vocab.json", plain / "merges.txt"), tmp_path)
        with pytest.raises(OptionError, match="add_bos_token=True can have no effect"):
            cls.from_pretrained(tmp_path, add_bos_token=True)
        with pytest.raises(OptionError, match="add_eos_token=True can have no effect"):
            cls(tokenizer_file=tmp_path / "tokenizer.json", add_eos_token=True)

    @pytest.mark.parametrize("cls", [Qwen2Tokenizer, Qwen2TokenizerFast])
    def test_no_token_to_put(self, cls, plain):
        with pytest.warns(ArchsmithWarning, match="add_bos_token=True has no effect: the tokenizer has no bos_token"):
            tokenizer = cls(plain / "vocab.json", plain / "merges.txt", add_bos_token=True)
        assert tokenizer("a").input_ids == tokenizer.convert_tokens_to_ids(["a"])

    def test_offsets(self, plain, tmp_path):
        files = (plain / "vocab.json", plain / "merges.txt")
        kept = RobertaTokenizerFast(*files, trim_offsets=False)
        for each in (kept, RobertaTokenizerFast.from_pretrained(saved(kept, tmp_path / "kept"))):
            assert each("a b", return_offsets_mapping=True).offset_mapping == [(0, 0), (0, 1), (1, 3), (0, 0)]
            assert each.trim_offsets is False
        slow = RobertaTokenizer(*files, trim_offsets=False)
        again = RobertaTokenizerFast.from_pretrained(saved(slow, tmp_path / "slow"))
        assert again("a b", return_offsets_mapping=True).offset_mapping == [(0, 0), (0, 1), (1, 3), (0, 0)]
        trimmed = RobertaTokenizerFast.from_pretrained(tmp_path / "kept", trim_offsets=True)
        assert trimmed("a b", return_offsets_mapping=True).offset_mapping == [(0, 0), (0, 1), (2, 3), (0, 0)]
        with pytest.raises(OptionError, match="trim_offsets=False can have no effect"):
            GPT2TokenizerFast(*files, trim_offsets=False)

    def test_a_space_that_is_put_before_a_saved_text_has_no_offset(self, plain, tmp_path):
        saved(RobertaTokenizerFast(plain / "vocab.json", plain / "merges.txt"), tmp_path)
        built = RobertaTokenizerFast(plain / "vocab.json", plain / "merges.txt", add_prefix_space=True)
        loaded = RobertaTokenizerFast.from_pretrained(tmp_path, add_prefix_space=True)
        expected = built("qzx a", return_offsets_mapping=True).offset_mapping
        assert loaded("qzx a", return_offsets_mapping=True).offset_mapping == expected
        assert loaded.backend_tokenizer.to_str() == built.backend_tokenizer.to_str()


def saved(tokenizer, folder):
    tokenizer.save_pretrained(folder)
    return folder
