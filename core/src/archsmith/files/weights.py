"""Weights in safetensors files: which tensors there are (read from the headers alone), and the tensors themselves."""

import json
import math
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from archsmith.errors import CheckpointCorrupt, CheckpointNotFound, InputError
from archsmith.files.checkpoint import Checkpoint
from archsmith.files.names import CONFIG_FILE, INDEX_FILE, WEIGHTS_FILE, named
from archsmith.files.paths import Identity, identity, open_file, state_of
from archsmith.files.strictjson import MAX_JSON_VALUES, parse_json, read_json
from archsmith.messages import looks_like, reason, shown

if TYPE_CHECKING:
    import torch

__all__ = [
    "Header", "TensorInfo", "Weights", "encode_metadata", "find_weights", "kind_of", "read_weights", "total_size",
]  # fmt: skip

#: Files that a save may replace by others.
WEIGHTS_PATTERN = r"model(-\d{5}-of-\d{5})?\.safetensors|model\.safetensors\.index\.json"

#: Far above the headers and indices of the largest models that are published, and still read in a second or two.
_MAX_HEADER_BYTES = _MAX_INDEX_BYTES = 64_000_000
_MAX_SHARDS = 10_000
_MAX_DIMENSIONS = 64
_SHOWN_CHARACTERS = 500
#: What may lie in the place of weights, by the ends of the names, and what to do about it.
_OTHER_WEIGHTS = {
    (".bin", ".bin.index.json", ".pt", ".pth", ".pkl", ".ckpt"): (
        "a pickle, which can run code when it is read; it is not loaded. "
        "Make safetensors of it, in a process with limits: archsmith convert FILE OUT"
    ),
    (".safetensors",): f"which is read under the name {WEIGHTS_FILE} alone. Rename it if it holds the whole model.",
    (".gguf",): "which is not loaded. Make safetensors of it: archsmith convert FILE OUT",
    (".h5", ".msgpack", ".onnx"): ("which archsmith does not read. Use the safetensors files of the same model."),
}
#: The types of safetensors: bits of one number, and what torch calls it.
_TYPES = {
    "BOOL": (8, "bool"), "U8": (8, "uint8"), "I8": (8, "int8"), "F8_E4M3": (8, "float8_e4m3fn"),
    "F8_E5M2": (8, "float8_e5m2"), "U16": (16, "uint16"), "I16": (16, "int16"), "F16": (16, "float16"),
    "BF16": (16, "bfloat16"), "U32": (32, "uint32"), "I32": (32, "int32"), "F32": (32, "float32"),
    "U64": (64, "uint64"), "I64": (64, "int64"), "F64": (64, "float64"), "C64": (64, "complex64"),
}  # fmt: skip
_CODES = {name: code for code, (_, name) in _TYPES.items()}


@dataclass(frozen=True, slots=True)
class TensorInfo:
    """What a header says about one tensor.

    Attributes:
        name: The key in the file.
        dtype: The type as safetensors spells it: ``"F32"``, ``"BF16"``, ``"I64"``, …
        shape: The size of each dimension.
        nbytes: Bytes in the file.
        file: The file that holds it.
        start: The place of its first byte there.
    """

    name: str
    dtype: str
    shape: tuple[int, ...]
    nbytes: int
    file: Path
    start: int

    @classmethod
    def of(cls, name: str, tensor: "torch.Tensor", file: Path) -> "TensorInfo":
        """Return what the header of a file will say about a tensor, but for its place.

        Raises:
            InputError: No safetensors file that can be read again holds its type.
        """
        spelled = str(tensor.dtype).removeprefix("torch.")
        if spelled not in _CODES:
            raise InputError(
                f"{name!r} is of type {spelled}, but safetensors files hold {', '.join(_CODES)}. Convert it first, "
                "with to(dtype)."
            )
        return cls(name, _CODES[spelled], tuple(tensor.shape), tensor.nbytes, file, 0)

    @property
    def kind(self) -> str:
        """The class of the type: ``"float"``, ``"integer"``, ``"boolean"`` or ``"complex"``."""
        return kind_of(_TYPES[self.dtype][1])


