"""What tokenizer.json says of a byte-level BPE tokenizer, and what a tokenizer in Python takes from it."""

import json
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec

from archsmith.errors import CheckpointCorrupt
from archsmith.files import read_json
from archsmith.tokenizer import (
    MAX_TOKENIZER_BYTES,
    AddedToken,
    SpecialTokensTemplate,
    StoredPadding,
    StoredTruncation,
    check_vocabulary,
    read_template,
    template_json,
)
from archsmith_bpe.alphabet import characters_of
from archsmith_bpe.merges import Merges, read_pairs
from archsmith_bpe.splitting import DIGITS, GPT2, PATTERNS, split_by

__all__ = ["BPEParts", "json_content", "json_frame", "load_bpe_json", "parts_of"]

_Number = Annotated[int, msgspec.Meta(ge=0, lt=2**32)]
_OFFSETS = {"trim_offsets": True, "use_regex": True}


@dataclass(frozen=True)
class BPEParts:
    """How a byte-level BPE tokenizer splits texts.

    Attributes:
        frame: The rest of tokenizer.json, all but vocabulary, merges and added tokens: it is written back.
        merges: The merges.
        patterns: By which a text is split, one after the other.
        composes: Whether characters are composed first (NFC).
        adds_space: Whether what the patterns have left gets a space at its start, if it has none there.
        splits_words: Whether GPT-2's pattern comes after that.
        takes_words: Whether a word that is a token is taken whole, whatever the merges say.
        template: What is put around texts.
    """

    frame: Mapping[str, Any]
    merges: Merges
    patterns: tuple[str, ...]
    composes: bool
    adds_space: bool
    splits_words: bool
    takes_words: bool
    template: SpecialTokensTemplate

    def normalize(self, text: str) -> str:
        """Return a text as it is looked up."""
        return unicodedata.normalize("NFC", text) if self.composes else text

    def split(self, text: str, vocabulary: Mapping[str, int]) -> list[str]:
        """Split a normalised text into tokens, which are characters for its bytes."""
        words = [text] if text else []
        for pattern in self.patterns:
            words = [word for each in words for word in split_by(pattern, each)]
        if self.adds_space:
            words = [word if word.startswith(" ") else f" {word}" for word in words]
        if self.splits_words:
            words = [word for each in words for word in split_by(GPT2, each)]
        tokens: list[str] = []
        for word in map(characters_of, words):
            tokens += [word] if self.takes_words and word in vocabulary else self.merges.split(word)
        return tokens


# ---- tokenizer.json ---------------------------------------------------------------------------------------------


class _Pattern(msgspec.Struct):
    Regex: str

    def __post_init__(self) -> None:
        if self.Regex not in PATTERNS:
            raise ValueError(f"Expected a pattern of GPT-2, Llama 3 or Qwen2, got {self.Regex[:200]!r}")


class _Split(msgspec.Struct, tag_field="type", tag="Split"):
    pattern: _Pattern
    behavior: Literal["Isolated"]
    invert: bool = False


class _Digits(msgspec.Struct, tag_field="type", tag="Digits"):
    individual_digits: bool


class _ByteLevel(msgspec.Struct, tag_field="type", tag="ByteLevel"):
    add_prefix_space: bool
    use_regex: bool = True


class _Steps(msgspec.Struct, tag_field="type", tag="Sequence"):
    pretokenizers: list[_Split | _Digits | _ByteLevel]


class _NFC(msgspec.Struct, tag_field="type", tag="NFC"):
    pass


class _Decoder(msgspec.Struct, tag_field="type", tag="ByteLevel"):
    pass


class _Model(msgspec.Struct, tag_field="type", tag="BPE"):
    vocab: dict[str, _Number]
    merges: list[Any]
    dropout: float | None = None
    unk_token: str | None = None
    continuing_subword_prefix: Literal[""] | None = None
    end_of_word_suffix: Literal[""] | None = None
    fuse_unk: bool = False
    byte_fallback: bool = False
    ignore_merges: bool = False

    def __post_init__(self) -> None:
        if self.dropout or self.byte_fallback or self.unk_token is not None:
            raise ValueError("Expected neither dropout nor byte_fallback nor unk_token in the model")


class _Added(msgspec.Struct):
    id: _Number
    content: Annotated[str, msgspec.Meta(min_length=1)]
    single_word: bool
    lstrip: bool
    rstrip: bool
    normalized: bool
    special: bool


class _File(msgspec.Struct):
    model: _Model
    pre_tokenizer: _Steps | _ByteLevel
    decoder: _Decoder
    normalizer: _NFC | None = None
    post_processor: Any = None
    added_tokens: list[_Added] = []
    truncation: StoredTruncation | None = None
    padding: StoredPadding | None = None


def load_bpe_json(path: Path, *, fast: str) -> tuple[dict[str, int], BPEParts, dict[int, AddedToken]]:
    """Read a tokenizer.json of byte-level BPE.

    Args:
        path: The file.
        fast: The name of the class that reads any kind, for the message.

    Returns:
        Token → id, the parts, and id → token for the added tokens.

    Raises:
        CheckpointCorrupt: The file is damaged, contradicts itself, or is of another kind.
    """
    content = read_json(path, max_bytes=MAX_TOKENIZER_BYTES)
    check_vocabulary(content, str(path))
    return parts_of(content, str(path), fast=fast)


