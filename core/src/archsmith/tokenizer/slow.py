"""Tokenizers in Python: slower than those on the library ``tokenizers``, and with no need of it."""

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any

from archsmith.errors import InputError
from archsmith.lengths import Truncation, check_untruncated
from archsmith.options import checked_call, read_flag
from archsmith.tokenizer.added_tokens import AddedToken, TokenFinder
from archsmith.tokenizer.base import PreTrainedTokenizerBase
from archsmith.tokenizer.calls import EncodedRows
from archsmith.tokenizer.templates import SpecialTokensTemplate
from archsmith.tokenizer.texts import Texts, check_strings, unencodable
from archsmith.tokenizer.vocabulary import Vocabulary

__all__ = ["PreTrainedTokenizer"]


class PreTrainedTokenizer(PreTrainedTokenizerBase):
    """A tokenizer in Python. A subclass says how it splits a text, and which files hold its vocabulary.

    Args:
        vocabulary: Token → id, or a `Vocabulary`.
        added_tokens: Tokens that are found in a text before it is split into words.
        **settings: See `TokenizerSettings`.

    Raises:
        OptionError: An option is wrong.
    """

    is_fast = False
    vocabulary: Vocabulary

    _finders: tuple[Vocabulary, TokenFinder, TokenFinder] | None = None

    def __init__(
        self,
        vocabulary: Mapping[str, int] | Vocabulary,
        *,
        added_tokens: Sequence[AddedToken] = (),
        **settings: Any,
    ) -> None:
        whole = vocabulary if isinstance(vocabulary, Vocabulary) else Vocabulary(vocabulary)
        super().__init__(whole.with_tokens(added_tokens), **settings)

    # ---- what a subclass says -------------------------------------------------------------------------------

    @property
    def template(self) -> SpecialTokensTemplate:
        """What is put around texts. Here: nothing."""
        return SpecialTokensTemplate()

    def normalize_text(self, text: str) -> str:
        """Return a text as it is looked up, with lowered letters for example. Here: as it stands."""
        return text

    @abstractmethod
    def split_text(self, text: str) -> list[str]:
        """Split a normalised text into tokens; one that the vocabulary lacks becomes the unknown token."""

    def join_tokens(self, tokens: Sequence[str]) -> str:
        """Join tokens to a text. Here: with spaces."""
        return " ".join(tokens)

    def __getstate__(self) -> dict[str, Any]:
        return super().__getstate__() | {"_finders": None}

    # ---- what the base asks for -----------------------------------------------------------------------------

    def convert_tokens_to_string(self, tokens: Sequence[str]) -> str:
        """Join tokens to a text. Raises `InputError`: they are not strings."""
        check_strings(tokens)
        return self.join_tokens(tokens)

    @checked_call
    def num_special_tokens_to_add(self, pair: bool = False) -> int:
        """Return how many special tokens are put around a text or a pair."""
        return self.template.count(is_pair=read_flag("pair", pair, default=False))

    def encode_texts(
        self, texts: Texts, truncation: Truncation | None, *, add_special_tokens: bool, overflow: bool
    ) -> EncodedRows:
        """Turn checked texts into rows of ids; with ``overflow`` also what was truncated."""
        if reason := unencodable(texts):
            raise InputError(reason)
        columns = [texts.firsts] if texts.seconds is None else [texts.firsts, texts.seconds]
        encode = self._encode_ids if texts.are_ids else self._encode_text
        pairs = list(zip(*([encode(text) for text in column] for column in columns), strict=True))
        template = self.template
        if truncation is not None and len(columns) > 1 and truncation.strategy != "longest_first":
            check_untruncated(truncation, [(len(first[0]), len(second[0])) for first, second in pairs])
        rows = [template.rows(pair, truncation, adds_special=add_special_tokens) for pair in pairs]
        return EncodedRows(rows if overflow else [row[:1] for row in rows])

    def _encode_ids(self, numbers: Sequence[str]) -> tuple[list[int], list[str]]:
        ids = list(map(int, numbers))
        return ids, self.convert_ids_to_tokens(ids)

    def _encode_text(self, text: str | Sequence[str]) -> tuple[list[int], list[str]]:
        ids: list[int] = []
        tokens: list[str] = []
        known = self.vocabulary.ids.get
        for word in [text] if isinstance(text, str) else text:
            for piece, number in self._pieces(word):
                found = self.split_text(piece) if number is None else [piece]
                tokens += found
                numbers = map(known, found) if number is None else [number]
                ids += [
                    self.convert_tokens_to_ids(found[place]) if id_ is None else id_
                    for place, id_ in enumerate(numbers)
                ]
        return ids, tokens

    def _pieces(self, text: str) -> list[tuple[str, int | None]]:
        """Split added tokens off a text: those that are looked for in the text as it stands, then the others."""
        found = self._finders  # other threads may set it, to the same
        if found is None or found[0] is not self.vocabulary:
            added = self.vocabulary.added
            found = (self.vocabulary, TokenFinder(added, None), TokenFinder(added, self.normalize_text))
            self._finders = found
        pieces: list[tuple[str, int | None]] = []
        for piece, number in found[1].pieces(text, splits_special=self.split_special_tokens):
            if number is None:
                normal = self.normalize_text(piece)
                pieces += found[2].pieces(normal, splits_special=self.split_special_tokens)
            else:
                pieces.append((piece, number))
        return pieces
