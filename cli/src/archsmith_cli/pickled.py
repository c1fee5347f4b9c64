"""Weights that torch has pickled: read in a process of their own, with nothing but tensors allowed, and with limits."""

import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from archsmith.errors import CheckpointCorrupt, CheckpointNotFound
from archsmith.files import CONFIG_FILE, Checkpoint, parse_json, read_bytes, read_json, read_weights
from archsmith.messages import announce, clean, looks_like, shown

__all__ = ["PickledWeights"]

_INDEX_END = ".index.json"
#: Files beside the weights that belong to the same model.
_BESIDE = (
    *("generation_config.json", "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json"),
    *("added_tokens.json", "vocab.json", "vocab.txt", "merges.txt", "chat_template.jinja", "preprocessor_config.json"),
    "processor_config.json",
)
#: What belongs to it too, but is not taken along.
_LEFT = ("additional_chat_templates", "tokenizer.model", "spiece.model")
_MAX_BESIDE = 256 * 2**20
#: What a process may take: some seconds to start and more for each MiB, and memory besides that of torch.
_SECONDS, _SECONDS_A_MIB = 120.0, 0.2
_MAX_SHARDS = 10_000


@dataclass
class Found:
    """What a format returns: the configuration, the tensors one after another, and more files."""

    config: dict[str, Any]
    tensors: Iterator[tuple[str, Any]]
    files: dict[str, bytes]


class PickledWeights:
    """The format of ``pytorch_model.bin``, its index, and other files that ``torch.save`` has written."""

    @staticmethod
    def knows(name: str, start: bytes) -> bool:
        """Tell by its name, and by how pickles and the archives of torch begin."""
        if name.endswith((".bin.index.json", ".pt.index.json", ".pth.index.json")):
            return start.lstrip().startswith(b"{")
        pickled = start.startswith((b"PK\x03\x04", b"\x80\x02"))
        return name.endswith((".bin", ".pt", ".pth", ".ckpt")) and pickled

    @staticmethod
    def read(path: Path, scratch: Path) -> Found:
        """Read a file, or all files of an index; config.json lies beside it.

        Raises:
            CheckpointNotFound: A file is not there.
            CheckpointCorrupt: One is no pickle of tensors alone, or takes more memory or time than it should.
        """
        beside = Checkpoint.open(path.parent)
        if beside.find(CONFIG_FILE) is None:
            raise CheckpointNotFound(
                f"there is no {CONFIG_FILE} beside {str(path)!r}, and weights alone do not say what model they are of. "
                "Put the one of the model there."
            )
        is_index = path.name.endswith(_INDEX_END)
        shards: dict[Path, set[str] | None] = _read_index(path, beside) if is_index else {path: None}
        found = {name: beside.find(name) for name in _BESIDE}
        if left := [name for name in _LEFT if (path.parent / name).exists()]:
            announce(f"left out of what lies beside {str(path)!r}: {', '.join(left)}. Copy it if the model needs it.")
        files = {name: read_bytes(file, max_bytes=_MAX_BESIDE) for name, file in found.items() if file is not None}
        return Found(beside.read_json(CONFIG_FILE), _tensors(shards, scratch), files)


def _read_index(path: Path, beside: Checkpoint) -> dict[Path, set[str] | None]:
    """Return file → names of its tensors."""
    weight_map = read_json(path, max_bytes=64_000_000).get("weight_map")
    if not isinstance(weight_map, dict) or not all(isinstance(name, str) for name in weight_map.values()):
        raise CheckpointCorrupt(
            f"{str(path)!r} must map tensors to files under 'weight_map', but has {shown(weight_map)}."
        )
    names = sorted(set(weight_map.values()))
    if not 0 < len(names) <= _MAX_SHARDS:
        raise CheckpointCorrupt(f"{str(path)!r} names {len(names):,} files; expected 1 to {_MAX_SHARDS:,}.")
    return {beside.path(name): {key for key, file in weight_map.items() if file == name} for name in names}


def _tensors(shards: dict[Path, set[str] | None], scratch: Path) -> Iterator[tuple[str, Any]]:
    for number, (path, expected) in enumerate(shards.items()):
        file = scratch / f"{number}.safetensors"
        _unpickle(path, file)
        weights = read_weights(file, source=str(path))
        names = weights.tensors.keys()
        if expected is not None and names != expected:
            wrong = min(names ^ expected)
            where = "is named by the index, but is not there" if wrong in expected else "is there, but not by the index"
            raise CheckpointCorrupt(f"{str(path)!r}: the tensor {wrong!r} {where}.")
        for name in names:
            yield name, weights.load([name], mmap=False)[name]
        file.unlink()


def _unpickle(path: Path, file: Path) -> None:
    """Let a process of its own write the tensors of a pickle into a safetensors file."""
    seconds = _SECONDS + _SECONDS_A_MIB * path.stat().st_size / 2**20
    command = [sys.executable, "-m", "archsmith_cli.unpickling", str(path), str(file)]
    try:
        done = subprocess.run(command, capture_output=True, timeout=seconds, check=False, stdin=subprocess.DEVNULL)  # noqa: S603
    except subprocess.TimeoutExpired as error:
        raise CheckpointCorrupt(f"{str(path)!r} is not read after {seconds:.0f} seconds, which is too long.") from error
    try:
        said = parse_json(done.stdout, str(path))
    except CheckpointCorrupt:
        tail = clean(done.stderr.decode(errors="replace").strip()[-300:])
        said = {"error": f"the process that reads it ended with code {done.returncode}: {tail or 'no message'}"}
    if "error" in said:
        hint = looks_like(path.open("rb").read(64)) if not path.name.endswith((".bin", ".pt", ".pth", ".ckpt")) else ""
        raise CheckpointCorrupt(f"{str(path)!r} cannot be converted: {str(said['error']).rstrip('.')}.{hint}")
    if "note" in said:
        announce(f"{str(path)!r}: {said['note']}")
