"""The vocab.txt of a WordPiece tokenizer, and the options that the kinds of WordPiece tokenizer share."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from archsmith.errors import CheckpointCorrupt, OptionError
from archsmith.files import TOKENIZER_FILE, read_bytes
from archsmith.messages import announce, did_you_mean, looks_like, shorten, shown
from archsmith.tokenizer import MAX_TOKENIZER_BYTES, TokenizerSettings, read_token

__all__ = [
    "VOCABULARY_FILES",
    "VOCAB_FILE",
    "WORDPIECE_TOKENS",
    "WordPieceSettings",
    "load_wordpiece_vocabulary",
    "vocabulary_lines",
    "wordpiece_tokens",
]

VOCAB_FILE = "vocab.txt"
#: What the library ``tokenizers`` cuts off behind a token: Unicode's white space.
_WHITE_SPACE = "\t\n\v\f\r \x85\xa0\u1680\u2028\u2029\u202f\u205f\u3000" + "".join(map(chr, range(0x2000, 0x200B)))
#: The files that hold a vocabulary, the best first.
VOCABULARY_FILES = ({"tokenizer_file": TOKENIZER_FILE}, {"vocab_file": VOCAB_FILE})
WORDPIECE_TOKENS = {
    "unk_token": "[UNK]",
    "sep_token": "[SEP]",
    "pad_token": "[PAD]",
    "cls_token": "[CLS]",
    "mask_token": "[MASK]",
}


class WordPieceSettings(TokenizerSettings, total=False):
    """The options of a WordPiece tokenizer.

    Attributes:
        do_lower_case: Whether texts are lowered first.
        strip_accents: Whether accents are removed first; None: if texts are lowered.
        tokenize_chinese_chars: Whether each Chinese character is a word.
    """

    do_lower_case: bool
    strip_accents: bool | None
    tokenize_chinese_chars: bool


def load_wordpiece_vocabulary(path: Path) -> dict[str, int]:
    """Read a vocab.txt: one token a line; the number of the line, from 0, is its id.

    White space behind a token is not part of it, of a token that stands twice the last line counts, and an empty line
    has no token: the ids of all others stay those of their lines. Each of these is announced.

    Raises:
        CheckpointCorrupt: It is not UTF-8 text, is empty, or is a file of another kind.
    """
    try:
        text = read_bytes(path, max_bytes=MAX_TOKENIZER_BYTES).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise CheckpointCorrupt(f"{str(path)!r} is not UTF-8 text (byte {error.start}).") from error
    lines = text.replace("\r\n", "\n").rstrip("\r\n").split("\n" if "\n" in text else "\r")
    if hint := looks_like(text):
        raise CheckpointCorrupt(f"{str(path)!r} is not a vocabulary.{hint}")
    if text.startswith("{"):
        raise CheckpointCorrupt(
            f"{str(path)!r} is not a vocabulary of one token a line, but JSON. A tokenizer.json goes to tokenizer_file."
        )
    vocabulary: dict[str, int] = {}
    odd: dict[str, list[str]] = {"white space was cut off": [], "empty": [], "repeated by a later line": []}
    for number, line in enumerate(lines):
        token = line.rstrip(_WHITE_SPACE)
        if token != line and token:
            odd["white space was cut off"].append(str(number + 1))
        if not token:
            odd["empty"].append(str(number + 1))
            continue
        if token in vocabulary:
            odd["repeated by a later line"].append(str(vocabulary[token] + 1))
        vocabulary[token] = number
    if faults := [f"{fault}: {shorten(places)}" for fault, places in odd.items() if places]:
        announce(
            f"{str(path)!r} has lines that are odd in a vocabulary; the ids of all others stay. {'; '.join(faults)}."
        )
    return vocabulary


def vocabulary_lines(vocabulary: Mapping[str, int]) -> bytes:
    """Return the content of a vocab.txt.

    Raises:
        OptionError: A file of lines cannot hold this vocabulary.
    """
    tokens = sorted(vocabulary, key=vocabulary.__getitem__)
    for number, token in enumerate(tokens):
        if vocabulary[token] != number or not token or set(token) & {"\n", "\r"}:
            raise OptionError(
                f"{VOCAB_FILE} cannot hold this vocabulary: line {number + 1} would be the token {token!r} of the id "
                f"{vocabulary[token]}; expected tokens of one line with ids from 0. Use save_pretrained."
            )
    return "".join(f"{token}\n" for token in tokens).encode()


def wordpiece_tokens(
    path: Path, vocabulary: Mapping[str, int], clean: Mapping[str, Any], *, owner: str, defaults: Mapping[str, str]
) -> dict[str, str | None]:
    """Return name → token, for the special tokens of a tokenizer that is built from a vocab.txt.

    Args:
        path: The file, for the message.
        vocabulary: What is in it.
        clean: The settings that were given.
        owner: The tokenizer's name, for the message.
        defaults: The special tokens if no others are given.

    Raises:
        CheckpointCorrupt: The vocabulary lacks one.
        OptionError: There is no unknown token.
    """
    added = {token.content for token in (clean.get("added_tokens_decoder") or {}).values()}
    tokens: dict[str, str | None] = {}
    for name, default in defaults.items():
        token = clean.get(name, read_token(name, default))
        tokens[name] = None if token is None else token.content
        if tokens[name] is None or tokens[name] in vocabulary:
            continue
        if name == "mask_token" and name not in clean:
            tokens[name] = None
            continue
        if name in ("pad_token", "mask_token") and tokens[name] in added:
            continue
        raise CheckpointCorrupt(
            f"{str(path)!r} has no line {shown(tokens[name])}, the {name}."
            f"{did_you_mean(str(tokens[name]), vocabulary)} Add it to the file, or say which line it is with {name}=..."
        )
    if tokens["unk_token"] is None:
        raise OptionError(f"{owner}: unk_token must be a token of the vocabulary, but is None.")
    return tokens
