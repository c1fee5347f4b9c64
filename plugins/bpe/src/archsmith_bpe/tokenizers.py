"""Byte-level BPE: the bytes of a text, merged into the tokens of a vocabulary; with all bytes in it, none is unknown.

Source: Radford et al. 2019, "Language Models are Unsupervised Multitask Learners", section 2.2.
"""

import json
import os
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar, Unpack

from archsmith.errors import CheckpointCorrupt, OptionError
from archsmith.files import TOKENIZER_FILE, Checkpoint
from archsmith.tokenizer import (
    AddedToken,
    PreTrainedTokenizer,
    PreTrainedTokenizerFast,
    SpecialTokensTemplate,
    TokenizerSettings,
    Vocabulary,
    import_tokenizers,
    load_tokenizer_json,
    named_file,
    read_settings,
    stored_settings,
    surround,
    translated,
)
from archsmith_bpe.alphabet import bytes_of
from archsmith_bpe.around import refuse_unused, renewed, take_ends, trims, unused, with_offsets
from archsmith_bpe.merges import Merges, merge_lines, read_pairs
from archsmith_bpe.parts import BPEParts, json_content, json_frame, load_bpe_json, parts_of
from archsmith_bpe.vocabulary import (
    MERGES_FILE,
    VOCAB_FILE,
    WAYS,
    check_bytes,
    load_vocabulary,
    missing_bytes,
    vocabulary_json,
)

if TYPE_CHECKING:
    from tokenizers import Tokenizer


__all__ = ["ByteLevelSettings", "ByteLevelTokenizer", "ByteLevelTokenizerFast"]


_NO_EFFECT = f"it belongs to byte-level BPE, and the {TOKENIZER_FILE} is of another kind"


class ByteLevelSettings(TokenizerSettings, total=False):
    """The options of a byte-level BPE tokenizer.

    Attributes:
        add_prefix_space: Whether a text gets a space at its start, so that its first word is like any other.
        add_bos_token: Whether ``bos_token`` is put before each text; a tokenizer.json says that by itself.
        add_eos_token: Whether ``eos_token`` is put behind each text, likewise.
        trim_offsets: Whether the offsets of a word leave the space before it out; in RoBERTa's tokenizers alone.
    """

    add_prefix_space: bool
    add_bos_token: bool
    add_eos_token: bool
    trim_offsets: bool


