"""Damage to files that knows their structure: JSON, safetensors, lines of text; and bytes, where there is none."""

import json
import random
from typing import Any

from sound import encode_json, with_header

NUMBERS = (0, 1, -1, 2, 7, 255, 256, 2**31 - 1, 2**31, 2**32, 2**53 + 1, 2**63 - 1, 2**63, 2**64, 10**30, -(2**63))
SCALARS = (
    *NUMBERS, None, True, False, 0.5, -0.5, 1e-300, 1e300, float("nan"), float("inf"), "", "x", "3", "null", "../x",
    "/etc/passwd", "\0", "\ud800", "é", "e\u0301", "😀", " ", "\n", "##", "[UNK]", "F32", "F16", "I64", "BOOL", "gelu",
    "os:system", "A", "B", "x" * 3000,
)  # fmt: skip
CONTAINERS = (
    [],
    {},
    [[]],
    [0],
    [None],
    {"a": 1},
    {"0": "a"},
    {"type": "BertNormalizer"},
    {"content": "a"},
    [1.5] * 200,
    {"height": 2**31, "width": 1},
    {"shortest_edge": 10**9},
    {"shortest_edge": 1, "longest_edge": 2**40},
    {"0": "a", "1": "a"},
    {"7": "x", "-1": "y"},
    {str(number): f"label {number}" for number in range(3000)},
    [f"<{number}>" for number in range(3000)],
    [[[[]] * 50] * 50] * 20,
)
#: What may lie in the place of a file, in words; see `place` in run.py.
SPECIAL = ("pipe", "zeros", "folder", "loop", "nowhere")
#: A normalizer that makes every text a thousand times as long, and again.
GROWTH = {
    "type": "Sequence",
    "normalizers": [{"type": "Replace", "pattern": {"Regex": "."}, "content": "hello" * 40}] * 6,
}
BYTES = (b"\0", b"\xff", b"\x80", b"\xef\xbb\xbf", b"\r", b"\n", b'"', b"{", b"}", b"[", b"]", b",", b":", b"\\", b"9")

#: Infinity, two kinds of NaN, minus infinity and the largest number, as a float32 is written.
FLOATS = (b"\0\0\x80\x7f", b"\0\0\xc0\x7f", b"\xff\xff\xff\xff", b"\0\0\x80\xff", b"\xff\xff\x7f\x7f")


def mutate(rng: random.Random, name: str, raw: bytes | str | None, others: list[bytes]) -> bytes | str | None:
    """Return a file with one damage that suits its kind; None: the file is gone; a word: one of `SPECIAL`."""
    if not isinstance(raw, bytes) or rng.random() < 0.03:
        return rng.choice([None, rng.choice(others), rng.choice(SPECIAL)])
    if rng.random() < 0.2:
        return mutate_bytes(rng, raw)
    kind = (
        mutate_safetensors if name.endswith(".safetensors") else mutate_json if name.endswith(".json") else mutate_lines
    )
    try:
        return kind(rng, raw)
    except (ValueError, KeyError, IndexError, TypeError, RecursionError):
        return mutate_bytes(rng, raw)  # an earlier damage took the structure away


def mutate_bytes(rng: random.Random, raw: bytes) -> bytes:
    """Change, drop, repeat or cut bytes anywhere."""
    start, stop = sorted((rng.randrange(len(raw) + 1), min(len(raw), rng.randrange(len(raw) + 1))))
    near = min(len(raw), start + rng.choice((1, 1, 2, 4, 8, 64)))
    flipped = bytes(byte ^ (1 << rng.randrange(8)) for byte in raw[start : start + 1])
    middle = (
        b"",
        raw[near:],
        rng.choice(BYTES) + raw[start:],
        rng.choice(BYTES) + raw[start + 1 :],
        raw[start:near] * rng.choice((2, 3, 100)) + raw[near:],
        flipped + raw[start + 1 :],
        raw[stop:],
    )
    return raw[:start] + rng.choice(middle)


def mutate_json(rng: random.Random, raw: bytes) -> bytes:
    """Change one node of a JSON value, or write it in a way that is none of JSON's."""
    value = json.loads(raw)
    way = rng.random()
    if way < 0.04:
        text = encode_json(value)
        wrapped = rng.randrange(2, 100)
        return b'{"a":' * wrapped + text + b"}" * wrapped
    if way < 0.08:
        return encode_json(value)[:-1] + b', "' + rng.choice(list(value)).encode() + b'": null}'
    if way < 0.12:
        return encode_json(value).replace(b": ", b": " + rng.choice((b"NaN,", b"-", b"0", b"//", b"1e999,", b"+")), 1)
    if way < 0.16:
        return encode_json(_numbered(rng, value))
    if way < 0.17 and "normalizer" in value:
        return encode_json({**value, "normalizer": GROWTH})
    mutate_node(rng, value)
    return encode_json(value)


def _numbered(rng: random.Random, value: Any) -> Any:
    """Return JSON with the ids of one vocabulary, or the keys of one map, out of order: gaps, one twice, huge ones."""
    maps = [node for node in _containers(value) if isinstance(node, dict) and node]
    one = rng.choice(maps)
    key, other = rng.choice(list(one)), rng.choice(list(one))
    way = rng.randrange(5)
    if way == 0:
        one[key] = one[other]
    elif way == 1:
        one[key] = len(one) + rng.choice((0, 1, 1000, 2**31, 2**40))
    elif way == 2:
        one[rng.choice(("-1", "01", "1.0", "9" * 30, " 1"))] = one[key]
    elif way == 3:
        one |= dict.fromkeys(one)
    else:
        one |= {f"<{number}>": rng.choice((number, None, f"<{number}>")) for number in range(5000)}
    return value


