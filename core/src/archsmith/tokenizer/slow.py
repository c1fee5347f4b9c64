"""Tokenizers in Python: slower than those on the library ``tokenizers``, and with no need of it."""

import sys
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Unpack

from archsmith.errors import InputError
from archsmith.lengths import Truncation, check_uncut
from archsmith.messages import shown
from archsmith.tokenizer.added_tokens import Finder
from archsmith.tokenizer.base import EncodedRows, PreTrainedTokenizerBase
from archsmith.tokenizer.settings import TokenizerSettings
from archsmith.tokenizer.special_tokens import AddedToken
from archsmith.tokenizer.templates import Around, PythonRows
from archsmith.tokenizer.texts import Texts, unencodable

__all__ = ["PreTrainedTokenizer"]


class PreTrainedTokenizer(PreTrainedTokenizerBase):
    """A tokenizer in Python. A subclass says how it cuts a text, and which files hold its vocabulary.

    Args:
        vocabulary: Token → id.
        added_tokens: Tokens that are found in a text before it is cut into words.
        **settings: See `TokenizerSettings`.

    Raises:
        OptionError: An option is wrong.
    """

    is_fast = False

    _vocabulary: dict[str, int]
    _tokens_by_id: dict[int, str]
    _added: dict[int, AddedToken]
    _added_ids: dict[str, int]
    _finders: tuple[Finder, Finder] | None

    def __init__(
        self,
        vocabulary: Mapping[str, int],
        *,
        added_tokens: Sequence[AddedToken] = (),
        **settings: Unpack[TokenizerSettings],
    ) -> None:
        self._vocabulary = dict(vocabulary)
        self._tokens_by_id = {number: token for token, number in self._vocabulary.items()}
        self._added, self._added_ids, self._finders = {}, {}, None
        self._add(added_tokens)
        super().__init__(**settings)

    # ---- what a subclass says -------------------------------------------------------------------------------

    @property
    def around(self) -> Around:
        """What is put around texts. Here: nothing."""
        return Around()

    def normalize_text(self, text: str) -> str:
        """Return a text as it is looked up, with lowered letters for example. Here: as it stands."""
        return text

    @abstractmethod
    def split_text(self, text: str) -> list[str]:
        """Cut a normalised text into tokens; one that the vocabulary lacks becomes the unknown token."""

    def join_tokens(self, tokens: Sequence[str]) -> str:
        """Join tokens to a text. Here: with spaces."""
        return " ".join(tokens)

    # ---- the vocabulary -------------------------------------------------------------------------------------

    @property
    def vocab_size(self) -> int:
        """The number of tokens, without those that were added to it."""
        return len(self._vocabulary)

    def __len__(self) -> int:
        return len(self._vocabulary) + sum(token not in self._vocabulary for token in self._added_ids)

    def get_vocab(self) -> dict[str, int]:
        """Return token → id, with the tokens that were added."""
        return self._vocabulary | self._added_ids

    @property
    def added_tokens_decoder(self) -> dict[int, AddedToken]:
        """Id → token, for the tokens that are found in a text before it is cut into words."""
        return dict(sorted(self._added.items()))

    def convert_tokens_to_string(self, tokens: Sequence[str]) -> str:
        """Join tokens to a text. Raises `InputError`: they are no strings."""
        if not isinstance(tokens, list | tuple) or not all(isinstance(token, str) for token in tokens):
            raise InputError(f"tokens must be a list of strings, but is {shown(tokens)}.")
        return self.join_tokens(tokens)

    def _id_of(self, token: str) -> int | None:
        token.encode()
        number = self._added_ids.get(token)
        return self._vocabulary.get(token) if number is None else number

    def _token_at(self, number: int) -> str | None:
        added = self._added.get(number)
        return self._tokens_by_id.get(number) if added is None else added.content

    def _add(self, tokens: Sequence[AddedToken]) -> None:
        self._added, self._added_ids = dict(self._added), dict(self._added_ids)  # a copy may share what was there
        behind = max((*self._tokens_by_id, *self._added), default=-1) + 1
        for token in tokens:
            number = self._id_of(token.content)
            number = behind if number is None else number
            behind = max(behind, number + 1)
            self._added[number] = replace(token, **token.to_dict())
            self._added_ids[token.content] = number
        self._finders = None

    # ---- what the base asks for -----------------------------------------------------------------------------

    def _special_count(self, *, is_pair: bool) -> int:
        return self.around.count(is_pair=is_pair)

    def _encode(
        self, texts: Texts, *, add_special_tokens: bool, cut: Truncation | None, overflow: bool
    ) -> "PythonRows":
        if reason := unencodable(texts):
            raise InputError(reason)
        columns = [texts.firsts] if texts.seconds is None else [texts.firsts, texts.seconds]
        pairs = list(zip(*([self._encode_text(text) for text in column] for column in columns), strict=True))
        if cut is not None and len(columns) > 1 and cut.strategy != "longest_first":
            special = self._special_count(is_pair=True) if add_special_tokens else 0
            check_uncut(cut, special, [(len(first[0]), len(second[0])) for first, second in pairs])
        rows = [self.around.rows(pair, cut, adds_special=add_special_tokens) for pair in pairs]
        return PythonRows(rows, overflow=overflow, fast=self._fast_name())

    def _encode_text(self, text: str | Sequence[str]) -> tuple[list[int], list[str]]:
        ids: list[int] = []
        tokens: list[str] = []
        known = self._vocabulary.get
        for word in [text] if isinstance(text, str) else text:
            for piece, number in self._pieces(word):
                found = self.split_text(piece) if number is None else [piece]
                tokens += found
                numbers = map(known, found) if number is None else [number]
                ids += [self._known_id(found[at]) if id_ is None else id_ for at, id_ in enumerate(numbers)]
        return ids, tokens

    def _pieces(self, text: str) -> list[tuple[str, int | None]]:
        """Cut added tokens out of a text: those that are looked for in the text as it stands, then the others."""
        finders = self._finders  # other threads may set it, to the same
        if finders is None:
            finders = self._finders = (Finder.of(self._added, None), Finder.of(self._added, self.normalize_text))
        pieces: list[tuple[str, int | None]] = []
        for piece, number in finders[0].pieces(text, splits_special=self.split_special_tokens):
            if number is None:
                normal = self.normalize_text(piece)
                pieces += finders[1].pieces(normal, splits_special=self.split_special_tokens)
            else:
                pieces.append((piece, number))
        return pieces

    def _tokens(self, rows: EncodedRows) -> list[str]:
        return list(rows.rows[0].tokens)  # type: ignore[attr-defined]

    def _decode(self, rows: Sequence[Sequence[int]], *, skip_special_tokens: bool) -> list[str]:
        skipped = {number for number, token in self._added.items() if token.special} if skip_special_tokens else ()
        tokens = ([self._token_at(number) for number in row if number not in skipped] for row in rows)
        return [self.join_tokens([token for token in row if token is not None]) for row in tokens]

    @classmethod
    def _fast_name(cls) -> str:
        """Return the name of the class on the library that stands beside this one."""
        for kind in cls.__mro__:
            name = f"{kind.__name__}Fast"
            if hasattr(sys.modules.get(kind.__module__), name):
                return name
        return "PreTrainedTokenizerFast"