class ByteLevelTokenizerFast(PreTrainedTokenizerFast):
    """A byte-level BPE tokenizer, from a tokenizer.json or from a vocab.json and a merges.txt.

    Args:
        vocab_file: The path of a vocab.json: an object of token → id. It goes with ``merges_file``.
        merges_file: The path of a merges.txt: two tokens a line, in the order of training.
        tokenizer_file: The path of a tokenizer.json, instead.
        tokenizer_object: A ``tokenizers.Tokenizer``, instead; it is not changed.
        **settings: See `ByteLevelSettings`.

    Attributes:
        pattern: By which texts are split into words, where a vocab.json is read; None: as GPT-2 does.
        trims_offsets: Whether the offsets of a word leave the space before it out, likewise.
        surrounds: Whether ``cls_token`` and ``sep_token`` are put around texts, as RoBERTa has it, likewise.

    Raises:
        OptionError: Not exactly one source is given, or a setting is wrong or can have no effect.
        CheckpointNotFound, CheckpointCorrupt: A file cannot be read.
        MissingDependency: The library ``tokenizers`` is not installed.
    """

    Settings = ByteLevelSettings
    vocab_files = WAYS
    tokenizer_class = "PreTrainedTokenizerFast"
    model_input_names = ("input_ids", "attention_mask")
    pattern: ClassVar[str | None] = None
    trims_offsets: ClassVar[bool] = False
    surrounds: ClassVar[bool] = False
    add_bos_token: bool | None = None  # what stands around texts is a tokenizer.json's own matter
    add_eos_token: bool | None = None
    trim_offsets: bool | None = None

    def __init__(
        self,
        vocab_file: str | os.PathLike[str] | None = None,
        merges_file: str | os.PathLike[str] | None = None,
        *,
        tokenizer_file: str | os.PathLike[str] | None = None,
        tokenizer_object: "Tokenizer | None" = None,
        **settings: Unpack[ByteLevelSettings],
    ) -> None:
        owner = type(self).__name__
        clean = read_settings(type(self).Settings, settings, owner=owner)
        is_plain = _is_plain(owner, vocab_file, merges_file, tokenizer_file, tokenizer_object)
        refuse_unused(type(self), clean, is_plain=is_plain)
        if is_plain:
            content = _built(type(self), vocab_file, merges_file, clean)
            with translated(CheckpointCorrupt, f"{str(vocab_file)!r} and {str(merges_file)!r} are no tokenizer"):
                tokenizer_object = import_tokenizers().Tokenizer.from_buffer(content)
        elif tokenizer_file is not None:
            tokenizer_object = load_tokenizer_json(named_file("tokenizer_file", tokenizer_file))
        super().__init__(tokenizer_object, **(_defaults(type(self)) if vocab_file is not None else {}) | clean)
        if "add_prefix_space" in clean and self.add_prefix_space is None:
            raise OptionError(f"add_prefix_space can have no effect: {_NO_EFFECT}.")
        if "add_prefix_space" in clean and self.add_prefix_space != clean["add_prefix_space"]:
            self._edit(
                "pre_tokenizer",
                _with_space(_state(self.backend_tokenizer.pre_tokenizer), adds=clean["add_prefix_space"]),
            )
        self._edit_post_processor(_state(self.backend_tokenizer.post_processor), clean)
        take_ends(self, clean, is_plain=is_plain)
        self.special_tokens_changed({*clean} | {"bos_token", "eos_token"})

    @property
    def add_prefix_space(self) -> bool | None:
        """Whether a text gets a space at its start; None if the tokenizer is not of byte-level BPE."""
        return _adds_space(_state(self.backend_tokenizer.pre_tokenizer))

    def special_tokens_changed(self, names: Collection[str]) -> None:
        """Make the tokens around texts hold in the template."""
        around = self.backend_tokenizer.encode("").ids
        if (template := renewed(self, around, names)) is not None:
            frame = json_frame(template, adds_space=bool(self.add_prefix_space), trims_offsets=bool(self.trim_offsets))
            self._edit("post_processor", frame["post_processor"])

    def encode_texts(self, texts: Any, truncation: Any, *, add_special_tokens: bool, overflow: bool) -> Any:
        """As `PreTrainedTokenizerFast`; a byte without a token is refused, which the library would leave out."""
        if self.add_prefix_space is not None and not texts.are_ids:  # one of another kind knows no bytes
            check_bytes(missing_bytes(self.backend_tokenizer.get_vocab(with_added_tokens=False)), texts.strings())
        return super().encode_texts(texts, truncation, add_special_tokens=add_special_tokens, overflow=overflow)

    @classmethod
    def read_vocabulary(cls, checkpoint: Checkpoint) -> dict[str, Any]:
        """Return a tokenizer.json, read, or the paths of vocab.json and merges.txt."""
        arguments = super().read_vocabulary(checkpoint)
        path = arguments.get("tokenizer_file")
        return arguments if path is None else {"tokenizer_object": load_tokenizer_json(path)}

    @classmethod
    def unused_settings(cls, arguments: Mapping[str, Any]) -> dict[str, str]:
        """Return why settings have no effect on a tokenizer.json, or on one of another kind."""
        rust = arguments.get("tokenizer_object")
        found = unused(cls, is_plain="vocab_file" in arguments)
        if rust is None or _adds_space(_state(rust.pre_tokenizer)) is not None:
            return found
        return found | {"add_prefix_space": _NO_EFFECT}

    def plain_contents(self) -> dict[str, bytes]:
        """Return the content of vocab.json and merges.txt."""
        model = json.loads(self.backend_tokenizer.to_str())["model"]
        pairs = read_pairs(model["merges"], model["vocab"], where="merge", first=0)
        return {VOCAB_FILE: vocabulary_json(model["vocab"]), MERGES_FILE: merge_lines(Merges(pairs))}

    def _edit_post_processor(self, before: Any, clean: Mapping[str, Any]) -> None:
        """Make the settings about offsets hold."""
        after = with_offsets(before, clean)
        if after != before:
            self._edit("post_processor", after)
        if self.surrounds:
            self.trim_offsets = trims(after)

    def _edit(self, name: str, value: Any) -> None:
        """Replace a part of the tokenizer by what tokenizer.json would say."""
        with translated(OptionError, f"the {name} cannot be replaced"):
            content = json.loads(self.backend_tokenizer.to_str())
            self.backend_tokenizer = type(self.backend_tokenizer).from_str(json.dumps(content | {name: value}))


