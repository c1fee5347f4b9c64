"""WordPiece, the way of BERT and its kin to split texts: into words, and words into the longest pieces known."""

import contextlib
import os
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, Unpack

from archsmith.errors import CheckpointCorrupt, OptionError
from archsmith.files import TOKENIZER_FILE, Checkpoint
from archsmith.messages import shown
from archsmith.options import checked_call, read_count
from archsmith.tokenizer import (
    SPECIAL_TOKENS,
    AddedToken,
    PreTrainedTokenizer,
    PreTrainedTokenizerFast,
    SpecialTokensTemplate,
    Vocabulary,
    import_tokenizers,
    load_tokenizer_json,
    named_file,
    plain_settings,
    read_settings,
    read_token,
    stored_settings,
    surround,
    translated,
)
from archsmith_wordpiece.bert_text import BertText
from archsmith_wordpiece.parts import WordPieceParts, load_wordpiece_json, to_wordpiece_json
from archsmith_wordpiece.rust_normalizer import bert_options, changed_normalizer, normalizer_state
from archsmith_wordpiece.training import train_wordpiece
from archsmith_wordpiece.vocabulary import (
    VOCAB_FILE,
    VOCABULARY_FILES,
    WORDPIECE_TOKENS,
    WordPieceSettings,
    load_wordpiece_vocabulary,
    vocabulary_lines,
    wordpiece_tokens,
)

if TYPE_CHECKING:
    from tokenizers import Tokenizer
    from tokenizers.processors import TemplateProcessing

__all__ = ["WordPieceSettings", "WordPieceTokenizer", "WordPieceTokenizerFast", "load_wordpiece_vocabulary"]

#: Settings → what the normalizer calls them.
NORMALIZER_OPTIONS = {
    "do_lower_case": "lowercase",
    "strip_accents": "strip_accents",
    "tokenize_chinese_chars": "handle_chinese_chars",
}


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
        OptionError: Not exactly one source is given, or a setting is wrong or can have no effect.
        CheckpointNotFound, CheckpointCorrupt: The file cannot be read.
        MissingDependency: The library ``tokenizers`` is not installed.
    """

    Settings = WordPieceSettings
    default_tokens = WORDPIECE_TOKENS
    vocab_files = VOCABULARY_FILES
    tokenizer_class = "PreTrainedTokenizerFast"

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
            tokenizer_object = load_tokenizer_json(named_file("tokenizer_file", tokenizer_file))
        super().__init__(tokenizer_object, **clean)
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
        options = bert_options(normalizer_state(self.backend_tokenizer.normalizer))
        return None if options is None else options[name]

    def _adapt(self, clean: Mapping[str, Any]) -> None:
        """Make the settings that were given hold in the parts of the tokenizer."""
        changed = [name for name in NORMALIZER_OPTIONS if name in clean and getattr(self, name) != clean[name]]
        if changed and bert_options(normalizer_state(self.backend_tokenizer.normalizer)) is None:
            raise OptionError(f"{changed[0]} can have no effect: {_no_effect(self.backend_tokenizer, changed[0])}.")
        if changed:
            changes = {NORMALIZER_OPTIONS[name]: clean[name] for name in changed}
            self.backend_tokenizer.normalizer = changed_normalizer(self.backend_tokenizer.normalizer, changes)
        self.special_tokens_changed(clean)

    def special_tokens_changed(self, names: Collection[str]) -> None:
        """Make the unknown token hold in the model, and those around texts in the template."""
        if "unk_token" in names:
            self._adapt_unknown()
        if "cls_token" in names or "sep_token" in names:
            around = self.backend_tokenizer.encode("").ids
            if len(around) == 2 and around != [self.cls_token_id, self.sep_token_id]:  # noqa: PLR2004
                self.backend_tokenizer.post_processor = _template(
                    self.cls_token, self.cls_token_id, self.sep_token, self.sep_token_id
                )

    def _adapt_unknown(self) -> None:
        models = import_tokenizers().models
        model = self.backend_tokenizer.model
        if not isinstance(model, models.WordPiece) or self.unk_token in (None, model.unk_token):
            return
        if self.unk_token not in self.backend_tokenizer.get_vocab(with_added_tokens=False):
            raise OptionError(f"unk_token must be a token of the vocabulary, but {shown(self.unk_token)} is not in it.")
        new = type(self.backend_tokenizer).from_str(self.backend_tokenizer.to_str())  # the model was shared until here
        new.model.unk_token = self.unk_token
        self.backend_tokenizer = new

    @classmethod
    def _build(cls, path: Path, clean: Mapping[str, Any]) -> "Tokenizer":
        """Build the tokenizer of a vocab.txt. Raises `CheckpointCorrupt`: it lacks a special token."""
        tokenizers = import_tokenizers()
        vocabulary = load_wordpiece_vocabulary(path)
        tokens = wordpiece_tokens(path, vocabulary, clean, owner=cls.__name__, defaults=cls.default_tokens)
        with translated(CheckpointCorrupt, f"{str(path)!r} is not a WordPiece vocabulary"):
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
    def read_vocabulary(cls, checkpoint: Checkpoint) -> dict[str, Any]:
        """Return a tokenizer.json, read, or the path of a vocab.txt."""
        arguments = super().read_vocabulary(checkpoint)
        path = arguments.get("tokenizer_file")
        return arguments if path is None else {"tokenizer_object": load_tokenizer_json(path)}

    @classmethod
    def unused_settings(cls, arguments: Mapping[str, Any]) -> dict[str, str]:
        """Return why the options of BERT's normalizer have no effect on a tokenizer.json with another one."""
        rust = arguments.get("tokenizer_object")
        if rust is None or bert_options(normalizer_state(rust.normalizer)) is not None:
            return {}
        return {name: _no_effect(rust, name) for name in NORMALIZER_OPTIONS}

    @checked_call
    def train_new_from_iterator(
        self,
        texts: Iterable[str],
        vocab_size: int,
        *,
        new_special_tokens: Sequence[Any] = (),
        min_frequency: int = 0,
        limit_alphabet: int | None = None,
    ) -> Self:
        """Return a tokenizer with the settings and special tokens of this one, and a vocabulary learned from texts.

        Args:
            texts: The texts, or batches of them.
            vocab_size: The most tokens, special ones included.
            new_special_tokens: More special tokens.
            min_frequency: How often two pieces must meet to become one.
            limit_alphabet: The most characters; None: all.

        Raises:
            InputError: The texts are not strings.
            OptionError: An option is wrong.
        """
        size = read_count("vocab_size", vocab_size, least=1, optional=False) or 1
        least = read_count("min_frequency", min_frequency, least=0, optional=False) or 0
        extra = [read_token(f"new_special_tokens[{place}]", token) for place, token in enumerate(new_special_tokens)]
        added = self.added_tokens_decoder.values()
        special = {token.content: token for token in (*added, *extra) if token.special}
        limit = read_count("limit_alphabet", limit_alphabet, least=1)
        rust = train_wordpiece(
            self.backend_tokenizer,
            texts,
            vocab_size=size,
            special=list(special.values()),
            min_frequency=least,
            limit_alphabet=limit,
        )
        return self._retrained(rust, [token.content for token in extra])

    def _retrained(self, rust: "Tokenizer", extra: Sequence[str]) -> Self:
        """Return a tokenizer with another vocabulary, and the settings and tokens of this one."""
        named = self.special_tokens_map
        settings: dict[str, Any] = plain_settings(self) | {name: named.pop(name, None) for name in SPECIAL_TOKENS}
        settings["extra_special_tokens"] = list(dict.fromkeys([*self.extra_special_tokens, *extra]))
        settings["model_specific_special_tokens"] = named
        new = type(self)(tokenizer_object=rust, **settings)
        new.add_tokens([token for token in self.added_tokens_decoder.values() if not token.special])
        new.extra = dict(self.extra)
        return new

    def plain_contents(self) -> dict[str, bytes]:
        """Return the content of vocab.txt. Raises `OptionError`: it cannot hold this vocabulary."""
        return {VOCAB_FILE: vocabulary_lines(self.backend_tokenizer.get_vocab(with_added_tokens=False))}


