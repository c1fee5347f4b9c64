"""WordPiece, the way of BERT and its kin to cut texts: into words, and words into the longest pieces known."""

import json
import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Unpack

from archsmith.checkpoint import Checkpoint
from archsmith.errors import CheckpointCorrupt, CheckpointNotFound, OptionError, did_you_mean
from archsmith.strictjson import looks_like
from archsmith.tokenization import rust_tokenizer
from archsmith.tokenization.rust_tokenizer import translated
from archsmith.tokenization.settings import TokenizerSettings, read_settings
from archsmith.tokenization.special_tokens import read_token
from archsmith.tokenizer import TOKENIZER_FILE, PreTrainedTokenizerFast, named_file

if TYPE_CHECKING:
    from tokenizers import Tokenizer
    from tokenizers.processors import TemplateProcessing

__all__ = ["WordPieceSettings", "WordPieceTokenizerFast", "load_wordpiece_vocabulary"]

VOCAB_FILE = "vocab.txt"
WORDPIECE_TOKENS = {
    "unk_token": "[UNK]",
    "sep_token": "[SEP]",
    "pad_token": "[PAD]",
    "cls_token": "[CLS]",
    "mask_token": "[MASK]",
}
#: Settings → what the normalizer calls them.
NORMALIZER_OPTIONS = {
    "do_lower_case": "lowercase",
    "strip_accents": "strip_accents",
    "tokenize_chinese_chars": "handle_chinese_chars",
}


class WordPieceSettings(TokenizerSettings, total=False):
    """The options of a WordPiece tokenizer.

    Attributes:
        do_lower_case: Whether texts are lowered first.
        strip_accents: Whether accents are removed first; None: if texts are lowered.
        tokenize_chinese_chars: Whether each Chinese character is a word.
    """

    do_lower_case: bool
    strip_accents: bool | None
    tokenize_chinese_chars: bool


