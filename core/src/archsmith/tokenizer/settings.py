"""What a tokenizer is told besides its vocabulary: tokenizer_config.json and the files around it."""

import functools
import re
from collections.abc import Callable, Mapping
from typing import Annotated, Any, Literal, TypedDict, get_args, get_type_hints

import msgspec

from archsmith.config.fields import convert
from archsmith.errors import CheckpointCorrupt, OptionError
from archsmith.files.checkpoint import Checkpoint
from archsmith.files.names import ADDED_TOKENS_FILE, SPECIAL_TOKENS_FILE, TOKENIZER_CONFIG_FILE
from archsmith.messages import announce, did_you_mean, listed, shown
from archsmith.options import HUGE
from archsmith.tokenizer.added_tokens import AddedToken, read_token, read_token_list
from archsmith.tokenizer.special_tokens import SPECIAL_TOKENS, UNNAMED_TOKENS
from archsmith.tokenizer.vocabulary import check_token_ids

__all__ = [
    "StoredPadding", "StoredTruncation", "Token", "TokenizerSettings", "load_tokenizer_config", "read_settings",
    "split_settings", "stored_settings",
]  # fmt: skip

_Number = Annotated[int, msgspec.Meta(ge=0, lt=2**32)]

#: What may be given for a token: its text, an `AddedToken`, or the dictionary that a file has for one.
Token = str | AddedToken | Mapping[str, Any]


class TokenizerSettings(TypedDict, total=False):
    """The options that every tokenizer takes, in its constructor and in tokenizer_config.json.

    A tokenizer with options of its own declares a subclass of this as its ``Settings``, and has an attribute for each.
    An option of the type ``Token | None`` is a special token; its attribute is a `SpecialToken`.

    Attributes:
        bos_token: Begins a text.
        eos_token: Ends a text.
        unk_token: Stands for what the vocabulary lacks.
        sep_token: Stands between and behind texts.
        pad_token: Pads rows.
        cls_token: Stands for a whole text.
        mask_token: Stands for a hidden token.
        extra_special_tokens: More special tokens, as a list, or with names, by which they become attributes.
        additional_special_tokens: The old name of the list.
        model_specific_special_tokens: Name → token, beside a list of others.
        added_tokens_decoder: Id → token that is not in the vocabulary.
        model_max_length: The longest row that the model takes, in tokens.
        padding_side: Where rows are padded.
        truncation_side: Where rows are truncated.
        model_input_names: What the model takes, its main input first.
        pad_token_type_id: The token type of padding.
        clean_up_tokenization_spaces: Whether decoding removes spaces before punctuation.
        split_special_tokens: Whether a special token within a text is split like any other text.
    """

    bos_token: Token | None
    eos_token: Token | None
    unk_token: Token | None
    sep_token: Token | None
    pad_token: Token | None
    cls_token: Token | None
    mask_token: Token | None
    extra_special_tokens: list[Token] | Mapping[str, Token] | None
    additional_special_tokens: list[Token] | None
    model_specific_special_tokens: Mapping[str, Token] | None
    added_tokens_decoder: Mapping[int, Token]
    model_max_length: int
    padding_side: Literal["right", "left"]
    truncation_side: Literal["right", "left"]
    model_input_names: list[str]
    pad_token_type_id: int
    clean_up_tokenization_spaces: bool
    split_special_tokens: bool


#: The settings that hold tokens, not plain values.
TOKEN_SETTINGS = (*SPECIAL_TOKENS, *UNNAMED_TOKENS, "model_specific_special_tokens", "added_tokens_decoder")


#: Returns name → type of all settings of a tokenizer.
all_hints = functools.cache(get_type_hints)


@functools.cache
def setting_hints(kind: type) -> dict[str, Any]:
    """Return name → type of those settings that are not tokens."""
    tokens = (*TOKEN_SETTINGS, *special_names(kind))
    return {name: hint for name, hint in all_hints(kind).items() if name not in tokens}


