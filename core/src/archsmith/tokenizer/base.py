"""How every tokenizer is called: texts in, one mapping out; and ids back to text."""

from abc import abstractmethod
from collections.abc import Callable, Sequence
from typing import Any, Protocol

from archsmith.batch import BatchEncoding
from archsmith.errors import InputError
from archsmith.lengths import Padding, Side, Truncation, check_room, resolve_padding, resolve_truncation
from archsmith.messages import announce, shown
from archsmith.options import TensorType, check_tensor_type, read_count, read_flags
from archsmith.tokenizer.rows import RowTokenizer
from archsmith.tokenizer.texts import Texts, read_texts

__all__ = ["EncodedRows", "PreTrainedTokenizerBase"]


class EncodedRows(Protocol):
    """What the texts of a call became, row by row, before they are filled up.

    Attributes:
        ids: The ids of each row.
        samples: For each row the text that it is from: a text that was cut can have several rows.
    """

    ids: Sequence[Sequence[int]]
    samples: Sequence[int]

    def column(self, name: str) -> Sequence[Sequence[Any]]:
        """Return ``token_type_ids``, ``special_tokens_mask`` or ``offset_mapping``."""

    def encodings(
        self, width: int | None, side: Side, filling: tuple[int, int, str] | None
    ) -> Callable[[], Sequence[Any]] | None:
        """Return what makes the encodings of the library ``tokenizers``, filled up; None for a slow tokenizer.

        Args:
            width: The length they get; None: as they are.
            side: Where the filling goes.
            filling: Its id, its token type and its token.
        """


