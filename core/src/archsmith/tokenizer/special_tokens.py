"""Special tokens: their names, and the attributes of a tokenizer that stand for them."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, overload

from archsmith.errors import ArchsmithError, InputError, OptionError
from archsmith.messages import did_you_mean, shown
from archsmith.tokenizer.added_tokens import AddedToken, as_special, read_token, read_token_list, read_tokens
from archsmith.tokenizer.vocabulary import TokenVocabulary

__all__ = [
    "SPECIAL_TOKENS", "UNNAMED_TOKENS", "SpecialToken", "SpecialTokenId", "SpecialTokens", "add_special_tokens",
    "add_tokens", "first_special_tokens", "set_special_token",
]  # fmt: skip

#: The special tokens that every tokenizer can have, in the order in which they are listed.
SPECIAL_TOKENS = ("bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token")
#: The settings that list special tokens without a name; the second is the old one.
UNNAMED_TOKENS = ("extra_special_tokens", "additional_special_tokens")


@dataclass(frozen=True)
class SpecialTokens:
    """The special tokens of a tokenizer. They are never changed, only replaced, so that copies do not share a change.

    Attributes:
        named: Name → token.
        others: Those that have no name.
    """

    named: Mapping[str, str] = field(default_factory=dict)
    others: tuple[str, ...] = ()

    def all(self) -> list[str]:
        """Return each token once, those with a name first."""
        return list(dict.fromkeys([*self.named.values(), *self.others]))

    def to_dict(self) -> dict[str, Any]:
        """Return them as special_tokens_map.json writes them."""
        return dict(self.named) | ({"additional_special_tokens": list(self.others)} if self.others else {})


def set_special_token(tokenizer: Any, name: str, value: Any) -> None:
    """Give a tokenizer another special token, or none.

    Raises:
        InputError: It is not in the vocabulary.
        OptionError: It is not a token, or cannot be one of that name.
    """
    before = tokenizer.special_tokens
    content = None if value is None else read_token(name, value).content
    if content is not None and tokenizer.vocabulary.id_of(content) is None:
        hint = did_you_mean(content, [*before.all(), *map(str, tokenizer.vocabulary.added.values())])
        raise InputError(
            f"{name} must be a token of the vocabulary, but {content!r} is not in it.{hint} A new token can be given "
            f"when the tokenizer is loaded: from_pretrained(..., {name}={content!r})."
        )
    named = {**before.named, name: content}
    tokenizer.special_tokens = replace(before, named={key: it for key, it in named.items() if it is not None})
    try:
        tokenizer.special_tokens_changed([name])
    except ArchsmithError:
        tokenizer.special_tokens = before
        raise


def first_special_tokens(
    cls: Any, settings: Mapping[str, Any], names: Collection[str], vocabulary: TokenVocabulary
) -> tuple[TokenVocabulary, SpecialTokens]:
    """Return the vocabulary of a tokenizer with its special tokens in it, and these.

    Args:
        cls: The class of the tokenizer, with its ``default_tokens``.
        settings: The settings that were given, checked.
        names: The names of special tokens that the class declares.
        vocabulary: The vocabulary without them.

    Raises:
        OptionError: A name is taken or is not an identifier.
    """
    named: dict[str, AddedToken] = {}
    for name in names:
        default = cls.default_tokens.get(name)
        is_known = default is not None and vocabulary.id_of(default) is not None
        if token := settings.get(name, AddedToken(default, special=True) if is_known else None):
            named[name] = token
    others = list(settings.get("additional_special_tokens") or [])
    more = dict(settings.get("model_specific_special_tokens") or {})
    extra = settings.get("extra_special_tokens") or []
    if isinstance(extra, Mapping):
        more.update(extra)
    else:
        others = [*extra, *others]
    more = {name: token for name, token in more.items() if name not in names}  # those say it themselves
    for name in more:
        if not isinstance(name, str) or not name.isidentifier() or hasattr(cls, name):
            raise OptionError(f"a special token cannot have the name {name!r}: it is taken or not an identifier.")
    named |= more
    marked = {token.content for token in vocabulary.added.values()}
    new = {token.content: as_special(token) for token in (*named.values(), *others) if token.content not in marked}
    special = SpecialTokens(
        {name: token.content for name, token in named.items()}, tuple(dict.fromkeys(map(str, others)))
    )
    return vocabulary.with_tokens(list(new.values())) if new else vocabulary, special


def add_tokens(tokenizer: Any, new_tokens: Any, *, special_tokens: bool = False) -> int:
    """Add tokens behind the vocabulary. They are found in a text before it is split into words.

    Args:
        new_tokens: A token or a list of them: strings or `AddedToken`. One that the vocabulary has keeps its id,
            but is from now on found in the text as it stands.
        special_tokens: Decoding can leave them out; strings are then looked for before the text is normalised.

    Returns:
        How many were new; a model needs as many more embeddings.

    Raises:
        OptionError: One is not a token; none was added.
    """
    before = len(tokenizer)
    tokenizer.vocabulary = tokenizer.vocabulary.with_tokens(read_tokens(new_tokens, are_special=special_tokens))
    return int(len(tokenizer) - before)


def add_special_tokens(
    tokenizer: Any, special_tokens_dict: Mapping[str, Any], *, replace_extra_special_tokens: bool = True
) -> int:
    """Set special tokens, add those that the vocabulary lacks, and return how many were new.

    Args:
        special_tokens_dict: Name → token, such as ``{"pad_token": "[PAD]"}``; the names ``extra_special_tokens``
            and ``additional_special_tokens`` take a list of tokens without a name.
        replace_extra_special_tokens: The list replaces the one before, whose tokens stay in the vocabulary; with
            False it goes behind it.

    Raises:
        OptionError: A name or a token is wrong; nothing was changed.
    """
    if not isinstance(special_tokens_dict, Mapping):
        raise OptionError(f"special_tokens_dict must map names to tokens, but is {shown(special_tokens_dict)}.")
    named: dict[str, AddedToken] = {}
    others: list[AddedToken] | None = None
    for name, value in special_tokens_dict.items():
        if name in UNNAMED_TOKENS:
            others = [*(others or ()), *read_token_list(name, value)]
        elif name in (*SPECIAL_TOKENS, *tokenizer.special_tokens.named):
            named[name] = read_token(name, value)
        else:
            hint = did_you_mean(str(name), [*SPECIAL_TOKENS, "extra_special_tokens"])
            raise OptionError(f"there is no special token {name!r}.{hint}")
    marked = {token.content for token in tokenizer.vocabulary.added.values() if token.special}
    new = [as_special(token) for token in (*named.values(), *(others or ())) if token.content not in marked]
    count: int = tokenizer.add_tokens(new)
    for name, token in named.items():
        set_special_token(tokenizer, name, token)
    if others is not None:
        kept = () if replace_extra_special_tokens else tokenizer.special_tokens.others
        contents = tuple(dict.fromkeys([*kept, *map(str, others)]))
        tokenizer.special_tokens = replace(tokenizer.special_tokens, others=contents)
    return count


class SpecialToken:
    """The attribute for one special token: its text, or None."""

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    @overload
    def __get__(self, tokenizer: None, owner: type) -> "SpecialToken": ...
    @overload
    def __get__(self, tokenizer: object, owner: type) -> str | None: ...
    def __get__(self, tokenizer: Any, owner: type) -> "str | SpecialToken | None":
        return self if tokenizer is None else tokenizer.special_tokens.named.get(self.name)

    def __set__(self, tokenizer: Any, value: Any) -> None:
        set_special_token(tokenizer, self.name, value)


class SpecialTokenId:
    """The attribute for the id of one special token, or None."""

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name.removesuffix("_id")

    @overload
    def __get__(self, tokenizer: None, owner: type) -> "SpecialTokenId": ...
    @overload
    def __get__(self, tokenizer: object, owner: type) -> int | None: ...
    def __get__(self, tokenizer: Any, owner: type) -> "int | SpecialTokenId | None":
        if tokenizer is None:
            return self
        token = tokenizer.special_tokens.named.get(self.name)
        return None if token is None else tokenizer.vocabulary.id_of(token)

    def __set__(self, tokenizer: Any, value: Any) -> None:
        if value is not None and (isinstance(value, bool) or not hasattr(value, "__index__")):
            raise OptionError(f"{self.name}_id must be an integer, but is {shown(value)}.")
        token = None if value is None else tokenizer.convert_ids_to_tokens(value)
        set_special_token(tokenizer, self.name, token)
