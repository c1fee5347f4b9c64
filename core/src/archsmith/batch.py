"""What preprocessing returns: one mapping with attributes, that turns into tensors and moves to a device."""

from collections import UserDict
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, Self

from archsmith.errors import InputError, OptionError
from archsmith.messages import shown
from archsmith.options import TensorType, check_tensor_type, import_library

__all__ = ["BatchEncoding", "BatchFeature", "CharSpan", "TokenSpan"]


class CharSpan(NamedTuple):
    """Characters of a text: the first one, and the one behind the last."""

    start: int
    end: int


class TokenSpan(NamedTuple):
    """Tokens of an encoding: the first one, and the one behind the last."""

    start: int
    end: int


class BatchFeature(UserDict[str, Any]):
    """A mapping of names to lists, arrays or tensors, whose entries are attributes too.

    Example:
        >>> features = BatchFeature({"pixel_values": [[0.5, 1.0]]}, tensor_type="np")
        >>> features.pixel_values.shape
        (1, 2)
        >>> {**features}.keys()
        dict_keys(['pixel_values'])

    Args:
        data: The entries.
        tensor_type: Convert them at once, see `convert_to_tensors`.

    Attributes:
        data: The entries, as the dictionary that holds them.

    Raises:
        InputError: An entry cannot become a tensor.
        OptionError: There is no such type of tensor, or ``data`` is no mapping.
    """

    def __init__(self, data: Mapping[str, Any] | None = None, *, tensor_type: TensorType | None = None) -> None:
        if data is not None and not isinstance(data, Mapping):
            raise OptionError(f"{type(self).__name__} is made from a mapping, but got {shown(data)}.")
        self.data = dict(data or {})
        self.convert_to_tensors(tensor_type)

    def convert_to_tensors(self, tensor_type: TensorType | None = None, *, prepend_batch_axis: bool = False) -> Self:
        """Turn every entry into a tensor, in place; entries that are tensors of that kind stay as they are.

        Whole numbers become int64; decimal numbers float32 for torch, float64 for numpy; arrays keep their type.

        Args:
            tensor_type: ``"pt"`` for torch, ``"np"`` for numpy, None to change nothing.
            prepend_batch_axis: Put an axis of length one in front of each.

        Raises:
            InputError: An entry is ragged or holds something that is not a number; nothing was changed.
            OptionError: There is no such type of tensor.
        """
        check_tensor_type(tensor_type)
        if tensor_type is not None:
            wrap = (lambda value: [value]) if prepend_batch_axis else (lambda value: value)
            self.data.update({name: to_tensor(name, wrap(value), tensor_type) for name, value in self.data.items()})
        return self

    def to(self, device: Any = None, dtype: Any = None, *, non_blocking: bool = False) -> Self:
        """Move every torch tensor to a device, in place; entries of other kinds stay as they are.

        Args:
            device: A device, its name or its number. A torch dtype in this place means ``dtype``.
            dtype: The type that floating tensors get, as a torch dtype or its name; ids and masks keep theirs.
            non_blocking: Do not wait for the copy to end.

        Raises:
            OptionError: There is no such device or type.
        """
        torch = _torch()
        if isinstance(device, torch.dtype):
            device, dtype = None, device
        if isinstance(dtype, str):
            dtype = getattr(torch, dtype) if dtype in _FLOATS else dtype
        if dtype is not None and not isinstance(dtype, torch.dtype):
            raise OptionError(f"dtype must be a torch dtype such as torch.float16, but is {shown(dtype)}.")

        def moved(value: Any) -> Any:
            if torch.is_tensor(value):
                floating = dtype if value.is_floating_point() else None
                return value.to(device=device, dtype=floating, non_blocking=non_blocking)
            if isinstance(value, list | tuple) and any(torch.is_tensor(item) for item in value):
                return type(value)(moved(item) for item in value)
            return value

        try:
            self.data.update({name: moved(value) for name, value in self.data.items()})
        except (RuntimeError, TypeError, AssertionError) as error:
            reason = str(error).strip().partition("\n")[0]
            raise OptionError(f"the batch cannot go to the device {shown(device)}: {reason}.") from error
        return self

    def __getitem__(self, name: Any) -> Any:
        if isinstance(name, slice):
            return {key: value[name] for key, value in self.data.items()}
        return self.data[name]

    def __getattr__(self, name: str) -> Any:
        data = self.__dict__.get("data", {})
        if name in data:
            return data[name]
        held = f" It holds: {', '.join(data) or 'nothing'}." if not name.startswith("_") else ""
        raise AttributeError(f"{type(self).__name__} has no entry {name!r}.{held}", name=name, obj=self)

    def __setattr__(self, name: str, value: Any) -> None:
        if name == "data" and not isinstance(value, dict):
            raise OptionError(
                f"data is all entries, a dictionary, but got {shown(value)}. Set an entry: batch['data']."
            )
        if name == "data" or name.startswith("_") or hasattr(type(self), name):
            object.__setattr__(self, name, value)
        else:
            self.data[name] = value

    def __or__(self, other: Mapping[str, Any]) -> Self:  # type: ignore[override]  # any mapping will do
        if not isinstance(other, Mapping):
            return NotImplemented
        new = self.__copy__()
        new.update(other)
        return new

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.data!r})"

    copy = UserDict.__copy__


