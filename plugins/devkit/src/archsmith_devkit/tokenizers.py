"""Checks of tokenizers: slow and fast give the same ids, and a call depends on nothing but its arguments."""

import json
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, ClassVar

from archsmith.auto import AutoTokenizer
from archsmith.errors import ArchsmithError, InputError
from archsmith.registry import Kind, registry
from archsmith_devkit.harness import refusal, saved_and_loaded
from archsmith_devkit.tokenizer_words import TEXTS, OwnWordsChecks, own_texts, own_words

__all__ = ["TokenizerConformance", "sample_tokenizer"]

_WORDS = "the quick brown fox jump ##s ##ed over lazy dog un ##believ ##able don"
_CHARACTERS = "abcdefghijklmnopqrstuvwxyz0123456789.,;:!?'-()"

#: Names in tokenizer_config.json that are no architecture's own.
_GENERAL = ("PreTrainedTokenizer", "PreTrainedTokenizerFast")


def sample_tokenizer(cls: type[Any]) -> Any:
    """Return a tokenizer of a class with a small vocabulary.

    A class whose vocabulary is neither one token a line (vocab.txt) nor a JSON object of token → id (vocab.json)
    must have a class method ``sample()`` that returns one.

    Raises:
        AssertionError: It has none, and takes neither.
    """
    if hasattr(cls, "sample"):
        return cls.sample()
    special = [str(token) for token in getattr(cls, "default_tokens", {}).values()]
    letters = [*_CHARACTERS, *_CHARACTERS.upper()]
    pieces = [*special, *_WORDS.split(), *letters, *(f"##{letter}" for letter in _CHARACTERS)]
    said = []
    with tempfile.TemporaryDirectory() as folder:
        vocabularies = {
            "vocab.txt": "".join(f"{piece}\n" for piece in dict.fromkeys(pieces)),
            "vocab.json": json.dumps({token: i for i, token in enumerate(dict.fromkeys([*special, *letters]))}),
        }
        for name, text in vocabularies.items():
            path = Path(folder, name)
            path.write_text(text, encoding="utf-8")
            try:
                return cls(vocab_file=path)
            except (ArchsmithError, TypeError) as error:
                said.append(f"{name}: {error}")
        try:
            return cls(**_merging(Path(folder), special))
        except (ArchsmithError, TypeError):
            pass  # what the two say is enough
    raise AssertionError(
        f"{cls.__name__} takes neither a vocab.txt nor a vocab.json, and has no class method sample() that returns one "
        f"with a small vocabulary. {' '.join(said)}"
    )


def _merging(folder: Path, special: list[str]) -> dict[str, Path]:
    """Write a vocabulary of bytes and a few merges of them."""
    from tokenizers.pre_tokenizers import ByteLevel  # only who checks tokenizers needs it

    tokens = dict.fromkeys([*special, *sorted(ByteLevel.alphabet()), "th", "the", "\u0120f"])
    vocabulary, merges = folder / "bytes.json", folder / "merges.txt"
    vocabulary.write_text(json.dumps({token: number for number, token in enumerate(tokens)}), encoding="utf-8")
    merges.write_text("#version: 0.2\nt h\nth e\n\u0120 f\n", encoding="utf-8")
    return {"vocab_file": vocabulary, "merges_file": merges}


