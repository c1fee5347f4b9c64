"""JSON as the files of a checkpoint hold it: read strictly, within limits, and written in one way. Free of torch."""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NoReturn

from archsmith.errors import CheckpointCorrupt
from archsmith.files.names import named
from archsmith.files.paths import open_file
from archsmith.messages import looks_like, reason

__all__ = ["MAX_JSON_BYTES", "encode_json", "parse_json", "read_bytes", "read_json"]

#: The largest JSON file that is read, in bytes.
MAX_JSON_BYTES = 16 * 2**20
#: The most values in one: each takes up to forty times the memory of its bytes.
MAX_JSON_VALUES = 1_000_000
MAX_JSON_DEPTH = 64

_JSON_KINDS = {list: "a list", str: "a string", int: "a number", float: "a number", bool: "true or false"}
_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")  # as JSON escapes it
_SURROGATE_HALF = re.compile('[^"]{,40}[\ud800-\udfff][^"]{,40}')  # and what is around it


def read_json(path: Path, *, max_bytes: int = MAX_JSON_BYTES) -> dict[str, Any]:
    """Read a JSON file that holds an object.

    Args:
        path: A regular file.
        max_bytes: Refuse a larger one.

    Raises:
        CheckpointCorrupt: The file is too large, holds too many values, is too deeply nested, not UTF-8, not JSON, not
            an object, names a key twice, or holds a number that JSON does not have (NaN, Infinity).
    """
    return parse_json(read_bytes(path, max_bytes=max_bytes), str(path), max_values=MAX_JSON_VALUES)


def read_bytes(path: Path, *, max_bytes: int = MAX_JSON_BYTES) -> bytes:
    """Read a regular file of limited size. Raises `CheckpointCorrupt`: it is larger, another thing, or refused."""
    try:
        with open_file(path) as file:
            raw = file.read(max_bytes + 1)
    except OSError as error:
        raise CheckpointCorrupt(f"{str(path)!r} cannot be read: {reason(error)}.") from error
    if len(raw) > max_bytes:
        raise CheckpointCorrupt(
            f"{str(path)!r} is larger than {max_bytes:,} bytes; too large for a file of its kind.{looks_like(raw)}"
        )
    return raw


def parse_json(raw: bytes, where: str, *, max_values: int | None = None) -> dict[str, Any]:
    """Parse a JSON object strictly. Raises `CheckpointCorrupt` as `read_json`; ``where`` names the file."""
    if max_values is not None and sum(map(raw.count, (b",", b"[", b"{"))) > max_values:
        raise CheckpointCorrupt(
            f"{where!r} holds more than {max_values:,} values; too many for a file of its kind.{looks_like(raw)}"
        )
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise CheckpointCorrupt(f"{where!r} is not UTF-8 text (byte {error.start}).{looks_like(raw)}") from error
    try:
        value = json.loads(text, object_pairs_hook=_object, parse_constant=_no_constant, parse_float=_finite)
    except RecursionError as error:
        raise CheckpointCorrupt(f"{where!r} is nested deeper than {MAX_JSON_DEPTH} levels.") from error
    except json.JSONDecodeError as error:
        place = f"line {error.lineno}, column {error.colno}"
        raise CheckpointCorrupt(f"{where!r} is not JSON: {error.msg} ({place}).{looks_like(raw)}") from error
    except ValueError as error:
        raise CheckpointCorrupt(f"{where!r}: {error}.") from error
    if not isinstance(value, dict):
        raise CheckpointCorrupt(f"{where!r} must hold a JSON object, but holds {_JSON_KINDS.get(type(value), 'null')}.")
    if _depth_exceeds(value, MAX_JSON_DEPTH):
        raise CheckpointCorrupt(f"{where!r} is nested deeper than {MAX_JSON_DEPTH} levels.")
    if _SURROGATE.search(text) and (half := _SURROGATE_HALF.search(json.dumps(value, ensure_ascii=False))):
        raise CheckpointCorrupt(f"{where!r} holds {half[0]!r}, which is half a character and no text.")
    return value


def encode_json(value: Mapping[str, Any]) -> bytes:
    """Return sorted JSON with a two-space indent and a final newline, as UTF-8."""
    return (json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False, allow_nan=False) + "\n").encode()


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        seen: set[str] = set()
        twice = next(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]
        raise ValueError(f"the key {named(twice)} stands twice in one object")
    return value


def _no_constant(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not a JSON number")


def _finite(text: str) -> float:
    number = float(text)
    if number in (float("inf"), float("-inf")):
        raise ValueError(f"the number {text[:40]} is too large")
    return number


def _depth_exceeds(value: Any, limit: int) -> bool:
    level = [value]
    for _ in range(limit):
        level = [
            child
            for parent in level
            for child in (parent.values() if isinstance(parent, dict) else parent)
            if isinstance(child, dict | list)
        ]
    return bool(level)
