"""The tokenizer in a GGUF file: byte-level BPE as tokenizer.json has it, with its settings and its chat template."""

import json
from collections.abc import Mapping
from typing import Any

from archsmith.errors import ArchsmithError, CheckpointCorrupt
from archsmith.messages import shown
from archsmith.tokenizer import PreTrainedTokenizerFast, import_tokenizers, translated

__all__ = ["tokenizer_files"]

_PREFIX = "tokenizer.ggml."
#: What the types of tokens mean: written by a program, and found in texts before they are split.
_CONTROL, _USER_DEFINED = 3, 4
_WORDS = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)", r"[^\r\n\p{L}\p{N}]?\p{L}+", r"\p{N}{1,3}")
_REST = (r" ?[^\s\p{L}\p{N}]+[\r\n]*", r"\s*[\r\n]+", r"\s+(?!\S)", r"\s+")
_LLAMA_3 = "|".join((*_WORDS, *_REST))
_QWEN_2 = _LLAMA_3.replace(r"\p{N}{1,3}", r"\p{N}")


def _byte_level(*, splits: bool) -> dict[str, Any]:
    return {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": splits}


def _split(pattern: str) -> dict[str, Any]:
    return {"type": "Split", "pattern": {"Regex": pattern}, "behavior": "Isolated", "invert": False}


#: How texts are split into words, by the name that the file has for it (``tokenizer.ggml.pre``).
_SPLITS: Mapping[str, list[dict[str, Any]]] = {
    "gpt-2": [_byte_level(splits=True)],
    "smollm": [{"type": "Digits", "individual_digits": True}, _byte_level(splits=True)],
    "llama-bpe": [_split(_LLAMA_3), _byte_level(splits=False)],
    "qwen2": [_split(_QWEN_2), _byte_level(splits=False)],
}
#: What becomes of a text before, and whether a word that is a token is one, whatever the merges say.
_NORMALIZERS = {"qwen2": {"type": "NFC"}}
_IGNORE_MERGES = ("llama-bpe",)
_SPECIAL = {
    "bos_token": "bos",
    "eos_token": "eos",
    "unk_token": "unknown",
    "pad_token": "padding",
    "sep_token": "separator",
}


def tokenizer_files(values: Mapping[str, Any], where: str, max_length: int) -> dict[str, bytes]:
    """Return name → content of the files of the tokenizer that a GGUF file describes; none if it describes none.

    Raises:
        CheckpointCorrupt: It is of another kind than byte-level BPE, splits texts in an unknown way, or is damaged.
        MissingDependency: The library ``tokenizers`` is not installed.
    """
    kind = values.get(f"{_PREFIX}model")
    if kind is None:
        return {}
    split = values.get(f"{_PREFIX}pre")
    if kind != "gpt2":
        raise CheckpointCorrupt(
            f"{where}: tokenizer.ggml.model is {shown(kind)}; expected 'gpt2', byte-level BPE. A tokenizer of "
            "SentencePiece is not read; use the original checkpoint, with its tokenizer.json."
        )
    if not isinstance(split, str) or split not in _SPLITS:
        raise CheckpointCorrupt(
            f"{where}: tokenizer.ggml.pre is {shown(split)}; expected one of {', '.join(_SPLITS)}. How this tokenizer "
            "splits texts into words is not known, and its ids would be wrong."
        )
    tokens = _texts(values, "tokens", where)
    described = _describe(values, tokens, split, where)
    library = import_tokenizers()
    named = {name: _token(values, key, tokens, where) for name, key in _SPECIAL.items()}
    settings: dict[str, Any] = {name: token for name, token in named.items() if token is not None}
    try:
        with translated(CheckpointCorrupt, f"{where}: its tokenizer cannot be built"):
            made = library.Tokenizer.from_str(json.dumps(described))
        tokenizer = PreTrainedTokenizerFast(made, model_max_length=max_length, **settings)
        tokenizer.chat_template = _chat_templates(values)
        return tokenizer.file_contents()
    except ArchsmithError as error:
        if isinstance(error, CheckpointCorrupt):
            raise
        raise CheckpointCorrupt(f"{where}: its tokenizer: {error}") from error


def _describe(values: Mapping[str, Any], tokens: list[str], split: str, where: str) -> dict[str, Any]:
    """Return the content of tokenizer.json."""
    ids = {token: number for number, token in enumerate(tokens)}
    if len(ids) != len(tokens):
        twice = next(token for number, token in enumerate(tokens) if ids[token] != number)
        raise CheckpointCorrupt(f"{where}: the token {shown(twice)} stands in tokenizer.ggml.tokens twice.")
    types = values.get(f"{_PREFIX}token_type")
    if types is None or len(types) != len(tokens):
        held = "missing" if types is None else f"of {len(types):,} numbers"
        raise CheckpointCorrupt(f"{where}: tokenizer.ggml.token_type is {held}; expected {len(tokens):,} numbers.")
    plain = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False}
    added = [
        {"id": number, "content": token, "special": int(kind) == _CONTROL, **plain}
        for number, (token, kind) in enumerate(zip(tokens, types, strict=True))
        if int(kind) in (_CONTROL, _USER_DEFINED)
    ]
    model = {
        "type": "BPE",
        "dropout": None,
        "unk_token": None,
        "fuse_unk": False,
        "byte_fallback": False,
        "continuing_subword_prefix": None,
        "end_of_word_suffix": None,
        "ignore_merges": split in _IGNORE_MERGES,
        "vocab": ids,
        "merges": _texts(values, "merges", where),
    }
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": added,
        "model": model,
        "normalizer": _NORMALIZERS.get(split),
        "pre_tokenizer": {"type": "Sequence", "pretokenizers": _SPLITS[split]},
        "post_processor": _around(values, tokens, where),
        "decoder": _byte_level(splits=True),
    }


