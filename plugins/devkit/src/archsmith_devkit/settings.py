"""What settings of preprocessing do: each is changed, and what comes out is held against what came out before."""

import dataclasses
import inspect
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Literal, get_args, get_origin, get_type_hints

import numpy as np

from archsmith.errors import ArchsmithError, PluginError

__all__ = ["first_difference", "own_settings", "switches_of", "unused_settings", "variants_of"]

#: Two numbers are one where they are no further apart, as a share of the larger.
_SAME = 1e-6
_INSTEAD: dict[type, tuple[Any, ...]] = {bool: (True,), int: (2, 3), float: (0.5,), list: ([0.5],)}
Made = Mapping[str, Any]


def own_settings(cls: type[Any], base: type[Any]) -> set[str]:
    """Return the settings that a class, or one between it and a base, declares itself."""
    return {name for each in cls.__mro__ if each not in base.__mro__ for name in inspect.get_annotations(each)}


def variants_of(cls: type[Any], name: str, value: Any) -> list[Any]:
    """Return other values of a setting, by its declared type."""
    hint = get_type_hints(cls, include_extras=True)[name]
    if isinstance(value, bool):
        return [not value]
    if choices := _choices(hint):
        return [choice for choice in choices if choice != value]
    if isinstance(value, int):
        return [other for other in (value * 2, value + 1, value // 2) if other != value]
    if isinstance(value, float):
        return [other for other in (0.5, value + 1.0, value / 2) if other != value]
    kinds = _kinds(hint)
    return [other for kind, others in _INSTEAD.items() if value is None and kind in kinds for other in others]


def switches_of(cls: type[Any], values: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield changes that turn something on or off, or choose another way: some settings count only then."""
    for declared in dataclasses.fields(cls):
        value = values.get(declared.name)
        if isinstance(value, bool | str):
            yield from ({declared.name: other} for other in variants_of(cls, declared.name, value))


def unused_settings(
    made: Callable[[Mapping[str, Any]], Made],
    variants: Mapping[str, Iterable[Any]],
    switches: Iterable[Mapping[str, Any]],
    *,
    own: Iterable[str],
) -> dict[str, Any]:
    """Return the settings that change nothing, with a value for each.

    Args:
        made: What comes out with some settings changed.
        variants: Setting → other values.
        switches: Changes under which a setting may count that otherwise does not.
        own: Settings whose author is who wrote the class: with these the class must not break.

    Raises:
        AssertionError: The class breaks where a setting of its own has another value.
    """
    left = {name: list(others) for name, others in variants.items() if others}
    for switch in ({}, *switches):
        usual = _tried(made, switch) if left else None
        if usual is None:
            continue
        for name in [name for name in left if name not in switch]:
            for other in left[name]:
                if _counts(made, {**switch, name: other}, usual, is_own=name in own):
                    del left[name]
                    break
    return {name: others[0] for name, others in left.items()}


def _counts(made: Callable[[Mapping[str, Any]], Made], change: Mapping[str, Any], usual: Made, *, is_own: bool) -> bool:
    try:
        return bool(first_difference(made(change), usual))
    except PluginError as error:
        if not is_own:
            return True
        told = ", ".join(f"{name} = {value!r}" for name, value in change.items())
        raise AssertionError(f"{told} is taken and not followed: {error}") from error
    except ArchsmithError:
        return True  # what refuses a value reads it


def _tried(made: Callable[[Mapping[str, Any]], Made], change: Mapping[str, Any]) -> Made | None:
    try:
        return made(change)
    except ArchsmithError:
        return None


def first_difference(found: Made, wanted: Made) -> str:
    """Return in words where two batches differ; nothing where they are one."""
    if found.keys() != wanted.keys():
        return f"{', '.join(found) or 'nothing'} instead of {', '.join(wanted) or 'nothing'}"
    for name in wanted:
        rows, others = found[name], wanted[name]
        if len(rows) != len(others):
            return f"{len(rows)} rows of {name} instead of {len(others)}"
        for place, (row, other) in enumerate(zip(rows, others, strict=True)):
            one, two = np.asarray(row), np.asarray(other)
            if one.shape != two.shape:
                return f"{name}[{place}] has the shape {one.shape} instead of {two.shape}"
            if not np.allclose(one, two, _SAME, _SAME, equal_nan=True):
                return f"{name}[{place}] is off by {np.abs(one.astype(float) - two.astype(float)).max():.3g}"
    return ""


def _choices(hint: Any) -> tuple[Any, ...]:
    """Return the choices of a Literal, wherever it is in a type."""
    if get_origin(hint) is Literal:
        return get_args(hint)
    return next((found for part in get_args(hint) if (found := _choices(part))), ())


def _kinds(hint: Any) -> set[Any]:
    """Return every type inside a type."""
    parts = [part for part in get_args(hint) if not isinstance(part, str)]
    return {get_origin(hint) or hint}.union(*map(_kinds, parts)) if parts else {hint}
