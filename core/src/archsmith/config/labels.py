"""The three ways to say which classes a model tells apart: ``num_labels``, ``id2label`` and ``label2id``."""

from collections.abc import Mapping
from typing import Annotated, Any

import msgspec

from archsmith.config.fields import convert

__all__ = ["LABEL_FIELDS", "merge_labels"]

LABEL_FIELDS = ("num_labels", "id2label", "label2id")

#: Generic names are made for at most that many classes, so that one number in a file cannot take all memory.
_NumLabels = Annotated[int, msgspec.Meta(ge=0, le=1_000_000)]


def merge_labels(
    current: Mapping[str, Any], given: Mapping[str, Any], hints: Mapping[str, Any], faults: list[str]
) -> dict[str, Any]:
    """Return ``id2label`` and ``label2id`` as they have to be once some of the three fields are given.

    Names stay where only their number is given, and it is theirs already; else classes get generic names.

    Args:
        current: What ``id2label`` is so far, if it is anything.
        given: Some of `LABEL_FIELDS`; None means not given.
        hints: Field name → type.
        faults: Gets one sentence for each thing that is wrong.

    Returns:
        Both fields; nothing where none is given, or one of them is wrong.
    """
    checked: dict[str, Any] = {}
    for name in LABEL_FIELDS:
        if given.get(name) is not None:
            checked[name], wrong = convert(name, given[name], hints.get(name, _NumLabels))
            faults += wrong
    if not checked or None in checked.values():
        return {}
    count: int | None = checked.get("num_labels")
    names: dict[int, str] | None = checked.get("id2label")
    indices: dict[str, int] | None = checked.get("label2id")
    if names is None and indices is None and count is not None:
        if "id2label" in current and len(current["id2label"]) == count:
            return {}
        names = {index: f"LABEL_{index}" for index in range(count)}
    if names is None:
        indices = indices or {}
        names = {index: label for label, index in sorted(indices.items(), key=lambda item: item[1])}
    if indices is None:
        indices = {label: index for index, label in names.items()}
    if count is not None and count != len(names):
        faults.append(f"num_labels is {count}, but id2label has {len(names)} entries")
        return {}
    return {"id2label": names, "label2id": indices}