class ByteLevelTokenizer(PreTrainedTokenizer):
    """A byte-level BPE tokenizer in Python, from a tokenizer.json or from a vocab.json and a merges.txt.

    It gives the ids that `ByteLevelTokenizerFast` gives.

    Args:
        vocab_file: As for `ByteLevelTokenizerFast`, as are the others.
        merges_file: Likewise.
        tokenizer_file: The path of a tokenizer.json, instead.
        **settings: See `ByteLevelSettings`.

    Raises:
        OptionError: Not exactly one source is given, or a setting is wrong.
        CheckpointNotFound, CheckpointCorrupt: A file cannot be read, or is of a kind that is not read in Python.
    """

    Settings = ByteLevelSettings
    vocab_files = WAYS
    tokenizer_class = "PreTrainedTokenizer"
    model_input_names = ("input_ids", "attention_mask")
    pattern: ClassVar[str | None] = None
    trims_offsets: ClassVar[bool] = False
    surrounds: ClassVar[bool] = False
    add_bos_token: bool | None = None
    add_eos_token: bool | None = None
    trim_offsets: bool | None = None

    _parts: BPEParts

    def __init__(
        self,
        vocab_file: str | os.PathLike[str] | None = None,
        merges_file: str | os.PathLike[str] | None = None,
        *,
        tokenizer_file: str | os.PathLike[str] | None = None,
        **settings: Unpack[ByteLevelSettings],
    ) -> None:
        owner = type(self).__name__
        clean = read_settings(type(self).Settings, settings, owner=owner)
        defaults: dict[str, Any] = {}
        is_plain = _is_plain(owner, vocab_file, merges_file, tokenizer_file)
        refuse_unused(type(self), clean, is_plain=is_plain)
        if is_plain:
            content = json.loads(_built(type(self), vocab_file, merges_file, clean))
            vocabulary, parts, added = parts_of(content, str(vocab_file), fast=f"{owner}Fast")
            defaults = _defaults(type(self))
        else:
            path = named_file("tokenizer_file", tokenizer_file or "")
            vocabulary, parts, added = load_bpe_json(path, fast=f"{owner}Fast")
            numbers = vocabulary | {token.content: number for number, token in added.items()}
            defaults = stored_settings(parts.frame, numbers.get)
        if "add_prefix_space" in clean and clean["add_prefix_space"] != parts.adds_space:
            steps = _with_space(parts.frame["pre_tokenizer"], adds=clean["add_prefix_space"])
            frame = {**parts.frame, "pre_tokenizer": steps}
            parts = replace(parts, frame=frame, adds_space=clean["add_prefix_space"])
        post = with_offsets(parts.frame.get("post_processor"), clean)
        self._parts = replace(parts, frame={**parts.frame, "post_processor": post})
        super().__init__(Vocabulary(vocabulary, added), added_tokens=(), **(defaults | clean))
        if self.surrounds:
            self.trim_offsets = trims(post)
        take_ends(self, clean, is_plain=is_plain)
        self.special_tokens_changed({*clean} | {"bos_token", "eos_token"})

    @classmethod
    def unused_settings(cls, arguments: Mapping[str, Any]) -> dict[str, str]:
        """Return why settings have no effect on a tokenizer.json."""
        return unused(cls, is_plain="vocab_file" in arguments)

    @property
    def add_prefix_space(self) -> bool:
        """Whether a text gets a space at its start."""
        return self._parts.adds_space

    @property
    def template(self) -> SpecialTokensTemplate:
        """What is put around texts."""
        return self._parts.template

    def special_tokens_changed(self, names: Collection[str]) -> None:
        """Make the tokens around texts hold in the template."""
        around = [number for part in self.template.single for number in part.ids]
        if (template := renewed(self, around, names)) is not None:
            new = json_frame(template, adds_space=self.add_prefix_space, trims_offsets=bool(self.trim_offsets))
            frame = {**self._parts.frame, "post_processor": new["post_processor"]}
            self._parts = replace(self._parts, template=template, frame=frame)

    def normalize_text(self, text: str) -> str:
        """Return a text with characters composed, if the tokenizer asks for it."""
        return self._parts.normalize(text)

    def split_text(self, text: str) -> list[str]:
        """Split a normalised text into tokens. Raises `InputError`: the vocabulary lacks one of its bytes."""
        if missing := missing_bytes(self.vocabulary.ids):
            check_bytes(missing, [text])
        return self._parts.split(text, self.vocabulary.ids)

    def join_tokens(self, tokens: Sequence[str]) -> str:
        """Return the text of the tokens' bytes; what is not UTF-8 becomes U+FFFD."""
        return bytes_of(tokens).decode(errors="replace")

    def vocabulary_contents(self) -> dict[str, bytes]:
        """Return the content of tokenizer.json, vocab.json and merges.txt."""
        parts = self._parts
        whole = json_content(
            parts.frame, self.vocabulary.ids, parts.merges, added=self.vocabulary.added, takes_words=parts.takes_words
        )
        return {TOKENIZER_FILE: whole} | self.plain_contents()

    def plain_contents(self) -> dict[str, bytes]:
        """Return the content of vocab.json and merges.txt."""
        return {VOCAB_FILE: vocabulary_json(self.vocabulary.ids), MERGES_FILE: merge_lines(self._parts.merges)}