class WordPieceTokenizerFast(PreTrainedTokenizerFast):
    """A WordPiece tokenizer, from a tokenizer.json or from a vocab.txt of one token a line.

    An architecture's class is a subclass with ``model_input_names``.

    Args:
        vocab_file: The path of a vocab.txt. It must hold the unknown, separator, class and padding tokens; the mask
            token is left out if it is the default one and not there.
        tokenizer_file: The path of a tokenizer.json, instead.
        tokenizer_object: A ``tokenizers.Tokenizer``, instead; it is not changed.
        **settings: See `WordPieceSettings`. Of those not given, a vocab.txt is read with ``do_lower_case=True``,
            ``strip_accents=None`` and ``tokenize_chinese_chars=True``; a tokenizer.json says itself.

    Raises:
        OptionError: Not one source is given, or a setting is wrong or can have no effect.
        CheckpointNotFound, CheckpointCorrupt: The file can not be read.
        MissingDependency: The library ``tokenizers`` is not installed.
    """

    Settings = WordPieceSettings
    default_tokens = WORDPIECE_TOKENS

    def __init__(
        self,
        vocab_file: str | os.PathLike[str] | None = None,
        *,
        tokenizer_file: str | os.PathLike[str] | None = None,
        tokenizer_object: "Tokenizer | None" = None,
        **settings: Unpack[WordPieceSettings],
    ) -> None:
        given = [source for source in (vocab_file, tokenizer_file, tokenizer_object) if source is not None]
        if len(given) != 1:
            raise OptionError(
                f"{type(self).__name__} needs one of vocab_file, tokenizer_file and tokenizer_object, got {len(given)}."
            )
        clean = read_settings(type(self).Settings, settings, owner=type(self).__name__)
        if vocab_file is not None:
            tokenizer_object = self._build(named_file("vocab_file", vocab_file), clean)
        elif tokenizer_file is not None:
            tokenizer_object = rust_tokenizer.load_tokenizer_json(named_file("tokenizer_file", tokenizer_file))
        super().__init__(tokenizer_object, **settings)  # type: ignore[misc]
        self._adapt(clean)

    @property
    def do_lower_case(self) -> bool | None:
        """Whether texts are lowered first; None if the normalizer is not BERT's."""
        return self._normalizer_option("lowercase")

    @property
    def strip_accents(self) -> bool | None:
        """Whether accents are removed first; None: if texts are lowered."""
        return self._normalizer_option("strip_accents")

    @property
    def tokenize_chinese_chars(self) -> bool | None:
        """Whether each Chinese character is a word; None if the normalizer is not BERT's."""
        return self._normalizer_option("handle_chinese_chars")

    def _normalizer_option(self, name: str) -> bool | None:
        options = _bert_options(_normalizer_state(self._rust.normalizer))
        return None if options is None else options[name]

    def _adapt(self, clean: Mapping[str, Any]) -> None:
        """Make the settings that were given hold in the parts of the tokenizer."""
        changed = [name for name in NORMALIZER_OPTIONS if name in clean and getattr(self, name) != clean[name]]
        if changed and _bert_options(_normalizer_state(self._rust.normalizer)) is None:
            raise OptionError(f"{changed[0]} can have no effect: {_no_effect(self._rust, changed[0])}.")
        if changed:
            changes = {NORMALIZER_OPTIONS[name]: clean[name] for name in changed}
            self._rust.normalizer = _changed(self._rust.normalizer, changes)
        if "unk_token" in clean:
            self._adapt_unknown()
        if "cls_token" in clean or "sep_token" in clean:
            around = self._rust.encode("").ids
            if len(around) == 2 and around != [self.cls_token_id, self.sep_token_id]:  # noqa: PLR2004
                self._rust.post_processor = _template(
                    self.cls_token, self.cls_token_id, self.sep_token, self.sep_token_id
                )

    def _adapt_unknown(self) -> None:
        models = rust_tokenizer.import_tokenizers().models
        model = self._rust.model
        if not isinstance(model, models.WordPiece) or self.unk_token in (None, model.unk_token):
            return
        if self.unk_token not in self._rust.get_vocab(with_added_tokens=False):
            raise OptionError(f"unk_token must be a token of the vocabulary, but {self.unk_token!r} is not in it.")
        self._rust = type(self._rust).from_str(self._rust.to_str())  # the model was shared until here
        self._rust.model.unk_token = self.unk_token

    @classmethod
    def _build(cls, path: Path, clean: Mapping[str, Any]) -> "Tokenizer":
        """Build the tokenizer of a vocab.txt. Raises `CheckpointCorrupt`: it lacks a special token."""
        tokenizers = rust_tokenizer.import_tokenizers()
        vocabulary = load_wordpiece_vocabulary(path)
        added = {token.content for token in clean.get("added_tokens_decoder", {}).values()}
        tokens: dict[str, str | None] = {}
        for name, default in cls.default_tokens.items():
            token = clean.get(name, read_token(name, default))
            tokens[name] = None if token is None else token.content
            if tokens[name] is None or tokens[name] in vocabulary:
                continue
            if name == "mask_token" and name not in clean:
                tokens[name] = None
                continue
            if name in ("pad_token", "mask_token") and tokens[name] in added:
                continue
            raise CheckpointCorrupt(
                f"{str(path)!r} has no line {tokens[name]!r}, the {name}.{did_you_mean(str(tokens[name]), vocabulary)} "
                f"Add it to the file, or say which line it is with {name}=..."
            )
        if tokens["unk_token"] is None:
            raise OptionError(f"{cls.__name__}: unk_token must be a token of the vocabulary, but is None.")
        with translated(CheckpointCorrupt, f"{str(path)!r} is no WordPiece vocabulary"):
            rust: Tokenizer = tokenizers.Tokenizer(
                tokenizers.models.WordPiece(vocabulary, unk_token=tokens["unk_token"])
            )
            options = {option: clean[name] for name, option in NORMALIZER_OPTIONS.items() if name in clean}
            rust.normalizer = tokenizers.normalizers.BertNormalizer(**options)
            rust.pre_tokenizer = tokenizers.pre_tokenizers.BertPreTokenizer()
            rust.decoder = tokenizers.decoders.WordPiece(prefix="##")
            ends = (tokens["cls_token"], tokens["sep_token"])
            ids = [None if end is None else vocabulary[end] for end in ends]
            rust.post_processor = _template(ends[0], ids[0], ends[1], ids[1])
        return rust

    @classmethod
    def _open(cls, checkpoint: Checkpoint, settings: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, str]]:  # noqa: ARG003
        if checkpoint.find(TOKENIZER_FILE) is not None:
            rust = rust_tokenizer.load_tokenizer_json(checkpoint.path(TOKENIZER_FILE))
            if _bert_options(_normalizer_state(rust.normalizer)) is not None:
                return {"tokenizer_object": rust}, {}
            return {"tokenizer_object": rust}, {name: _no_effect(rust, name) for name in NORMALIZER_OPTIONS}
        path = checkpoint.find(VOCAB_FILE)
        if path is None:
            raise CheckpointNotFound(
                f"{checkpoint.source!r} has neither a {TOKENIZER_FILE} nor a {VOCAB_FILE}, so it holds no WordPiece "
                "tokenizer.",
                source=checkpoint.source,
            )
        return {"vocab_file": path}, {}