class PreTrainedTokenizerBase(RowTokenizer):
    """A tokenizer: it turns texts into ids, and ids into text.

    A call changes nothing about the tokenizer, so that threads can share one.
    """

    def __call__(
        self,
        text: Any,
        text_pair: Any = None,
        *,
        add_special_tokens: bool = True,
        padding: bool | str = False,
        truncation: bool | str | None = None,
        max_length: int | None = None,
        stride: int = 0,
        pad_to_multiple_of: int | None = None,
        padding_side: Side | None = None,
        is_split_into_words: bool = False,
        return_tensors: TensorType | None = None,
        return_token_type_ids: bool | None = None,
        return_attention_mask: bool | None = None,
        return_special_tokens_mask: bool = False,
        return_offsets_mapping: bool = False,
        return_overflowing_tokens: bool = False,
        return_length: bool = False,
    ) -> BatchEncoding:
        """Turn a text, or a batch of texts or pairs, into ids.

        Args:
            text: A string, or a list of strings for a batch; with ``is_split_into_words`` a list of words, or a list
                of such lists. A batch of pairs may be one list of ``[first, second]``.
            text_pair: The second texts, in the same form.
            add_special_tokens: Put the model's special tokens around the texts.
            padding: True or ``"longest"``: fill up to the longest row; ``"max_length"``: to that length.
            truncation: True or ``"longest_first"``: cut the longer text of a pair first; ``"only_first"`` or
                ``"only_second"``: cut that one. None: cut if ``max_length`` is given and ``padding`` is off.
            max_length: Tokens of a row, special ones included; None: `model_max_length`.
            stride: Tokens that an overflowing row repeats of the one before it.
            pad_to_multiple_of: Round the length of filled-up rows up to a multiple of this.
            padding_side: ``"right"`` or ``"left"``; None: the tokenizer's own.
            is_split_into_words: The texts are lists of words.
            return_tensors: ``"pt"``, ``"np"``, or None for lists.
            return_token_type_ids: Return which text of a pair each token is from; None: if the model takes it.
            return_attention_mask: Return 1 for tokens and 0 for filling; None: if the model takes it.
            return_special_tokens_mask: Return 1 for special tokens and filling.
            return_offsets_mapping: Return the characters that each token stands for; fast tokenizers alone.
            return_overflowing_tokens: Return what was cut off as more rows, with ``overflow_to_sample_mapping``.
            return_length: Return the length of each row, filling included.

        Returns:
            Lists for one text, lists of lists for a batch, or tensors of int64, (rows, tokens).

        Raises:
            InputError: The texts are of a wrong form or cannot be encoded, or the rows cannot become a tensor.
            OptionError: An option is wrong, or contradicts another.
        """
        check_tensor_type(return_tensors)
        read_flags(
            add_special_tokens=add_special_tokens,
            return_special_tokens_mask=return_special_tokens_mask,
            return_offsets_mapping=return_offsets_mapping,
            return_overflowing_tokens=return_overflowing_tokens,
            return_length=return_length,
        )
        texts = read_texts(text, text_pair, is_split_into_words=is_split_into_words)
        cut, fill = self._resolve_lengths(
            texts,
            padding=padding,
            truncation=truncation,
            max_length=max_length,
            stride=stride,
            multiple=pad_to_multiple_of,
            side=padding_side,
            special=self._special_count(is_pair=texts.seconds is not None) if add_special_tokens else 0,
        )
        rows = self._encode(texts, add_special_tokens=add_special_tokens, cut=cut, overflow=return_overflowing_tokens)
        self._announce_long_rows(rows.ids)
        wanted = {
            "token_type_ids": self._wants("token_type_ids", return_token_type_ids),
            "attention_mask": self._wants("attention_mask", return_attention_mask),
            "special_tokens_mask": return_special_tokens_mask,
            "offset_mapping": return_offsets_mapping,
        }
        columns: dict[str, Sequence[Any] | None] = {self.model_input_names[0]: rows.ids}
        for name in (name for name, is_wanted in wanted.items() if is_wanted):
            columns[name] = None if name == "attention_mask" else rows.column(name)
        data = self._collate(columns, fill, return_tensors)
        if return_length:
            data["length"] = [len(row) for row in data[self.model_input_names[0]]]
        if return_overflowing_tokens:
            data["overflow_to_sample_mapping"] = list(rows.samples)
        elif texts.is_single and return_tensors is None:
            data = {name: value if name == "length" else value[0] for name, value in data.items()}
        width = None if fill is None else fill.width(max(map(len, rows.ids)))
        encodings = rows.encodings(width, self.padding_side if fill is None else fill.side, self._filling())
        return BatchEncoding(data, encodings, tensor_type=return_tensors)

    def encode(
        self,
        text: Any,
        text_pair: Any = None,
        *,
        add_special_tokens: bool = True,
        padding: bool | str = False,
        truncation: bool | str | None = None,
        max_length: int | None = None,
        stride: int = 0,
        pad_to_multiple_of: int | None = None,
        padding_side: Side | None = None,
        is_split_into_words: bool = False,
        return_tensors: TensorType | None = None,
    ) -> Any:
        """Return the ids alone: a list for one text. Arguments and errors as for calling the tokenizer."""
        encoded = self(
            text,
            text_pair,
            add_special_tokens=add_special_tokens,
            padding=padding,
            truncation=truncation,
            max_length=max_length,
            stride=stride,
            pad_to_multiple_of=pad_to_multiple_of,
            padding_side=padding_side,
            is_split_into_words=is_split_into_words,
            return_tensors=return_tensors,
        )
        return encoded[self.model_input_names[0]]

    def tokenize(self, text: str, pair: str | None = None, *, add_special_tokens: bool = False) -> list[str]:
        """Return the tokens of one text or pair.

        Raises:
            InputError: It is not a text, or cannot be encoded.
        """
        read_flags(add_special_tokens=add_special_tokens)
        texts = read_texts(text, pair)
        if not texts.is_single:
            raise InputError(f"tokenize takes one text as a string, but got {shown(text)}.")
        rows = self._encode(texts, add_special_tokens=add_special_tokens, cut=None, overflow=False)
        return self._tokens(rows)

    def num_special_tokens_to_add(self, *, pair: bool = False) -> int:
        """Return how many special tokens are put around a text or a pair."""
        return self._special_count(is_pair=pair)

    # ---- what a kind of tokenizer does ----------------------------------------------------------------------

    @abstractmethod
    def _encode(self, texts: Texts, *, add_special_tokens: bool, cut: Truncation | None, overflow: bool) -> EncodedRows:
        """Turn texts into rows of ids; with ``overflow`` also what was cut off."""

    @abstractmethod
    def _special_count(self, *, is_pair: bool) -> int:
        """Return how many special tokens are put around a text or a pair."""

    @abstractmethod
    def _tokens(self, rows: EncodedRows) -> list[str]:
        """Return the tokens of the first row."""

    # ---- the steps of a call --------------------------------------------------------------------------------

    def _resolve_lengths(
        self,
        texts: Texts,
        *,
        padding: Any,
        truncation: Any,
        max_length: Any,
        stride: Any,
        multiple: Any,
        side: Any,
        special: int,
    ) -> tuple[Truncation | None, Padding | None]:
        """Decide how the rows of a call are cut and filled up. Raises `OptionError`."""
        max_length = read_count("max_length", max_length, least=1)
        is_pair = texts.seconds is not None
        cut = resolve_truncation(
            truncation,
            max_length=max_length,
            stride=stride,
            padding=padding,
            direction=self.truncation_side,
            model_max_length=self.model_max_length,
            is_pair=is_pair,
        )
        fill = resolve_padding(
            padding,
            max_length=max_length,
            multiple=multiple,
            side=self.padding_side if side is None else side,
            model_max_length=self.model_max_length,
            cut_to=None if cut is None else cut.max_length,
        )
        self._check_pad_token(fill)
        if cut is not None:
            check_room(cut, special=special, is_pair=is_pair)
        elif max_length is not None and fill is not None and fill.length is None:
            announce(
                f"max_length={max_length} has no effect: padding={padding!r} fills up to the longest row, and nothing "
                "is cut. Pass truncation=True, or padding='max_length'."
            )
        return cut, fill

    def _announce_long_rows(self, rows: Sequence[Sequence[int]]) -> None:
        longest = max(map(len, rows))
        if longest > self.model_max_length:
            announce(
                f"a text has {longest} tokens, but the model takes {self.model_max_length} (model_max_length). "
                f"Cut it: truncation=True, max_length={self.model_max_length}."
            )

    def __repr__(self) -> str:
        special = ", ".join(f"{name}={token!r}" for name, token in self._special.items())
        return f"{type(self).__name__}({len(self)} tokens, model_max_length={self.model_max_length}, {special})"
