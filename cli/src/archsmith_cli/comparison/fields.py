"""What differs between two mappings of JSON values, and between two configurations."""

from collections.abc import Iterator, Mapping
from typing import Any

from archsmith.config import PreTrainedConfig
from archsmith.errors import ArchsmithError
from archsmith_cli.subjects import Subject

__all__ = ["compare_configurations", "differences", "is_same"]

#: Who wrote a file, with what, and where it came from: it says nothing of what is in it.
_STAMPS = frozenset({"transformers_version", "_name_or_path", "name_or_path", "_commit_hash"})
_OWN_STAMP = frozenset({"version", "plugin", "plugin_version", "save_id"})

_ABSENT = object()


def compare_configurations(one: Subject, other: Subject) -> dict[str, Any]:
    """Return what differs between two configurations, with the defaults of their classes, as far as these read them.

    Raises:
        CheckpointCorrupt, HubError: A config.json cannot be read.
    """
    raw = [subject.values() for subject in (one, other)]
    without = [
        subject.text
        for subject, values in zip((one, other), raw, strict=True)
        if values is None and subject.named is None
    ]
    if without:
        alone = [subject for subject in (one, other) if subject.kind == "weights"]
        reason = " and ".join(f"{text!r} has no config.json" for text in without)
        return {"compared": False, "equal": bool(alone) or len(without) > 1, "reason": reason, "fields": []}
    read: list[PreTrainedConfig] = []
    faults = []
    for subject in (one, other):
        try:
            read.append(subject.config())
        except ArchsmithError as error:
            faults.append(f"{subject.text!r}: {error}")
    if faults:  # then both as they are written, or every default would be a difference
        written = [
            values if values is not None else subject.config().to_dict()
            for subject, values in zip((one, other), raw, strict=True)
        ]
        fields = differences(*written)
    else:
        fields = _with_common_names(*read)
    alike = len(faults) != 1  # of two that are equal one cannot be read where the other can
    return {"compared": True, "equal": alike and not fields, "reason": None, "not_resolved": faults, "fields": fields}


def _with_common_names(one: PreTrainedConfig, other: PreTrainedConfig) -> list[dict[str, Any]]:
    """Return what differs; between architectures a field goes by the field's common name, as ``hidden_size``."""
    if type(one) is type(other):
        return differences(one.to_dict(), other.to_dict())
    values, own_names = [], []
    for config in (one, other):
        found = config.to_dict()
        own = {common: name for common, name in config.attribute_map.items() if name in found and common not in found}
        renamed = {name: common for common, name in own.items()}
        values.append({renamed.get(name, name): value for name, value in found.items()})
        own_names.append({common: name for name, common in renamed.items()})
    rows = differences(*values)
    for row in rows:
        names = {side: own[row["field"]] for side, own in zip("ab", own_names, strict=True) if row["field"] in own}
        if names:
            row["names"] = names
    return rows


def differences(one: Mapping[str, Any], other: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the fields that differ, one inside another as ``part.field``; what only says who wrote a file is left out.

    Returns:
        ``field``, and its values ``a`` and ``b``; one of them is missing where ``only`` names the other.
    """
    flat, flat_other = dict(_flattened(one, ())), dict(_flattened(other, ()))
    rows = []
    for path in [*flat, *(path for path in flat_other if path not in flat)]:
        a, b = flat.get(path, _ABSENT), flat_other.get(path, _ABSENT)
        name = ".".join(f'"{part}"' if "." in part else part for part in path)
        if a is _ABSENT:
            rows.append({"field": name, "only": "b", "b": b})
        elif b is _ABSENT:
            rows.append({"field": name, "only": "a", "a": a})
        elif not is_same(a, b):
            rows.append({"field": name, "only": None, "a": a, "b": b})
    return rows


def is_same(one: Any, other: Any) -> bool:
    """Return whether two JSON values are one; 1 and 1.0 are, 1 and true are not."""
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(is_same, one, other))
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(is_same(one[key], other[key]) for key in one)
    return bool(one == other)


def _flattened(values: Mapping[str, Any], before: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Any]]:
    for name, value in values.items():
        if _is_stamp(name, value):
            continue
        if isinstance(value, dict) and value:
            yield from _flattened(value, (*before, name))
        else:
            yield (*before, name), value


def _is_stamp(name: str, value: Any) -> bool:
    if name == "archsmith":  # which may be a label or a token as well
        return isinstance(value, dict) and value.keys() <= _OWN_STAMP
    return name in _STAMPS and (value is None or isinstance(value, str))
