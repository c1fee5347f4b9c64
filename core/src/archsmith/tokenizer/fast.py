"""Tokenizers: in Python, and on the Rust library ``tokenizers``, which is imported when the first one is made."""

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Unpack

from archsmith.errors import CheckpointNotFound, InputError, OptionError
from archsmith.files.checkpoint import Checkpoint
from archsmith.lengths import Side, Truncation, check_uncut
from archsmith.messages import shown
from archsmith.tokenizer import rust as rust_tokenizer
from archsmith.tokenizer.base import EncodedRows, PreTrainedTokenizerBase
from archsmith.tokenizer.rust import translated
from archsmith.tokenizer.settings import TokenizerSettings
from archsmith.tokenizer.slow import PreTrainedTokenizer
from archsmith.tokenizer.special_tokens import AddedToken, read_token
from archsmith.tokenizer.texts import Texts, unencodable

if TYPE_CHECKING:
    from tokenizers import Tokenizer

__all__ = ["AddedToken", "PreTrainedTokenizer", "PreTrainedTokenizerBase", "PreTrainedTokenizerFast", "named_file"]

TOKENIZER_FILE = "tokenizer.json"


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

    _rust: "Tokenizer"
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
            tokenizer_object = rust_tokenizer.load_tokenizer_json(named_file("tokenizer_file", tokenizer_file))
        elif not isinstance(tokenizer_object, rust_tokenizer.import_tokenizers().Tokenizer):
            raise OptionError(f"tokenizer_object must be a tokenizers.Tokenizer, but is {shown(tokenizer_object)}.")
        self._rust, self._stored = rust_tokenizer.detached(tokenizer_object)
        stored = self._stored_settings()
        stored.update(settings)
        super().__init__(**stored)

    @property
    def backend_tokenizer(self) -> "Tokenizer":
        """The ``tokenizers.Tokenizer`` itself. It neither pads nor truncates; calls work on copies of it that do."""
        return self._rust

    @property
    def vocab_size(self) -> int:
        """The number of tokens, without those that were added to it."""
        return self._rust.get_vocab_size(with_added_tokens=False)

    def __len__(self) -> int:
        return self._rust.get_vocab_size(with_added_tokens=True)

    def get_vocab(self) -> dict[str, int]:
        """Return token → id, with the tokens that were added."""
        return self._rust.get_vocab(with_added_tokens=True)

    @property
    def added_tokens_decoder(self) -> dict[int, AddedToken]:
        """Id → token, for the tokens that are found in a text before it is cut into words."""
        added = self._rust.get_added_tokens_decoder()
        return {number: read_token("token", token) for number, token in sorted(added.items())}

    def convert_tokens_to_string(self, tokens: Sequence[str]) -> str:
        """Join tokens to a text. Raises `InputError`: they are no strings."""
        if not isinstance(tokens, list | tuple) or not all(isinstance(token, str) for token in tokens):
            raise InputError(f"tokens must be a list of strings, but is {shown(tokens)}.")
        decoder = self._rust.decoder
        with translated(InputError, "the tokens cannot be joined"):
            return " ".join(tokens) if decoder is None else decoder.decode(list(tokens))

    # ---- what the base asks for -----------------------------------------------------------------------------

    def _id_of(self, token: str) -> int | None:
        return self._rust.token_to_id(token)

    def _token_at(self, number: int) -> str | None:
        token = self._rust.id_to_token(number) if 0 <= number < 2**32 else None
        if token is not None and self._rust.token_to_id(token) != number:  # the library gives its normalised form
            token = self._renamed().get(number, token)
        return token

    def _renamed(self) -> dict[int, str]:
        """Return id → token, for the added tokens that the library does not give as they were added."""
        added = self._rust.get_added_tokens_decoder()
        return {
            number: token.content
            for number, token in added.items()
            if token.normalized and self._rust.id_to_token(number) != token.content
        }

    def _add(self, tokens: Sequence[AddedToken]) -> None:
        with translated(OptionError, "tokens cannot be added"):
            rust_tokenizer.add_tokens(self._rust, tokens)

    def _special_count(self, *, is_pair: bool) -> int:
        return self._rust.num_special_tokens_to_add(is_pair)

    def _encode(self, texts: Texts, *, add_special_tokens: bool, cut: Truncation | None, overflow: bool) -> "RustRows":
        if cut is not None and texts.seconds is not None and cut.strategy != "longest_first":
            self._check_uncut(texts, cut, add_special_tokens=add_special_tokens)
        rust = self._rust
        if cut is not None or self.split_special_tokens:
            rust = rust_tokenizer.variant(rust, cut, split_special=self.split_special_tokens)
        try:
            encodings = rust.encode_batch(
                texts.rows(), is_pretokenized=texts.is_split, add_special_tokens=add_special_tokens
            )
        except BaseException as error:
            with translated(InputError, "the text cannot be encoded"):
                if isinstance(error, Exception) and (reason := unencodable(texts)):
                    raise InputError(reason) from error
                raise
        return RustRows(encodings, overflow=overflow)

    def _check_uncut(self, texts: Texts, cut: Truncation, *, add_special_tokens: bool) -> None:
        """Refuse pairs where the text that is not cut leaves too little room; the library would panic over them."""
        special = self._special_count(is_pair=True) if add_special_tokens else 0
        room = cut.room(special)
        keeps_first = cut.strategy == "only_second"
        kept, others = (texts.firsts, texts.seconds) if keeps_first else (texts.seconds, texts.firsts)
        lengths = self._lengths(texts, kept)
        tight = [row for row, length in enumerate(lengths) if room - length <= cut.stride]
        remaining = [0] * len(lengths)
        for row, length in zip(tight, self._lengths(texts, [others[row] for row in tight]), strict=True):  # type: ignore[index]
            remaining[row] = length
        pairs = zip(lengths, remaining, strict=True) if keeps_first else zip(remaining, lengths, strict=True)
        check_uncut(cut, special, list(pairs))

    def _lengths(self, texts: Texts, rows: Any) -> list[int]:
        if reason := unencodable(texts):
            raise InputError(reason)
        rust = rust_tokenizer.variant(self._rust, split_special=True) if self.split_special_tokens else self._rust
        with translated(InputError, "the text cannot be encoded"):
            encodings = rust.encode_batch_fast(list(rows), is_pretokenized=texts.is_split, add_special_tokens=False)
        return [len(encoding) for encoding in encodings]

    def _tokens(self, rows: EncodedRows) -> list[str]:
        return list(rows.sources[0].tokens)  # type: ignore[attr-defined]

    def _decode(self, rows: Sequence[Sequence[int]], *, skip_special_tokens: bool) -> list[str]:
        renamed = self._renamed()
        if renamed and any(number in renamed for row in rows for number in row):
            special = {number for number, token in self.added_tokens_decoder.items() if token.special}
            skipped = special if skip_special_tokens else set()
            tokens = ([self._token_at(number) for number in row if number not in skipped] for row in rows)
            return [self.convert_tokens_to_string([token for token in row if token is not None]) for row in tokens]
        with translated(InputError, "the ids cannot be decoded"):
            return self._rust.decode_batch(rows, skip_special_tokens=skip_special_tokens)

    def _cleans_up(self) -> bool:
        is_bpe = type(self._rust.model).__name__ == "BPE"  # whose spaces belong to the text
        return self.clean_up_tokenization_spaces and not is_bpe

    # ---- files ----------------------------------------------------------------------------------------------

    def _stored_settings(self) -> TokenizerSettings:
        """Return what the padding and truncation of a tokenizer.json tell about the tokenizer."""
        settings: dict[str, Any] = {}
        if cut := self._stored["truncation"]:
            settings["truncation_side"] = cut["direction"]
        if fill := self._stored["padding"]:
            settings["padding_side"] = fill["direction"]
            settings["pad_token_type_id"] = fill["pad_type_id"]
            if self._rust.token_to_id(fill["pad_token"]) == fill["pad_id"]:
                settings["pad_token"] = fill["pad_token"]
        return settings  # type: ignore[return-value]

    @classmethod
    def _open(cls, checkpoint: Checkpoint, settings: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, str]]:  # noqa: ARG003
        path = checkpoint.path(TOKENIZER_FILE)
        return {"tokenizer_object": rust_tokenizer.load_tokenizer_json(path)}, {}

    @classmethod
    def _needs_added_tokens(cls, checkpoint: Checkpoint) -> bool:
        return checkpoint.find(TOKENIZER_FILE) is None

    def _vocabulary_files(self) -> dict[str, bytes]:
        return {TOKENIZER_FILE: rust_tokenizer.to_json(self._rust, self._stored)}


