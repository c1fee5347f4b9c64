"""How every tokenizer is called: texts in, one mapping out; and ids back to text."""

from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from archsmith.announcements import announce
from archsmith.batch import BatchEncoding, TensorType, check_tensor_type
from archsmith.collation import collate, read_columns
from archsmith.errors import InputError, OptionError
from archsmith.fields import shown
from archsmith.padding import Padding, resolve_padding
from archsmith.texts import Texts, clean_up, read_texts
from archsmith.tokenizer_files import SavedTokenizer
from archsmith.truncation import Side, Truncation, check_room, read_count, read_flags, resolve_truncation

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


class PreTrainedTokenizerBase(SavedTokenizer):
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
            InputError: The texts are of a wrong form or can not be encoded, or the rows can not become a tensor.
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
            InputError: It is no text, or can not be encoded.
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

    def pad(
        self,
        encoded_inputs: Any,
        *,
        padding: bool | str = True,
        max_length: int | None = None,
        pad_to_multiple_of: int | None = None,
        padding_side: Side | None = None,
        return_attention_mask: bool | None = None,
        return_tensors: TensorType | None = None,
    ) -> BatchEncoding:
        """Fill up rows that were encoded before, as to collate the examples of a data set.

        ``input_ids``, ``attention_mask``, ``token_type_ids``, ``special_tokens_mask`` and ``offset_mapping`` are
        filled up; other entries, such as labels, are passed on.

        Args:
            encoded_inputs: A list of mappings, one for each row, or one mapping, of a row or of a batch. Arrays and
                tensors are as good as lists, and give their own kind unless ``return_tensors`` says otherwise.
            padding: As for a call.
            max_length: As for a call.
            pad_to_multiple_of: As for a call.
            padding_side: As for a call.
            return_attention_mask: Make an attention mask where there is none; None: if the model takes it.
            return_tensors: As for a call.

        Raises:
            InputError: The rows are of a wrong form.
            OptionError: An option is wrong.
        """
        check_tensor_type(return_tensors)
        main = self.model_input_names[0]
        columns, kind, is_single = read_columns(encoded_inputs, main)
        fill = resolve_padding(
            padding,
            max_length=read_count("max_length", max_length, least=1),
            multiple=pad_to_multiple_of,
            side=self.padding_side if padding_side is None else padding_side,
            model_max_length=self.model_max_length,
        )
        self._check_pad_token(fill)
        if self._wants("attention_mask", return_attention_mask):
            columns.setdefault("attention_mask", None)
        data = self._collate(columns, fill, return_tensors or kind if not is_single else None)
        if is_single:
            data = {name: value[0] for name, value in data.items()}
        return BatchEncoding(data, tensor_type=return_tensors or kind)

    def decode(
        self, token_ids: Any, *, skip_special_tokens: bool = False, clean_up_tokenization_spaces: bool | None = None
    ) -> Any:
        """Turn ids into text.

        Args:
            token_ids: An id, or a list, an array or a tensor of ids; with two axes: a batch.
            skip_special_tokens: Leave special tokens out.
            clean_up_tokenization_spaces: Remove spaces before punctuation; None: as the tokenizer is set.

        Returns:
            A string, or a list of strings for a batch.

        Raises:
            InputError: An id is no number or is not in the vocabulary.
        """
        ids = token_ids.tolist() if hasattr(token_ids, "tolist") else token_ids
        ids = ids[self.model_input_names[0]] if isinstance(ids, Mapping) else ids
        if isinstance(ids, list | tuple) and ids and all(hasattr(row, "__len__") for row in ids):
            rows = [self._row_of_ids(row) for row in ids]
        else:
            rows = [self._row_of_ids(ids)]
            ids = None
        cleans = self._cleans_up() if clean_up_tokenization_spaces is None else clean_up_tokenization_spaces
        read_flags(skip_special_tokens=skip_special_tokens, clean_up_tokenization_spaces=cleans)
        texts = self._decode(rows, skip_special_tokens=skip_special_tokens)
        if cleans:
            texts = [clean_up(text) for text in texts]
        return texts[0] if ids is None else texts

    def batch_decode(
        self, sequences: Any, *, skip_special_tokens: bool = False, clean_up_tokenization_spaces: bool | None = None
    ) -> list[str]:
        """Turn a batch of ids into texts; see `decode`. Always a list."""
        if isinstance(sequences, list | tuple) and not sequences:
            return []
        texts = self.decode(
            sequences,
            skip_special_tokens=skip_special_tokens,
            clean_up_tokenization_spaces=clean_up_tokenization_spaces,
        )
        return [texts] if isinstance(texts, str) else texts

    # ---- what a kind of tokenizer does ----------------------------------------------------------------------

    @abstractmethod
    def _encode(self, texts: Texts, *, add_special_tokens: bool, cut: Truncation | None, overflow: bool) -> EncodedRows:
        """Turn texts into rows of ids; with ``overflow`` also what was cut off."""

    @abstractmethod
    def _tokens(self, rows: EncodedRows) -> list[str]:
        """Return the tokens of the first row."""

    @abstractmethod
    def _decode(self, rows: Sequence[Sequence[int]], *, skip_special_tokens: bool) -> list[str]:
        """Turn rows of ids, which were checked, into texts."""

    @abstractmethod
    def _special_count(self, *, is_pair: bool) -> int:
        """Return how many special tokens are put around a text or a pair."""

    def _cleans_up(self) -> bool:
        return self.clean_up_tokenization_spaces

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

    def _check_pad_token(self, fill: Padding | None) -> None:
        if fill is not None and self.pad_token is None:
            raise OptionError(
                "padding needs a pad_token, and this tokenizer has none. Set one of its tokens: "
                "tokenizer.pad_token = tokenizer.eos_token, or give one: from_pretrained(..., pad_token='[PAD]')."
            )

    def _wants(self, name: str, asked: bool | None) -> bool:
        if asked is None:
            return name in self.model_input_names
        read_flags(**{f"return_{name}": asked})
        return asked

    def _filling(self) -> tuple[int, int, str] | None:
        token, number = self.pad_token, self.pad_token_id
        return None if token is None or number is None else (number, self.pad_token_type_id, token)

    def _collate(
        self, columns: Mapping[str, Sequence[Any] | None], fill: Padding | None, kind: TensorType | None
    ) -> dict[str, Any]:
        fills = {self.model_input_names[0]: self.pad_token_id or 0, "token_type_ids": self.pad_token_type_id}
        return collate(columns, main=self.model_input_names[0], padding=fill, fills=fills, tensor_type=kind)

    def _announce_long_rows(self, rows: Sequence[Sequence[int]]) -> None:
        longest = max(map(len, rows))
        if longest > self.model_max_length:
            announce(
                f"a text has {longest} tokens, but the model takes {self.model_max_length} (model_max_length). "
                f"Cut it: truncation=True, max_length={self.model_max_length}."
            )

    def _row_of_ids(self, ids: Any) -> list[int]:
        checked = self._checked_ids(ids)
        return [checked] if isinstance(checked, int) else checked

    def __repr__(self) -> str:
        special = ", ".join(f"{name}={token!r}" for name, token in self._special.items())
        return f"{type(self).__name__}({len(self)} tokens, model_max_length={self.model_max_length}, {special})"
