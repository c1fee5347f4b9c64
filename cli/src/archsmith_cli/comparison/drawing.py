"""How a comparison looks: what it was of, and a section each for fields, files and tensors."""

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from archsmith_cli.comparison.names import fold
from archsmith_cli.render import Cell, Page, clean, shorten

__all__ = ["draw"]

#: More rows than this are folded by layer.
_MANY = 24
_SHOWN = 6
_STATUS = {
    "values": "with other values",
    "dtype": "of another type",
    "shape": "of another shape",
}
_NUMBERS = ("NORM A", "NORM B", "NORM A-B", "MAX A-B", "RELATIVE")


def draw(page: Page, data: Mapping[str, Any], *, every: bool) -> None:
    """Write a comparison, as ``archsmith diff`` returns it.

    Args:
        page: Where.
        data: The comparison.
        every: List every tensor, each in its own line.
    """
    for side in ("a", "b"):
        page.line(Cell(side.upper(), "bold"), f"  {data[side]['name']}  ", Cell(data[side]["described"], "dim"))
    _draw_configuration(page, data["configuration"])
    if data["files"] is not None:
        _draw_files(page, data["files"])
    _draw_weights(page, data["weights"], every=every)
    page.blank()
    whole = data["configuration"]["compared"] and data["weights"]["compared"]
    whole = whole and not (data["files"] and data["files"]["not_compared"])
    nothing = "Nothing differs." if whole else "Nothing that was compared differs."
    page.line(Cell(nothing, "green") if data["equal"] else Cell("They differ.", "yellow"))


def _draw_configuration(page: Page, found: Mapping[str, Any]) -> None:
    page.blank()
    if not found["compared"]:
        page.prose(clean(f"not compared: {found['reason']}."), label="Configuration:")
        return
    fields = found["fields"]
    page.heading(f"Configuration: {_count(len(fields), 'field')} differ{'s' if len(fields) == 1 else ''}")
    _draw_fields(page, fields)
    for reason in found["not_resolved"]:
        page.prose(clean(reason), label=Cell("as written", "yellow"))


def _draw_fields(page: Page, fields: Sequence[Mapping[str, Any]]) -> None:
    if fields:
        rows = [(_field(row), _value(row, "a"), _value(row, "b")) for row in fields]
        page.table(("FIELD", "A", "B"), rows)


def _field(row: Mapping[str, Any]) -> str:
    names = [f"{name} in {side.upper()}" for side, name in row.get("names", {}).items()]
    return f"{row['field']} ({', '.join(names)})" if names else str(row["field"])


def _value(row: Mapping[str, Any], side: str) -> Cell:
    return Cell(shorten(row[side], 40)) if side in row else Cell("(none)", "dim")


def _draw_files(page: Page, files: Mapping[str, Any]) -> None:
    if files["same"] or files["different"]:
        page.blank()
        page.heading(f"Other files: {len(files['same'])} equal, {len(files['different'])} different")
    for name, found in files["different"].items():
        if found["only"]:
            page.line(f"{name}: only in {found['only'].upper()}")
            continue
        for kind, said in found.items():
            if kind == "fields":
                page.line(f"{name}:")
                _draw_fields(page, said)
            elif said is not None:
                page.prose(clean(_in_words(kind, said)), label=f"{name}:")
    if files["not_compared"]:
        page.prose(clean(_few(files["not_compared"])), label=Cell("not compared:", "dim"))


def _in_words(kind: str, said: Any) -> str:
    if kind == "vocabulary":
        parts = [f"{said['size']['a']:,} and {said['size']['b']:,} tokens"]
        for name, words in (("only_a", "only in A"), ("only_b", "only in B"), ("other_number", "with another number")):
            if said[name]:
                parts.append(f"{len(said[name]):,} {words} ({_few(list(map(repr, said[name])))})")
        return "; ".join(parts)
    if kind in ("merges", "lines"):
        what = "merges" if kind == "merges" else "lines"
        order = "" if said["only_a"] or said["only_b"] else ", in another order or number"
        return (
            f"{said['a']:,} and {said['b']:,} {what}, {said['only_a']:,} only in A, {said['only_b']:,} only in B{order}"
        )
    return f"other content, {said['a']:,} and {said['b']:,} bytes" if kind == "bytes" else str(said)


def _draw_weights(page: Page, found: Mapping[str, Any], *, every: bool) -> None:
    page.blank()
    if not found["compared"]:
        page.prose(clean(f"not compared: {found['reason']}."), label="Weights:")
        return
    counts = Counter(row["status"] for row in found["different"])
    parts = [
        f"{len(found['same']):,} equal",
        *(f"{counts[key]:,} {words}" for key, words in _STATUS.items() if counts[key]),
    ]
    parts += [f"{len(found[f'only_{side}']):,} only in {side.upper()}" for side in "ab" if found[f"only_{side}"]]
    page.heading(f"Tensors: {', '.join(parts)}")
    if prefixes := found["prefixes"]:
        before = [f"{prefixes[side]!r}" if prefixes[side] else "nothing" for side in "ab"]
        page.prose(f"{prefixes['names']:,} names have {before[0]} before them in A and {before[1]} in B.")
    _draw_nan(page, [*found["same"], *found["different"]])
    rows = [*found["same"], *found["different"]] if every else found["different"]
    if rows:
        _draw_values(page, rows, folded=not every and len(rows) > _MANY)
    for side in "ab":
        if alone := found[f"only_{side}"]:
            page.blank()
            _draw_alone(page, side.upper(), alone, folded=not every and len(alone) > _MANY)