def load_wordpiece_vocabulary(path: Path) -> dict[str, int]:
    """Read a vocab.txt: one token a line; the number of the line, from 0, is its id.

    Raises:
        CheckpointCorrupt: It is not UTF-8 text, is empty, or has an empty line or a token twice.
    """
    try:
        text = rust_tokenizer.read_bytes(path).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise CheckpointCorrupt(f"{str(path)!r} is not UTF-8 text (byte {error.start}).") from error
    lines = re.split("\r\n|\r|\n", text.rstrip("\r\n"))
    if hint := looks_like(text):
        raise CheckpointCorrupt(f"{str(path)!r} is no vocabulary.{hint}")
    vocabulary: dict[str, int] = {}
    for number, token in enumerate(lines):
        if not token:
            raise CheckpointCorrupt(f"{str(path)!r}: line {number + 1} is empty; expected one token a line.")
        if token in vocabulary:
            raise CheckpointCorrupt(
                f"{str(path)!r}: line {number + 1} repeats the token {token!r} of line {vocabulary[token] + 1}; each "
                "token must have one id."
            )
        vocabulary[token] = number
    return vocabulary


def _normalizer_state(normalizer: Any) -> dict[str, Any]:
    """Return a normalizer as tokenizer.json writes it; empty if there is none, or it is written in Python."""
    if normalizer is None:
        return {}
    try:
        return json.loads(normalizer.__getstate__())  # type: ignore[no-any-return]
    except Exception:  # noqa: BLE001 - the library raises bare exceptions
        return {}


def _bert_options(state: dict[str, Any]) -> dict[str, Any] | None:
    """Return the options of BERT's normalizer, which may stand in a sequence, or None."""
    if state.get("type") == "BertNormalizer":
        return state
    found = (_bert_options(part) for part in state.get("normalizers", ()))
    return next((options for options in found if options is not None), None)


def _changed(normalizer: Any, changes: Mapping[str, Any]) -> Any:
    """Return a normalizer with other options for BERT's part of it."""
    state = _normalizer_state(normalizer)
    options = _bert_options(state)
    if options is not None:
        options.update(changes)
    new = rust_tokenizer.import_tokenizers().normalizers.Sequence([])
    new.__setstate__(json.dumps(state).encode())
    return new


def _no_effect(rust: "Tokenizer", name: str) -> str:
    kind = type(rust.normalizer).__name__ if rust.normalizer is not None else "none"
    return f"{name} belongs to BERT's normalizer, but that of the {TOKENIZER_FILE} is {kind}"


def _template(
    cls_token: str | None, cls_id: int | None, sep_token: str | None, sep_id: int | None
) -> "TemplateProcessing":
    """Return what puts the special tokens around texts: ``[CLS] A [SEP]`` and ``[CLS] A [SEP] B [SEP]``."""
    processors = rust_tokenizer.import_tokenizers().processors
    start = [] if cls_token is None else [f"{cls_token}:0"]
    ends: Sequence[list[str]] = [[] if sep_token is None else [f"{sep_token}:{kind}"] for kind in (0, 1)]
    special = {token: number for token, number in ((cls_token, cls_id), (sep_token, sep_id)) if token is not None}
    with translated(OptionError, "cls_token and sep_token can not be put around a text"):
        return processors.TemplateProcessing(  # type: ignore[no-any-return]
            single=[*start, "$A:0", *ends[0]],
            pair=[*start, "$A:0", *ends[0], "$B:1", *ends[1]],
            special_tokens=list(special.items()),
        )