@functools.cache
def special_names(kind: type) -> tuple[str, ...]:
    """Return the names of special tokens that a tokenizer can have: the common ones, and those that it declares."""
    own = [name for name, hint in all_hints(kind).items() if AddedToken in get_args(hint)]
    return tuple(dict.fromkeys([*SPECIAL_TOKENS, *own]))


def read_settings(kind: type, values: Mapping[str, Any], *, owner: str) -> dict[str, Any]:
    """Check settings.

    Args:
        kind: The `TokenizerSettings` of the tokenizer.
        values: Name → value.
        owner: The tokenizer's name, for the message.

    Raises:
        OptionError: A name is unknown or a value is wrong; names them all.
    """
    hints = all_hints(kind)
    plain = setting_hints(kind)
    clean: dict[str, Any] = {}
    faults: list[str] = []
    for name, value in values.items():
        try:
            if name not in hints:
                faults.append(f"{name!r} is not an option{'.' + hint if (hint := did_you_mean(name, hints)) else ''}")
            elif name in plain:
                clean[name] = _read_plain(name, value, plain[name])
            else:
                clean[name] = _read_tokens(name, value, special_names(kind))
        except OptionError as error:
            faults.append(error.message.rstrip("."))
    if faults:
        raise OptionError(listed(owner, faults))
    return clean


def _read_plain(name: str, value: Any, hint: Any) -> Any:
    """Check one plain setting and return it. Raises `OptionError`: it is wrong."""
    if name == "model_max_length":
        value = HUGE if value is None else value
        value = int(value) if isinstance(value, float) and value.is_integer() else value
        if isinstance(value, int) and not isinstance(value, bool):
            if value < 1:
                raise OptionError(f"model_max_length must be at least 1, but is {value}.")
            value = min(value, HUGE)
    if name == "model_input_names" and (isinstance(value, str) or not value):
        raise OptionError(f"model_input_names must be a list of at least one name, but is {shown(value)}.")
    converted, faults = convert(name, value, hint)
    for fault in faults:
        raise OptionError(fault)
    return converted


def _read_tokens(name: str, value: Any, special: tuple[str, ...]) -> Any:
    if value is None:
        return None
    if name in special:
        return read_token(name, value)
    if isinstance(value, Mapping) and name == "added_tokens_decoder":
        if not all(re.fullmatch("0|-?[1-9][0-9]{0,9}", str(key)) for key in value):
            raise OptionError(f"{name} must map ids to tokens, but is {shown(value)}.")
        if len({str(key) for key in value}) < len(value):
            raise OptionError(f"{name} has an id twice, as a number and as a string: {shown(value)}.")
        return {int(number): read_token(f"{name}[{number}]", token) for number, token in value.items()}
    if isinstance(value, Mapping) and name != "additional_special_tokens":
        return {key: read_token(f"{name}[{key!r}]", token) for key, token in value.items()}
    if name in UNNAMED_TOKENS:
        return read_token_list(name, value)
    keys = "ids" if name == "added_tokens_decoder" else "names"
    raise OptionError(f"{name} must map {keys} to tokens, but is {shown(value)}.")


#: What is written into the configurations of models, image processors and feature extractors alone.
_FOREIGN = ("architectures", "num_hidden_layers", "image_processor_type", "feature_extractor_type", "image_mean")


def load_tokenizer_config(checkpoint: Checkpoint, *, needs_added: bool) -> tuple[dict[str, Any], str]:
    """Return what tokenizer_config.json and the older files beside it say, and the file to name in messages.

    A checkpoint without any of them has an empty configuration. special_tokens_map.json counts only where
    tokenizer_config.json has no ``added_tokens_decoder``, which is newer; there it wins.

    Args:
        checkpoint: Where to look.
        needs_added: Whether added_tokens.json counts, which tokenizer.json makes superfluous.

    Raises:
        CheckpointCorrupt, HubError: A file cannot be read.
    """
    found = checkpoint.find(TOKENIZER_CONFIG_FILE)
    values = {} if found is None else checkpoint.read_json(TOKENIZER_CONFIG_FILE)
    where = str(found or checkpoint.source)
    if foreign := [name for name in _FOREIGN if name in values]:
        raise CheckpointCorrupt(
            f"{where!r} is not about a tokenizer: it has {', '.join(foreign)}. Write the tokenizer's own settings "
            "there, or remove it."
        )
    for written in ("tokenizer_class", "archsmith"):
        values.pop(written, None)
    if "max_len" in values:
        values.setdefault("model_max_length", values.pop("max_len"))
    if "added_tokens_decoder" not in values:
        if checkpoint.find(SPECIAL_TOKENS_FILE) is not None:
            values.update(checkpoint.read_json(SPECIAL_TOKENS_FILE))
        if needs_added and checkpoint.find(ADDED_TOKENS_FILE) is not None:
            values["added_tokens_decoder"] = _old_added_tokens(checkpoint, values)
    return values, where