class WordPieceTokenizer(PreTrainedTokenizer):
    """A WordPiece tokenizer in Python, from a vocab.txt of one token a line or from a tokenizer.json of BERT's kind.

    It gives the ids that `WordPieceTokenizerFast` gives. An architecture's class is a subclass with
    ``model_input_names``.

    Source: Wu et al. 2016, "Google's Neural Machine Translation System", section 4.1; Devlin et al. 2019, "BERT".

    Args:
        vocab_file: The path of a vocab.txt, with the same tokens as for `WordPieceTokenizerFast`.
        tokenizer_file: The path of a tokenizer.json, instead.
        **settings: As for `WordPieceTokenizerFast`.

    Raises:
        OptionError: Not exactly one source is given, or a setting is wrong.
        CheckpointNotFound, CheckpointCorrupt: The file cannot be read, or is not of BERT's kind.
    """

    Settings = WordPieceSettings
    default_tokens = WORDPIECE_TOKENS
    vocab_files = VOCABULARY_FILES
    tokenizer_class = "PreTrainedTokenizer"

    _parts: WordPieceParts

    def __init__(
        self,
        vocab_file: str | os.PathLike[str] | None = None,
        *,
        tokenizer_file: str | os.PathLike[str] | None = None,
        **settings: Unpack[WordPieceSettings],
    ) -> None:
        if (vocab_file is None) == (tokenizer_file is None):
            raise OptionError(f"{type(self).__name__} needs either vocab_file or tokenizer_file.")
        clean = read_settings(type(self).Settings, settings, owner=type(self).__name__)
        added: Mapping[int, AddedToken] = {}
        stored: dict[str, Any] = {}
        if vocab_file is not None:
            vocabulary, parts = self._build(named_file("vocab_file", vocab_file), clean)
        else:
            path = named_file("tokenizer_file", tokenizer_file)
            vocabulary, parts, added = load_wordpiece_json(path, fast=f"{type(self).__name__}Fast")
            numbers = vocabulary | {token.content: number for number, token in added.items()}
            stored = stored_settings(parts.stored, numbers.get)
        options = {option: clean[name] for name, option in NORMALIZER_OPTIONS.items() if name in clean}
        self._parts = replace(parts, text=replace(parts.text, **options))
        super().__init__(Vocabulary(vocabulary, added), added_tokens=(), **(stored | settings))
        self.special_tokens_changed(clean)

    @classmethod
    def _build(cls, path: Path, clean: Mapping[str, Any]) -> tuple[dict[str, int], WordPieceParts]:
        """Return the vocabulary and the parts for a vocab.txt. Raises `CheckpointCorrupt`: it lacks a special token."""
        vocabulary = load_wordpiece_vocabulary(path)
        tokens = wordpiece_tokens(path, vocabulary, clean, owner=cls.__name__, defaults=cls.default_tokens)
        cls_token, sep_token = (
            None if (token := tokens[name]) is None else (token, vocabulary[token])
            for name in ("cls_token", "sep_token")
        )
        parts = WordPieceParts(unknown=str(tokens["unk_token"]), template=surround(cls_token, sep_token))
        return vocabulary, parts

    def special_tokens_changed(self, names: Collection[str]) -> None:
        """Make the unknown token hold in the model, and those around texts in the template."""
        unknown = self.unk_token
        if "unk_token" in names and unknown not in (None, self._parts.unknown):
            if unknown not in self.vocabulary.ids:
                raise OptionError(f"unk_token must be a token of the vocabulary, but {shown(unknown)} is not in it.")
            self._parts = replace(self._parts, unknown=str(unknown))
        if "cls_token" in names or "sep_token" in names:
            around = [number for part in self.template.single for number in part.ids]
            if len(around) == 2 and around != [self.cls_token_id, self.sep_token_id]:  # noqa: PLR2004
                ends = [
                    None if token is None else (token, self.convert_tokens_to_ids(token))
                    for token in (self.cls_token, self.sep_token)
                ]
                self._parts = replace(self._parts, template=surround(*ends))

    @property
    def template(self) -> SpecialTokensTemplate:
        """What is put around texts."""
        return self._parts.template

    @property
    def do_lower_case(self) -> bool:
        """Whether texts are lowered first."""
        return self._text.lowercase

    @property
    def strip_accents(self) -> bool | None:
        """Whether accents are removed first; None: if texts are lowered."""
        return self._text.strip_accents

    @property
    def tokenize_chinese_chars(self) -> bool:
        """Whether each Chinese character is a word."""
        return self._text.handle_chinese_chars

    @property
    def _text(self) -> BertText:
        return self._parts.text

    def normalize_text(self, text: str) -> str:
        """Return a text cleaned, lowered and without accents, as the settings say."""
        return self._text.normalize(text)

    def split_text(self, text: str) -> list[str]:
        """Split a normalised text into words, and these into the longest pieces known."""
        return self._parts.split(text, self.vocabulary.ids)

    def join_tokens(self, tokens: Sequence[str]) -> str:
        """Join pieces to words, and words with spaces."""
        return self._parts.join(tokens)

    def vocabulary_contents(self) -> dict[str, bytes]:
        """Return the content of tokenizer.json, and that of vocab.txt if it can hold this vocabulary."""
        files = {TOKENIZER_FILE: to_wordpiece_json(self.vocabulary.ids, self._parts, self.vocabulary.added)}
        with contextlib.suppress(OptionError):
            files |= self.plain_contents()
        return files

    def plain_contents(self) -> dict[str, bytes]:
        """Return the content of vocab.txt. Raises `OptionError`: it cannot hold this vocabulary."""
        return {VOCAB_FILE: vocabulary_lines(self.vocabulary.ids)}


def _no_effect(rust: "Tokenizer", name: str) -> str:
    kind = type(rust.normalizer).__name__ if rust.normalizer is not None else "none"
    return f"{name} belongs to BERT's normalizer, but that of the {TOKENIZER_FILE} is {kind}"


def _template(
    cls_token: str | None, cls_id: int | None, sep_token: str | None, sep_id: int | None
) -> "TemplateProcessing":
    """Return what puts the special tokens around texts: ``[CLS] A [SEP]`` and ``[CLS] A [SEP] B [SEP]``."""
    processors = import_tokenizers().processors
    start = [] if cls_token is None else [f"{cls_token}:0"]
    ends: Sequence[list[str]] = [[] if sep_token is None else [f"{sep_token}:{kind}"] for kind in (0, 1)]
    special = {token: number for token, number in ((cls_token, cls_id), (sep_token, sep_id)) if token is not None}
    with translated(OptionError, "cls_token and sep_token cannot be put around a text"):
        return processors.TemplateProcessing(  # type: ignore[no-any-return]
            single=[*start, "$A:0", *ends[0]],
            pair=[*start, "$A:0", *ends[0], "$B:1", *ends[1]],
            special_tokens=list(special.items()),
        )
