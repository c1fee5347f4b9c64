"""A recording: what a library computed with a tiny checkpoint, as files that a plugin ships and the kit replays."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import msgspec
import torch
from safetensors.torch import load_file
from torch import Tensor

from archsmith.errors import CheckpointCorrupt
from archsmith.files import read_json
from archsmith.messages import reason, shorten, shown

__all__ = ["Description", "Recording", "deviation", "flatten", "size_fault"]

DESCRIPTION_FILE = "reference.json"
INPUTS_FILE = "inputs.safetensors"
OUTPUTS_FILE = "outputs.safetensors"

#: Bytes of a recording, all files together: a plugin carries it to every user.
LIMIT = 1 << 20
#: A tolerance above it would let through what is wrong.
MAX_TOLERANCE = 0.01
Part = Literal["tokenizer", "image_processor", "feature_extractor", "processor"]
#: The key of a JSON object that stands for a tensor; what is recorded has identifiers as names, so never this one.
TENSOR = "$tensor"


class Description(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The content of reference.json.

    Attributes:
        format: The version of this layout.
        source: Where the numbers come from, such as ``"transformers 5.23.0"``.
        task: The task whose model they are of, such as ``"masked-lm"``.
        tolerance: How far a number b may be from the recorded a: ``|a - b| / (1 + |a|)``.
        inputs: The model's arguments; an object with the one key ``$tensor`` names a tensor of inputs.safetensors, or
            of outputs.safetensors if the preprocessing made it.
        preprocessing: Part, such as ``"tokenizer"`` → the arguments that it was called with, likewise.
    """

    format: Literal[1] = 1
    source: Annotated[str, msgspec.Meta(pattern=r"^\S.*$")]
    task: Annotated[str, msgspec.Meta(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$")]
    tolerance: Annotated[float, msgspec.Meta(ge=0, le=MAX_TOLERANCE)]
    inputs: dict[str, Any]
    preprocessing: dict[Part, dict[str, Any]]


class Recording:
    """A recording that has been read.

    Attributes:
        folder: Where it is; the checkpoint lies there too.
        description: What reference.json says.
    """

    def __init__(
        self, folder: Path, description: Description, given: dict[str, Tensor], made: dict[str, Tensor]
    ) -> None:
        self.folder = folder
        self.description = description
        self._given = given
        self._made = made

    @classmethod
    def read(cls, folder: Path) -> Self:
        """Read a recording.

        Raises:
            CheckpointCorrupt: Files are missing, damaged or too large, or contradict each other.
        """
        sizes = {path.name: path.stat().st_size for path in folder.glob("*") if path.is_file()}
        if fault := size_fault(sizes) if folder.is_dir() else "is not a folder; expected a recording. Delete it.":
            raise CheckpointCorrupt(f"{str(folder)!r} {fault}")
        path = folder / DESCRIPTION_FILE
        try:
            description = msgspec.convert(read_json(path), Description)
        except msgspec.ValidationError as error:
            raise CheckpointCorrupt(f"{str(path)!r} is not a description of a recording: {reason(error)}.") from error
        found = cls(folder, description, _tensors(folder / INPUTS_FILE), _tensors(folder / OUTPUTS_FILE))
        for group in ("outputs", *description.preprocessing):
            if not found.expected(group):
                raise CheckpointCorrupt(f"{str(folder / OUTPUTS_FILE)!r} holds no tensors of {group}. Record it again.")
        for tree in (description.inputs, *description.preprocessing.values()):
            found._decoded(tree)  # which refuses a name that nothing has
        return found

    @property
    def inputs(self) -> dict[str, Any]:
        """The model's arguments, made anew: a model that changes them changes nothing here."""
        return {name: self._decoded(value) for name, value in self.description.inputs.items()}

    def arguments(self, part: Part) -> dict[str, Any]:
        """Return what a part of the preprocessing was called with."""
        return {name: self._decoded(value) for name, value in self.description.preprocessing[part].items()}

    def expected(self, group: str) -> dict[str, Tensor]:
        """Return the recorded tensors of ``"outputs"``, ``"gradients"`` (their norms) or a part, by name."""
        named = self._made.items()
        return {name.removeprefix(f"{group}."): value for name, value in named if name.startswith(f"{group}.")}

    def assert_same(self, what: str, group: str, found: Mapping[str, Tensor]) -> None:
        """Assert that tensors are the recorded ones of a group.

        Raises:
            AssertionError: They are not; it says which deviates most, where, and from what.
        """
        expected = self.expected(group)
        what = f"{what}: the recording {str(self.folder)!r}, from {self.description.source}, has {{}}"
        if lost := sorted(expected.keys() - found.keys()):
            raise AssertionError(what.format(f"{shorten(lost)}, which {group} have not; they have {shorten(found)}"))
        if more := sorted(found.keys() - expected.keys()):
            raise AssertionError(what.format(f"not {shorten(more)}, which {group} have"))
        for name, wanted in expected.items():
            one, other = (f"{name} of {each.dtype}, {tuple(each.shape)}" for each in (wanted, found[name]))
            if one != other:
                raise AssertionError(what.format(f"{one}, but {group} have {other}"))
        far = {name: deviation(found[name], wanted) for name, wanted in expected.items()}
        worst, limit = max(far, key=lambda name: far[name][0]), self.description.tolerance
        apart, place = far[worst]
        if apart > limit:
            recorded, now = (each[place].item() for each in (expected[worst], found[worst]))
            values = f"{worst}{list(place) or ''} = {recorded:.9g}, but {group} have {now:.9g}"
            count = f"; {sum(each > limit for each, _ in far.values())} of {len(far)} {group} deviate"
            raise AssertionError(what.format(f"{values}: it deviates by {apart:.3g}, and may by {limit:g}{count}"))

    def _decoded(self, value: Any) -> Any:
        if isinstance(value, list):
            return [self._decoded(each) for each in value]
        if not isinstance(value, dict):
            return value
        if value.keys() != {TENSOR}:
            return {name: self._decoded(each) for name, each in value.items()}
        held = self._given | self._made  # what the preprocessing made is held once
        if value[TENSOR] not in held:
            raise CheckpointCorrupt(f"{str(self.folder / INPUTS_FILE)!r} has no tensor {shown(value[TENSOR])}.")
        return held[value[TENSOR]].clone()


def flatten(value: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    """Yield what nested mappings and sequences hold, by its place, such as ``"hidden_states[0]"``; None is skipped."""
    if hasattr(value, "items"):
        for key, each in value.items():
            yield from flatten(each, f"{name}.{key}" if name else str(key))
    elif isinstance(value, list | tuple):
        for i, each in enumerate(value):
            yield from flatten(each, f"{name}[{i}]")
    elif value is not None:
        yield name, value


def deviation(found: Tensor, expected: Tensor) -> tuple[float, tuple[int, ...]]:
    """Return the largest ``|a - b| / (1 + |a|)``, and its place; infinite where one is NaN, or integers differ."""
    if not expected.numel():
        return 0.0, ()
    a, b = expected.detach(), found.detach()
    apart = torch.where(a == b, 0.0, torch.inf).double()
    if a.is_floating_point():
        a, b = a.double(), b.double()
        apart = torch.where(a == b, 0.0, ((a - b).abs() / (1 + a.abs())).nan_to_num(torch.inf, torch.inf))
    place = torch.unravel_index(apart.argmax(), apart.shape)
    return float(apart.max()), tuple(int(index) for index in place)


def size_fault(sizes: Mapping[str, int]) -> str:
    """Return what is wrong with the sizes of files, the largest first; empty if nothing is."""
    if (total := sum(sizes.values())) <= LIMIT:
        return ""
    large = [f"{name} {sizes[name]:,}" for name in sorted(sizes, key=lambda name: -sizes[name])]
    what = f"takes {total:,} bytes ({shorten(large, 3)}), but a recording at most {LIMIT:,}"
    return f"{what}: record a smaller configuration, vocabulary and input."


def _tensors(path: Path) -> dict[str, Tensor]:
    try:
        return load_file(path)
    except Exception as error:  # safetensors has errors of its own
        raise CheckpointCorrupt(f"{str(path)!r} cannot be read: {reason(error)}. Record it again.") from error