def _old_added_tokens(checkpoint: Checkpoint, values: Mapping[str, Any]) -> dict[int, AddedToken]:
    special = {_content(value) for name, value in values.items() if name.endswith("_token")}
    special |= {_content(token) for token in values.get("additional_special_tokens") or ()}
    added = checkpoint.read_json(ADDED_TOKENS_FILE)
    check_token_ids(added, repr(str(checkpoint.path(ADDED_TOKENS_FILE))))
    return {number: AddedToken(token, special=token in special) for token, number in added.items()}


def _content(token: Any) -> str | None:
    """Return the text of what a file has for a token, if it is one."""
    content = token.get("content") if isinstance(token, Mapping) else token
    return content if isinstance(content, str) else None


def split_settings(kind: type, values: Mapping[str, Any], *, where: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Split the content of tokenizer_config.json into settings, which are checked, and keys that nothing reads.

    A key such as ``image_token`` that holds a token is a special token with a name of its own.

    Raises:
        CheckpointCorrupt: A setting is wrong.
    """
    hints = all_hints(kind)
    known = {name: value for name, value in values.items() if name in hints}
    extra = {name: value for name, value in values.items() if name not in hints}
    for name in extra:
        plain = [each for each in setting_hints(kind) if each not in values]
        if not name.endswith(("_id", "_token")) and (hint := did_you_mean(name, plain, cutoff=0.85)):
            announce(f"{where}: {name!r} is not an option and has no effect.{hint}")
    tokens = [name for name, value in extra.items() if name.endswith("_token") and _content(value) is not None]
    named = {name: extra.pop(name) for name in tokens}
    if named:
        known["model_specific_special_tokens"] = {**(known.get("model_specific_special_tokens") or {}), **named}
    try:
        return read_settings(kind, known, owner=where), extra
    except OptionError as error:
        raise CheckpointCorrupt(error.message) from error


class StoredTruncation(msgspec.Struct):
    """The truncation of a tokenizer.json."""

    max_length: _Number
    strategy: str = "LongestFirst"
    stride: _Number = 0
    direction: Literal["Right", "Left"] = "Right"


class StoredPadding(msgspec.Struct):
    """The padding of a tokenizer.json."""

    pad_id: _Number
    pad_type_id: _Number
    pad_token: str
    strategy: str | dict[str, int] = "BatchLongest"
    direction: Literal["Right", "Left"] = "Right"
    pad_to_multiple_of: _Number | None = None


def stored_settings(stored: Mapping[str, Any], id_of: Callable[[str], int | None]) -> dict[str, Any]:
    """Return what the truncation and padding of a tokenizer.json, which do not apply, tell about the tokenizer.

    Args:
        stored: Their content, as `StoredTruncation` and `StoredPadding` read it.
        id_of: Tells the id of a token.
    """
    settings: dict[str, Any] = {}
    if truncation := stored.get("truncation"):
        settings["truncation_side"] = truncation["direction"].lower()
    if padding := stored.get("padding"):
        settings["padding_side"] = padding["direction"].lower()
        settings["pad_token_type_id"] = padding["pad_type_id"]
        if id_of(padding["pad_token"]) == padding["pad_id"]:
            settings["pad_token"] = padding["pad_token"]
    return settings
