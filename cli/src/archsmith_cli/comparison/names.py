"""Which tensor of one checkpoint is which of another, and how many names of layers are shown as one."""

import re
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

__all__ = ["Matched", "fold", "match_names"]

#: So many beginnings of names are tried on each side, and so many parts of a name make one.
_TRIED = 8
_PARTS = 3
_NUMBER = re.compile(r"(?<![^.])\d+(?![^.])")


@dataclass(frozen=True)
class Matched:
    """Which names belong together.

    Attributes:
        pairs: A name of the one → that of the other.
        prefixes: What stands before names of the one, and before the same ones of the other; None: they are alike.
        only: The names of the one, and of the other, that have no counterpart.
    """

    pairs: dict[str, str]
    prefixes: tuple[str, str] | None
    only: tuple[list[str], list[str]]

    @property
    def renamed(self) -> int:
        """How many names differ by the prefix."""
        return sum(name != counterpart for name, counterpart in self.pairs.items())


def match_names(one: Collection[str], other: Collection[str]) -> Matched:
    """Match names that are the same, and of the rest those that differ by one prefix, as ``bert.`` and nothing."""
    pairs = {name: name for name in one if name in other}
    left, right = ([name for name in names if name not in pairs] for names in (one, other))
    prefixes = _best(left, right, enough=min(len(one), len(other)) / 2)
    if prefixes is not None:
        pairs |= _paired(left, set(right), *prefixes)
    taken = set(pairs.values())
    return Matched(
        pairs, prefixes, ([name for name in left if name not in pairs], [n for n in right if n not in taken])
    )


def _best(left: Sequence[str], right: Sequence[str], *, enough: float) -> tuple[str, str] | None:
    """Return the prefixes by which most names are matched; two that are both not empty have to match half of all."""
    names = set(right)
    found: dict[tuple[str, str], int] = {}
    for before in ("", *_prefixes(left)):
        for after in ("", *_prefixes(right)):
            paired = _paired(left, names, before, after)
            # What is left of a name must still tell: every model has a "weight" somewhere.
            telling = sum("." in name.removeprefix(before) for name in paired)
            if telling and before != after and (not (before and after) or len(paired) >= enough):
                found[before, after] = telling
    return max(found, key=lambda pair: (found[pair], -len(pair[0] + pair[1]))) if found else None


def _prefixes(names: Iterable[str]) -> list[str]:
    counts: Counter[str] = Counter()
    for name in names:
        parts = name.split(".")[:-1]
        counts.update(".".join(parts[:end]) + "." for end in range(1, 1 + min(_PARTS, len(parts))))
    return [prefix for prefix, _ in counts.most_common(_TRIED)]


def _paired(left: Iterable[str], right: Collection[str], before: str, after: str) -> dict[str, str]:
    pairs = {name: after + name.removeprefix(before) for name in left if name.startswith(before)}
    return {name: counterpart for name, counterpart in pairs.items() if counterpart in right}


def fold(rows: Sequence[Any], *, name_of: Any, alike: Any) -> list[tuple[str, list[Any]]]:
    """Return rows together whose names differ in numbers alone and that are alike otherwise.

    Args:
        rows: Whatever has names.
        name_of: Returns the name of a row.
        alike: Returns what rows must have in common.

    Returns:
        A name for each group, as ``layer.0-11.bias`` (``*`` where several numbers differ), and its rows.
    """
    groups: dict[Any, list[Any]] = {}
    for row in rows:
        groups.setdefault((_NUMBER.sub("*", name_of(row)), alike(row)), []).append(row)
    return [(_common_name([name_of(row) for row in group]), group) for group in groups.values()]


def _common_name(names: Sequence[str]) -> str:
    columns = list(zip(*(name.split(".") for name in names), strict=True))
    differing = [place for place, parts in enumerate(columns) if len(set(parts)) > 1]
    shown = [parts[0] for parts in columns]
    for place in differing:
        numbers = sorted({int(part) for part in columns[place]})
        whole = numbers == list(range(numbers[0], numbers[-1] + 1)) and len(differing) == 1
        shown[place] = f"{numbers[0]}-{numbers[-1]}" if whole else "*"
    return ".".join(shown)
