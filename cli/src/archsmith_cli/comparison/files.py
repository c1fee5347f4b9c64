"""What differs between the files of two checkpoints that are neither config.json nor weights."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from archsmith.errors import ArchsmithError, CheckpointCorrupt
from archsmith.files import (
    CONFIG_FILE,
    INDEX_FILE,
    TOKENIZER_FILE,
    Checkpoint,
    find_weights,
    parse_json,
    read_bytes,
)
from archsmith_cli.comparison.fields import differences, is_same

__all__ = ["compare_files"]

_JSON = (
    *("added_tokens.json", "chat_template.json", "generation_config.json", "preprocessor_config.json"),
    *("processor_config.json", "special_tokens_map.json", TOKENIZER_FILE, "tokenizer_config.json", "vocab.json"),
    "video_preprocessor_config.json",
)
_TEXT = ("vocab.txt", "merges.txt", "chat_template.jinja")
_BYTES = ("sentencepiece.bpe.model", "spiece.model", "tokenizer.model")
_READ = frozenset({*_JSON, *_TEXT, *_BYTES})
_MOST_BYTES = 2**28


def compare_files(one: Checkpoint, other: Checkpoint) -> dict[str, Any]:
    """Return which files are in one alone, which differ and in what, and which were not compared.

    Raises:
        CheckpointCorrupt, HubError: A file cannot be had.
    """
    found: dict[str, dict[str, Any]] = {}
    same = []
    for name in sorted(_READ):
        paths = one.find(name), other.find(name)
        if paths[0] is None or paths[1] is None:
            if paths != (None, None):
                found[name] = {"only": "a" if paths[0] else "b"}
            continue
        if said := _compare(name, paths[0], paths[1]):
            found[name] = {"only": None, **said}
        else:
            same.append(name)
    read = {path.name for each in (one, other) for path in _weights_of(each)}
    beside = {name for each in (one, other) for name in each.names() if name not in read and not _is_known(name)}
    return {"same": same, "different": found, "not_compared": sorted(beside)}


def _weights_of(checkpoint: Checkpoint) -> tuple[Path, ...]:
    """Return the files that hold the tensors; none if they cannot be read, which is said where tensors are compared."""
    try:
        return find_weights(checkpoint).files
    except ArchsmithError:
        return ()


def _is_known(name: str) -> bool:
    return name in _READ or name in (CONFIG_FILE, INDEX_FILE)


def _compare(name: str, one: Path, other: Path) -> dict[str, Any]:
    """Return in what two files differ; empty: in nothing that counts."""
    raw = [read_bytes(path, max_bytes=_MOST_BYTES) for path in (one, other)]
    if raw[0] == raw[1]:
        return {}
    sizes = {"bytes": {"a": len(raw[0]), "b": len(raw[1])}}
    if name not in _JSON and name not in _TEXT[:2]:
        return sizes
    reads: Mapping[str, Callable[[Any, Any], dict[str, Any]]] = {
        TOKENIZER_FILE: _tokenizers,
        **dict.fromkeys(("vocab.json", "added_tokens.json", "vocab.txt"), _vocabularies),
        "merges.txt": _lines,
    }
    try:
        parsed = [_parse(name, content, str(path)) for content, path in zip(raw, (one, other), strict=True)]
    except (CheckpointCorrupt, UnicodeDecodeError) as error:
        return {"fault": str(error)}
    found = reads.get(name, lambda a, b: _named(fields=differences(a, b)))(*parsed)
    return found if found or name in _JSON else sizes  # of text every byte may count, as the end of a line


def _parse(name: str, raw: bytes, where: str) -> Any:
    if name in _JSON:
        return parse_json(raw, where)
    lines = raw.decode().removesuffix("\n").split("\n")
    lines = [line.removesuffix("\r") for line in lines]
    return lines if name == "merges.txt" else {line: number for number, line in enumerate(lines)}


def _named(**found: Any) -> dict[str, Any]:
    return {name: value for name, value in found.items() if value}


def _vocabularies(one: Mapping[str, Any], other: Mapping[str, Any]) -> dict[str, Any]:
    """Return how many tokens each has, those that one alone has, and those with another number in the other."""
    only = [token for token in one if token not in other], [token for token in other if token not in one]
    moved = [token for token in one if token in other and not is_same(one[token], other[token])]
    if not (only[0] or only[1] or moved):
        return {}
    sizes = {"a": len(one), "b": len(other)}
    return {"vocabulary": {"size": sizes, "only_a": only[0], "only_b": only[1], "other_number": moved}}


def _lines(one: list[str], other: list[str]) -> dict[str, Any]:
    sets = set(one), set(other)
    if one == other:
        return {}
    return {
        "lines": {"a": len(one), "b": len(other), "only_a": len(sets[0] - sets[1]), "only_b": len(sets[1] - sets[0])}
    }


def _tokenizers(one: Mapping[str, Any], other: Mapping[str, Any]) -> dict[str, Any]:
    """Return what differs between two tokenizer.json: the vocabulary by token, merges by number, the rest by field."""
    found: dict[str, Any] = {}
    rest, merges, tokens, whole = [], [], [], []
    for each in (one, other):
        said = each.get("model")
        model = dict(said) if isinstance(said, dict) else {}
        added = each.get("added_tokens")
        vocabulary = model.pop("vocab", None)
        tokens.append(_tokens(vocabulary) | _added(added))
        merges.append([_merge(pair) for pair in model.pop("merges", None) or ()])
        rest.append({**each, "model": model, "added_tokens": _by_content(added)})
        whole.append([{**each, "model": model if isinstance(said, dict) else said}, vocabulary, merges[-1]])
    found |= _vocabularies(*tokens)
    if said := _lines(*merges):
        found["merges"] = said["lines"]
    found |= _named(fields=differences(*rest))
    # What those views of it do not show, as a token that is there twice, is a difference all the same.
    return found or ({} if is_same(*whole) else {"fault": "it has other content, which no list of tokens shows"})


def _merge(pair: Any) -> str:
    """Return a merge in one form: files have ``"a b"`` or ``["a", "b"]``."""
    return json.dumps(pair if isinstance(pair, list) else str(pair).split(" ", 1))


def _tokens(vocabulary: Any) -> dict[str, Any]:
    if isinstance(vocabulary, dict):
        return vocabulary
    if isinstance(vocabulary, list):  # of pairs: token, score; the place is the number
        return {str(each[0]): [number, *each[1:]] for number, each in enumerate(vocabulary) if isinstance(each, list)}
    return {}


def _added(tokens: Any) -> dict[str, Any]:
    return {name: each.get("id") for name, each in _by_content(tokens).items()}


def _by_content(tokens: Any) -> dict[str, Any]:
    found = tokens if isinstance(tokens, list) else ()
    return {str(each.get("content")): each for each in found if isinstance(each, dict)}