def _is_plain(owner: str, vocab_file: Any, merges_file: Any, *others: Any) -> bool:
    """Return whether a tokenizer is made from vocab.json and merges.txt. Raises `OptionError`: not of one source."""
    if (vocab_file is None) != (merges_file is None):
        missing = "merges_file" if merges_file is None else "vocab_file"
        raise OptionError(f"{owner} needs vocab_file and merges_file together, but {missing} is missing.")
    given = [source for source in (vocab_file, *others) if source is not None]
    if len(given) != 1:
        raise OptionError(
            f"{owner} needs one source, vocab_file with merges_file or a whole tokenizer, but got {len(given)}."
        )
    return vocab_file is not None


def _defaults(cls: Any) -> dict[str, Any]:
    """Return the special tokens of a class; a mask takes the space before it with it, as published files have it."""
    return {
        name: AddedToken(token, lstrip=True, special=True) if name == "mask_token" else token
        for name, token in cls.default_tokens.items()
    }


def _built(cls: Any, vocab_file: Any, merges_file: Any, clean: Mapping[str, Any]) -> bytes:
    """Return the tokenizer.json of a class's kind, with the vocabulary and the merges of two files."""
    vocabulary, pairs = load_vocabulary(named_file("vocab_file", vocab_file), named_file("merges_file", merges_file))
    template = SpecialTokensTemplate()
    if cls.surrounds:
        names = {name: clean.get(name, default) for name, default in cls.default_tokens.items()}
        tokens = [str(getattr(names[name], "content", names[name])) for name in ("cls_token", "sep_token")]
        for name, token in zip(("cls_token", "sep_token"), tokens, strict=True):
            if token not in vocabulary:
                raise CheckpointCorrupt(f"{str(vocab_file)!r} lacks {token!r}, the {name}. Name another: {name}=….")
        template = surround(*((token, vocabulary[token]) for token in tokens), doubled=True)
    frame = json_frame(
        template,
        pattern=cls.pattern,
        adds_space=bool(clean.get("add_prefix_space")),
        trims_offsets=cls.trims_offsets,
    )
    return json_content(frame, vocabulary, Merges(pairs))


def _state(part: Any) -> Any:
    """Return a part of a tokenizer as tokenizer.json writes it; None if there is none, or it is not in Rust."""
    try:
        return json.loads(part.__getstate__())
    except Exception:  # noqa: BLE001  # the library raises bare exceptions
        return None


def _steps(part: Any) -> list[dict[str, Any]]:
    """Return the byte-level steps of a pre_tokenizer."""
    steps = part.get("pretokenizers", [part]) if isinstance(part, Mapping) else []
    return [step for step in steps if step.get("type") == "ByteLevel"]


def _adds_space(part: Any) -> bool | None:
    steps = _steps(part)
    return any(step["add_prefix_space"] for step in steps) if steps else None


def _with_space(part: Mapping[str, Any], *, adds: bool) -> dict[str, Any]:
    """Return a pre_tokenizer that gives each text a space at its start, or does not."""
    changed: dict[str, Any] = json.loads(json.dumps(part))
    for step in _steps(changed):
        step["add_prefix_space"] = adds
    return changed
