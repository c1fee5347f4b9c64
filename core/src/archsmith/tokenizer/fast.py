"""Tokenizers on the Rust library ``tokenizers``, which is imported when the first one is made."""

import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Unpack

from archsmith.errors import CheckpointNotFound, InputError, OptionError
from archsmith.files.checkpoint import Checkpoint
from archsmith.files.names import TOKENIZER_FILE
from archsmith.lengths import Truncation, check_untruncated
from archsmith.messages import shown
from archsmith.options import checked_call, read_flag
from archsmith.tokenizer import rust
from archsmith.tokenizer.base import PreTrainedTokenizerBase
from archsmith.tokenizer.calls import EncodedRows
from archsmith.tokenizer.rust import RustVocabulary
from archsmith.tokenizer.settings import TokenizerSettings, stored_settings
from archsmith.tokenizer.texts import Texts, check_strings, unencodable
from archsmith.tokenizer.vocabulary import check_token_ids

if TYPE_CHECKING:
    from tokenizers import Tokenizer

__all__ = ["PreTrainedTokenizerFast", "named_file"]


class PreTrainedTokenizerFast(PreTrainedTokenizerBase):
    """A tokenizer on the library ``tokenizers``: fast on batches, and able to trace tokens back to the text.

    Padding and truncation that are stored in a tokenizer.json apply only where a call asks for them; saving writes
    them back.

    Example:
        >>> from tokenizers import Tokenizer, models, pre_tokenizers
        >>> words = Tokenizer(models.WordLevel({"[UNK]": 0, "hello": 1, "world": 2}, unk_token="[UNK]"))
        >>> words.pre_tokenizer = pre_tokenizers.Whitespace()
        >>> tokenizer = PreTrainedTokenizerFast(words, unk_token="[UNK]", model_max_length=512)
        >>> tokenizer("hello new world").input_ids
        [1, 0, 2]

    Args:
        tokenizer_object: A ``tokenizers.Tokenizer``; it is not changed.
        tokenizer_file: The path of a tokenizer.json, instead.
        **settings: See `TokenizerSettings`.

    Raises:
        OptionError: Neither or both are given, or an option is wrong.
        CheckpointNotFound, CheckpointCorrupt: The file cannot be read.
        MissingDependency: The library is not installed.
    """

    is_fast = True
    tokenizer_class = "PreTrainedTokenizerFast"
    vocab_files: ClassVar[Sequence[Mapping[str, str]]] = ({"tokenizer_file": TOKENIZER_FILE},)
    vocabulary: RustVocabulary

    _stored: dict[str, Any]

    def __init__(
        self,
        tokenizer_object: "Tokenizer | None" = None,
        *,
        tokenizer_file: str | os.PathLike[str] | None = None,
        **settings: Unpack[TokenizerSettings],
    ) -> None:
        if (tokenizer_object is None) == (tokenizer_file is None):
            raise OptionError(f"{type(self).__name__} needs either tokenizer_object or tokenizer_file.")
        if tokenizer_file is not None:
            tokenizer_object = rust.load_tokenizer_json(named_file("tokenizer_file", tokenizer_file))
        elif not isinstance(tokenizer_object, rust.import_tokenizers().Tokenizer):
            raise OptionError(f"tokenizer_object must be a tokenizers.Tokenizer, but is {shown(tokenizer_object)}.")
        self._stored = {"truncation": tokenizer_object.truncation, "padding": tokenizer_object.padding}
        check_token_ids(tokenizer_object.get_vocab(), "the vocabulary of the tokenizer", OptionError)
        vocabulary = RustVocabulary(rust.variant(tokenizer_object))
        super().__init__(vocabulary, **(stored_settings(self._stored, vocabulary.id_of) | settings))

    @property
    def backend_tokenizer(self) -> "Tokenizer":
        """The ``tokenizers.Tokenizer`` itself. It neither pads nor truncates; calls work on copies of it that do."""
        return self.vocabulary.tokenizer

    @backend_tokenizer.setter
    def backend_tokenizer(self, tokenizer: "Tokenizer") -> None:
        self.vocabulary = RustVocabulary(tokenizer)

    def __getstate__(self) -> dict[str, Any]:
        return super().__getstate__() | {"vocabulary": RustVocabulary(rust.variant(self.backend_tokenizer))}

    # ---- what the base asks for -----------------------------------------------------------------------------

    def convert_tokens_to_string(self, tokens: Sequence[str]) -> str:
        """Join tokens to a text. Raises `InputError`: they are not strings."""
        check_strings(tokens)
        decoder = self.backend_tokenizer.decoder
        with rust.translated(InputError, "the tokens cannot be joined"):
            return " ".join(tokens) if decoder is None else decoder.decode(list(tokens))

    @checked_call
    def num_special_tokens_to_add(self, pair: bool = False) -> int:
        """Return how many special tokens are put around a text or a pair."""
        return self.backend_tokenizer.num_special_tokens_to_add(read_flag("pair", pair, default=False))

    def encode_texts(
        self, texts: Texts, truncation: Truncation | None, *, add_special_tokens: bool, overflow: bool
    ) -> EncodedRows:
        """Turn checked texts into rows of ids; with ``overflow`` also what was truncated."""
        tokenizer = self.backend_tokenizer
        if texts.are_ids:
            tokenizer = rust.of_ids(tokenizer, texts.strings())
        elif self.split_special_tokens:
            tokenizer = rust.variant(tokenizer, split_special=True)
        try:
            if truncation is not None:
                if texts.seconds is not None and truncation.strategy != "longest_first":
                    _check_untruncated(tokenizer, texts, truncation)
                tokenizer = rust.variant(tokenizer, truncation)
            encodings = tokenizer.encode_batch(
                texts.rows(), is_pretokenized=texts.is_split, add_special_tokens=add_special_tokens
            )
        except BaseException as error:
            if isinstance(error, Exception) and (reason := unencodable(texts)):
                raise InputError(reason) from error
            field = rust.at_fault(self.backend_tokenizer, texts.strings())
            with rust.translated(InputError, f"the text is sound, but the {field} of tokenizer.json cannot take it"):
                raise
        return EncodedRows([[each, *each.overflowing] if overflow else [each] for each in encodings])

    def decode_rows(self, rows: Sequence[Sequence[int]], *, skip_special_tokens: bool) -> list[str]:
        """Turn rows of checked ids into texts."""
        renamed = self.vocabulary.renamed()
        if renamed and any(number in renamed for row in rows for number in row):
            return super().decode_rows(rows, skip_special_tokens=skip_special_tokens)
        with rust.translated(InputError, "the ids cannot be decoded"):
            return self.backend_tokenizer.decode_batch(rows, skip_special_tokens=skip_special_tokens)

    @property
    def cleans_up(self) -> bool:
        """Whether decoding removes spaces before punctuation unless it is told otherwise."""
        is_bpe = type(self.backend_tokenizer.model).__name__ == "BPE"  # whose spaces belong to the text
        return self.clean_up_tokenization_spaces and not is_bpe

    def vocabulary_contents(self) -> dict[str, bytes]:
        """Return the content of tokenizer.json. Raises `OptionError`: a part is written in Python."""
        return {TOKENIZER_FILE: rust.to_json(self.backend_tokenizer, self._stored)}


