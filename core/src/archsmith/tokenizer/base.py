"""What every tokenizer is: texts in, one mapping out; and ids back to text."""

import os
from abc import ABCMeta, abstractmethod
from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import cached_property
from typing import Any, ClassVar, Self, overload

from archsmith.errors import CheckpointNotFound, InputError, OptionError
from archsmith.files.checkpoint import Checkpoint
from archsmith.files.commit import save_files
from archsmith.files.names import CHAT_TEMPLATE_FILE, SPECIAL_TOKENS_FILE, TOKENIZER_CONFIG_FILE
from archsmith.files.pretrained import FromPretrained
from archsmith.files.strictjson import encode_json
from archsmith.lengths import Side, Truncation
from archsmith.messages import did_you_mean, shown
from archsmith.options import HUGE, checked_call
from archsmith.tokenizer import aliases, calls, chat
from archsmith.tokenizer.added_tokens import AddedToken
from archsmith.tokenizer.calls import EncodedRows
from archsmith.tokenizer.files import read_tokenizer, tokenizer_config
from archsmith.tokenizer.settings import TokenizerSettings, read_settings, setting_hints, special_names
from archsmith.tokenizer.special_tokens import (
    SPECIAL_TOKENS,
    SpecialToken,
    SpecialTokenId,
    SpecialTokens,
    add_special_tokens,
    add_tokens,
    first_special_tokens,
    set_special_token,
)
from archsmith.tokenizer.texts import Texts
from archsmith.tokenizer.vocabulary import TokenVocabulary, check_ids, known_id, with_added

__all__ = ["PreTrainedTokenizerBase"]

#: Options of other libraries' tokenizers; here the template says it.
_UNREAD = ("add_bos_token", "add_eos_token", "add_prefix_space")


