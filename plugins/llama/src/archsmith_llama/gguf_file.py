"""GGUF files: what their header says, read within limits, and the tensors one by one.

All numbers are little-endian. A file begins with ``GGUF``, its version, and two counts; then come keys and values, what
there is to say of each tensor, and after a gap the tensors themselves.
"""

import math
import os
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from archsmith.errors import CheckpointCorrupt
from archsmith.messages import reason, shown

__all__ = ["GgufFile", "GgufTensor", "read_gguf"]

MAGIC = b"GGUF"
_VERSIONS = (2, 3)
#: The types of values: how struct and numpy call those of one size.
_NUMBERS = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}
_STRING, _ARRAY = 8, 9
#: Far above what is published.
_MAX_KEYS, _MAX_TENSORS, _MAX_NAME, _MAX_TEXT, _MAX_TEXTS = 10_000, 100_000, 1024, 2**24, 2_000_000
_MAX_DIMENSIONS, _MAX_ALIGNMENT = 4, 2**20


@dataclass(frozen=True)
class GgufTensor:
    """What the header says of one tensor.

    Attributes:
        name: As the file has it.
        shape: The size of each dimension, in the order of torch: the last one lies together in memory.
        type: The number of its type.
        start: The place of its first byte in the file.
        nbytes: Its bytes in the file.
    """

    name: str
    shape: tuple[int, ...]
    type: int
    start: int
    nbytes: int


@dataclass(frozen=True)
class GgufFile:
    """The header of a file.

    Attributes:
        path: The file.
        values: Key → value: a number, a text, an array of numbers, or a list of texts.
        tensors: The tensors, in the order of the file.
    """

    path: Path
    values: Mapping[str, Any]
    tensors: tuple[GgufTensor, ...]

    def load(self, tensor: GgufTensor) -> np.ndarray[Any, Any]:
        """Read one tensor, as float32 of its shape.

        Raises:
            CheckpointCorrupt: The file is shorter than it was, or nothing here reads the type.
        """
        from gguf import GGMLQuantizationType
        from gguf.quants import dequantize

        kind = GGMLQuantizationType(tensor.type)
        with self.path.open("rb") as stream:
            stream.seek(tensor.start)
            content = np.frombuffer(stream.read(tensor.nbytes), np.uint8)
        if content.nbytes != tensor.nbytes:
            raise CheckpointCorrupt(f"{str(self.path)!r} became shorter while it was read. Convert it again.")
        plain = {"F32": np.float32, "F16": np.float16, "F64": np.float64}
        if kind.name in plain:
            return content.view(plain[kind.name]).reshape(tensor.shape).astype(np.float32)
        try:
            rows = content.reshape(math.prod(tensor.shape[:-1]), -1)
            return dequantize(rows, kind).reshape(tensor.shape)
        except NotImplementedError as error:
            raise CheckpointCorrupt(
                f"{str(self.path)!r}: {tensor.name!r} is of the type {kind.name}, which the library gguf does not turn "
                "into numbers. Use a file of another kind, as Q8_0 or F16."
            ) from error


class _Reader:
    """Reads a header from its beginning. Raises `CheckpointCorrupt`: it goes beyond the file, or a limit."""

    def __init__(self, path: Path, stream: BinaryIO) -> None:
        self.path, self.stream = path, stream
        self.size = os.fstat(stream.fileno()).st_size

    def corrupt(self, what: str) -> CheckpointCorrupt:
        return CheckpointCorrupt(f"{str(self.path)!r}: {what}. It may be broken or half downloaded: fetch it again.")

    def take(self, count: int, what: str) -> bytes:
        if count > self.size - self.stream.tell():
            place = f"{count:,} bytes from byte {self.stream.tell():,} on"
            raise self.corrupt(f"{what} would take {place}, but the file has {self.size:,}")
        return self.stream.read(count)

    def number(self, kind: str, what: str) -> Any:
        return struct.unpack(f"<{kind}", self.take(struct.calcsize(f"<{kind}"), what))[0]

    def count(self, what: str, most: int, *, kind: str = "Q") -> int:
        found: int = self.number(kind, what)
        if found > most:
            raise self.corrupt(f"{what} is {found:,}; expected at most {most:,}")
        return found

    def text(self, what: str, most: int = _MAX_TEXT) -> str:
        raw = self.take(self.count(f"the length of {what}", most), what)
        try:
            return raw.decode()
        except UnicodeDecodeError as error:
            raise self.corrupt(f"{what} is not UTF-8: {shown(raw)}") from error

    def value(self, key: str) -> Any:
        kind = self.number("I", f"the type of {key}")
        if kind == _STRING:
            return self.text(key)
        if kind == _ARRAY:
            return self.array(key)
        if kind not in _NUMBERS:
            raise self.corrupt(f"{key} is of the type {kind}, which there is not")
        found = self.number(_NUMBERS[kind], key)
        # The shortest decimal number of this value, which is what somebody has written.
        return float(str(np.float32(found))) if _NUMBERS[kind] == "f" else found

    def array(self, key: str) -> Any:
        kind = self.number("I", f"the type of {key}")
        if kind == _STRING:
            count = self.count(f"the length of {key}", _MAX_TEXTS)
            return [self.text(f"{key}[{place}]") for place in range(count)]
        if kind not in _NUMBERS:
            raise self.corrupt(f"{key} is an array of the type {kind}, which is not read")
        count = self.number("Q", f"the length of {key}")
        dtype = np.dtype(_NUMBERS[kind]).newbyteorder("<")
        return np.frombuffer(self.take(count * dtype.itemsize, key), dtype)


