"""The calls of every tokenizer: texts to ids, ids to text, and rows of ids to one length.

They are the methods of `PreTrainedTokenizerBase`, written as functions; `tokenizer` is one, and stands above them.
"""

import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from archsmith.batch import BatchEncoding
from archsmith.errors import InputError, OptionError
from archsmith.lengths import Padding, Side, Truncation, check_room, resolve_padding, resolve_truncation
from archsmith.messages import announce, shown
from archsmith.options import TensorType, checked_call, read_count, read_flag
from archsmith.tokenizer.collation import collate, read_columns
from archsmith.tokenizer.texts import Texts, clean_up, read_texts
from archsmith.tokenizer.vocabulary import id_rows

__all__ = ["EncodedRows", "batch_decode", "call", "decode", "encode", "pad", "tokenize"]


class EncodedRows:
    """What the texts of a call became, row by row, before they are padded.

    Attributes:
        pieces: The rows: encodings of the library ``tokenizers``, or what has the same columns as attributes.
        ids: The ids of each row.
        samples: For each row the text that it is from: a text that was truncated can have several rows.

    Args:
        rows: For each text its rows.
    """

    def __init__(self, rows: Sequence[Sequence[Any]]) -> None:
        self.pieces: list[Any] = [piece for row in rows for piece in row]
        self.samples = [sample for sample, row in enumerate(rows) for _ in row]
        self.ids: list[Sequence[int]] = [piece.ids for piece in self.pieces]

    def column(self, name: str) -> list[list[Any]]:
        """Return ``token_type_ids``, ``special_tokens_mask`` or ``offset_mapping``."""
        attribute = {"token_type_ids": "type_ids", "offset_mapping": "offsets"}.get(name, name)
        return [getattr(piece, attribute) for piece in self.pieces]

    def encodings(
        self, width: int | None, side: Side, padding: tuple[int, int, str] | None
    ) -> Callable[[], Sequence[Any]]:
        """Return what pads the encodings of the library ``tokenizers`` when they are first asked for.

        Args:
            width: The length they get; None: as they are.
            side: Where the padding goes.
            padding: Its id, its token type and its token.
        """

        def padded() -> Sequence[Any]:
            if width is not None and padding is not None:
                number, token_type, token = padding
                for encoding in self.pieces:
                    encoding.pad(width, direction=side, pad_id=number, pad_type_id=token_type, pad_token=token)
            return self.pieces

        return padded


