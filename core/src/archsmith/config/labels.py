"""The three ways to say which classes a model tells apart: ``num_labels``, ``id2label`` and ``label2id``."""

import functools
import re
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, NoReturn

import msgspec

from archsmith.config.fields import Count, ReadBy, convert
from archsmith.errors import ConfigError, OptionError
from archsmith.messages import shown

__all__ = ["LABEL_FIELDS", "LabelIndices", "LabelNames", "label_faults", "merge_labels", "pop_labels", "settle_labels"]

LABEL_FIELDS = ("num_labels", "id2label", "label2id")

#: Generic names are made for at most that many classes, so that one number in a file cannot take all memory.
_NumLabels = Annotated[int, msgspec.Meta(ge=0, le=1_000_000)]


class _Labels(dict[Any, Any]):
    """``id2label`` or ``label2id`` as a configuration holds it: each follows from the other, so neither alone changes.

    Raises:
        ConfigError: It was to be changed in place.
    """

    def _refuse(self, *_: Any, **__: Any) -> NoReturn:
        raise ConfigError(
            "id2label and label2id cannot be changed in place: the other one and num_labels would not follow. Assign "
            "a whole mapping, as config.id2label = {**config.id2label, 2: 'new'}."
        )

    __setitem__ = __delitem__ = __ior__ = clear = pop = popitem = setdefault = update = _refuse

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (dict(self),)


def _read(hint: Any, name: str, value: Any) -> _Labels:
    if hint == dict[str, Count] and isinstance(value, Mapping):
        value = {label: int(index) if _is_digits(index) else index for label, index in value.items()}
    converted, faults = convert(name, value, hint)
    if not faults and len(converted) < len(value):
        faults = [f"{name} must hold each class once, but is {shown(value)}"]
    if faults:
        raise OptionError(faults[0])
    return _Labels(converted)


def _is_digits(index: Any) -> bool:
    return isinstance(index, str) and re.fullmatch("[0-9]{1,10}", index) is not None


LabelNames = Annotated[dict[Count, str], ReadBy(functools.partial(_read, dict[Count, str]))]
LabelIndices = Annotated[dict[str, Count], ReadBy(functools.partial(_read, dict[str, Count]))]


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
    indices: dict[str, int] = checked.get("label2id", {})
    if names is None and "label2id" not in checked and count is not None:
        if "id2label" in current and len(current["id2label"]) == count:
            return {}
        names = {index: f"LABEL_{index}" for index in range(count)}
    if names is None:
        names = {index: label for label, index in sorted(indices.items(), key=lambda item: item[1])}
        if twice := [label for label, index in indices.items() if names[index] != label]:
            index = indices[twice[0]]
            faults.append(f"label2id gives the class {index} to {twice[0]!r} and to {names[index]!r}")
            return {}
    if count is not None and count != len(names):
        which = "id2label" if "id2label" in checked else "label2id"
        faults.append(f"num_labels is {count}, but {which} has {len(names)} entries")
        return {}
    return {"id2label": _Labels(names), "label2id": _Labels({name: index for index, name in names.items()} | indices)}


def label_faults(id2label: Mapping[int, str], label2id: Mapping[str, int]) -> Iterator[str]:
    """Say where ``label2id`` is not ``id2label`` the other way round; a name may have several classes."""
    for label, index in label2id.items():
        if id2label.get(index) != label:
            yield f"label2id says {label!r} is class {index}, but id2label says {id2label.get(index)!r}"
            return


def settle_labels(said: dict[str, Any], hints: Mapping[str, Any]) -> dict[str, Any]:
    """Return what counts of what a file says of its classes: ``id2label`` before ``num_labels`` before ``label2id``.

    Names become strings; what is wrong in another way stays, for its check to refuse it.
    """
    names, count, indices = said.get("id2label"), said.get("num_labels"), said.get("label2id")
    names = dict(enumerate(names)) if isinstance(names, list) else names
    counts = {"num_labels": count} if count is not None else {}
    if isinstance(names, Mapping):
        named = {index: f"LABEL_{index}" if name is None else _as_text(name) for index, name in names.items()}
        counts = {"id2label": named} | (counts if type(count) is int and count == len(names) else {})
    elif names is not None:
        return said
    whole = merge_labels({}, counts | {"label2id": indices}, hints, [])
    if whole and not any(label_faults(**whole)):
        return counts | {"label2id": whole["label2id"]}
    return counts if merge_labels({}, counts, hints, []) else said


def _as_text(name: Any) -> Any:
    return str(name) if isinstance(name, int | float) else name


def pop_labels(values: dict[str, Any]) -> dict[str, Any]:
    """Take out of values what they say of the classes; None says nothing."""
    found = {name: values.pop(name) for name in LABEL_FIELDS if name in values}
    return {name: value for name, value in found.items() if value is not None}