class PreTrainedTokenizerBase(FromPretrained, metaclass=ABCMeta):
    """A tokenizer: it turns texts into ids, and ids into text.

    A call changes nothing about the tokenizer, so that threads can share one.

    Attributes:
        Settings: The options it takes, in its constructor and in tokenizer_config.json.
        default_tokens: The special tokens that it has if it is not told otherwise and its vocabulary has them.
        vocab_files: The ways to keep its vocabulary, the best first: argument of the constructor → file.
        tokenizer_class: What tokenizer_config.json calls it, by which its fast and its slow class are found; it holds
            for the class that declares it. Where there is none: the name of the class, without ``Fast``.
        is_fast: Whether it works on the library ``tokenizers``.
        name_or_path: Where it was loaded from: a folder, or a hub id; empty if it was not. It is not saved.
        vocabulary: Its tokens and their ids.
        special_tokens: Its special tokens.
        extra: Keys of the tokenizer_config.json it came from that it does not know: never read, but written back.
    """

    Settings: ClassVar[type] = TokenizerSettings
    default_tokens: ClassVar[Mapping[str, str]] = {}
    side_file_names = (CHAT_TEMPLATE_FILE,)
    vocab_files: ClassVar[Sequence[Mapping[str, str]]] = ()
    tokenizer_class: ClassVar[str]
    is_fast: ClassVar[bool]

    name_or_path: str = ""
    model_input_names: Sequence[str] = ("input_ids", "attention_mask")
    model_max_length: int = HUGE
    padding_side: Side = "right"
    truncation_side: Side = "right"
    pad_token_type_id: int = 0
    clean_up_tokenization_spaces: bool = False
    split_special_tokens: bool = False

    bos_token, bos_token_id = SpecialToken(), SpecialTokenId()
    eos_token, eos_token_id = SpecialToken(), SpecialTokenId()
    unk_token, unk_token_id = SpecialToken(), SpecialTokenId()
    sep_token, sep_token_id = SpecialToken(), SpecialTokenId()
    pad_token, pad_token_id = SpecialToken(), SpecialTokenId()
    cls_token, cls_token_id = SpecialToken(), SpecialTokenId()
    mask_token, mask_token_id = SpecialToken(), SpecialTokenId()

    vocabulary: TokenVocabulary
    special_tokens: SpecialTokens
    given_settings: frozenset[str]
    extra: dict[str, Any]

    def __init__(self, vocabulary: TokenVocabulary, **settings: Any) -> None:
        cls = type(self)
        clean = read_settings(cls.Settings, settings, owner=cls.__name__)
        for name in setting_hints(cls.Settings):
            if name in clean and not isinstance(getattr(cls, name, None), property):
                self.__dict__[name] = clean[name]
        self.given_settings, self.extra = frozenset(clean), {}
        vocabulary = with_added(vocabulary, clean.get("added_tokens_decoder") or {})
        self.vocabulary, self.special_tokens = first_special_tokens(cls, clean, special_names(cls.Settings), vocabulary)

    # ---- what a subclass says -------------------------------------------------------------------------------

    @classmethod
    def read_vocabulary(cls, checkpoint: Checkpoint) -> dict[str, Any]:
        """Return the arguments of the constructor that hold the vocabulary.

        Here: the paths of the first of `vocab_files` that the checkpoint has.

        Raises:
            CheckpointNotFound, CheckpointCorrupt, HubError: The vocabulary cannot be had.
        """
        for names in cls.vocab_files:
            if len(cls.vocab_files) == 1 or all(map(checkpoint.find, names.values())):
                return {argument: checkpoint.path(name) for argument, name in names.items()}
        ways = " nor ".join(" and ".join(names.values()) for names in cls.vocab_files)
        raise CheckpointNotFound(
            f"{checkpoint.source!r} has neither {ways}, so it holds no vocabulary for {cls.__name__}."
            f"{checkpoint.listing()}",
            source=checkpoint.source,
        )

    @classmethod
    def unused_settings(cls, arguments: Mapping[str, Any]) -> dict[str, str]:  # noqa: ARG003
        """Return setting → why it can have no effect on the vocabulary that was read. Here: none."""
        return {}

    @abstractmethod
    def vocabulary_contents(self) -> dict[str, bytes]:
        """Return name → content of the files of the vocabulary, which `read_vocabulary` reads."""

    def plain_contents(self) -> dict[str, bytes]:
        """Return name → content of the files that `save_vocabulary` writes. Here: the same."""
        return self.vocabulary_contents()

    def special_tokens_changed(self, names: Collection[str]) -> None:
        """Make the special tokens of these names hold where they are used. Here: nowhere.

        Raises:
            OptionError: They cannot; then they are set back.
        """

    # ---- the vocabulary -------------------------------------------------------------------------------------

    @property
    def vocab_size(self) -> int:
        """One more than the largest id of the vocabulary, without tokens that were added behind it."""
        return self.vocabulary.size

    def __len__(self) -> int:
        """Return one more than the largest id: as many rows of embeddings a model needs, whatever gaps the ids have."""
        return len(self.vocabulary)

    def __bool__(self) -> bool:
        return True

    def get_vocab(self) -> dict[str, int]:
        """Return token → id, with the tokens that were added."""
        return self.vocabulary.to_dict()

    @property
    def added_tokens_decoder(self) -> dict[int, AddedToken]:
        """Id → token, for the tokens that are found in a text before it is split into words."""
        return dict(sorted(self.vocabulary.added.items()))

    @overload
    def convert_tokens_to_ids(self, tokens: str) -> int: ...  # type: ignore[overload-overlap]
    @overload
    def convert_tokens_to_ids(self, tokens: Iterable[str]) -> list[int]: ...
    @checked_call
    def convert_tokens_to_ids(self, tokens: str | Iterable[str]) -> int | list[int]:
        """Return the id of a token, or the ids of several; what the vocabulary lacks becomes the unknown token.

        Raises:
            InputError: A token is not a string, or is unknown to a tokenizer without an unknown token.
        """
        if not isinstance(tokens, Iterable):
            raise InputError(f"tokens must be a string or a list of strings, but is {shown(tokens)}.")
        if isinstance(tokens, str):
            return known_id(self.vocabulary, tokens, self.unk_token_id)
        return [known_id(self.vocabulary, token, self.unk_token_id) for token in tokens]

    @overload
    def convert_ids_to_tokens(self, ids: int, *, skip_special_tokens: bool = False) -> str: ...
    @overload
    def convert_ids_to_tokens(self, ids: Iterable[int], *, skip_special_tokens: bool = False) -> list[str]: ...
    @checked_call
    def convert_ids_to_tokens(self, ids: Any, *, skip_special_tokens: bool = False) -> Any:
        """Return the token of an id, or the tokens of several: of a list, an array or a tensor of one axis.

        Args:
            ids: The ids.
            skip_special_tokens: Leave special tokens out of the list.

        Raises:
            InputError: An id is not a number or is not in the vocabulary.
        """
        numbers = check_ids(self.vocabulary, ids)
        if isinstance(numbers, int):
            return self.vocabulary.token_at(numbers)
        skipped = set(self.all_special_ids) if skip_special_tokens else set()
        return [self.vocabulary.token_at(number) for number in numbers if number not in skipped]

    @abstractmethod
    def convert_tokens_to_string(self, tokens: Sequence[str]) -> str:
        """Join tokens to a text. Raises `InputError`: they are not strings."""

    # ---- special and added tokens ---------------------------------------------------------------------------

    @property
    def special_tokens_map(self) -> dict[str, str]:
        """Name → token, for the special tokens that have a name and are set."""
        return dict(self.special_tokens.named)

    @property
    def extra_special_tokens(self) -> list[str]:
        """The special tokens that have no name."""
        return list(self.special_tokens.others)

    additional_special_tokens = extra_special_tokens
    chat_template = property(chat.chat_template, chat.set_chat_template)

    @property
    def all_special_tokens(self) -> list[str]:
        """Every special token once, those with a name first."""
        return self.special_tokens.all()

    @property
    def all_special_ids(self) -> list[int]:
        """The ids of `all_special_tokens`."""
        return self.convert_tokens_to_ids(self.all_special_tokens)

    add_tokens = checked_call(add_tokens)
    add_special_tokens = checked_call(add_special_tokens)

    def __setattr__(self, name: str, value: Any) -> None:
        kind = type(self).Settings
        if name in setting_hints(kind):
            value = read_settings(kind, {name: value}, owner=type(self).__name__)[name]
        elif name not in SPECIAL_TOKENS and name in self._named():
            set_special_token(self, name, value)
            return
        where = f"{type(self).__name__}.{name}"
        if "extra" in self.__dict__ and not hasattr(self, name):
            hint = did_you_mean(name, (*setting_hints(kind), *SPECIAL_TOKENS), cutoff=0.85)
            if hint or name in _UNREAD or name in self.extra:
                raise OptionError(f"{where} would have no effect: it is not an option.{hint}")
        try:
            object.__setattr__(self, name, value)
        except AttributeError as error:
            raise OptionError(f"{where} cannot be set; give it when it is loaded.") from error

    def __getattr__(self, name: str) -> Any:
        named = self._named()
        if name in named:
            return named[name]
        if name.removesuffix("_id") in named:
            return self.vocabulary.id_of(named[name.removesuffix("_id")])
        known = [] if name.startswith("_") else [*named, *setting_hints(type(self).Settings), *SPECIAL_TOKENS]
        message = f"{type(self).__name__} has no attribute {name!r}.{did_you_mean(name, known)}"
        raise AttributeError(message, name=name, obj=self)

    def __getstate__(self) -> dict[str, Any]:
        """Return what copies and pickles hold: nothing that calls keep, or that one could change for the other."""
        cls = type(self)
        state = {key: it for key, it in vars(self).items() if not isinstance(getattr(cls, key, None), cached_property)}
        return state | {"extra": dict(self.extra), "_side_files": dict(self.side_files)}

    def _named(self) -> Mapping[str, str]:
        """Return the special tokens that have a name; of an object that is not complete yet: none."""
        return getattr(self.__dict__.get("special_tokens"), "named", {})

    # ---- files ----------------------------------------------------------------------------------------------

    @classmethod
    def read(cls, checkpoint: Checkpoint, **overrides: Any) -> Self:
        """Read a tokenizer from an opened checkpoint.

        Args:
            checkpoint: Where the files are.
            **overrides: Options that replace those of tokenizer_config.json.

        Raises:
            OptionError: An override is not an option, has a wrong value, or can have no effect on this tokenizer.
            CheckpointNotFound, CheckpointCorrupt, HubError: The files cannot be had.
            MissingDependency: The library ``tokenizers`` is needed, but not installed.
        """
        return read_tokenizer(cls, checkpoint, overrides)  # type: ignore[no-any-return]

    @checked_call
    def write(self, save_directory: str | os.PathLike[str]) -> tuple[str, ...]:
        """Write the vocabulary and the settings into a folder, and return the paths. Raises `SaveFailed`."""
        return save_files(save_directory, self.file_contents(), delete=chat.superseded_files(self, save_directory))

    def file_contents(self, *, processor_class: str | None = None) -> dict[str, bytes]:
        """Return name → content of the files that `save_pretrained` writes.

        Args:
            processor_class: The processor that the tokenizer is saved with, if it is.
        """
        more = {} if processor_class is None else {"processor_class": processor_class}
        contents = self.vocabulary_contents() | self.side_contents()
        contents[SPECIAL_TOKENS_FILE] = encode_json(self.special_tokens.to_dict())
        return contents | {TOKENIZER_CONFIG_FILE: encode_json(tokenizer_config(self) | more)}

    @checked_call
    def save_vocabulary(self, save_directory: str | os.PathLike[str]) -> tuple[str, ...]:
        """Write the vocabulary alone into a folder, without added tokens and settings, and return the paths.

        Raises:
            OptionError: The plain files cannot hold this vocabulary.
            SaveFailed: The system refused.
        """
        return save_files(save_directory, self.plain_contents())

    # ---- calls ----------------------------------------------------------------------------------------------

    __call__ = calls.call
    encode = calls.encode
    tokenize = checked_call(calls.tokenize)
    pad = checked_call(calls.pad)
    decode = checked_call(calls.decode)
    batch_decode = checked_call(calls.batch_decode)
    apply_chat_template = checked_call(chat.apply_chat_template)

    encode_plus, batch_encode_plus = aliases.encode_plus, aliases.batch_encode_plus
    prepare_for_model, as_target_tokenizer = aliases.prepare_for_model, aliases.as_target_tokenizer
    build_inputs_with_special_tokens = checked_call(aliases.build_inputs_with_special_tokens)
    create_token_type_ids_from_sequences = checked_call(aliases.create_token_type_ids_from_sequences)
    get_special_tokens_mask = checked_call(aliases.get_special_tokens_mask)
    get_added_vocab = aliases.get_added_vocab
    added_tokens_encoder, vocab = property(get_added_vocab), property(get_vocab)
    extra_special_tokens_ids = additional_special_tokens_ids = property(aliases.extra_special_tokens_ids)
    max_len_single_sentence = property(aliases.max_len_single_sentence)
    max_len_sentences_pair = property(aliases.max_len_sentences_pair)

    @property
    def cleans_up(self) -> bool:
        """Whether decoding removes spaces before punctuation unless it is told otherwise."""
        return self.clean_up_tokenization_spaces

    @abstractmethod
    def num_special_tokens_to_add(self, pair: bool = False) -> int:
        """Return how many special tokens are put around a text or a pair."""

    @abstractmethod
    def encode_texts(
        self, texts: Texts, truncation: Truncation | None, *, add_special_tokens: bool, overflow: bool
    ) -> EncodedRows:
        """Turn checked texts into rows of ids; with ``overflow`` also what was truncated."""

    def decode_rows(self, rows: Sequence[Sequence[int]], *, skip_special_tokens: bool) -> list[str]:
        """Turn rows of checked ids into texts. Here: their tokens, joined."""
        added = self.vocabulary.added
        skipped = {number for number, token in added.items() if token.special} if skip_special_tokens else ()
        tokens = ([self.vocabulary.token_at(number) for number in row if number not in skipped] for row in rows)
        return [self.convert_tokens_to_string([token for token in row if token is not None]) for row in tokens]

    def __repr__(self) -> str:
        special = ", ".join(f"{name}={token!r}" for name, token in self.special_tokens.named.items())
        return f"{type(self).__name__}({len(self)} tokens, model_max_length={self.model_max_length}, {special})"
