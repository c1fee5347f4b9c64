"""What every tokenizer does with rows of ids: fill them up, and turn them back into text."""

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any

from archsmith.batch import BatchEncoding
from archsmith.errors import OptionError
from archsmith.lengths import Padding, Side, resolve_padding
from archsmith.options import TensorType, check_tensor_type, read_count, read_flags
from archsmith.tokenizer.collation import collate, read_columns
from archsmith.tokenizer.files import SavedTokenizer
from archsmith.tokenizer.texts import clean_up

__all__ = ["RowTokenizer"]


class RowTokenizer(SavedTokenizer):
    """A tokenizer as far as ids are concerned: it fills up rows of them, and decodes them."""

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
            InputError: An id is not a number or is not in the vocabulary.
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

    @abstractmethod
    def _decode(self, rows: Sequence[Sequence[int]], *, skip_special_tokens: bool) -> list[str]:
        """Turn rows of ids, which were checked, into texts."""

    def _cleans_up(self) -> bool:
        return self.clean_up_tokenization_spaces

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

    def _row_of_ids(self, ids: Any) -> list[int]:
        checked = self._checked_ids(ids)
        return [checked] if isinstance(checked, int) else checked