def parts_of(content: Any, where: str, *, fast: str) -> tuple[dict[str, int], BPEParts, dict[int, AddedToken]]:
    """Read the content of a tokenizer.json. Arguments and errors as `load_bpe_json`."""
    try:
        file = msgspec.convert(content, _File)
        patterns, last = _read_steps(file.pre_tokenizer)
        template = read_template(file.post_processor, where)
    except msgspec.ValidationError as error:
        raise CheckpointCorrupt(
            f"{where!r} is not a byte-level BPE tokenizer of a kind that is read in Python: {error}. Use {fast}, which "
            "reads any kind."
        ) from error
    vocabulary = file.model.vocab
    pairs = read_pairs(file.model.merges, vocabulary, where=f"{where!r}, model.merges", first=0)
    added = {token.id: AddedToken(**_marks(token)) for token in file.added_tokens}
    for number, token in added.items():
        if vocabulary.get(token.content, number) != number:
            raise CheckpointCorrupt(
                f"{where!r}: the added token {token.content!r} has the id {number}, but the vocabulary makes it "
                f"{vocabulary[token.content]}. The file contradicts itself."
            )
    stored = {"truncation": msgspec.to_builtins(file.truncation), "padding": msgspec.to_builtins(file.padding)}
    parts = BPEParts(
        frame={name: value for name, value in content.items() if name not in ("model", "added_tokens")} | stored,
        merges=Merges(pairs),
        patterns=patterns,
        composes=file.normalizer is not None,
        adds_space=last.add_prefix_space,
        splits_words=last.use_regex,
        takes_words=file.model.ignore_merges,
        template=template,
    )
    return vocabulary, parts, added


def _marks(token: _Added) -> dict[str, Any]:
    return {name: value for name, value in msgspec.structs.asdict(token).items() if name != "id"}


def _read_steps(steps: _Steps | _ByteLevel) -> tuple[tuple[str, ...], _ByteLevel]:
    """Return the patterns by which texts are split, and the step that turns words into bytes."""
    several = steps.pretokenizers if isinstance(steps, _Steps) else [steps]
    *before, last = several or [None]
    if not isinstance(last, _ByteLevel) or any(isinstance(step, _ByteLevel) for step in before):
        raise msgspec.ValidationError("Expected ByteLevel as the last step, and no other - at `$.pre_tokenizer`")
    patterns = []
    for step in before:
        if isinstance(step, _Split) and not step.invert:
            patterns.append(step.pattern.Regex)
        elif isinstance(step, _Digits) and step.individual_digits:
            patterns.append(DIGITS)
        else:
            raise msgspec.ValidationError("Expected each digit alone, and no inverted split - at `$.pre_tokenizer`")
    return tuple(patterns), last


def json_frame(
    template: SpecialTokensTemplate,
    *,
    pattern: str | None = None,
    adds_space: bool = False,
    trims_offsets: bool = False,
) -> dict[str, Any]:
    """Return a tokenizer.json without vocabulary, merges and added tokens.

    Args:
        template: What is put around texts.
        pattern: By which texts are split, composed first; None: by GPT-2's.
        adds_space: Whether a text gets a space at its start.
        trims_offsets: Whether the space before a word is left out of its offsets.
    """
    bytes_alone = {"type": "ByteLevel", "add_prefix_space": adds_space, "trim_offsets": True, "use_regex": not pattern}
    split = {"type": "Split", "pattern": {"Regex": pattern}, "behavior": "Isolated", "invert": False}
    steps = {"type": "Sequence", "pretokenizers": [split, bytes_alone]}
    offsets = {"type": "ByteLevel", "add_prefix_space": adds_space, **_OFFSETS, "trim_offsets": trims_offsets}
    around = template_json(template)
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "normalizer": {"type": "NFC"} if pattern else None,
        "pre_tokenizer": steps if pattern else bytes_alone,
        "post_processor": {"type": "Sequence", "processors": [offsets, around]} if around else offsets,
        "decoder": {"type": "ByteLevel", "add_prefix_space": True, **_OFFSETS},
    }


def json_content(
    frame: Mapping[str, Any],
    vocabulary: Mapping[str, int],
    merges: Merges,
    *,
    added: Mapping[int, AddedToken] | None = None,
    takes_words: bool = False,
) -> bytes:
    """Return the content of tokenizer.json."""
    model = {
        "type": "BPE",
        "dropout": None,
        "unk_token": None,
        "continuing_subword_prefix": "",
        "end_of_word_suffix": "",
        "fuse_unk": False,
        "byte_fallback": False,
        "ignore_merges": takes_words,
        "vocab": dict(vocabulary),
        "merges": list(merges.pairs),
    }
    tokens = [{"id": number} | token.to_dict() for number, token in sorted((added or {}).items())]
    content = {**frame, "added_tokens": tokens, "model": model}
    return (json.dumps(content, indent=2, ensure_ascii=False) + "\n").encode()
