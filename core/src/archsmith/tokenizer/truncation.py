"""How one call to a tokenizer cuts texts that are too long."""

import operator
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

from archsmith.config.fields import shown
from archsmith.errors import InputError, OptionError, did_you_mean

__all__ = [
    "HUGE",
    "Side",
    "Truncation",
    "TruncationStrategy",
    "check_room",
    "check_uncut",
    "choice",
    "read_count",
    "read_flags",
    "resolve_truncation",
]

Side = Literal["right", "left"]
TruncationStrategy = Literal["longest_first", "only_first", "only_second", "do_not_truncate"]

#: No row can be as long as this: a model_max_length from here on means that the model has none.
HUGE = 2**31


@dataclass(frozen=True)
class Truncation:
    """A cut.

    Attributes:
        max_length: The most tokens that a row may have, special ones included.
        stride: How many tokens each overflowing piece repeats of the one before.
        strategy: Which text of a pair is cut.
        direction: The side on which tokens are cut off.
    """

    max_length: int
    stride: int
    strategy: str
    direction: Side

    def room(self, special: int) -> int:
        """Return how many tokens are left for the text beside so many special ones."""
        return self.max_length - special


def read_count(name: str, value: Any, *, least: int, optional: bool = True) -> int | None:
    """Check a number of tokens. Raises `OptionError`."""
    if value is None and optional:
        return None
    is_whole = hasattr(type(value), "__index__") and not isinstance(value, bool)
    number = operator.index(value) if is_whole else least - 1
    if number < least or number >= HUGE:
        raise OptionError(f"{name} must be an integer from {least} to {HUGE - 1}, but is {shown(value)}.")
    return number


def read_flags(**flags: Any) -> None:
    """Check options that are on or off. Raises `OptionError`, naming the first that is neither."""
    for name, value in flags.items():
        if not isinstance(value, bool):
            raise OptionError(f"{name} must be True or False, but is {shown(value)}.")


def choice(name: str, value: Any, choices: tuple[str, ...], *, extra: str = "True, False") -> str:
    """Check an option that is one of several words. Raises `OptionError`."""
    if isinstance(value, str) and value in choices:
        return value
    hint = did_you_mean(value, choices) if isinstance(value, str) else ""
    listed = ", ".join([*([extra] if extra else []), *map(repr, choices)])
    raise OptionError(f"{name} is {shown(value)}; expected one of {listed}.{hint}")


def resolve_truncation(
    truncation: Any,
    *,
    max_length: int | None,
    stride: Any,
    padding: Any,
    direction: Side,
    model_max_length: int,
    is_pair: bool,
) -> Truncation | None:
    """Decide how a call cuts its texts; None if it does not.

    A ``max_length`` with neither ``truncation`` nor ``padding`` asks for truncation.

    Raises:
        OptionError: An option is wrong, or no length is known to cut to.
    """
    number = read_count("stride", stride, least=0, optional=False) or 0
    if truncation is None:
        truncation = max_length is not None and padding in (False, "do_not_pad")
    if isinstance(truncation, bool):
        truncation = "longest_first" if truncation else "do_not_truncate"
    strategy = choice("truncation", truncation, get_args(TruncationStrategy))
    if strategy == "do_not_truncate":
        return None
    if strategy == "only_second" and not is_pair:
        raise OptionError("truncation='only_second' needs pairs, but there is no text_pair. Pass truncation=True.")
    if max_length is None and model_max_length >= HUGE:
        raise OptionError(
            "truncation needs a length: this tokenizer has no model_max_length. Pass max_length=, or set it once: "
            "tokenizer.model_max_length = 512."
        )
    return Truncation(model_max_length if max_length is None else max_length, number, strategy, direction)


def check_room(cut: Truncation, *, special: int, is_pair: bool) -> None:
    """Refuse a cut that leaves no room for the text beside the special tokens, or too little for the stride.

    Args:
        cut: The cut.
        special: How many special tokens each row gets.
        is_pair: Whether rows hold two texts.

    Raises:
        OptionError: There is too little room.
    """
    room = cut.room(special)
    least = 0 if special and not is_pair else 1
    if room < least:
        raise OptionError(
            f"max_length is {cut.max_length}, but {special} special tokens are added to each row; "
            f"expected at least {special + least}."
        )
    shared = is_pair and cut.strategy == "longest_first"
    share = room // 2 if shared else room
    if cut.stride and cut.stride >= share:
        whose = "each text of a pair has" if shared else "there are"
        raise OptionError(
            f"stride is {cut.stride}, but {whose} {share} tokens beside the {special} special ones "
            f"(max_length {cut.max_length}); expected a stride below {share}."
        )


def check_uncut(cut: Truncation, special: int, lengths: Sequence[tuple[int, int]]) -> None:
    """Refuse pairs where the text that is not cut leaves too little room for the other.

    Args:
        cut: The cut, of one text of each pair.
        special: How many special tokens each row gets.
        lengths: The tokens of both texts of each pair.

    Raises:
        InputError: There is too little room.
    """
    room = cut.room(special)
    for row, pair in enumerate(lengths):
        length = pair[0] if cut.strategy == "only_second" else pair[1]
        if room - length <= cut.stride and sum(pair) > room:
            name = "text" if cut.strategy == "only_second" else "text_pair"
            raise InputError(
                f"{name}[{row}] has {length} tokens, which truncation={cut.strategy!r} does not cut; of the {room} "
                f"that max_length={cut.max_length} leaves for a pair, {max(room - length, 0)} remain for the other "
                f"text, expected more than {cut.stride}. Raise max_length, lower stride, or pass truncation=True."
            )
