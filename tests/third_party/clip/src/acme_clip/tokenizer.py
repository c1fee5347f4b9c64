"""CLIP's tokenizer: lower-case words, split into byte pairs that know where a word ends.

Source: Sennrich et al., "Neural Machine Translation of Rare Words with Subword Units" (arXiv:1508.07909).
"""

import os
from collections.abc import Mapping, Sequence
from typing import Any, Unpack

from archsmith.errors import CheckpointCorrupt, OptionError
from archsmith.files import read_bytes, read_json
from archsmith.tokenizer import (
    MAX_TOKENIZER_BYTES,
    PreTrainedTokenizerFast,
    TokenizerSettings,
    check_token_ids,
    import_tokenizers,
    named_file,
    read_settings,
    translated,
)

__all__ = ["CLIPTokenizerFast"]

_WORDS = r"<\|startoftext\|>|<\|endoftext\|>|'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+"  # as published


class CLIPTokenizerFast(PreTrainedTokenizerFast):
    """CLIP's tokenizer, from a tokenizer.json, or from a vocab.json and a merges.txt.

    Args:
        vocab_file: The path of a vocab.json: token → id.
        merges_file: The path of a merges.txt: the pairs that are joined, the first ones first.
        tokenizer_file: The path of a tokenizer.json, instead of both.
        tokenizer_object: A ``tokenizers.Tokenizer``, instead of all.
        **settings: See `TokenizerSettings`.

    Raises:
        OptionError: Neither or several ways are given, or an option is wrong.
        CheckpointNotFound, CheckpointCorrupt: A file cannot be read.
    """

    vocab_files = ({"tokenizer_file": "tokenizer.json"}, {"vocab_file": "vocab.json", "merges_file": "merges.txt"})
    tokenizer_class = "CLIPTokenizer"
    default_tokens = {
        "unk_token": "<|endoftext|>",
        "bos_token": "<|startoftext|>",
        "eos_token": "<|endoftext|>",
        "pad_token": "<|endoftext|>",
    }

    def __init__(
        self,
        vocab_file: str | os.PathLike[str] | None = None,
        merges_file: str | os.PathLike[str] | None = None,
        *,
        tokenizer_file: str | os.PathLike[str] | None = None,
        tokenizer_object: Any = None,
        **settings: Unpack[TokenizerSettings],
    ) -> None:
        clean: dict[str, Any] = read_settings(TokenizerSettings, settings, owner=type(self).__name__)
        if (vocab_file is None) != (merges_file is None):
            missing = "vocab_file" if vocab_file is None else "merges_file"
            raise OptionError(f"{type(self).__name__} needs vocab_file and merges_file together; pass {missing}=… too.")
        if vocab_file is not None and merges_file is not None:
            if tokenizer_file is not None or tokenizer_object is not None:
                raise OptionError(f"{type(self).__name__} takes vocab_file and merges_file, or one of the others.")
            path = named_file("vocab_file", vocab_file)
            vocabulary = read_json(path, max_bytes=MAX_TOKENIZER_BYTES)
            merges = read_merges(named_file("merges_file", merges_file))
            tokens = {name: self._token(clean, name) for name in self.default_tokens}
            tokenizer_object = build(vocabulary, merges, tokens, where=repr(str(path)))
        super().__init__(tokenizer_object, tokenizer_file=tokenizer_file, **clean)

    def decode_rows(self, rows: Sequence[Sequence[int]], *, skip_special_tokens: bool) -> list[str]:
        """Turn rows of checked ids into texts: a space wherever a word ends."""
        return [_spaced(text) for text in super().decode_rows(rows, skip_special_tokens=skip_special_tokens)]

    def convert_tokens_to_string(self, tokens: Sequence[str]) -> str:
        """Join tokens to a text. Raises `InputError`: they are not strings."""
        return _spaced(super().convert_tokens_to_string(tokens))

    @classmethod
    def sample(cls) -> "CLIPTokenizerFast":
        """Return a tokenizer of all bytes and a few joined ones, for checks."""
        letters = sorted(import_tokenizers().pre_tokenizers.ByteLevel.alphabet())
        merges = [("l", "o"), ("lo", "w</w>"), ("t", "h"), ("th", "e</w>")]
        tokens = [*letters, *(f"{letter}</w>" for letter in letters), *map("".join, merges)]
        vocabulary = {token: number for number, token in enumerate([*tokens, "<|startoftext|>", "<|endoftext|>"])}
        return cls(tokenizer_object=build(vocabulary, merges, cls.default_tokens, where="the sample"))

    def _token(self, settings: dict[str, Any], name: str) -> str:
        given = settings.get(name)
        return self.default_tokens[name] if given is None else getattr(given, "content", given)


