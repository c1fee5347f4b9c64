"""New tokens for a tokenizer that exists."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from archsmith.errors import OptionError
from archsmith.messages import did_you_mean, shown
from archsmith.tokenizer.special_tokens import SPECIAL_TOKENS, AddedToken, read_token
from archsmith.tokenizer.vocabulary import TokenVocabulary

__all__ = ["GrowingVocabulary"]


class GrowingVocabulary(TokenVocabulary):
    """A vocabulary that tokens can be added to."""

    def add_tokens(self, new_tokens: Any, *, special_tokens: bool = False) -> int:
        """Add tokens behind the vocabulary. They are found in a text before it is cut into words.

        Args:
            new_tokens: A token or a list of them: strings or `AddedToken`. One that the vocabulary has keeps its id,
                but is from now on found in the text as it stands.
            special_tokens: Decoding can leave them out; strings are then looked for before the text is normalised.

        Returns:
            How many were new; a model needs as many more embeddings.

        Raises:
            OptionError: One is not a token; none was added.
        """
        if not isinstance(special_tokens, bool):
            raise OptionError(f"special_tokens must be True or False, but is {shown(special_tokens)}.")
        given = new_tokens if isinstance(new_tokens, list | tuple) else [new_tokens]
        tokens = [read_token(f"new_tokens[{index}]", token) for index, token in enumerate(given)]
        plain = [isinstance(token, str) for token in given]
        before = len(self)
        self._add(
            [
                replace(token, special=special_tokens or (token.special and not is_plain))
                for token, is_plain in zip(tokens, plain, strict=True)
            ]
        )
        return len(self) - before

    def add_special_tokens(
        self, special_tokens_dict: Mapping[str, Any], *, replace_extra_special_tokens: bool = True
    ) -> int:
        """Set special tokens, and add those that the vocabulary lacks.

        Args:
            special_tokens_dict: Name → token, such as ``{"pad_token": "[PAD]"}``; the names ``extra_special_tokens``
                and ``additional_special_tokens`` take a list of tokens without a name.
            replace_extra_special_tokens: The list replaces the one before, whose tokens stay in the vocabulary; with
                False it goes behind it.

        Returns:
            How many were new.

        Raises:
            OptionError: A name or a token is wrong; nothing was changed.
        """
        named, others = self._read_special(special_tokens_dict)
        before = len(self)
        marked = {token.content: token for token in self.added_tokens_decoder.values()}
        new = [*named.values(), *others]
        self._add([token for token in new if token.content not in marked or not marked[token.content].special])
        for name, token in named.items():
            self._set_special_token(name, token.content)
        if others:
            kept = [] if replace_extra_special_tokens else self._others
            self._others = list(dict.fromkeys([*kept, *(token.content for token in others)]))
        return len(self) - before

    def _read_special(self, special_tokens_dict: Any) -> tuple[dict[str, AddedToken], list[AddedToken]]:
        """Return the special tokens with a name and those without. Raises `OptionError`."""
        if not isinstance(special_tokens_dict, Mapping):
            raise OptionError(f"special_tokens_dict must map names to tokens, but is {shown(special_tokens_dict)}.")
        named: dict[str, AddedToken] = {}
        others: list[AddedToken] = []
        for name, value in special_tokens_dict.items():
            if name in ("extra_special_tokens", "additional_special_tokens"):
                if not isinstance(value, list | tuple):
                    raise OptionError(f"{name} must be a list of tokens, but is {shown(value)}.")
                others += [read_token(f"{name}[{index}]", token) for index, token in enumerate(value)]
            elif name in (*SPECIAL_TOKENS, *self._special):
                named[name] = replace(read_token(name, value), special=True)
            else:
                hint = did_you_mean(str(name), [*SPECIAL_TOKENS, "extra_special_tokens"])
                raise OptionError(f"there is no special token {name!r}.{hint}")
        return named, [replace(token, special=True) for token in others]
