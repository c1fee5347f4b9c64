"""What a tokenizer knows: tokens and their ids, its special tokens, and its settings."""

import operator
from abc import ABC, abstractmethod
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, ClassVar, Unpack, overload

from archsmith.errors import ArchsmithError, InputError, OptionError
from archsmith.lengths import Side
from archsmith.messages import did_you_mean, shown
from archsmith.tokenizer.settings import (
    NO_LIMIT,
    TokenizerSettings,
    read_setting,
    read_settings,
    setting_hints,
    special_names,
)
from archsmith.tokenizer.special_tokens import SPECIAL_TOKENS, AddedToken, SpecialToken, SpecialTokenId, read_token

__all__ = ["TokenVocabulary"]


class TokenVocabulary(ABC):
    """Tokens, ids, special tokens and settings: what a tokenizer has apart from the way it cuts texts.

    Attributes:
        Settings: The options it takes, in its constructor and in tokenizer_config.json.
        default_tokens: The special tokens that it has if it is not told otherwise and its vocabulary has them.
        is_fast: Whether it works on the library ``tokenizers``.
        tokenizer_class: What tokenizer_config.json calls it, if not by its own name without Fast; not inherited.
        extra: Keys of the tokenizer_config.json it came from that it does not know: never read, but written back.
    """

    Settings: ClassVar[type] = TokenizerSettings
    default_tokens: ClassVar[Mapping[str, str]] = {}
    is_fast: ClassVar[bool]
    tokenizer_class: ClassVar[str]

    model_input_names: Sequence[str] = ("input_ids", "attention_mask")
    model_max_length: int = NO_LIMIT
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

    extra: dict[str, Any]
    _special: dict[str, str]
    _others: list[str]
    _given: frozenset[str]

    def __init__(self, **settings: Unpack[TokenizerSettings]) -> None:
        clean = read_settings(type(self).Settings, settings, owner=type(self).__name__)
        self.extra, self._special, self._others = {}, {}, []
        self._given = frozenset(clean)
        for name in setting_hints(type(self).Settings):
            if name in clean and not isinstance(getattr(type(self), name, None), property):
                self.__dict__[name] = clean[name]
        self._take_added(clean.get("added_tokens_decoder") or {})
        self._take_special(clean)

    # ---- the vocabulary -------------------------------------------------------------------------------------

    @property
    @abstractmethod
    def vocab_size(self) -> int:
        """The number of tokens, without those that were added to it."""

    @abstractmethod
    def __len__(self) -> int:
        """Return the number of tokens, with those that were added."""

    @abstractmethod
    def get_vocab(self) -> dict[str, int]:
        """Return token → id, with the tokens that were added."""

    @property
    @abstractmethod
    def added_tokens_decoder(self) -> dict[int, AddedToken]:
        """Id → token, for the tokens that are found in a text before it is cut into words."""

    @abstractmethod
    def _id_of(self, token: str) -> int | None:
        """Return the id of a token, or None."""

    @abstractmethod
    def _token_at(self, number: int) -> str | None:
        """Return the token of an id, or None."""

    @abstractmethod
    def _add(self, tokens: Sequence[AddedToken]) -> None:
        """Add tokens behind the vocabulary, or mark those that are in it."""

    def __bool__(self) -> bool:
        return True

    @overload
    def convert_tokens_to_ids(self, tokens: str) -> int: ...  # type: ignore[overload-overlap]
    @overload
    def convert_tokens_to_ids(self, tokens: Iterable[str]) -> list[int]: ...
    def convert_tokens_to_ids(self, tokens: str | Iterable[str]) -> int | list[int]:
        """Return the id of a token, or the ids of several; what the vocabulary lacks becomes the unknown token.

        Raises:
            InputError: A token is not a string, or is unknown to a tokenizer without an unknown token.
        """
        if isinstance(tokens, str):
            return self._known_id(tokens)
        if not isinstance(tokens, Iterable):
            raise InputError(f"tokens must be a string or a list of strings, but is {shown(tokens)}.")
        return [self._known_id(token) for token in tokens]

    @overload
    def convert_ids_to_tokens(self, ids: int, *, skip_special_tokens: bool = False) -> str: ...
    @overload
    def convert_ids_to_tokens(self, ids: Iterable[int], *, skip_special_tokens: bool = False) -> list[str]: ...
    def convert_ids_to_tokens(self, ids: Any, *, skip_special_tokens: bool = False) -> str | list[str]:
        """Return the token of an id, or the tokens of several.

        Args:
            ids: A number, a list, an array or a tensor of one axis.
            skip_special_tokens: Leave special tokens out of the list.

        Raises:
            InputError: An id is not a number or is not in the vocabulary.
        """
        numbers = self._checked_ids(ids)
        if isinstance(numbers, int):
            return self._known_token(numbers)
        skipped = set(self.all_special_ids) if skip_special_tokens else set()
        return [self._known_token(number) for number in numbers if number not in skipped]

    def _adapt_special(self, names: Collection[str]) -> None:  # noqa: B027
        """Make the special tokens of these names hold where they are used. Here: nowhere."""

    def _known_id(self, token: Any) -> int:
        if not isinstance(token, str):
            raise InputError(f"a token must be a string, but is {shown(token)}.")
        try:
            number = self._id_of(token)
        except UnicodeEncodeError as error:
            raise InputError(f"the token {shown(token)} cannot be encoded as UTF-8.") from error
        number = self.unk_token_id if number is None else number
        if number is None:
            raise InputError(f"the token {shown(token)} is not in the vocabulary, and there is no unk_token.")
        return number

    def _known_token(self, number: int) -> str:
        token = self._token_at(number)
        if token is None:
            raise InputError(f"the id {number} is not in the vocabulary, which has {len(self)} tokens.")
        return token

    def _checked_ids(self, ids: Any) -> int | list[int]:
        """Return ids as Python's numbers. Raises `InputError`: one is not a number or outside the vocabulary."""
        ids = ids.tolist() if hasattr(ids, "tolist") else ids
        single = not isinstance(ids, list | tuple)
        try:
            numbers = [operator.index(number) for number in ([ids] if single else ids)]
        except TypeError as error:
            raise InputError(f"ids must be integers, but got {shown(ids)}.") from error
        if numbers and (min(numbers) < 0 or max(numbers) >= len(self)):
            for place, number in enumerate(numbers):
                if number < 0 or self._token_at(number) is None:
                    where = "the id" if single else f"ids[{place}] is"
                    raise InputError(
                        f"{where} {number}{' is' if single else ','} not in the vocabulary, which has {len(self)} "
                        "tokens. Replace numbers that are no tokens, such as the label -100, first."
                    )
        return numbers[0] if single else numbers

    # ---- special tokens -------------------------------------------------------------------------------------

    @property
    def special_tokens_map(self) -> dict[str, str]:
        """Name → token, for the special tokens that have a name and are set."""
        return dict(self._special)

    @property
    def extra_special_tokens(self) -> list[str]:
        """The special tokens that have no name."""
        return list(self._others)

    additional_special_tokens = extra_special_tokens

    @property
    def all_special_tokens(self) -> list[str]:
        """Every special token once, those with a name first."""
        return list(dict.fromkeys([*self._special.values(), *self._others]))

    @property
    def all_special_ids(self) -> list[int]:
        """The ids of `all_special_tokens`."""
        return [self._known_id(token) for token in self.all_special_tokens]

    def _take_added(self, added: Mapping[int, AddedToken]) -> None:
        missing = [token for _, token in sorted(added.items()) if self._id_of(token.content) is None]
        if missing:
            self._add(missing)
        for number, token in added.items():
            found = self._id_of(token.content)
            if found != number:
                raise OptionError(
                    f"added_tokens_decoder says that {token.content!r} has the id {number}, but in the vocabulary it "
                    f"is {found}. The files of this tokenizer contradict each other."
                )

    def _take_special(self, clean: Mapping[str, Any]) -> None:
        named: dict[str, AddedToken] = {}
        own = special_names(type(self).Settings)
        for name in own:
            default = self.default_tokens.get(name)
            if name in clean:
                if clean[name] is not None:
                    named[name] = clean[name]
            elif default is not None and self._id_of(default) is not None:
                named[name] = AddedToken(default)
        others = list(clean.get("additional_special_tokens") or [])
        more = dict(clean.get("model_specific_special_tokens") or {})
        extra = clean.get("extra_special_tokens") or []
        if isinstance(extra, Mapping):
            more.update(extra)
        else:
            others = list(dict.fromkeys([*extra, *others]))
        more = {name: token for name, token in more.items() if name not in own}  # which say it themselves
        for name in more:
            if not name.isidentifier() or hasattr(type(self), name):
                raise OptionError(f"a special token cannot have the name {name!r}: it is taken or no identifier.")
        named |= more
        marked = {token.content for token in self.added_tokens_decoder.values()}
        new = {token.content: token for token in (*named.values(), *others) if token.content not in marked}
        if new:
            self._add(list(new.values()))
        self._special = {name: token.content for name, token in named.items()}
        self._others = [token.content for token in others]

    def _set_special_token(self, name: str, value: Any) -> None:
        if value is None:
            if self._special.pop(name, None) is not None:
                self._adapt_special([name])
            return
        token = read_token(name, value)
        if self._id_of(token.content) is None:
            hint = did_you_mean(
                token.content, [*self.all_special_tokens, *map(str, self.added_tokens_decoder.values())]
            )
            raise InputError(
                f"{name} must be a token of the vocabulary, but {token.content!r} is not in it.{hint} A new token can "
                f"be given when the tokenizer is loaded: from_pretrained(..., {name}={token.content!r})."
            )
        before = dict(self._special)
        self._special[name] = token.content
        try:
            self._adapt_special([name])
        except ArchsmithError:
            self._special = before
            raise

    def _token_of_id(self, name: str, value: Any) -> str:
        if isinstance(value, bool) or not hasattr(value, "__index__"):
            raise OptionError(f"{name} must be an integer, but is {shown(value)}.")
        return self.convert_ids_to_tokens(value)  # type: ignore[no-any-return]

    def _id_of_special_token(self, name: str) -> int:
        return self._known_id(self._special[name])

    # ---- attributes -----------------------------------------------------------------------------------------

    def __setattr__(self, name: str, value: Any) -> None:
        hint = setting_hints(type(self).Settings).get(name)
        if hint is not None:
            value, faults = read_setting(name, value, hint)
            if faults:
                raise OptionError(f"{type(self).__name__}: {faults[0]}.")
        elif name in self.__dict__.get("_special", {}) and name not in SPECIAL_TOKENS:
            self._set_special_token(name, value)
            return
        object.__setattr__(self, name, value)

    def __getattr__(self, name: str) -> Any:
        special = self.__dict__.get("_special", {})
        if name in special:
            return special[name]
        if name.removesuffix("_id") in special:
            return self._id_of_special_token(name.removesuffix("_id"))
        known = [*special, *setting_hints(type(self).Settings), *SPECIAL_TOKENS] if not name.startswith("_") else []
        message = f"{type(self).__name__} has no attribute {name!r}.{did_you_mean(name, known)}"
        raise AttributeError(message, name=name, obj=self)
