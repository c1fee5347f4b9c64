"""The formats that checkpoints are converted from: one that comes with the command line, the others from packages.

A format is a class that an entry point in the group ``archsmith.formats`` names. It has two functions::

    class Words:
        @staticmethod
        def knows(name: str, start: bytes) -> bool:  # the name of a file, and its first 4,096 bytes
            return start.startswith(b"WORDS")

        @staticmethod
        def read(path: Path, scratch: Path) -> Any:  # a folder for files that are wanted for a while
            ...

What ``read`` returns has the attributes ``config``, the content of config.json; ``tensors``, pairs of a name and a
tensor, which are taken one after another; and ``files``, name → content of more files, those of a tokenizer.
"""

import importlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from archsmith.errors import ArchsmithError, CheckpointCorrupt, CheckpointNotFound, PluginBroken, PluginError
from archsmith.messages import announce, did_you_mean, said_by, shorten, shown
from archsmith.registry import Kind, registry

__all__ = ["BUILT_IN", "find_format", "format_names", "load_format", "read_source"]

BUILT_IN = {"torch": "archsmith_cli.pickled:PickledWeights"}
#: How files begin that a package which is not installed converts → what to do.
_ELSEWHERE = {b"GGUF": "It is a GGUF file. Run: pip install archsmith-llama"}
_START = 4096


def format_names() -> list[str]:
    """Return the formats that there are, those of packages in the order of their names."""
    return [*BUILT_IN, *sorted({entry.name for entry in registry.entries(Kind.FORMAT)} - BUILT_IN.keys())]


def load_format(name: str) -> Any:
    """Import a format. Raises `PluginError`: it cannot be used."""
    if name in BUILT_IN:
        module, _, kind = BUILT_IN[name].partition(":")
        return getattr(importlib.import_module(module), kind)
    found = registry.command(name, Kind.FORMAT)
    if not callable(getattr(found, "knows", None)) or not callable(getattr(found, "read", None)):
        raise PluginError(f"the format {name!r} has no functions knows and read. Tell its author.")
    return found


def find_format(source: Path, asked: str | None) -> tuple[str, Any, Path]:
    """Return the format of a file, its name, and the file: of a folder the one that a format knows.

    Raises:
        CheckpointNotFound: There is no such file.
        CheckpointCorrupt: No format knows it, or several files of a folder are known.
        PluginError: There is no format of that name, or it cannot be used.
    """
    if asked is not None and asked not in format_names():
        names = format_names()
        raise PluginError(
            f"there is no format {shown(asked)}; there are: {shorten(names)}.{did_you_mean(asked, names)}"
        )
    if source.exists() and not source.is_dir() and not source.is_file():
        raise CheckpointCorrupt(f"{str(source)!r} is neither a regular file nor a folder, and is not read.")
    try:
        files = sorted(each for each in source.iterdir() if each.is_file()) if source.is_dir() else [source]
        starts = {file: _read_start(file) for file in files}
    except OSError as error:
        raise CheckpointNotFound(f"{str(source)!r} cannot be read: {error.strerror or error}.") from error
    found = [(name, kind, file) for name, kind in _formats(asked) for file in files if _knows(name, kind, file, starts)]
    whole = [each for each in found if each[2].name.endswith(".index.json")] or found
    if len(whole) == 1:
        return whole[0]
    if len({each[2] for each in whole}) == 1:
        known = shorten(each[0] for each in whole)
        raise CheckpointCorrupt(f"several formats know {str(whole[0][2])!r}: {known}. Name one with --format.")
    if asked is not None and not source.is_dir():
        return (asked, load_format(asked), source)
    if whole:
        raise CheckpointCorrupt(f"{str(source)!r} holds {shorten(each[2].name for each in whole)}. Name one of them.")
    hint = next((said for begin, said in _ELSEWHERE.items() for each in starts.values() if each.startswith(begin)), "")
    if any(file.suffix == ".safetensors" for file in files):
        hint = "Its safetensors file needs no conversion: it loads as it is, beside a config.json."
    if asked is not None:
        raise CheckpointCorrupt(f"{str(source)!r} holds nothing that the format {asked} knows. {hint}".rstrip())
    raise CheckpointCorrupt(
        f"no format knows {str(source)!r}; there are: {shorten(format_names())}. {hint or 'Name one with --format.'}"
    )


def _formats(asked: str | None) -> Iterator[tuple[str, Any]]:
    for name in [asked] if asked is not None else format_names():
        try:
            yield name, load_format(name)
        except PluginError as error:
            if asked is not None:
                raise
            announce(f"the format {name!r} is not asked: {error}")


def _knows(name: str, kind: Any, file: Path, starts: Mapping[Path, bytes]) -> bool:
    try:
        return bool(kind.knows(file.name, starts[file]))
    except Exception as error:  # noqa: BLE001  # a stranger's code
        announce(f"the format {name!r} is not asked about {file.name}: {type(error).__name__}: {said_by(error)}.")
        return False


def _read_start(file: Path) -> bytes:
    with file.open("rb") as stream:
        return stream.read(_START)


def read_source(name: str, kind: Any, file: Path, scratch: Path) -> Any:
    """Read a file with its format.

    Raises:
        ArchsmithError: What the format says of the file.
        PluginBroken: It fails, or returns something else than it should.
    """
    try:
        found = kind.read(file, scratch)
        config, files = found.config, found.files
    except ArchsmithError:
        raise
    except Exception as error:
        reason = f"the format {name!r} fails on {str(file)!r}: {type(error).__name__}: {said_by(error)}."
        raise PluginBroken(f"{reason} Tell its author.", reason=reason, remedy="Tell its author") from error
    for each, content in files.items():
        if Path(each).name != each or each.startswith(".") or not isinstance(content, bytes):
            raise PluginError(
                f"the format {name!r} returns the file {shown(each)} with {shown(content)}; expected bytes."
            )
    if not isinstance(config, Mapping) or not isinstance(config.get("model_type"), str):
        raise PluginError(
            f"the format {name!r} returns the configuration {shown(config)}; expected a model_type in it."
        )
    return found
