"""What settings and special tokens change in what is put around texts, and in the offsets of words."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from archsmith.errors import OptionError
from archsmith.files import TOKENIZER_FILE
from archsmith.messages import announce
from archsmith.tokenizer import SpecialTokensTemplate, TemplatePart, surround

__all__ = ["refuse_unused", "renewed", "take_ends", "trims", "unused", "with_offsets"]

#: Setting → the special token that it puts around texts.
_ENDS = {"add_bos_token": "bos_token", "add_eos_token": "eos_token"}


def unused(cls: Any, *, is_plain: bool) -> dict[str, str]:
    """Return setting → why it can have no effect.

    Args:
        cls: The class of the tokenizer.
        is_plain: Whether it is made from vocab.json and merges.txt.
    """
    found = {} if cls.surrounds else {"trim_offsets": f"{cls.__name__} never trims offsets"}
    if cls.surrounds:
        return found | dict.fromkeys(_ENDS, f"{cls.__name__} puts cls_token and sep_token around texts")
    return found if is_plain else found | dict.fromkeys(_ENDS, f"the {TOKENIZER_FILE} says what is put around texts")


def refuse_unused(cls: Any, clean: Mapping[str, Any], *, is_plain: bool) -> None:
    """Refuse settings that can have no effect. Raises `OptionError`."""
    for name, why in unused(cls, is_plain=is_plain).items():
        if name in clean:
            raise OptionError(f"{name}={clean[name]!r} can have no effect: {why}.")


def take_ends(tokenizer: Any, clean: Mapping[str, Any], *, is_plain: bool) -> None:
    """Note which of its own tokens a tokenizer puts around texts, if that is for settings to say."""
    for name, token in _ENDS.items() if is_plain and not tokenizer.surrounds else ():
        setattr(tokenizer, name, clean.get(name, False))
        if clean.get(name) and getattr(tokenizer, token) is None:
            announce(f"{name}=True has no effect: the tokenizer has no {token}. Name one: {token}=….")


def renewed(tokenizer: Any, around: Sequence[int], names: Collection[str]) -> SpecialTokensTemplate | None:
    """Return the template that a tokenizer has after special tokens have changed; None: the one that it had.

    Args:
        tokenizer: The tokenizer.
        around: The ids that it puts around one text now.
        names: What has changed.
    """
    if tokenizer.surrounds:
        own = [tokenizer.cls_token_id, tokenizer.sep_token_id]
        if not {"cls_token", "sep_token"} & {*names} or len(around) != len(own) or around == own:
            return None
        return surround(_end(tokenizer, "cls_token"), _end(tokenizer, "sep_token"), doubled=True)
    if not any(getattr(tokenizer, name) and token in names for name, token in _ENDS.items()):
        return None
    begin, end = (_end(tokenizer, token) if getattr(tokenizer, name) else None for name, token in _ENDS.items())
    first, second = ((*_part(begin, number), TemplatePart(number, number), *_part(end, number)) for number in (0, 1))
    return SpecialTokensTemplate(first, first + second)


def _end(tokenizer: Any, name: str) -> tuple[str, int] | None:
    token = getattr(tokenizer, name)
    return None if token is None else (str(token), tokenizer.convert_tokens_to_ids(token))


def _part(end: tuple[str, int] | None, token_type: int) -> list[TemplatePart]:
    return [] if end is None else [TemplatePart(None, token_type, (end[1],), (end[0],))]


def with_offsets(post_processor: Any, clean: Mapping[str, Any]) -> Any:
    """Return a post_processor, as tokenizer.json writes it, with the settings about offsets in it."""
    values = {name: clean[name] for name in ("trim_offsets", "add_prefix_space") if name in clean}
    if not isinstance(post_processor, Mapping):
        return post_processor
    if "processors" in post_processor:
        return {**post_processor, "processors": [with_offsets(step, clean) for step in post_processor["processors"]]}
    return {**post_processor, **values} if "trim_offsets" in post_processor else dict(post_processor)


def trims(post_processor: Any) -> bool:
    """Return whether a post_processor trims offsets."""
    return any(step.get("trim_offsets", False) for step in _steps(post_processor))


def _steps(post_processor: Any) -> Iterator[Mapping[str, Any]]:
    if isinstance(post_processor, Mapping):
        yield from post_processor.get("processors", [post_processor])