@checked_call
def call(
    tokenizer: Any,
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
    verbose: bool = True,
) -> BatchEncoding:
    """Turn a text, or a batch of texts or pairs, into ids.

    Args:
        text: A string, or a list of strings for a batch; with ``is_split_into_words`` a list of words, or a list
            of such lists. A batch of pairs may be one list of ``[first, second]``.
        text_pair: The second texts, in the same form.
        add_special_tokens: Put the model's special tokens around the texts.
        padding: True or ``"longest"``: pad to the longest row; ``"max_length"``: to that length.
        truncation: True or ``"longest_first"``: truncate the longer text of a pair first; ``"only_first"`` or
            ``"only_second"``: truncate that one. None: truncate if ``max_length`` is given and ``padding`` is off.
        max_length: Tokens of a row, special ones included; None: `model_max_length`.
        stride: Tokens that an overflowing row repeats of the one before it.
        pad_to_multiple_of: Round the length of padded rows up to a multiple of this.
        padding_side: ``"right"`` or ``"left"``; None: the tokenizer's own.
        is_split_into_words: The texts are lists of words.
        return_tensors: ``"pt"``, ``"np"``, or None for lists.
        return_token_type_ids: Return which text of a pair each token is from; None: if the model takes it.
        return_attention_mask: Return 1 for tokens and 0 for padding; None: if the model takes it.
        return_special_tokens_mask: Return 1 for special tokens and padding.
        return_offsets_mapping: Return the characters that each token stands for; fast tokenizers only.
        return_overflowing_tokens: Return what was truncated as more rows, with ``overflow_to_sample_mapping``.
        return_length: Return the length of each row, padding included.
        verbose: Tell of rows that are longer than the model takes.

    Returns:
        Lists for one text, lists of lists for a batch, or tensors of int64, (rows, tokens).

    Raises:
        InputError: The texts are of a wrong form or cannot be encoded, or the rows cannot become a tensor.
        OptionError: An option is wrong, or contradicts another.
    """
    if return_offsets_mapping and not tokenizer.is_fast:
        raise OptionError(
            "return_offsets_mapping=True needs a fast tokenizer, but this one is in Python. Use its fast class, "
            f"{_fast_name(type(tokenizer))}."
        )
    texts = text if isinstance(text, Texts) else read_texts(text, text_pair, is_split_into_words=is_split_into_words)
    is_pair = texts.seconds is not None
    max_length = read_count("max_length", max_length, least=1)
    special = tokenizer.num_special_tokens_to_add(pair=is_pair) if add_special_tokens else 0
    truncated = resolve_truncation(
        truncation,
        max_length=max_length,
        stride=stride,
        padding=padding,
        direction=tokenizer.truncation_side,
        model_max_length=tokenizer.model_max_length,
        is_pair=is_pair,
        special=special,
    )
    padded = _padding(tokenizer, padding, max_length, pad_to_multiple_of, padding_side, truncated)
    if truncated is not None:
        check_room(truncated, is_pair=is_pair)
    elif max_length is not None and padded is not None and padded.length is None:
        announce(
            f"max_length={max_length} has no effect: padding={padding!r} pads to the longest row, and nothing is "
            "truncated. Pass truncation=True, or padding='max_length'."
        )
    rows = tokenizer.encode_texts(
        texts, truncated, add_special_tokens=add_special_tokens, overflow=return_overflowing_tokens
    )
    if verbose:
        _announce_long_rows(rows.ids, tokenizer.model_max_length)
    main = tokenizer.model_input_names[0]
    columns: dict[str, Sequence[Any] | None] = {main: rows.ids}
    asked = {
        "token_type_ids": return_token_type_ids,
        "attention_mask": return_attention_mask,
        "special_tokens_mask": return_special_tokens_mask,
        "offset_mapping": return_offsets_mapping,
    }
    for name, flag in asked.items():
        if _is_wanted(tokenizer, name, flag):
            columns[name] = rows.column(name) if name != "attention_mask" else None
    data = _collate(tokenizer, columns, padded, return_tensors)
    if return_length:
        data["length"] = [len(row) for row in data[main]]
    if return_overflowing_tokens:
        data["overflow_to_sample_mapping"] = list(rows.samples)
    elif texts.is_single and return_tensors is None:
        data = {name: value if name == "length" else value[0] for name, value in data.items()}
    width = None if padded is None else padded.width(max(map(len, rows.ids)))
    side = tokenizer.padding_side if padded is None else padded.side
    encodings = rows.encodings(width, side, _pad_token(tokenizer)) if tokenizer.is_fast and not texts.are_ids else None
    return BatchEncoding(data, encodings, tensor_type=return_tensors)


call.__name__ = "__call__"  # by which a bound one is pickled


def encode(tokenizer: Any, text: Any, text_pair: Any = None, **options: Any) -> Any:
    """Return the ids alone: a list for one text. Arguments, options and errors as for calling the tokenizer."""
    return call(tokenizer, text, text_pair, **options)[tokenizer.model_input_names[0]]


def tokenize(tokenizer: Any, text: str, pair: str | None = None, *, add_special_tokens: bool = False) -> list[str]:
    """Return the tokens of one text or pair.

    Raises:
        InputError: It is not a text, or cannot be encoded.
    """
    texts = read_texts(text, pair)
    if not texts.is_single:
        raise InputError(f"tokenize takes one text as a string, but got {shown(text)}.")
    rows: EncodedRows = tokenizer.encode_texts(texts, None, add_special_tokens=add_special_tokens, overflow=False)
    return list(rows.pieces[0].tokens)


def pad(
    tokenizer: Any,
    encoded_inputs: Any,
    *,
    padding: bool | str = True,
    max_length: int | None = None,
    pad_to_multiple_of: int | None = None,
    padding_side: Side | None = None,
    return_attention_mask: bool | None = None,
    return_tensors: TensorType | None = None,
    verbose: bool = True,  # noqa: ARG001  # there is nothing to tell
) -> BatchEncoding:
    """Pad rows that were encoded before, as to collate the examples of a data set.

    ``input_ids``, ``attention_mask``, ``token_type_ids``, ``special_tokens_mask`` and ``offset_mapping`` are
    padded; other entries, such as labels, are passed on.

    Args:
        encoded_inputs: A list of mappings, one for each row, or one mapping, of a row or of a batch. Arrays and
            tensors are as good as lists, and give their own kind unless ``return_tensors`` says otherwise.
        padding: As for a call.
        max_length: As for a call.
        pad_to_multiple_of: As for a call.
        padding_side: As for a call.
        return_attention_mask: Make an attention mask where there is none; None: if the model takes it.
        return_tensors: As for a call.
        verbose: Taken, but there is nothing to tell of.

    Raises:
        InputError: The rows are of a wrong form.
        OptionError: An option is wrong.
    """
    main = tokenizer.model_input_names[0]
    columns, kind, is_single = read_columns(encoded_inputs, main)
    length = read_count("max_length", max_length, least=1)
    padded = _padding(tokenizer, padding, length, pad_to_multiple_of, padding_side)
    if _is_wanted(tokenizer, "attention_mask", return_attention_mask):
        columns.setdefault("attention_mask", None)
    data = _collate(tokenizer, columns, padded, return_tensors or kind if not is_single else None)
    if is_single:
        data = {name: value[0] for name, value in data.items()}
    return BatchEncoding(data, tensor_type=return_tensors or kind)