def _draw_nan(page: Page, rows: Iterable[Mapping[str, Any]]) -> None:
    both = [row["name"] for row in rows if row.get("nan_both")]
    if both:
        page.prose(clean(f"NaN in the same places of both, which counts as equal: {_few(both)}."))


def _draw_values(page: Page, rows: Sequence[Mapping[str, Any]], *, folded: bool) -> None:
    groups = _groups(rows, folded=folded, alike=lambda row: (row["status"], _types(row)))
    cells = [(name, _what(group), *_numbers(group)) for name, group in groups]
    if sum(max(map(len, column)) + 2 for column in zip(*cells, strict=True)) > page.width:
        for name, what, *numbers in cells:
            said = [f"{header.lower()} {number}" for header, number in zip(_NUMBERS, numbers, strict=True) if number]
            page.line(name)
            page.line("  ", what, Cell("".join(f", {each}" for each in said), "dim"))
        return
    page.table(("TENSOR", "DIFFERS IN", *_NUMBERS), cells, right=_NUMBERS)


def _groups(
    rows: Sequence[Mapping[str, Any]], *, folded: bool, alike: Any
) -> list[tuple[str, list[Mapping[str, Any]]]]:
    if not folded:
        return [(row["name"], [row]) for row in rows]
    groups = fold(rows, name_of=lambda row: row["name"], alike=alike)
    return [(name if len(group) == 1 else f"{name}  x{len(group)}", group) for name, group in groups]


def _types(row: Mapping[str, Any]) -> str:
    """Return the shapes or types of a row that differ, as ``"4x3, 5x3"``."""
    if row["status"] == "shape":
        return f"{_shape(row['shape'])}, {_shape(row['shape_b'])}"
    return f"{row['dtype']}, {row['dtype_b']}" if row["status"] == "dtype" else ""


def _what(group: Sequence[Mapping[str, Any]]) -> str:
    first = group[0]
    if first["status"] == "shape":
        return f"shape ({_types(first)})"
    parts = [f"type ({_types(first)})"] if first["status"] == "dtype" else []
    sums = Counter[str]()
    for row in group:
        sums.update({key: row.get(key, 0) for key in ("different", "numbers", "nan_a", "nan_b", "nan_both")})
        sums["infinite"] += row.get("infinite_a", 0) + row.get("infinite_b", 0)
    if sums["different"]:
        parts.append(f"{sums['different']:,} of {sums['numbers']:,} values")
    elif parts:
        parts.append("no value")
    alone = {side: sums[f"nan_{side}"] - sums["nan_both"] for side in "ab"}
    parts += [f"{count:,} NaN in {side.upper()} alone" for side, count in alone.items() if count]
    if sums["infinite"]:
        parts.append("infinities left out of the norms")
    return ", ".join(parts) or "nothing"


def _numbers(group: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return the numbers of a row, those of folded ones over all of them."""
    if not all("norm_a" in row for row in group):
        return [""] * len(_NUMBERS)
    norms = [_together([row[key] for row in group]) for key in ("norm_a", "norm_b", "norm_difference")]
    largest = [row["max_difference"] for row in group]
    relative = norms[2] / norms[0] if norms[0] and norms[2] is not None else None
    values = [*norms, None if None in largest else max(largest), relative]
    return ["-" if value is None else f"{value:.4g}" for value in values]


def _together(norms: Sequence[float | None]) -> float | None:
    known = [norm for norm in norms if norm is not None]
    return math.hypot(*known) if len(known) == len(norms) else None


def _draw_alone(page: Page, side: str, rows: Sequence[Mapping[str, Any]], *, folded: bool) -> None:
    groups = _groups(rows, folded=folded, alike=lambda row: (row["dtype"], row["shape"].__repr__(), row["copy_of"]))
    cells = [
        (
            name,
            group[0]["dtype"],
            _shape(group[0]["shape"]),
            f"a copy of {group[0]['copy_of']}, as tied weights are" if group[0]["copy_of"] else "",
        )
        for name, group in groups
    ]
    page.table((f"ONLY IN {side}", "DTYPE", "SHAPE", ""), cells)


def _shape(sizes: Sequence[int]) -> str:
    return "x".join(map(str, sizes)) or "scalar"


def _few(names: Sequence[str]) -> str:
    return ", ".join(names[:_SHOWN]) + (f" and {len(names) - _SHOWN:,} more" if len(names) > _SHOWN else "")


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"