class BatchEncoding(BatchFeature):
    """What a tokenizer returns: ids, masks and so on; from a fast tokenizer also where each token comes from.

    The methods that look at tokens, words and characters count rows of the batch first:
    ``encoding.char_to_token(row, character)``. With one number the row is 0.

    Args:
        data: The entries.
        encodings: One encoding of the library ``tokenizers`` for each row, or a function that returns them.
        tensor_type: Convert the entries at once.
        prepend_batch_axis: As `convert_to_tensors`.

    Raises:
        InputError, OptionError: As `BatchFeature`.
    """

    _encodings: Sequence[Any] | Callable[[], Sequence[Any]] | None

    def __init__(
        self,
        data: Mapping[str, Any] | None = None,
        encodings: Sequence[Any] | Callable[[], Sequence[Any]] | None = None,
        *,
        tensor_type: TensorType | None = None,
        prepend_batch_axis: bool = False,
    ) -> None:
        super().__init__(data)
        object.__setattr__(self, "_encodings", encodings)
        self.convert_to_tensors(tensor_type, prepend_batch_axis=prepend_batch_axis)

    @property
    def is_fast(self) -> bool:
        """Whether a fast tokenizer made this, so that tokens can be traced back to words and characters."""
        return self._encodings is not None

    @property
    def encodings(self) -> Sequence[Any] | None:
        """One encoding of the library ``tokenizers`` for each row, or None."""
        if callable(self._encodings):
            object.__setattr__(self, "_encodings", self._encodings())
        return self._encodings  # type: ignore[return-value]

    @property
    def n_sequences(self) -> int | None:
        """How many texts each row holds: 1, or 2 for pairs; None if that is not known."""
        encodings = self.encodings
        return encodings[0].n_sequences if encodings else None

    def tokens(self, batch_index: int = 0) -> list[str]:
        """Return the tokens of one row. Raises `InputError`: there is no such row, or the tokenizer was not fast."""
        return list(self._row(batch_index, "tokens").tokens)

    def word_ids(self, batch_index: int = 0) -> list[int | None]:
        """Return for each token of a row the word it belongs to, None for special tokens. Raises as `tokens`."""
        return list(self._row(batch_index, "word_ids").word_ids)

    def sequence_ids(self, batch_index: int = 0) -> list[int | None]:
        """Return for each token the text it is from: 0, 1 for a pair's second, None if special. Raises as `tokens`."""
        return list(self._row(batch_index, "sequence_ids").sequence_ids)

    def token_to_sequence(self, batch_or_token_index: int, token_index: int | None = None) -> int | None:
        """Return which text of the pair a token is from: 0 or 1, None for a special token. Raises as `tokens`."""
        return self._asked("token_to_sequence", batch_or_token_index, token_index)  # type: ignore[no-any-return]

    def token_to_word(self, batch_or_token_index: int, token_index: int | None = None) -> int | None:
        """Return the word that a token belongs to, None for a special token. Raises as `tokens`."""
        return self._asked("token_to_word", batch_or_token_index, token_index)  # type: ignore[no-any-return]

    def token_to_chars(self, batch_or_token_index: int, token_index: int | None = None) -> CharSpan | None:
        """Return the characters that a token stands for, None for a special token. Raises as `tokens`."""
        found = self._asked("token_to_chars", batch_or_token_index, token_index)
        return None if found is None else CharSpan(*found)

    def word_to_tokens(
        self, batch_or_word_index: int, word_index: int | None = None, sequence_index: int = 0
    ) -> TokenSpan | None:
        """Return the tokens of a word, None if it has none. Raises as `tokens`."""
        found = self._asked("word_to_tokens", batch_or_word_index, word_index, sequence_index)
        return None if found is None else TokenSpan(*found)

    def word_to_chars(
        self, batch_or_word_index: int, word_index: int | None = None, sequence_index: int = 0
    ) -> CharSpan | None:
        """Return the characters of a word, None if it has none. Raises as `tokens`."""
        found = self._asked("word_to_chars", batch_or_word_index, word_index, sequence_index)
        return None if found is None else CharSpan(*found)

    def char_to_token(
        self, batch_or_char_index: int, char_index: int | None = None, sequence_index: int = 0
    ) -> int | None:
        """Return the token that a character is part of, None for white space. Raises as `tokens`."""
        return self._asked("char_to_token", batch_or_char_index, char_index, sequence_index)  # type: ignore[no-any-return]

    def char_to_word(
        self, batch_or_char_index: int, char_index: int | None = None, sequence_index: int = 0
    ) -> int | None:
        """Return the word that a character is part of, None for white space. Raises as `tokens`."""
        return self._asked("char_to_word", batch_or_char_index, char_index, sequence_index)  # type: ignore[no-any-return]

    def _row(self, batch_index: int, asked: str) -> Any:
        encodings = self.encodings
        if encodings is None:
            raise InputError(
                f"{asked}() needs the output of a fast tokenizer, but this came from a slow one. Use its fast class, "
                "a PreTrainedTokenizerFast: AutoTokenizer gives it by default."
            )
        try:
            return encodings[batch_index]
        except (IndexError, TypeError) as error:
            raise InputError(f"there is no row {shown(batch_index)}; the batch has {len(encodings)} rows.") from error

    def _asked(self, method: str, first: int, second: int | None, *sequence: int) -> Any:
        row, place = (0, first) if second is None else (first, second)
        encoding = self._row(row, method)
        try:
            if place < 0 and method.startswith("token_"):
                place += len(encoding)
            return getattr(encoding, method)(place, *sequence)
        except (OverflowError, TypeError, ValueError) as error:
            raise InputError(f"{method} counts from 0, but got {', '.join(map(shown, (place, *sequence)))}.") from error

    def __getitem__(self, name: Any) -> Any:
        if self._encodings is not None and (isinstance(name, slice) or hasattr(name, "__index__")):
            encodings = self.encodings or []
            return encodings[name] if isinstance(name, slice) else self._row(name, "an encoding")
        return super().__getitem__(name)

    def __getstate__(self) -> dict[str, Any]:
        return {"data": self.data, "_encodings": self.encodings}


