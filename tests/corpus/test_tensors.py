"""Every tensor of every installed model class, damaged in every way: refused with what was expected, or right."""

import itertools
import math
import re
from collections.abc import Callable, Iterator

import pytest
import torch

from archsmith.errors import WeightsMismatch
from archsmith.model.matching import COUNTER

from .sound import CLASSES, WEIGHTS, Entry, Sound, sound, split, write_weights
from .verdict import Refused, Right, judge, report_of

#: Cases of tensors that are like another one: of a further layer, in shards, or below a head.
FEW = 12
#: Of a model of more tensors not each is damaged in every way.
MANY = 50


class Damage:
    """One tensor of a model, and the ways to damage it. Each returns new entries and the right verdict, or None.

    Args:
        sound: The model.
        key: The tensor, as the file names it.
        file: The file that holds it.
    """

    def __init__(self, sound: Sound, key: str, file: str) -> None:
        self.sound, self.key, self.file = sound, key, file
        self.entry = sound.entries[key]
        self.tensor = self.entry.tensor()

    def put(self, changes: dict[str, Entry], *, without: bool = False) -> dict[str, Entry]:
        """Return the entries with some changed or added beside the tensor, which may go."""
        entries: dict[str, Entry] = {}
        for name, entry in self.sound.entries.items():
            if name != self.key:
                entries[name] = entry
                continue
            entries |= changes if without or self.key in changes else {name: entry, **changes}
        return entries

    def mismatch(self, *parts: str) -> Refused:
        return Refused(WeightsMismatch, (self.sound.cls.__name__, ".safetensors", *parts))

    def shaped(self, tensor: torch.Tensor) -> tuple | None:
        """Return the tensor in another shape."""
        if tensor.shape == self.tensor.shape:
            return None
        found = Entry.of(tensor)
        expected = f"{self.key!r} must be {list(self.entry.shape)} float" if self.is_float else f"{self.key!r} must be"
        return self.put({self.key: found}), self.mismatch(expected, f"holds {list(found.shape)} {found.dtype}")

    def typed(self, dtype: torch.dtype) -> tuple:
        """Return the tensor in a type of another class, which only a counter may have."""
        if self.key.endswith(COUNTER) and dtype.is_floating_point:
            return self.put({self.key: Entry.of(self.tensor.to(dtype))}), Right()
        found = Entry.of(self.tensor.to(dtype))
        return self.put({self.key: found}), self.mismatch(f"{self.key!r} must be", found.dtype)

    def cast(self, dtype: torch.dtype) -> tuple | None:
        """Return the tensor in another floating-point type, which loads as it is."""
        return self.loaded(self.tensor.to(dtype)) if self.is_float else None

    def filled(self, value: float) -> tuple | None:
        """Return the tensor with one finite value everywhere, whose sum may not be finite."""
        return self.loaded(torch.full_like(self.tensor, value)) if self.is_float else None

    def loaded(self, tensor: torch.Tensor) -> tuple:
        """Return the tensor with other values, which count for whatever is tied to it too."""
        pairs = self.sound.tied.items()
        names = {self.key, *(one for pair in pairs if self.key in pair for one in pair)}
        return self.put({self.key: Entry.of(tensor)}), Right(changed=dict.fromkeys(names, tensor))

    def spoilt(self, value: float) -> tuple | None:
        """Return the tensor with a last number that is none."""
        if not self.is_float:
            return None
        tensor = self.tensor.clone()
        tensor.view(-1)[-1] = value
        parts = (repr(self.key), self.file, "holds NaN or infinity", "check_finite=False")
        return self.put({self.key: Entry.of(tensor)}), Refused(WeightsMismatch, parts)

    @property
    def is_float(self) -> bool:
        return self.tensor.is_floating_point()

    def missing(self) -> tuple:
        entries = self.put({}, without=True)
        if self.sound.optional(self.key):
            return entries, Right(new=(self.key,))
        return entries, self.mismatch(f"missing key {self.key!r}: not in the files")

    def beside(self) -> tuple:
        extra = f"{self.key}_2"
        if self.sound.optional(extra):
            return self.put({extra: self.entry}), Right(unused=(extra,))
        return self.put({extra: self.entry}), self.mismatch(f"unexpected key {extra!r}: not a parameter")

    def renamed(self) -> tuple:
        name = self.key[:-1] + ("x" if self.key[-1] != "x" else "y")
        entries = self.put({name: self.entry}, without=True)
        missing, left = self.sound.optional(self.key), self.sound.optional(name)
        if missing and left:
            return entries, Right(new=(self.key,), unused=(name,))
        faults = [] if missing else [f"missing key {self.key!r}: not in the files"]
        return entries, self.mismatch(*faults, *([] if left else [f"unexpected key {name!r}: not a parameter"]))

    def _old_spelling(self) -> str | None:
        for new, old in ((".weight", ".gamma"), (".bias", ".beta")):
            spelt = self.key.removesuffix(new) + old
            if self.key.endswith(new) and self.sound.cls.rename_key(spelt) == self.key:
                return spelt
        return None

    def old_spelling(self) -> tuple | None:
        old = self._old_spelling()
        return None if old is None else (self.put({old: self.entry}, without=True), Right())

    def both_spellings(self) -> tuple | None:
        old = self._old_spelling()
        if old is None:
            return None
        parts = (repr(old), f"are both the parameter {self.key!r}")
        return self.put({old: self.entry}), self.mismatch(*parts)

    def prefixed_too(self) -> tuple | None:
        """Return the tensor a second time, with the base prefix, or without."""
        prefix = f"{self.sound.cls.base_model_prefix}."
        other = self.key.removeprefix(prefix) if self.key.startswith(prefix) else prefix + self.key
        if prefix == "." or other in self.sound.entries or self.sound.optional(other):
            return None
        return self.put({other: self.entry}), self.mismatch(" key ")