def mutate_node(rng: random.Random, value: Any) -> None:
    """Change one node below a mapping or a list, in place."""
    parents = [parent for parent in _containers(value) if parent]
    weights = [1 / (1 + len(parent) / 8) for parent in parents]  # the vocabulary is large and all of one kind
    parent = rng.choices(parents, weights)[0]
    key = rng.choice(list(parent) if isinstance(parent, dict) else range(len(parent)))
    way = rng.randrange(7)
    if way == 0:
        del parent[key]
    elif way == 1 and isinstance(parent, dict):
        parent[rng.choice([str(rng.choice(SCALARS)), key + "x", key[:-1], key.upper()])] = parent[key]
    elif way == 2 and isinstance(parent, dict):
        other = rng.choice(list(parent))
        parent[key], parent[other] = parent[other], parent[key]
    elif way == 3 and isinstance(parent, list):
        parent.insert(key, parent[key])
    elif way == 4 and isinstance(parent[key], int):
        parent[key] = parent[key] + rng.choice((-1, 1, 1, 2, 100)) if rng.random() < 0.7 else rng.choice(NUMBERS)
    elif way == 5 and isinstance(parent[key], str):
        parent[key] = rng.choice((parent[key].upper(), parent[key] + " ", parent[key][1:], parent[key] * 2))
    else:
        parent[key] = rng.choice(SCALARS) if rng.random() < 0.7 else json.loads(json.dumps(rng.choice(CONTAINERS)))


def _containers(value: Any) -> list[Any]:
    found, todo = [], [value]
    while todo:
        node = todo.pop()
        if isinstance(node, dict | list):
            found.append(node)
            todo += node.values() if isinstance(node, dict) else node
    return found


def mutate_safetensors(rng: random.Random, raw: bytes) -> bytes:
    """Change the header of a weights file, with its length in step or not, or the numbers behind it."""
    length = int.from_bytes(raw[:8], "little")
    if length > len(raw):
        raise ValueError("no header")
    header, body = raw[8 : 8 + length], raw[8 + length :]
    way = rng.random()
    if way < 0.1:
        return with_header(header, body, rng.choice((0, 1, abs(length - 1), length + 1, len(raw), 2**40, 2**64 - 1)))
    if way < 0.3 and len(body) > 8:
        place = rng.randrange(len(body) - 4)
        special = rng.choice(
            (b"\0\0\x80\x7f", b"\0\0\xc0\x7f", b"\xff\xff\xff\xff", b"\0\0\x80\xff", b"\xff\xff\x7f\x7f")
        )
        place -= place % 4 * (rng.random() < 0.9)
        return with_header(header, body[:place] + special + body[place + 4 :])
    value = json.loads(header)
    if way < 0.35:
        empty = {"dtype": "F32", "shape": rng.choice(([0], [0, 2**62], [2**40, 0, 2**40])), "data_offsets": [0, 0]}
        return with_header(encode_json(value | {f"more.{number}": empty for number in range(3000)}), body)
    if way < 0.5:
        return with_header(encode_json(_rearranged(rng, value)), body)
    if way < 0.6:
        return with_header(mutate_bytes(rng, header), body)
    mutate_node(rng, value)
    return with_header(encode_json(value), body)


def _rearranged(rng: random.Random, header: dict[str, Any]) -> dict[str, Any]:
    """Return a header that still tiles its bytes: names exchanged, a shape turned, another type."""
    names = [name for name in header if name != "__metadata__"]
    one, other = rng.choice(names), rng.choice(names)
    way = rng.randrange(5)
    if way == 0:
        header[one], header[other] = header[other], header[one]
    elif way == 1:
        header[one]["shape"] = header[one]["shape"][::-1]
    elif way == 2:
        header[one]["shape"] = [*header[one]["shape"], 1]
    elif way == 3:
        header[one]["dtype"] = rng.choice(("I32", "U32", "F32", "F16", "BF16", "C64", "F8_E4M3"))
    else:
        begin, end = header[one]["data_offsets"]
        header[one] |= {"dtype": "BF16", "shape": [(end - begin) // 2]}
    return header


def mutate_lines(rng: random.Random, raw: bytes) -> bytes:
    """Change, drop, repeat or exchange lines of text."""
    lines = raw.split(b"\n")
    one, other = rng.randrange(len(lines)), rng.randrange(len(lines))
    way = rng.randrange(6)
    if way == 0:
        del lines[one]
    elif way == 1:
        lines.insert(one, lines[other])
    elif way == 2:
        lines[one], lines[other] = lines[other], lines[one]
    elif way == 3:
        lines[one] += rng.choice((b"\r", b" ", b"\0", b"\xe2\x80\xa8", b"\xcc\x81", b"\xff", b"##", b"\x85", b"\t"))
    elif way == 4:
        lines[one] = rng.choice(
            (b"", b" ", b"##", b"[UNK]", b"[unk]", b"##a##b", "İ".encode(), "ﬁ".encode(), b"x" * 300)
        )
    else:
        lines.insert(one, str(rng.choice(SCALARS)).encode("utf-8", "surrogatepass"))
    return b"\n".join(lines)