_FLOATS = ("float16", "bfloat16", "float32", "float64")


def to_tensor(name: str, value: Any, tensor_type: TensorType) -> Any:
    """Turn one entry into a tensor.

    Raises:
        InputError: It is ragged, or holds something that is not a number.
        MissingDependency: torch is asked for, but not installed.
    """
    if tensor_type == "pt":
        torch = _torch()
        if torch.is_tensor(value):
            return value
        if isinstance(value, list | tuple) and value and all(torch.is_tensor(item) for item in value):
            try:
                return torch.stack(list(value))
            except RuntimeError as error:
                raise InputError(_ragged(name, value)) from error
        width = "float32" if _has_plain_float(value) else None
        return torch.from_numpy(_to_array(name, value, dtype=width))
    return _to_array(name, value)


def _torch() -> Any:
    return import_library("torch", "torch", need="tensors need", install="torch")


def _to_array(name: str, value: Any, dtype: str | None = None) -> Any:
    import numpy as np

    try:
        array = np.asarray(value)
    except (ValueError, TypeError, OverflowError, RuntimeError) as error:
        raise InputError(_ragged(name, value)) from error
    if array.dtype.kind not in "biufc":
        raise InputError(_ragged(name, value))
    if array.size == 0 and not isinstance(value, np.ndarray):
        array = array.astype(np.int64)
    return np.ascontiguousarray(array, dtype=dtype) if array.ndim else array.astype(dtype or array.dtype)


def _has_plain_float(value: Any) -> bool:
    """Tell whether a nested list holds Python's own floats, which have no width of their own."""
    while isinstance(value, list | tuple):
        if any(isinstance(item, float) for item in value):
            return True
        value = next((item for item in value if not isinstance(item, list | tuple) or item), None)
    return False


def _ragged(name: str, value: Any) -> str:
    lengths = [len(row) for row in value if hasattr(row, "__len__")] if isinstance(value, list | tuple) else []
    if len(set(lengths)) > 1:
        return (
            f"{name!r} cannot be one tensor: its rows have different lengths, {min(lengths)} to {max(lengths)}. "
            "Pass padding=True (and truncation=True), or leave out return_tensors."
        )
    return f"{name!r} cannot be a tensor: it must hold numbers in rows of one length, but is {shown(value)}."