def decode(
    tokenizer: Any,
    token_ids: Any,
    *,
    skip_special_tokens: bool = False,
    clean_up_tokenization_spaces: bool | None = None,
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
    rows, is_batch = id_rows(tokenizer.vocabulary, token_ids, tokenizer.model_input_names[0])
    cleans = read_flag("clean_up_tokenization_spaces", clean_up_tokenization_spaces, tokenizer.cleans_up)
    texts = tokenizer.decode_rows(rows, skip_special_tokens=skip_special_tokens)
    texts = [clean_up(text) for text in texts] if cleans else texts
    return texts if is_batch else texts[0]


def batch_decode(
    tokenizer: Any,
    sequences: Any,
    *,
    skip_special_tokens: bool = False,
    clean_up_tokenization_spaces: bool | None = None,
) -> list[str]:
    """Turn a batch of ids into texts. Options and errors as for `decode`; always a list."""
    sequences = sequences.tolist() if hasattr(sequences, "tolist") else sequences
    if isinstance(sequences, list | tuple) and not sequences:
        return []
    texts = decode(
        tokenizer,
        sequences,
        skip_special_tokens=skip_special_tokens,
        clean_up_tokenization_spaces=clean_up_tokenization_spaces,
    )
    return [texts] if isinstance(texts, str) else texts


# ---- the steps of a call ----------------------------------------------------------------------------------------


def _fast_name(cls: type) -> str:
    """Return the name of the class on the library that stands beside one in Python."""
    names = (name for kind in cls.__mro__ if hasattr(sys.modules.get(kind.__module__), name := f"{kind.__name__}Fast"))
    return next(names, "PreTrainedTokenizerFast")


def _padding(
    tokenizer: Any, padding: Any, max_length: int | None, multiple: Any, side: Any, truncated: Truncation | None = None
) -> Padding | None:
    """Decide how the rows of a call are padded. Raises `OptionError`."""
    padded = resolve_padding(
        padding,
        max_length=max_length,
        multiple=multiple,
        side=tokenizer.padding_side if side is None else side,
        model_max_length=tokenizer.model_max_length,
        truncated_to=None if truncated is None else truncated.max_length,
    )
    if padded is not None and _pad_token(tokenizer) is None:
        raise OptionError(
            "padding needs a pad_token, and this tokenizer has none. Set one of its tokens: "
            "tokenizer.pad_token = tokenizer.eos_token, or give one: from_pretrained(..., pad_token='[PAD]')."
        )
    return padded


def _announce_long_rows(rows: Sequence[Sequence[int]], most: int) -> None:
    longest = max(map(len, rows))
    if longest > most:
        announce(
            f"a text has {longest} tokens, but the model takes {most} (model_max_length). Truncate it: "
            f"truncation=True, max_length={most}."
        )


def _pad_token(tokenizer: Any) -> tuple[int, int, str] | None:
    """Return the id, the token type and the text of padding, if the tokenizer can pad."""
    token = tokenizer.special_tokens.named.get("pad_token", "")
    number = tokenizer.vocabulary.id_of(token)
    return None if number is None or not token else (number, tokenizer.pad_token_type_id, token)


def _is_wanted(tokenizer: Any, name: str, asked: bool | None) -> bool:
    return read_flag(f"return_{name}", asked, name in tokenizer.model_input_names)


def _collate(
    tokenizer: Any, columns: Mapping[str, Sequence[Any] | None], padded: Padding | None, kind: TensorType | None
) -> dict[str, Any]:
    main = tokenizer.model_input_names[0]
    number, token_type, _ = _pad_token(tokenizer) or (0, tokenizer.pad_token_type_id, "")
    pad_values = {main: number, "token_type_ids": token_type}
    return collate(columns, main=main, padding=padded, pad_values=pad_values, tensor_type=kind)