@dataclass(frozen=True)
class Header:
    """What stands in front of the tensors of one file.

    Attributes:
        tensors: The tensors by name.
        metadata: ``__metadata__``.
        file_identity: What tells the file that was read from any other, and from a later state of itself.
    """

    tensors: dict[str, TensorInfo]
    metadata: dict[str, str]
    file_identity: Identity

    @cached_property
    def save_id(self) -> str | None:
        """The save that the file says it comes from; what another program wrote in its place says nothing."""
        try:
            found = parse_json(self.metadata.get("archsmith", "{}").encode(), "__metadata__").get("save_id")
        except (CheckpointCorrupt, UnicodeEncodeError):
            return None
        return found if isinstance(found, str) else None


@dataclass(frozen=True)
class Weights:
    """All tensors of a checkpoint, by name.

    Attributes:
        source: What the user named, for messages.
        headers: Each safetensors file, in the order of their names → its header.
    """

    source: str
    headers: Mapping[Path, Header]

    @property
    def files(self) -> tuple[Path, ...]:
        """The safetensors files."""
        return tuple(self.headers)

    @cached_property
    def tensors(self) -> Mapping[str, TensorInfo]:
        """Key → what the header says."""
        return {key: info for header in self.headers.values() for key, info in header.tensors.items()}

    @property
    def metadata(self) -> Mapping[str, str]:
        """``__metadata__`` of the first file that has any."""
        return next((header.metadata for header in self.headers.values() if header.metadata), {})

    def check_same_save(self, checkpoint: Checkpoint, config: Mapping[str, Any]) -> None:
        """Check that the weights come from the same save as the content of config.json.

        Raises:
            CheckpointCorrupt: Both say which save they come from, and it is not one.
        """
        said = config.get("archsmith")
        expected = said.get("save_id") if isinstance(said, dict) else None
        for path, header in self.headers.items():
            save_id = header.save_id
            if None not in (expected, save_id) and save_id != expected:
                raise CheckpointCorrupt(
                    f"{str(path)!r} and {str(checkpoint.find(CONFIG_FILE))!r} come from different saves: their save_id "
                    f"is {shown(save_id)} and {shown(expected)}. Restore the one that is out of date; if they do "
                    f"belong together, delete save_id from {CONFIG_FILE}."
                )

    def load(self, names: Iterable[str], *, mmap: bool = True) -> dict[str, "torch.Tensor"]:
        """Return tensors by key, mapped from the files without a copy (or, with ``mmap=False``, read into memory).

        A tensor can be changed, mapped or not; the file stays as it is.

        Raises:
            CheckpointCorrupt: A file changed or broke since its header was read.
        """
        import torch

        by_file: dict[Path, list[TensorInfo]] = {}
        for info in map(self.tensors.__getitem__, names):
            by_file.setdefault(info.file, []).append(info)
        loaded: dict[str, torch.Tensor] = {}
        for path, infos in by_file.items():
            content = self._content(path)
            for info in infos:
                dtype = getattr(torch, _TYPES[info.dtype][1])
                place = {"offset": info.start, "count": info.nbytes // dtype.itemsize}
                flat = torch.frombuffer(content, dtype=dtype, **place) if info.nbytes else torch.empty(0, dtype=dtype)
                loaded[info.name] = flat.view(info.shape) if mmap else flat.view(info.shape).clone()
            self._refuse_changed(path)
        return loaded

    def _content(self, path: Path) -> Any:
        """Map a whole file: an array of its bytes, which keeps the mapping for as long as a tensor lies in it."""
        import torch

        self._refuse_changed(path)
        size = self.headers[path].file_identity[2]
        try:
            return torch.from_file(str(path), shared=False, size=size, dtype=torch.uint8).numpy()
        except RuntimeError as error:
            raise CheckpointCorrupt(f"{str(path)!r} cannot be read: {reason(error)}.") from error

    def _refuse_changed(self, path: Path) -> None:
        """Refuse a file that is not, or no longer, the one whose header was read."""
        if state_of(path) != self.headers[path].file_identity:
            raise _corrupt(path, "it was saved anew while it was read")


def find_weights(checkpoint: Checkpoint) -> Weights:
    """Find the weights of a checkpoint and read their headers: one file, or an index and its shards.

    Raises:
        CheckpointNotFound: There are no safetensors weights.
        CheckpointCorrupt: There are two candidates, a header is damaged, or index and shards disagree.
        HubError: The hub could not be asked.
    """
    single, index = checkpoint.find(WEIGHTS_FILE), checkpoint.find(INDEX_FILE)
    if single and index:
        raise CheckpointCorrupt(
            f"{checkpoint.source!r} holds both {WEIGHTS_FILE} and {INDEX_FILE}; expected one of them. "
            "Delete the one that is out of date."
        )
    if single:
        return read_weights(single, source=checkpoint.source)
    if index:
        return _sharded(checkpoint, index)
    raise CheckpointNotFound(_no_weights(checkpoint), source=checkpoint.source)


def read_weights(path: Path, *, source: str) -> Weights:
    """Read and check the header of one safetensors file, and nothing else of it.

    Raises:
        CheckpointCorrupt: The file is not safetensors, is cut short, or its header contradicts itself.
    """
    return Weights(source, {path: _read_header(path)})


def _no_weights(checkpoint: Checkpoint) -> str:
    message = f"{checkpoint.source!r} has no weights: expected {WEIGHTS_FILE} or {INDEX_FILE}.{checkpoint.listing()}"
    names = checkpoint.names()
    if checkpoint.folder is None:
        names = [name for name in ("pytorch_model.bin", "pytorch_model.bin.index.json") if checkpoint.find(name)]
    for endings, said in _OTHER_WEIGHTS.items():
        if found := next((name for name in names if name.endswith(endings)), ""):
            return f"{message} It has {found}, {said}"
    return message


def _read_index(index: Path) -> dict[str, str]:
    """Return which tensor is in which file, as an index says it."""
    weight_map = read_json(index, max_bytes=_MAX_INDEX_BYTES).get("weight_map")
    if not isinstance(weight_map, dict) or not weight_map:
        raise CheckpointCorrupt(
            f"{str(index)!r} must map tensor names to files under 'weight_map', but has {shown(weight_map)} there."
        )
    for key, name in weight_map.items():
        if not isinstance(name, str):
            raise CheckpointCorrupt(
                f"{str(index)!r}: weight_map[{named(key)}] must be a file name, but is {shown(name)}."
            )
    return weight_map


def _sharded(checkpoint: Checkpoint, index: Path) -> Weights:
    """Read an index and the headers of its shards, and hold one against the other."""
    weight_map = _read_index(index)
    headers: dict[Path, Header] = {}
    names = sorted(set(weight_map.values()))
    if len(names) > _MAX_SHARDS:
        raise CheckpointCorrupt(f"{str(index)!r} names {len(names):,} files; expected {_MAX_SHARDS:,} at most.")
    for name in names:
        path = checkpoint.find(name)
        if path is None:
            raise CheckpointCorrupt(f"{str(index)!r} names the file {named(name)}, which is not there.")
        headers[path] = _read_header(path)
        for key in headers[path].tensors:
            if weight_map.get(key) != name:
                where = f"puts it in {named(weight_map[key])}" if key in weight_map else "does not name it"
                raise CheckpointCorrupt(f"{str(path)!r} holds {named(key)}, but {index.name} {where}.")
    weights = Weights(checkpoint.source, headers)
    for key, name in weight_map.items():
        if key not in weights.tensors:
            raise CheckpointCorrupt(f"{str(index)!r} says that {named(key)} is in {named(name)}, but it is not.")
    said = {header.save_id: path for path, header in headers.items() if header.save_id is not None}
    if len(said) > 1:
        (one, first), (other, second) = list(said.items())[:2]
        raise CheckpointCorrupt(
            f"{str(first)!r} and {str(second)!r} come from different saves: their save_id is {shown(one)} and "
            f"{shown(other)}. Restore the shards of one save."
        )
    return weights


def _read_header(path: Path) -> Header:
    """Read and check a header. Raises as `read_weights`."""
    try:
        with open_file(path) as file:
            status = os.fstat(file.fileno())
            start = file.read(40)
            length = int.from_bytes(start[:8], "little")
            if len(start) < 8 or length > status.st_size - 8:  # noqa: PLR2004
                raise _corrupt(
                    path, f"it is not a safetensors file, or it is cut short ({status.st_size:,} bytes)", start
                )
            if length > _MAX_HEADER_BYTES:
                what = f"its header would take {length:,} bytes, but {_MAX_HEADER_BYTES:,} are the most"
                raise _corrupt(path, f"it is not a safetensors file, or {what}", start)
            raw = (start[8:] + file.read(max(length - 32, 0)))[:length]
    except OSError as error:
        raise _corrupt(path, f"it cannot be read: {reason(error)}") from error
    if not raw.startswith(b"{"):
        raise _corrupt(path, "it is not a safetensors file: the header does not begin with '{'", start)
    header = parse_json(raw, f"{path} (header)", max_values=MAX_JSON_VALUES)
    metadata = header.pop("__metadata__", {})
    if not isinstance(metadata, dict) or not all(isinstance(value, str) for value in metadata.values()):
        raise _corrupt(path, "__metadata__ in the header must map strings to strings")
    tensors = {name: _tensor(path, name, entry, 8 + length) for name, entry in header.items()}
    _check_places(path, tensors.values(), 8 + length, status.st_size)
    return Header(tensors, metadata, identity(status))


def _tensor(path: Path, name: str, entry: Any, data: int) -> TensorInfo:
    """Check one entry of a header; ``data`` is the place in the file from which its offsets count."""
    if not isinstance(entry, dict) or entry.keys() != {"dtype", "shape", "data_offsets"}:
        raise _corrupt(path, f"{name!r} in the header must have dtype, shape and data_offsets, but is {entry!r}")
    dtype, shape, offsets = entry["dtype"], entry["shape"], entry["data_offsets"]
    if not isinstance(dtype, str) or dtype not in _TYPES:
        raise _corrupt(path, f"{name!r} has the unknown dtype {dtype!r}; expected one of {', '.join(_TYPES)}")
    if not _sizes(shape, _MAX_DIMENSIONS) or (0 in shape and math.prod(filter(None, shape)) >= 2**63):
        raise _corrupt(path, f"{name!r} has the shape {shown(shape)}; expected a list of sizes, together below 2**63")
    if not _sizes(offsets, 2) or len(offsets) != 2 or offsets[0] > offsets[1]:  # noqa: PLR2004
        raise _corrupt(path, f"{name!r} has the data_offsets {shown(offsets)}; expected [begin, end]")
    nbytes = math.prod(shape) * _TYPES[dtype][0] // 8
    if offsets[1] - offsets[0] != nbytes:
        needed = f"{nbytes:,} bytes" if nbytes < 2**63 else "more than any file holds"
        raise _corrupt(
            path,
            f"{name!r} of shape {shown(shape)} and dtype {dtype} needs {needed}, but its data_offsets are {offsets}",
        )
    return TensorInfo(name, dtype, tuple(shape), nbytes, path, data + offsets[0])


def _sizes(values: Any, most: int) -> bool:
    if not isinstance(values, list) or len(values) > most:
        return False
    return all(type(value) is int and 0 <= value < 2**63 for value in values)


def _check_places(path: Path, tensors: Iterable[TensorInfo], data: int, size: int) -> None:
    """Check that the tensors lie one after the other and fill the file exactly."""
    end = data
    for info in sorted(tensors, key=lambda info: (info.start, info.nbytes)):
        if info.start != end:
            place = min(info.start, end) - data
            raise _corrupt(path, f"the tensors overlap or leave a gap at byte {place:,} of the data")
        end += info.nbytes
    if end != size:
        raise _corrupt(path, f"the header describes {end - data:,} bytes of data, but the file holds {size - data:,}")


def _corrupt(path: Path, what: str, start: bytes = b"") -> CheckpointCorrupt:
    hint = (looks_like(start) if start else "") or " It may be broken or half downloaded: fetch it again."
    what = what if len(what) <= _SHOWN_CHARACTERS else f"{what[:_SHOWN_CHARACTERS]}…"
    return CheckpointCorrupt(f"{str(path)!r}: {what}.{hint}", file=str(path))


def kind_of(dtype: str) -> str:
    """Return the class of a type, as `TensorInfo.kind`, by the name that torch has for it."""
    kinds = {"float": "float", "complex": "complex", "bool": "boolean"}
    return next((kind for word, kind in kinds.items() if word in dtype), "integer")


def total_size(tensors: Iterable[TensorInfo]) -> int:
    """Return the bytes that some tensors take in their files."""
    return sum(info.nbytes for info in tensors)


def encode_metadata(provenance: Mapping[str, str]) -> dict[str, str]:
    """Return the ``__metadata__`` of a weights file: the format, and who wrote it."""
    return {"format": "pt", "archsmith": json.dumps(provenance, sort_keys=True)}
