"""Sound checkpoints of every installed architecture, tiny and held in memory, for the tests that damage them.

What is built follows the registry: an architecture of a new plugin joins by its conformance class, which names its tiny
configuration and its inputs.
"""

import functools
import json
import struct
import tempfile
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import torch

from archsmith.model.matching import COUNTER
from archsmith.registry import registry
from archsmith_devkit import ArchitectureConformance

CONFIG, WEIGHTS, INDEX = "config.json", "model.safetensors", "model.safetensors.index.json"
SHARDS = 3
#: Every model class that is installed, as (model_type, task).
CLASSES = [(name, task) for name in registry.names() for task in registry.get(name).models]


@dataclass(frozen=True)
class Entry:
    """One tensor as a file holds it."""

    dtype: str
    shape: tuple[int, ...]
    data: bytes

    @classmethod
    def of(cls, tensor: torch.Tensor) -> "Entry":
        raw = tensor.detach().contiguous().flatten().view(torch.uint8).numpy().tobytes()
        return cls(_NAMES[tensor.dtype], tuple(tensor.shape), raw)

    def tensor(self) -> torch.Tensor:
        flat = torch.frombuffer(bytearray(self.data), dtype=_TYPES[self.dtype]) if self.data else None
        return torch.zeros(self.shape, dtype=_TYPES[self.dtype]) if flat is None else flat.reshape(self.shape)


_TYPES = {
    "F32": torch.float32, "F16": torch.float16, "BF16": torch.bfloat16, "F64": torch.float64, "I64": torch.int64,
    "I32": torch.int32, "U8": torch.uint8, "BOOL": torch.bool, "C64": torch.complex64,
}  # fmt: skip
_NAMES = {dtype: name for name, dtype in _TYPES.items()}


@dataclass(frozen=True)
class Sound:
    """One model, its files, and what it computes.

    Attributes:
        cls: The class.
        config: The content of config.json.
        entries: Key → tensor, as model.safetensors holds them.
        metadata: ``__metadata__`` of the weights.
        state: The model's own ``state_dict``.
        tied: Parameter → the one it is the same as.
        inputs: Arguments of one forward pass.
        output: What comes out.
    """

    cls: Any
    config: Mapping[str, Any]
    entries: Mapping[str, Entry]
    metadata: Mapping[str, str]
    state: Mapping[str, torch.Tensor]
    tied: Mapping[str, str]
    inputs: Mapping[str, Any]
    output: Any

    def write(self, folder: Path, *, shards: bool = False) -> None:
        """Write the sound files."""
        (folder / CONFIG).write_bytes(encode_json(self.config))
        write_weights(folder, self.entries, self.metadata, shards=shards)

    def optional(self, name: str) -> bool:
        """Return whether a checkpoint may lack a parameter, which then is announced."""
        from fnmatch import fnmatchcase

        base = name.removeprefix(f"{self.cls.base_model_prefix}.")
        return name.endswith(COUNTER) or any(fnmatchcase(base, pattern) for pattern in self.cls.optional_keys)


def conformance(model_type: str) -> ArchitectureConformance:
    """Return what makes small models of an architecture and their inputs."""
    return type("Conformance", (ArchitectureConformance,), {"model_type": model_type})()


@functools.cache
def sound(model_type: str, task: str) -> Sound:
    """Build the model of one class and return it with its files. Built once; nobody changes it."""
    checks = conformance(model_type)
    torch.manual_seed(0)
    cls = registry.load(model_type, f"models.{task}")
    config = checks.config()
    if task == "causal-lm" and config.value_of("is_decoder") is False:
        config.update(is_decoder=True)
    model = cls(config).eval()
    inputs = checks.inputs(model)
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("error")
        model.save_pretrained(folder)
        config = json.loads((Path(folder) / CONFIG).read_bytes())
        entries, metadata = decode((Path(folder) / WEIGHTS).read_bytes())
        loaded = cls.from_pretrained(folder, mmap=False)
        return Sound(cls, config, entries, metadata, loaded.state_dict(), loaded.tied_names(), inputs, loaded(**inputs))


def decode(raw: bytes) -> tuple[dict[str, Entry], dict[str, str]]:
    """Take a sound safetensors file to pieces."""
    length = int.from_bytes(raw[:8], "little")
    header, body = json.loads(raw[8 : 8 + length]), raw[8 + length :]
    metadata = header.pop("__metadata__", {})
    entries = {
        name: Entry(entry["dtype"], tuple(entry["shape"]), body[slice(*entry["data_offsets"])])
        for name, entry in header.items()
    }
    return entries, metadata


def describe(entries: Mapping[str, Entry], metadata: Mapping[str, str]) -> dict[str, Any]:
    """Return the header of a safetensors file."""
    header: dict[str, Any] = {"__metadata__": dict(metadata)}
    position = 0
    for name, entry in entries.items():
        end = position + len(entry.data)
        header[name] = {"dtype": entry.dtype, "shape": list(entry.shape), "data_offsets": [position, end]}
        position = end
    return header


def encode(entries: Mapping[str, Entry], metadata: Mapping[str, str]) -> bytes:
    """Return a safetensors file."""
    return with_header(encode_json(describe(entries, metadata)), b"".join(entry.data for entry in entries.values()))


def with_header(header: bytes, body: bytes, length: int | None = None) -> bytes:
    """Return a file with this header, sound or not."""
    return struct.pack("<Q", len(header) if length is None else length) + header + body


def encode_json(value: Any) -> bytes:
    """Return JSON; what JSON does not have (NaN, lone surrogates) is written all the same, as other programs do."""
    return json.dumps(value).encode()


def split(entries: Mapping[str, Entry]) -> dict[str, dict[str, Entry]]:
    """Return shard name → the tensors in it."""
    names, step = list(entries), -(-len(entries) // SHARDS)
    return {
        f"model-{number + 1:05}-of-{SHARDS:05}.safetensors": {
            name: entries[name] for name in names[number * step : (number + 1) * step]
        }
        for number in range(SHARDS)
    }


def index_of(shards: Mapping[str, Mapping[str, Entry]]) -> dict[str, Any]:
    """Return the content of the index of some shards."""
    weight_map = {name: file for file, entries in shards.items() for name in entries}
    total = sum(len(entry.data) for entries in shards.values() for entry in entries.values())
    return {"metadata": {"total_size": total}, "weight_map": weight_map}


def write_weights(
    folder: Path, entries: Mapping[str, Entry], metadata: Mapping[str, str], *, shards: bool = False
) -> None:
    """Write weights: one file, or an index and its shards."""
    if not shards:
        (folder / WEIGHTS).write_bytes(encode(entries, metadata))
        return
    parts = split(entries)
    for name, part in parts.items():
        (folder / name).write_bytes(encode(part, metadata))
    (folder / INDEX).write_bytes(encode_json(index_of(parts)))


def tensors_of(output: Any) -> Iterator[tuple[str, torch.Tensor]]:
    """Yield the tensors of a model's output with their names."""
    for item in fields(output):
        value = getattr(output, item.name)
        for place, tensor in enumerate(value if isinstance(value, tuple | list) else [value]):
            if isinstance(tensor, torch.Tensor):
                yield f"{item.name}[{place}]", tensor
