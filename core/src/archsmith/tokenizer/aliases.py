"""Names by which users of this field call a tokenizer, beside its own: each is a thin one for what stands elsewhere."""

from typing import Any, NoReturn

from archsmith.batch import BatchEncoding
from archsmith.errors import InputError, OptionError
from archsmith.messages import shown
from archsmith.tokenizer.calls import call
from archsmith.tokenizer.texts import Texts, read_texts
from archsmith.tokenizer.vocabulary import check_ids

__all__ = [
    "as_target_tokenizer", "batch_encode_plus", "build_inputs_with_special_tokens",
    "create_token_type_ids_from_sequences", "encode_plus", "extra_special_tokens_ids", "get_added_vocab",
    "get_special_tokens_mask", "max_len_sentences_pair", "max_len_single_sentence", "prepare_for_model",
]  # fmt: skip


def encode_plus(tokenizer: Any, text: Any, text_pair: Any = None, **options: Any) -> BatchEncoding:
    """Turn one text, or one pair, into ids. Options and errors as for calling the tokenizer."""
    texts = read_texts(text, text_pair, is_split_into_words=options.get("is_split_into_words") is True)
    if not texts.is_single:
        raise InputError(f"encode_plus takes one text or pair, but got {shown(text)}. Call the tokenizer itself.")
    return call(tokenizer, text, text_pair, **options)


def batch_encode_plus(tokenizer: Any, batch_text_or_text_pairs: Any, **options: Any) -> BatchEncoding:
    """Turn a batch of texts, or of pairs, into ids. Options and errors as for calling the tokenizer."""
    texts = read_texts(batch_text_or_text_pairs, is_split_into_words=options.get("is_split_into_words") is True)
    if texts.is_single:
        got = shown(batch_text_or_text_pairs)
        raise InputError(f"batch_encode_plus takes a list of texts or of pairs, but got {got}. Call the tokenizer.")
    return call(tokenizer, batch_text_or_text_pairs, **options)


def prepare_for_model(
    tokenizer: Any, ids: Any, pair_ids: Any = None, *, prepend_batch_axis: bool = False, **options: Any
) -> BatchEncoding:
    """Put special tokens around ids of one text or pair, truncate and pad them, as a call does with those of texts.

    Args:
        ids: A list of ids without special tokens, as `convert_tokens_to_ids` gives them.
        pair_ids: Those of the second text.
        prepend_batch_axis: Return tensors of a batch of one, (1, tokens), rather than of one row, (tokens,).
        **options: As for calling the tokenizer, but for those that need a text.

    Raises:
        InputError: An id is not in the vocabulary.
        OptionError: An option is wrong, contradicts another, or needs a text.
    """
    for name in ("return_offsets_mapping", "is_split_into_words"):
        if options.get(name):
            raise OptionError(f"{name}=True needs a text, but prepare_for_model takes ids. Call the tokenizer itself.")
    data = call(tokenizer, _texts_of(tokenizer, ids, pair_ids), **options)
    if prepend_batch_axis or options.get("return_tensors") is None or options.get("return_overflowing_tokens"):
        return data
    return BatchEncoding({name: value[0] for name, value in data.items()}, tensor_type=options["return_tensors"])


def build_inputs_with_special_tokens(tokenizer: Any, token_ids_0: Any, token_ids_1: Any = None) -> list[int]:
    """Return ids of one text or pair with the special tokens around them. Raises as `prepare_for_model`."""
    return _column(tokenizer, token_ids_0, token_ids_1, tokenizer.model_input_names[0])


def create_token_type_ids_from_sequences(tokenizer: Any, token_ids_0: Any, token_ids_1: Any = None) -> list[int]:
    """Return the token types of `build_inputs_with_special_tokens`. Raises as that."""
    return _column(tokenizer, token_ids_0, token_ids_1, "token_type_ids")


def get_special_tokens_mask(
    tokenizer: Any, token_ids_0: Any, token_ids_1: Any = None, *, already_has_special_tokens: bool = False
) -> list[int]:
    """Return 1 for special tokens and 0 for others.

    Args:
        token_ids_0: Ids of a text: without special tokens, and the mask is that of the row with them around it.
        token_ids_1: Those of the second text.
        already_has_special_tokens: ``token_ids_0`` is a whole row: its special tokens are those of `all_special_ids`.

    Raises:
        InputError: As `prepare_for_model`.
        OptionError: Two texts are given where one row is said to hold all.
    """
    if not already_has_special_tokens:
        return _column(tokenizer, token_ids_0, token_ids_1, "special_tokens_mask")
    if token_ids_1 is not None:
        raise OptionError("already_has_special_tokens=True takes one whole row, but token_ids_1 is given too.")
    special = set(tokenizer.all_special_ids)
    return [int(number in special) for number in _ids(tokenizer, "token_ids_0", token_ids_0)]


def as_target_tokenizer(tokenizer: Any) -> NoReturn:  # noqa: ARG001
    """Refuse what would change the tokenizer for a while, and so for other threads. Raises `OptionError`."""
    raise OptionError(
        "as_target_tokenizer is not supported: a call never changes what another one sees. Tokenize labels in a call "
        "of their own: batch['labels'] = tokenizer(targets).input_ids."
    )


def get_added_vocab(tokenizer: Any) -> dict[str, int]:
    """Return token → id, for the tokens of `added_tokens_decoder`."""
    return {token.content: number for number, token in tokenizer.added_tokens_decoder.items()}


def extra_special_tokens_ids(tokenizer: Any) -> list[int]:
    """The ids of `extra_special_tokens`."""
    return tokenizer.convert_tokens_to_ids(tokenizer.extra_special_tokens)  # type: ignore[no-any-return]


def max_len_single_sentence(tokenizer: Any) -> int:
    """How many tokens of a text a row has room for, beside the special ones."""
    return tokenizer.model_max_length - tokenizer.num_special_tokens_to_add()  # type: ignore[no-any-return]


def max_len_sentences_pair(tokenizer: Any) -> int:
    """How many tokens of a pair of texts a row has room for, beside the special ones."""
    return tokenizer.model_max_length - tokenizer.num_special_tokens_to_add(pair=True)  # type: ignore[no-any-return]


def _ids(tokenizer: Any, name: str, ids: Any) -> list[int]:
    numbers = check_ids(tokenizer.vocabulary, ids)
    if isinstance(numbers, int):
        raise InputError(f"{name} must be a list of ids, but is {shown(ids)}.")
    return numbers


def _texts_of(tokenizer: Any, ids: Any, pair_ids: Any) -> Texts:
    """Return ids of one text or pair as what a call goes on with: each is a word, in digits."""
    first = [str(number) for number in _ids(tokenizer, "ids", ids)]
    second = None if pair_ids is None else [[str(number) for number in _ids(tokenizer, "pair_ids", pair_ids)]]
    return Texts([first], second, is_single=True, is_split=True, are_ids=True)


def _column(tokenizer: Any, ids: Any, pair_ids: Any, name: str) -> list[int]:
    texts = _texts_of(tokenizer, ids, pair_ids)
    row = call(tokenizer, texts, return_token_type_ids=True, return_special_tokens_mask=True, verbose=False)
    return row[name]  # type: ignore[no-any-return]