def _around(values: Mapping[str, Any], tokens: list[str], where: str) -> dict[str, Any]:
    """Return what puts tokens around texts, if the file says so."""
    texts: list[list[Any]] = [[{"Sequence": {"id": name, "type_id": 0}}] for name in ("A", "B")]
    special = {}
    for key, place in (("bos", 0), ("eos", 1)):
        if values.get(f"{_PREFIX}add_{key}_token"):
            token = _token(values, key, tokens, where)
            if token is None:
                wants = f"tokenizer.ggml.add_{key}_token is set"
                raise CheckpointCorrupt(f"{where}: {wants}, but there is no tokenizer.ggml.{key}_token_id.")
            special[token] = {"id": token, "ids": [tokens.index(token)], "tokens": [token]}
            for text in texts:
                text.insert(place * len(text), {"SpecialToken": {"id": token, "type_id": 0}})
    if not special:
        return {"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": False, "use_regex": True}
    both = texts[0] + texts[1]
    return {"type": "TemplateProcessing", "single": texts[0], "pair": both, "special_tokens": special}


def _texts(values: Mapping[str, Any], key: str, where: str) -> list[str]:
    found = values.get(f"{_PREFIX}{key}")
    if not isinstance(found, list) or not found:
        raise CheckpointCorrupt(f"{where}: tokenizer.ggml.{key} is {shown(found)}; expected a list of texts.")
    return found


def _token(values: Mapping[str, Any], key: str, tokens: list[str], where: str) -> str | None:
    number = values.get(f"{_PREFIX}{key}_token_id")
    if number is None:
        return None
    if not isinstance(number, int) or not 0 <= number < len(tokens):
        raise CheckpointCorrupt(
            f"{where}: tokenizer.ggml.{key}_token_id is {shown(number)}; expected 0 to {len(tokens) - 1:,}."
        )
    return tokens[number]


def _chat_templates(values: Mapping[str, Any]) -> dict[str, str] | None:
    """Return name → chat template: the usual one, and those with names."""
    key = "tokenizer.chat_template"
    found = {"default": values[key]} if key in values else {}
    named = {each.removeprefix(f"{key}."): text for each, text in values.items() if each.startswith(f"{key}.")}
    return found | named or None
