"""The parts of a WordPiece tokenizer in Python, and their place in tokenizer.json."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Annotated, Any

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
from archsmith_wordpiece.bert_text import BertText, split_words

__all__ = ["WordPieceParts", "load_wordpiece_json", "to_wordpiece_json"]

#: What decoding replaces in each token, with the space before it.
_SPACED = (
    *((f" {mark}", mark) for mark in ".?!,"),
    (" ' ", "'"),
    (" n't", "n't"),
    (" 'm", "'m"),
    (" do not", " don't"),
    *((f" {short}", short) for short in ("'s", "'ve", "'re")),
)


@dataclass(frozen=True)
class WordPieceParts:
    """How a WordPiece tokenizer splits texts and joins tokens.

    Attributes:
        unknown: The token for a word that has no pieces.
        prefix: Begins a piece that is not the first of its word.
        longest_word: Longer words become the unknown token.
        text: What is done to a text first.
        template: What is put around texts.
        joint: Begins a token that is joined to the one before it; None: all tokens are joined with spaces.
        cleans: Whether joining removes spaces before punctuation.
        stored: The truncation and the padding of a tokenizer.json, which do not apply, but are written back.
    """

    unknown: str
    prefix: str = "##"
    longest_word: int = 100
    text: BertText = field(default_factory=BertText)
    template: SpecialTokensTemplate = field(default_factory=SpecialTokensTemplate)
    joint: str | None = "##"
    cleans: bool = True
    stored: Mapping[str, Any] = field(default_factory=dict)

    def split(self, text: str, vocabulary: Mapping[str, int]) -> list[str]:
        """Split a normalised text into tokens."""
        tokens: list[str] = []
        for word in split_words(text):
            if word in vocabulary and len(word) <= self.longest_word:
                tokens.append(word)
            else:
                tokens += self._split_word(word, vocabulary)
        return tokens

    def _split_word(self, word: str, vocabulary: Mapping[str, int]) -> list[str]:
        """Split a word into the longest pieces that the vocabulary has, from left to right."""
        if len(word) > self.longest_word:
            return [self.unknown]
        pieces: list[str] = []
        start = 0
        while start < len(word):
            prefix = self.prefix if start else ""
            candidates = (prefix + word[start:stop] for stop in range(len(word), start, -1))
            piece = next((candidate for candidate in candidates if candidate in vocabulary), None)
            if piece is None:
                return [self.unknown]
            pieces.append(piece)
            start += len(piece) - len(prefix)
        return pieces

    def join(self, tokens: Sequence[str]) -> str:
        """Join tokens to a text."""
        if self.joint is None:
            return " ".join(tokens)
        parts: list[str] = []
        for place, token in enumerate(tokens):
            part = token
            if place:
                part = token[len(self.joint) :] if token.startswith(self.joint) else f" {token}"
            for spaced, mark in _SPACED if self.cleans else ():
                part = part.replace(spaced, mark)
            parts.append(part)
        return "".join(parts)


# ---- tokenizer.json ---------------------------------------------------------------------------------------------

_Number = Annotated[int, msgspec.Meta(ge=0, lt=2**32)]


class _Normalizer(msgspec.Struct, tag_field="type", tag="BertNormalizer"):
    clean_text: bool
    handle_chinese_chars: bool
    strip_accents: bool | None
    lowercase: bool


class _PreTokenizer(msgspec.Struct, tag_field="type", tag="BertPreTokenizer"):
    pass


class _Decoder(msgspec.Struct, tag_field="type", tag="WordPiece"):
    prefix: str
    cleanup: bool


class _Model(msgspec.Struct, tag_field="type", tag="WordPiece"):
    vocab: dict[str, _Number]
    unk_token: str
    continuing_subword_prefix: str
    max_input_chars_per_word: _Number


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
    normalizer: _Normalizer
    pre_tokenizer: _PreTokenizer
    post_processor: Any = None
    decoder: _Decoder | None = None
    added_tokens: list[_Added] = []
    truncation: StoredTruncation | None = None
    padding: StoredPadding | None = None


def load_wordpiece_json(path: Path, *, fast: str) -> tuple[dict[str, int], WordPieceParts, dict[int, AddedToken]]:
    """Read a tokenizer.json of BERT's kind.

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
    try:
        file = msgspec.convert(content, _File)
        template = read_template(file.post_processor, str(path))
    except msgspec.ValidationError as error:
        raise CheckpointCorrupt(
            f"{str(path)!r} is not a WordPiece tokenizer of BERT's kind, the only one that is read in Python: {error}. "
            f"Use {fast}, which reads any kind."
        ) from error
    decoder, text = file.decoder, file.normalizer
    parts = WordPieceParts(
        unknown=file.model.unk_token,
        prefix=file.model.continuing_subword_prefix,
        longest_word=file.model.max_input_chars_per_word,
        text=BertText(text.clean_text, text.handle_chinese_chars, text.strip_accents, text.lowercase),
        template=template,
        joint=None if decoder is None else decoder.prefix,
        cleans=decoder is None or decoder.cleanup,
        stored={"truncation": msgspec.to_builtins(file.truncation), "padding": msgspec.to_builtins(file.padding)},
    )
    return file.model.vocab, parts, _read_added(file, str(path))


def _read_added(file: _File, where: str) -> dict[int, AddedToken]:
    """Return the added tokens, whose ids must be those that the library would give them."""
    vocabulary = file.model.vocab
    behind: dict[str, int] = {}
    for token in file.added_tokens:
        expected = vocabulary.get(token.content, behind.get(token.content, len(vocabulary) + len(behind)))
        if token.id != expected:
            raise CheckpointCorrupt(
                f"{where!r}: the added token {token.content!r} has the id {token.id}, but the vocabulary makes it "
                f"{expected}. The file contradicts itself."
            )
        if token.content not in vocabulary:
            behind[token.content] = token.id
    return {
        token.id: AddedToken(**{name: value for name, value in msgspec.structs.asdict(token).items() if name != "id"})
        for token in file.added_tokens
    }


def to_wordpiece_json(vocabulary: Mapping[str, int], parts: WordPieceParts, added: Mapping[int, AddedToken]) -> bytes:
    """Return the content of tokenizer.json."""
    decoder = None if parts.joint is None else {"type": "WordPiece", "prefix": parts.joint, "cleanup": parts.cleans}
    content = {
        "version": "1.0",
        "truncation": parts.stored.get("truncation"),
        "padding": parts.stored.get("padding"),
        "added_tokens": [{"id": number} | token.to_dict() for number, token in sorted(added.items())],
        "normalizer": {"type": "BertNormalizer"} | asdict(parts.text),
        "pre_tokenizer": {"type": "BertPreTokenizer"},
        "post_processor": template_json(parts.template),
        "decoder": decoder,
        "model": {
            "type": "WordPiece",
            "unk_token": parts.unknown,
            "continuing_subword_prefix": parts.prefix,
            "max_input_chars_per_word": parts.longest_word,
            "vocab": dict(vocabulary),
        },
    }
    return (json.dumps(content, indent=2, ensure_ascii=False) + "\n").encode()