def read_gguf(path: Path) -> GgufFile:
    """Read the header of a file.

    Raises:
        CheckpointCorrupt: It is no GGUF file of a version that is read here, is cut short, or contradicts itself.
    """
    try:
        with path.open("rb") as stream:
            return _read(_Reader(path, stream))
    except OSError as error:
        raise CheckpointCorrupt(f"{str(path)!r} cannot be read: {reason(error)}.") from error


def _read(reader: _Reader) -> GgufFile:
    if (begin := reader.take(4, "the beginning")) != MAGIC:
        raise reader.corrupt(f"it is not a GGUF file: it begins with {begin!r}, not {MAGIC!r}")
    version = reader.number("I", "the version")
    if version not in _VERSIONS:
        swapped = int.from_bytes(version.to_bytes(4, "big"), "little") in _VERSIONS
        said = "it is a big-endian file" if swapped else f"it is a GGUF file of version {version}"
        raise CheckpointCorrupt(f"{str(reader.path)!r}: {said}; expected a little-endian one of version 2 or 3.")
    tensors = reader.count("the number of tensors", _MAX_TENSORS)
    keys = reader.count("the number of keys", _MAX_KEYS)
    values: dict[str, Any] = {}
    for _ in range(keys):
        key = reader.text("a key", _MAX_NAME)
        if key in values:
            raise reader.corrupt(f"the key {key!r} stands there twice")
        values[key] = reader.value(key)
    entries = [_read_entry(reader) for _ in range(tensors)]
    alignment = values.get("general.alignment", 32)
    if not isinstance(alignment, int) or not 0 < alignment <= _MAX_ALIGNMENT or alignment & (alignment - 1):
        raise reader.corrupt(f"general.alignment is {shown(alignment)}; expected a power of two")
    begin_of_data = -(-reader.stream.tell() // alignment) * alignment
    return GgufFile(reader.path, values, _placed(reader, entries, begin_of_data, alignment))


def _read_entry(reader: _Reader) -> tuple[str, tuple[int, ...], int, int]:
    """Read what the header says of one tensor: name, shape, type, and its place from where the tensors begin."""
    name = reader.text("the name of a tensor", _MAX_NAME)
    dimensions = reader.count(f"the number of dimensions of {name}", _MAX_DIMENSIONS, kind="I")
    shape = tuple(reader.number("Q", f"the shape of {name}") for _ in range(dimensions))[::-1]
    return name, shape, reader.number("I", f"the type of {name}"), reader.number("Q", f"the place of {name}")


def _placed(reader: _Reader, entries: list[Any], begin: int, alignment: int) -> tuple[GgufTensor, ...]:
    """Check where the tensors lie: inside the file, one after another."""
    from gguf import GGML_QUANT_SIZES, GGMLQuantizationType

    found: dict[str, GgufTensor] = {}
    for name, shape, kind, offset in entries:
        if name in found:
            raise reader.corrupt(f"the tensor {name!r} stands there twice")
        known = {each.value for each in GGMLQuantizationType}
        if kind not in known:
            raise reader.corrupt(f"{name!r} is of the type {kind}, which the library gguf does not know")
        block, width = GGML_QUANT_SIZES[GGMLQuantizationType(kind)]
        if not shape or 0 in shape or shape[-1] % block or math.prod(shape) >= 2**48:
            raise reader.corrupt(
                f"{name!r} has the shape {list(shape)}; expected sizes whose last is a multiple of {block}"
            )
        nbytes = math.prod(shape) // block * width
        if offset % alignment or begin + offset + nbytes > reader.size:
            place = f"{nbytes:,} bytes from byte {begin + offset:,} on"
            raise reader.corrupt(
                f"{name!r} would take {place}, but the file has {reader.size:,}, in steps of {alignment}"
            )
        found[name] = GgufTensor(name, shape, kind, begin + offset, nbytes)
    ends = begin
    for each in sorted(found.values(), key=lambda tensor: tensor.start):
        if each.start < ends:
            raise reader.corrupt(f"{each.name!r} begins at byte {each.start:,}, inside of another tensor")
        ends = each.start + each.nbytes
    return tuple(found.values())
