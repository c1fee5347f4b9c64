"""Weights in safetensors files: which tensors there are (read from the headers alone), and the tensors themselves."""

import json
import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import reduce
from operator import mul
from pathlib import Path
from typing import TYPE_CHECKING, Any

from archsmith.errors import CheckpointCorrupt, CheckpointNotFound
from archsmith.files.checkpoint import CONFIG_FILE, Checkpoint
from archsmith.files.strictjson import parse_json, read_json
from archsmith.messages import reason, shown

if TYPE_CHECKING:
    import torch

__all__ = ["INDEX_FILE", "WEIGHTS_FILE", "TensorInfo", "Weights", "find_weights", "read_header", "read_weights"]

#: The file of all weights, where there are no shards.
WEIGHTS_FILE = "model.safetensors"
#: The file that says which shard holds which tensor.
INDEX_FILE = "model.safetensors.index.json"
#: Files that a save may supersede.
WEIGHTS_PATTERN = re.compile(r"model(-\d{5}-of-\d{5})?\.safetensors|model\.safetensors\.index\.json")

_MAX_HEADER_BYTES = 100_000_000
_MAX_INDEX_BYTES = 100_000_000
_MAX_DIMENSIONS = 64
_SHOWN_CHARACTERS = 500
_BITS = {
    "BOOL": 8, "U8": 8, "I8": 8, "F8_E4M3": 8, "F8_E5M2": 8, "U16": 16, "I16": 16, "F16": 16, "BF16": 16,
    "U32": 32, "I32": 32, "F32": 32, "U64": 64, "I64": 64, "F64": 64, "C64": 64,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class TensorInfo:
    """What a header says about one tensor.

    Attributes:
        name: The key in the file.
        dtype: The type as safetensors spells it: ``"F32"``, ``"BF16"``, ``"I64"``, …
        shape: The size of each dimension.
        nbytes: Bytes in the file.
        file: The file that holds it.
    """

    name: str
    dtype: str
    shape: tuple[int, ...]
    nbytes: int
    file: Path

    @property
    def kind(self) -> str:
        """The class of the type: ``"float"``, ``"integer"``, ``"boolean"`` or ``"complex"``."""
        first = self.dtype[0]
        if self.dtype.startswith("BF") or first == "F":
            return "float"
        return {"B": "boolean", "C": "complex"}.get(first, "integer")


@dataclass(frozen=True)
class Weights:
    """All tensors of a checkpoint, by name.

    Attributes:
        source: What the user named, for messages.
        files: The safetensors files, in the order of their names.
        tensors: Key → what the header says.
        metadata: ``__metadata__`` of the first file.
        save_ids: The save that each file comes from, as far as it says so.
    """

    source: str
    files: tuple[Path, ...]
    tensors: Mapping[str, TensorInfo]
    metadata: Mapping[str, str] = field(default_factory=dict)
    save_ids: Mapping[Path, str | None] = field(default_factory=dict)

    def check_same_save(self, checkpoint: Checkpoint, config: Mapping[str, Any]) -> None:
        """Check that the weights come from the same save as the content of config.json, and note it if both say so.

        Raises:
            CheckpointCorrupt: Both say which save they come from, and it is not one.
        """
        said = config.get("archsmith")
        expected = said.get("save_id") if isinstance(said, dict) else None
        for path, found in self.save_ids.items():
            if None not in (expected, found) and found != expected:
                raise CheckpointCorrupt(
                    f"{str(path)!r} and {str(checkpoint.find(CONFIG_FILE))!r} come from different saves: their save_id "
                    f"is {found!r} and {expected!r}. Restore the one that is out of date; if they do belong together, "
                    f"delete save_id from {CONFIG_FILE}."
                )
        checkpoint.is_one_save = expected is not None and None not in self.save_ids.values()

    def load(self, names: Iterable[str], *, mmap: bool = True) -> dict[str, "torch.Tensor"]:
        """Return tensors by key, mapped from the files without a copy (or, with ``mmap=False``, read into memory).

        Raises:
            CheckpointCorrupt: A file changed or broke since its header was read.
        """
        from safetensors import SafetensorError

        by_file: dict[Path, list[str]] = {}
        for name in names:
            by_file.setdefault(self.tensors[name].file, []).append(name)
        loaded: dict[str, torch.Tensor] = {}
        for path, keys in by_file.items():
            file = self._open(path)
            try:
                for key in keys:
                    tensor = file.get_tensor(key)
                    if tuple(tensor.shape) != self.tensors[key].shape:
                        raise _corrupt(path, f"{key!r} changed while it was read")
                    loaded[key] = tensor if mmap else tensor.clone()
            except CheckpointCorrupt:
                raise
            except (SafetensorError, OSError, RuntimeError, ValueError) as error:
                raise CheckpointCorrupt(f"{str(path)!r} cannot be read: {reason(error)}.") from error
        return loaded

    def _open(self, path: Path) -> Any:
        from safetensors import SafetensorError, safe_open

        try:
            file: Any = safe_open(path, framework="pt")
            metadata = file.metadata() or {}
        except (SafetensorError, OSError, RuntimeError, ValueError) as error:
            raise CheckpointCorrupt(f"{str(path)!r} cannot be read: {reason(error)}.") from error
        if _save_id(metadata) != self.save_ids.get(path):
            raise _corrupt(path, "it was saved anew while it was read")
        return file


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
    """Read the header of one safetensors file. Raises `CheckpointCorrupt` as `read_header`."""
    tensors, metadata = read_header(path)
    return Weights(source, (path,), tensors, metadata, {path: _save_id(metadata)})


def _no_weights(checkpoint: Checkpoint) -> str:
    message = f"{checkpoint.source!r} has no weights: expected {WEIGHTS_FILE} or {INDEX_FILE}.{checkpoint.listing()}"
    pickles = [name for name in ("pytorch_model.bin", "pytorch_model.bin.index.json") if checkpoint.find(name)]
    if pickles:
        message += (
            f" It has {pickles[0]}, a pickle, which can run code when it is read; archsmith does not read it. "
            "Convert it where you trust it: load it with torch and write it with safetensors.torch.save_file."
        )
    return message


def _sharded(checkpoint: Checkpoint, index: Path) -> Weights:
    """Read an index and the headers of its shards, and hold one against the other."""
    weight_map = read_json(index, max_bytes=_MAX_INDEX_BYTES).get("weight_map")
    if not isinstance(weight_map, dict) or not weight_map:
        raise CheckpointCorrupt(f"{str(index)!r} must map tensor names to files under 'weight_map'.")
    for key, name in weight_map.items():
        if not isinstance(name, str):
            raise CheckpointCorrupt(f"{str(index)!r}: weight_map[{key!r}] must be a file name, but is {name!r}.")
    tensors: dict[str, TensorInfo] = {}
    files: list[Path] = []
    metadata: dict[str, str] = {}
    save_ids: dict[Path, str | None] = {}
    for name in sorted(set(weight_map.values())):
        path = checkpoint.find(name)
        if path is None:
            raise CheckpointCorrupt(f"{str(index)!r} names the file {name!r}, which is not there.")
        files.append(path)
        found, said = read_header(path)
        metadata = metadata or said
        save_ids[path] = _save_id(said)
        for key, info in found.items():
            if weight_map.get(key) != name:
                where = f"puts it in {weight_map[key]!r}" if key in weight_map else "does not name it"
                raise CheckpointCorrupt(f"{str(path)!r} holds {key!r}, but {index.name} {where}.")
            tensors[key] = info
    for key, name in weight_map.items():
        if key not in tensors:
            raise CheckpointCorrupt(f"{str(index)!r} says that {key!r} is in {name!r}, but it is not.")
    _check_one_save(save_ids)
    return Weights(checkpoint.source, tuple(files), tensors, metadata, save_ids)


def _check_one_save(save_ids: Mapping[Path, str | None]) -> None:
    said = {save_id: path for path, save_id in save_ids.items() if save_id is not None}
    if len(said) > 1:
        (one, first), (other, second) = list(said.items())[:2]
        raise CheckpointCorrupt(
            f"{str(first)!r} and {str(second)!r} come from different saves: their save_id is {one!r} and {other!r}. "
            "Restore the shards of one save."
        )


def _save_id(metadata: Mapping[str, str]) -> str | None:
    """Return the save that a file says it comes from; what another program wrote in its place says nothing."""
    try:
        found = parse_json(metadata.get("archsmith", "{}").encode(), "__metadata__").get("save_id")
    except (CheckpointCorrupt, UnicodeEncodeError):
        return None
    return found if isinstance(found, str) else None


def read_header(path: Path) -> tuple[dict[str, TensorInfo], dict[str, str]]:
    """Read and check the header of one safetensors file, and nothing else of it.

    Returns:
        The tensors by name, and the file's ``__metadata__``.

    Raises:
        CheckpointCorrupt: The file is not safetensors, is cut short, or its header contradicts itself.
    """
    try:
        with path.open("rb") as file:
            start = file.read(8)
            length = int.from_bytes(start, "little")
            size = os.fstat(file.fileno()).st_size
            if len(start) < 8 or length > min(size - 8, _MAX_HEADER_BYTES):  # noqa: PLR2004
                raise _corrupt(path, f"it is not a safetensors file, or it is cut short ({size:,} bytes)", start)
            raw = file.read(length)
    except OSError as error:
        raise _corrupt(path, f"it cannot be read: {reason(error)}") from error
    if not raw.startswith(b"{"):
        raise _corrupt(path, "it is not a safetensors file: the header does not begin with '{'", start + raw[:32])
    header = parse_json(raw, f"{path} (header)")
    metadata = header.pop("__metadata__", {})
    if not isinstance(metadata, dict) or not all(isinstance(value, str) for value in metadata.values()):
        raise _corrupt(path, "__metadata__ in the header must map strings to strings")
    spans: list[tuple[int, int]] = []
    tensors = {name: _tensor(path, name, entry, spans) for name, entry in header.items()}
    _check_spans(path, spans, size - 8 - length)
    return tensors, metadata


def _tensor(path: Path, name: str, entry: Any, spans: list[tuple[int, int]]) -> TensorInfo:
    """Check one entry of a header and note the bytes that it covers."""
    if not isinstance(entry, dict) or entry.keys() != {"dtype", "shape", "data_offsets"}:
        raise _corrupt(path, f"{name!r} in the header must have dtype, shape and data_offsets, but is {entry!r}")
    dtype, shape, offsets = entry["dtype"], entry["shape"], entry["data_offsets"]
    if not isinstance(dtype, str) or dtype not in _BITS:
        raise _corrupt(path, f"{name!r} has the unknown dtype {dtype!r}; expected one of {', '.join(_BITS)}")
    if not _sizes(shape) or len(shape) > _MAX_DIMENSIONS:
        raise _corrupt(path, f"{name!r} has the shape {shape!r}; expected a list of sizes")
    if not _sizes(offsets) or len(offsets) != 2 or offsets[0] > offsets[1]:  # noqa: PLR2004
        raise _corrupt(path, f"{name!r} has the data_offsets {offsets!r}; expected [begin, end]")
    nbytes = reduce(mul, shape, 1) * _BITS[dtype] // 8
    if offsets[1] - offsets[0] != nbytes:
        needed = f"{nbytes:,} bytes" if nbytes < 2**63 else "more than any file holds"
        raise _corrupt(
            path,
            f"{name!r} of shape {shown(shape)} and dtype {dtype} needs {needed}, but its data_offsets are {offsets}",
        )
    spans.append((offsets[0], offsets[1]))
    return TensorInfo(name, dtype, tuple(shape), nbytes, path)


def _sizes(values: Any) -> bool:
    return isinstance(values, list) and all(type(value) is int and 0 <= value < 2**63 for value in values)


def _check_spans(path: Path, spans: list[tuple[int, int]], available: int) -> None:
    """Check that the tensors lie one after the other and fill the file exactly."""
    position = 0
    for begin, end in sorted(spans):
        if begin != position:
            raise _corrupt(path, f"the tensors overlap or leave a gap at byte {min(begin, position):,} of the data")
        position = end
    if position != available:
        raise _corrupt(path, f"the header describes {position:,} bytes of data, but the file holds {available:,}")


def _corrupt(path: Path, what: str, start: bytes = b"") -> CheckpointCorrupt:
    hint = " It may be broken or half downloaded: fetch it again."
    text = start.lstrip().lower()
    if text.startswith(b"version "):
        hint = " It is a Git LFS pointer; fetch the real file with: git lfs pull"
    elif text.startswith((b"<!doctyp", b"<html")):
        hint = " It is a web page; the download went wrong."
    elif text.startswith((b"pk\x03\x04", b"\x80\x02", b"\x80\x03", b"\x80\x04")):
        hint = " It is a pickle or a zip archive, which archsmith does not read."
    what = what if len(what) <= _SHOWN_CHARACTERS else f"{what[:_SHOWN_CHARACTERS]}…"
    return CheckpointCorrupt(f"{str(path)!r}: {what}.{hint}", file=str(path))


def total_size(tensors: Iterable[TensorInfo]) -> int:
    """Return the bytes that some tensors take in their files."""
    return sum(info.nbytes for info in tensors)


def encode_metadata(provenance: Mapping[str, str]) -> dict[str, str]:
    """Return the ``__metadata__`` of a weights file: the format, and who wrote it."""
    return {"format": "pt", "archsmith": json.dumps(provenance, sort_keys=True)}
