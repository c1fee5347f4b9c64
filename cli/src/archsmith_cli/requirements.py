"""What pip needs to bring the same plugins elsewhere: from what is installed, and from what a checkpoint says."""

import contextlib
import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from typing import Any

from packaging.utils import InvalidName, canonicalize_name
from packaging.version import InvalidVersion, Version

from archsmith.checkpoint import CONFIG_FILE, Checkpoint
from archsmith.discovery.installed import Entry, Kind, State
from archsmith.registry import KNOWN_PLUGINS
from archsmith_cli import survey
from archsmith_cli.render import Page, Report

__all__ = ["of_checkpoint", "of_installed"]

#: The files of a checkpoint that say who wrote them.
_FILES = (CONFIG_FILE, "tokenizer_config.json", "preprocessor_config.json", "processor_config.json")


@dataclass(frozen=True)
class Line:
    """A line for pip, or a comment alone.

    Attributes:
        requirement: As ``"archsmith-vit==0.1.0"``; empty for a comment alone.
        comment: What pip need not know; empty for none.
    """

    requirement: str
    comment: str = ""

    def __str__(self) -> str:
        comment = f"# {self.comment}" if self.comment else ""
        return "  ".join(part for part in (self.requirement, comment) if part)


# ---- what is installed --------------------------------------------------------------------------------------------


def of_installed(entries: Iterable[Entry]) -> Report:
    """Report the core, the command line and the plugins, each pinned to its version."""
    names = {"archsmith", "archsmith-cli", *(entry.key for entry in entries)}
    return _report([_pinned(name) for name in sorted(names)])


def _pinned(name: str) -> Line:
    try:
        found = distribution(name)
    except PackageNotFoundError:
        return Line("", f"{name} has no metadata that pip could read")
    return _origin(found, f"{canonicalize_name(found.name)}=={found.version}")


def _origin(found: Distribution, pinned: str) -> Line:
    """Return the line of a distribution that may be from elsewhere than an index (PEP 610)."""
    with contextlib.suppress(ValueError, TypeError, AttributeError):
        origin = json.loads(found.read_text("direct_url.json") or "null")
        if origin and (commit := origin.get("vcs_info", {}).get("commit_id")):
            return Line(f"{pinned.partition('==')[0]} @ {origin['vcs_info']['vcs']}+{origin['url']}@{commit}")
        if origin:
            how = "an editable install of" if origin.get("dir_info", {}).get("editable") else "from"
            return Line(pinned, f"{how} {origin['url']}")
    return Line(pinned)


# ---- what a checkpoint says ---------------------------------------------------------------------------------------


def of_checkpoint(opened: Checkpoint) -> Report:
    """Report the plugins that wrote a checkpoint, those of nested parts included.

    Names and versions are taken from files, so that only what is a name and a version is let through.

    Raises:
        CheckpointNotFound: There is no config.json, or another of its files.
        CheckpointCorrupt: A file can not be read.
    """
    read = {name: opened.read_json(name) for name in _FILES if opened.find(name)}
    if not read:
        opened.path(CONFIG_FILE)
    said: dict[str, dict[Version, list[str]]] = defaultdict(lambda: defaultdict(list))
    silent: dict[str, str] = {}
    faults: list[Line] = []
    for name, values in read.items():
        for place, part in _parts(values, name):
            stamp = part.get("archsmith")
            if isinstance(stamp, Mapping):
                faults += _collect(stamp, place, said)
            elif isinstance(model_type := part.get("model_type"), str):
                silent.setdefault(model_type, place)
    lines = [_highest(name, versions) for name, versions in sorted(said.items())]
    known = {line.requirement.partition("==")[0] for line in lines}
    lines += [line for model_type, place in silent.items() if (line := _guess(model_type, place, known))]
    missing = [line for line in (*lines, *faults) if not line.requirement]
    return _report([*[line for line in lines if line.requirement], *missing], failed=bool(missing))


def _parts(values: Mapping[str, Any], place: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield every object of a file with its place; a file's depth is limited when it is read."""
    yield place, values
    for name, value in values.items():
        if isinstance(value, Mapping) and name != "archsmith":
            yield from _parts(value, f"{place}: {name}" if place.endswith(".json") else f"{place}.{name}")


def _collect(stamp: Mapping[str, Any], place: str, said: dict[str, dict[Version, list[str]]]) -> Iterator[Line]:
    pairs: list[tuple[Any, Any]] = [("archsmith", stamp.get("version"))]
    if "plugin" in stamp:
        pairs.append((stamp["plugin"], stamp.get("plugin_version")))
    for name, version in pairs:
        try:
            known, number = canonicalize_name(name, validate=True), Version(version)
        except (InvalidName, InvalidVersion, TypeError, AttributeError):
            yield Line("", f"{place} names a plugin {_quoted(name)} {_quoted(version)}, which is no name and version")
        else:
            said[known][number].append(place)


def _highest(name: str, versions: Mapping[Version, list[str]]) -> Line:
    first, *older = sorted(versions, reverse=True)
    also = "; ".join(f"{', '.join(map(_quoted, versions[version]))} has {version}" for version in older)
    return Line(f"{name}=={first}", also)


def _guess(model_type: str, place: str, known: set[str]) -> Line | None:
    """Return the plugin that would read a part which does not say who wrote it; None if it is listed already."""
    claims = [entry for entry in survey.entries(Kind.ARCHITECTURE) if entry.name == model_type]
    installed = [entry.key for entry in sorted(claims, key=lambda entry: entry.state is not State.OK)]
    name = next(iter(installed), KNOWN_PLUGINS.get(model_type))
    if name in known:
        return None
    where = f"{_quoted(place)} has the model_type {_quoted(model_type)}"
    if name is None:
        return Line("", f"{where}, which no plugin that is installed or known provides")
    return Line(name, f"{where} and does not say who wrote it")


def _quoted(value: object) -> str:
    """Return data of a file on one line, so that no second one can be smuggled into a list of requirements."""
    return repr(value)[:80]


def _report(lines: list[Line], *, failed: bool = False) -> Report:
    def draw(page: Page) -> None:
        for line in lines:
            page.verbatim(str(line))

    data = [{"requirement": line.requirement or None, "comment": line.comment or None} for line in lines]
    return Report({"requirements": data}, draw, exit_code=int(failed))