WAYS: dict[str, Callable[[Damage], tuple | None]] = {
    "missing": Damage.missing,
    "extra": Damage.beside,
    "transposed": lambda it: it.shaped(it.tensor.mT) if it.tensor.ndim > 1 else None,
    "one more row": lambda it: it.shaped(torch.cat([it.tensor, it.tensor[:1]])) if it.tensor.ndim else None,
    "one row less": lambda it: it.shaped(it.tensor[1:]) if it.tensor.ndim else None,
    "one dimension more": lambda it: it.shaped(it.tensor[None]),
    "flat": lambda it: it.shaped(it.tensor.flatten()),
    "a scalar": lambda it: it.shaped(it.tensor.flatten()[0]),
    "empty": lambda it: it.shaped(it.tensor[:0]) if it.tensor.ndim else None,
    "int": lambda it: it.typed(torch.int64) if it.is_float else it.typed(torch.float32),
    "byte": lambda it: it.typed(torch.uint8) if it.is_float else None,
    "bool": lambda it: it.typed(torch.bool),
    "complex": lambda it: it.typed(torch.complex64),
    "float16": lambda it: it.cast(torch.float16),
    "bfloat16": lambda it: it.cast(torch.bfloat16),
    "float64": lambda it: it.cast(torch.float64),
    "NaN": lambda it: it.spoilt(float("nan")),
    "Inf": lambda it: it.spoilt(float("inf")),
    "-Inf": lambda it: it.spoilt(-float("inf")),
    "huge but finite": lambda it: it.filled(3e38),
    "renamed": Damage.renamed,
    "old spelling": Damage.old_spelling,
    "both spellings": Damage.both_spellings,
    "prefix": Damage.prefixed_too,
}


def spread(tensors: list[str], most: int) -> Iterator[tuple[str, str]]:
    """Yield pairs of a tensor and a damage: all, or so many that every damage and nearly every tensor is among them."""
    pairs = len(tensors) * len(WAYS)
    step = max(1, -(-pairs // most))
    while math.gcd(step, len(WAYS)) > 1:
        step += 1
    for place in range(0, pairs, step):
        yield tensors[place // len(WAYS)], list(WAYS)[place % len(WAYS)]


@pytest.mark.parametrize("layout", ["one file", "shards"])
@pytest.mark.parametrize(("model_type", "task"), CLASSES)
def test_every_tensor_in_every_way(tmp_path, model_type, task, layout):
    model, shards = sound(model_type, task), layout == "shards"
    model.write(tmp_path, shards=shards)
    complaints = {"sound": judge(model, tmp_path, Right())}
    files = {key: file for file, part in split(model.entries).items() for key in part} if shards else {}
    prefix = f"{model.cls.base_model_prefix}."
    own = {re.sub(r"\d+", "0", key): key for key in model.entries if task == "base" or not key.startswith(prefix)}
    whole = task == "base" and not shards and len(own) <= MANY
    pairs = itertools.product(own.values(), WAYS) if whole else spread(list(own.values()), 4 * FEW)
    alike = [key for key in model.entries if key not in own.values()]
    for key, way in (*pairs, *spread(alike, FEW)):
        made = WAYS[way](Damage(model, key, files.get(key, WEIGHTS)))
        if made is not None:
            entries, expected = made
            write_weights(tmp_path, entries, model.metadata, shards=shards)
            complaints[f"{key}, {way}"] = judge(model, tmp_path, expected)
    report_of(complaints, least=15 if own else FEW // 2)  # a head that is tied whole has no tensors of its own


@pytest.mark.parametrize(("model_type", "task"), [pair for pair in CLASSES if pair[1] == "base"])
def test_numbers_that_are_none_load_where_the_check_is_off(tmp_path, model_type, task):
    model = sound(model_type, task)
    for key, entry in model.entries.items():
        if entry.dtype == "F32":
            model.write(tmp_path)
            tensor = entry.tensor().fill_(float("-inf"))
            write_weights(tmp_path, {**model.entries, key: Entry.of(tensor)}, model.metadata)
            loaded = model.cls.from_pretrained(tmp_path, check_finite=False).state_dict()
            assert {name for name, value in loaded.items() if not torch.equal(value, model.state[name])} == {key}
            break