def _check_untruncated(tokenizer: "Tokenizer", texts: Texts, truncation: Truncation) -> None:
    """Refuse pairs where the text that is kept leaves too little room; the library would panic over them."""

    def lengths(rows: Iterable[Any]) -> list[int]:
        encode = tokenizer.encode_batch_fast
        return list(map(len, encode(list(rows), is_pretokenized=texts.is_split, add_special_tokens=False)))

    keeps_first = truncation.strategy == "only_second"
    kept, others = (texts.firsts, texts.seconds) if keeps_first else (texts.seconds, texts.firsts)
    stays = lengths(kept or ())
    room = truncation.room - truncation.stride
    # How long the other one is only matters where room is tight.
    rest = lengths(text if room <= length else text[:0] for text, length in zip(others or (), stays, strict=True))
    pairs = zip(stays, rest, strict=True) if keeps_first else zip(rest, stays, strict=True)
    check_untruncated(truncation, list(pairs))


def named_file(name: str, path: Any) -> Path:
    """Return the path of a regular file that a caller named, after checking that it is one."""
    if not isinstance(path, str | os.PathLike) or not os.fspath(path):
        raise OptionError(f"{name} must be the path of a file, but is {shown(path)}.")
    path = Path(path).expanduser()
    if not path.name or not path.parent.is_dir():
        raise CheckpointNotFound(f"{name}: there is no file {str(path)!r} (working directory: {Path.cwd()}).")
    return Checkpoint(str(path.parent), path.parent).path(path.name)