def _spaced(text: str) -> str:
    return text.replace("</w>", " ").strip()


def build(vocabulary: dict[str, int], merges: list[tuple[str, str]], tokens: Mapping[str, str], *, where: str) -> Any:
    """Return the ``tokenizers.Tokenizer`` of a vocabulary and the pairs that are joined.

    Args:
        vocabulary: Token → id.
        merges: The pairs, the first ones first.
        tokens: Name → special token.
        where: Where the vocabulary comes from, for messages.

    Raises:
        CheckpointCorrupt: The two do not fit, or a special token is missing.
    """
    library = import_tokenizers()
    check_token_ids(vocabulary, where, CheckpointCorrupt)
    for name, token in tokens.items():
        if token not in vocabulary:
            raise CheckpointCorrupt(f"{where} has no token {token!r}, the {name}. Say which one it is: {name}=….")
    unknown, first, last = tokens["unk_token"], tokens["bos_token"], tokens["eos_token"]
    with translated(CheckpointCorrupt, f"{where} and the merges do not fit each other"):
        model = library.models.BPE(
            vocabulary, merges, unk_token=unknown, continuing_subword_prefix="", end_of_word_suffix="</w>"
        )
    made = library.Tokenizer(model)
    steps, splits, added = library.normalizers, library.pre_tokenizers, library.AddedToken
    space = steps.Replace(library.Regex(r"\s+"), " ")
    made.normalizer = steps.Sequence([steps.NFC(), space, steps.Lowercase()])
    words = splits.Split(library.Regex(_WORDS), behavior="removed", invert=True)
    made.pre_tokenizer = splits.Sequence([words, splits.ByteLevel(add_prefix_space=False)])
    made.decoder = library.decoders.ByteLevel()
    made.post_processor = library.processors.RobertaProcessing(
        (last, vocabulary[last]), (first, vocabulary[first]), add_prefix_space=False, trim_offsets=False
    )
    specials = sorted({*tokens.values()}, key=vocabulary.__getitem__)
    made.add_special_tokens([added(token, normalized=False, special=True) for token in specials])
    return made


def read_merges(path: Any) -> list[tuple[str, str]]:
    """Return the pairs of a merges.txt, without its line of version.

    Raises:
        CheckpointCorrupt: It is not UTF-8 text, or a line is not two tokens.
    """
    try:
        lines = read_bytes(path, max_bytes=MAX_TOKENIZER_BYTES).decode().split("\n")
    except UnicodeDecodeError as error:
        raise CheckpointCorrupt(f"{str(path)!r} is not UTF-8 text (byte {error.start}).") from error
    pairs = []
    for number, line in enumerate(lines, start=1):
        if not line.strip() or (number == 1 and line.startswith("#version")):
            continue
        pair = line.rstrip("\r").split(" ")
        if len(pair) != 2 or not all(pair):
            raise CheckpointCorrupt(
                f"{str(path)!r}, line {number}: expected two tokens with a space between, but it is {line!r}."
            )
        pairs.append((pair[0], pair[1]))
    return pairs