class RustRows:
    """The rows of a call, as encodings of the library.

    Args:
        encodings: One for each text.
        overflow: Whether what was cut off becomes rows too.
    """

    def __init__(self, encodings: Sequence[Any], *, overflow: bool) -> None:
        self.sources: list[Any] = list(encodings)
        self.samples: Sequence[int] = range(len(self.sources))
        if overflow:
            pieces = [[encoding, *encoding.overflowing] for encoding in encodings]
            self.sources = [piece for row in pieces for piece in row]
            self.samples = [sample for sample, row in enumerate(pieces) for _ in row]
        self.ids: Sequence[Sequence[int]] = [encoding.ids for encoding in self.sources]

    def column(self, name: str) -> list[list[Any]]:
        """Return a column by the name that it has in the output."""
        if name == "token_type_ids":
            return [encoding.type_ids for encoding in self.sources]
        if name == "special_tokens_mask":
            return [encoding.special_tokens_mask for encoding in self.sources]
        return [encoding.offsets for encoding in self.sources]

    def encodings(
        self, width: int | None, side: Side, filling: tuple[int, int, str] | None
    ) -> Callable[[], Sequence[Any]]:
        """Return what fills up the encodings when they are first asked for."""
        sources = self.sources

        def filled() -> Sequence[Any]:
            if width is not None and filling is not None:
                number, token_type, token = filling
                for encoding in sources:
                    encoding.pad(width, direction=side, pad_id=number, pad_type_id=token_type, pad_token=token)
            return sources

        return filled


def named_file(name: str, path: Any) -> Path:
    """Return the path of a regular file that a caller named, after checking that it is one."""
    if not isinstance(path, str | os.PathLike) or not os.fspath(path):
        raise OptionError(f"{name} must be the path of a file, but is {shown(path)}.")
    path = Path(path).expanduser()
    if not path.name or not path.parent.is_dir():
        raise CheckpointNotFound(f"{name}: there is no file {str(path)!r} (working directory: {Path.cwd()}).")
    return Checkpoint(str(path.parent), path.parent).path(path.name)