class TokenizerConformance(OwnWordsChecks):
    """The checks for the tokenizers of one architecture. Subclass it, and name the architecture.

    Attributes:
        model_type: The architecture; or the name of preprocessing without one.
        kind: Which of the two.
    """

    model_type: ClassVar[str]
    kind: ClassVar[Kind] = Kind.ARCHITECTURE

    def tokenizers(self) -> dict[str, Any]:
        """Return the tokenizers by role: ``tokenizer`` is the one in Python, ``tokenizer_fast`` the one in Rust."""
        held = registry.roles(self.model_type, self.kind)
        roles = [role for role in ("tokenizer", "tokenizer_fast") if role in held]
        found: dict[str, Any] = {
            role: sample_tokenizer(registry.load(self.model_type, role, kind=self.kind)) for role in roles
        }
        for tokenizer in found.values():
            if tokenizer.pad_token is None:  # as whoever pads with such a tokenizer does
                tokenizer.pad_token = tokenizer.eos_token or tokenizer.unk_token
        return found

    def test_slow_is_fast(self) -> None:
        """Whoever trains with one tokenizer and serves with the other must get the same ids.

        Fix: let both follow one description of the text's way, as archsmith_wordpiece.tokenizers does.
        """
        found = self.tokenizers()
        if len(found) > 1:
            slow, fast = found.values()
            for text, options in _calls():
                one, other = slow(text, **options).input_ids, fast(text, **options).input_ids
                assert one == other, f"{text!r} with {options}: the slow tokenizer gives {one}, the fast one {other}"
            for texts in own_texts(slow):
                one, other = slow(*texts).input_ids, fast(*texts).input_ids
                what = f"the pair {texts}" if len(texts) > 1 else repr(*texts)
                assert one == other, f"{what}: the slow tokenizer gives {one}, the fast one {other}"

    def test_files(self) -> None:
        """A tokenizer must come back from its files with every id, through its own class and through AutoTokenizer.

        Fix: keep no state beside the vocabulary, the added tokens and the declared settings.
        """
        for role, tokenizer in self.tokenizers().items():
            tokenizer.add_tokens(["<new>"])
            options: dict[str, Any] = {"use_fast": role == "tokenizer_fast"}
            if (
                self.kind is Kind.ARCHITECTURE and vars(type(tokenizer)).get("tokenizer_class") in _GENERAL
            ):  # config.json tells whose it is
                tiny = registry.get(self.model_type).tiny
                options["config"] = registry.load(self.model_type, "config")(**tiny)
            by_auto = saved_and_loaded(tokenizer, AutoTokenizer, **options)
            for again in (saved_and_loaded(tokenizer), by_auto):
                assert type(again) is type(tokenizer), (
                    f"{type(again).__name__} came back for {type(tokenizer).__name__}"
                )
                assert again.get_vocab() == tokenizer.get_vocab(), f"the vocabulary of {type(again).__name__} changed"
                for text in (*TEXTS, "fox <new> dog"):
                    assert again(text).input_ids == tokenizer(text).input_ids, f"{text!r} has other ids after loading"

    def test_padding(self) -> None:
        """The mask must be 1 for a text's own tokens alone, on either side: the model takes it at its word.

        Fix: let the base class pad, and set padding_side as a setting only.
        """
        for tokenizer in self.tokenizers().values():
            short, long = TEXTS[0][:9], TEXTS[0]
            own = len(tokenizer(short).input_ids)
            for side in ("right", "left"):
                rows = tokenizer([short, long], padding=True, padding_side=side, return_attention_mask=True)
                mask = rows.attention_mask[0]
                expected = sorted(mask, reverse=side == "right")
                assert sum(mask) == own, f"{type(tokenizer).__name__} masks {sum(mask)} of {own} tokens"
                assert mask == expected, f"{type(tokenizer).__name__} pads on another side than the {side}"

    def test_ids_are_in_the_vocabulary(self) -> None:
        """An id beyond the vocabulary would be a row that the model's embeddings do not have.

        Fix: give special tokens that the vocabulary lacks the ids behind it, as the base class does.
        """
        for tokenizer in self.tokenizers().values():
            count = len(tokenizer)
            for text, options in _calls():
                rows = tokenizer(text, **options).input_ids
                flat = [number for row in rows for number in (row if isinstance(row, list) else [row])]
                assert all(0 <= number < count for number in flat), f"{text!r} has ids beyond {count}: {max(flat)}"

    def test_decoding(self) -> None:
        """What comes back of a text of known words is that text.

        Fix: undo in decoding what cutting a text adds: marks of pieces, spaces, special tokens.
        """
        for tokenizer in self.tokenizers().values():
            for text in filter(None, (TEXTS[0], " ".join(own_words(tokenizer)))):
                ids = tokenizer(text, add_special_tokens=False).input_ids
                if tokenizer.unk_token_id not in ids:
                    found = tokenizer.decode(ids)
                    assert found.casefold() == text.casefold(), f"{text!r} comes back from decode as {found!r}"

    def test_offsets(self) -> None:
        """Whoever marks an answer in a text cuts it out by the offsets of its tokens.

        Fix: leave offsets to the base class; what changes a text before it is cut must keep track of places.
        """
        for tokenizer in self.tokenizers().values():
            if not getattr(tokenizer, "is_fast", False):
                continue
            for text in (TEXTS[0], TEXTS[2]):
                rows = tokenizer(text, return_offsets_mapping=True, add_special_tokens=False)
                last = 0
                for start, end in rows["offset_mapping"]:
                    assert 0 <= start <= end <= len(text) and start >= last - 1, (  # noqa: PT018
                        f"{type(tokenizer).__name__}: a token of {text!r} lies at {(start, end)} after one at {last}"
                    )
                    last = max(last, start)

    def test_pairs(self) -> None:
        """Of a pair both texts must be there, in their order, whole, and each once.

        Fix: describe pairs in the template of special tokens.
        """
        for tokenizer in self.tokenizers().values():
            first, second = TEXTS[0][:9], TEXTS[0][10:]
            alone = [tokenizer(text, add_special_tokens=False).input_ids for text in (first, second)]
            found = tokenizer(first, second).input_ids
            special = {*tokenizer.all_special_ids}
            own = [number for number in found if number not in special]
            wanted = [number for number in alone[0] + alone[1] if number not in special]
            assert own == wanted, (
                f"{type(tokenizer).__name__}: the ids of a pair are {found}; expected {alone} in order"
            )

    def test_bad_texts_are_refused(self) -> None:
        """What is not a text must be named: a number that becomes its digits, or None that becomes nothing, is a fault.

        Fix: override no __call__; the base class reads the texts.
        """
        for tokenizer in self.tokenizers().values():
            for bad in (None, 3, [3], ["fine", None], b"bytes", "lone \ud800 surrogate"):
                said = refusal(InputError, tokenizer, bad)
                assert said is not None, f"{type(tokenizer).__name__} takes {bad!r} for a text"

    def test_calls_are_independent(self) -> None:
        """Threads share a tokenizer: what one asks for (padding, truncation) must not show in another's ids.

        Fix: keep the options of a call in local variables.
        """
        for tokenizer in self.tokenizers().values():
            calls = list(_calls())
            alone = [tokenizer(text, **options).input_ids for text, options in calls]
            with ThreadPoolExecutor(4) as pool:
                pending = [pool.submit(tokenizer, text, **options) for text, options in calls * 4]
                together = [future.result().input_ids for future in pending]
            assert together == alone * 4, f"{type(tokenizer).__name__} gives other ids when threads share it"


def _calls() -> Iterator[tuple[Any, dict[str, Any]]]:
    """Yield arguments and options of calls: single texts, batches, padded, truncated."""
    for text in TEXTS:
        yield text, {}
        yield text, {"add_special_tokens": False}
        yield text, {"padding": "max_length", "max_length": 12, "truncation": True}
    yield list(TEXTS), {"padding": True}
    yield list(TEXTS), {"padding": True, "padding_side": "left", "pad_to_multiple_of": 8}
    yield list(TEXTS), {"truncation": True, "max_length": 5}
