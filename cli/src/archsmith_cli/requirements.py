"""What pip needs to bring the same plugins elsewhere: from what is installed, and from what a checkpoint says."""

import contextlib
import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, distribution, distributions
from typing import Any

from packaging.utils import InvalidName, canonicalize_name
from packaging.version import InvalidVersion, Version

import archsmith
import archsmith_cli
from archsmith.errors import ArchsmithError
from archsmith.files import CONFIG_FILE, PREPROCESSOR_FILE, PROCESSOR_FILE, TOKENIZER_CONFIG_FILE, Checkpoint
from archsmith.registry import KNOWN_CLASSES, KNOWN_PLUGINS, Entry, Kind, State, known_distribution, registry
from archsmith_cli import installed
from archsmith_cli.naming import KNOWN_VERBS
from archsmith_cli.render import Page, Report

__all__ = ["of_checkpoint", "of_installed"]

#: The files of a checkpoint that say who wrote them.
_FILES = (CONFIG_FILE, TOKENIZER_CONFIG_FILE, PREPROCESSOR_FILE, PROCESSOR_FILE)
#: What names a class of preprocessing, where nothing says who wrote it.
_CLASS_KEYS = ("tokenizer_class", "image_processor_type", "feature_extractor_type", "processor_class")


@dataclass(frozen=True)
class Line:
    """A line for pip, or a comment alone.

    Attributes:
        requirement: As ``"archsmith-vit==0.2.0"``; empty for a comment alone, which means that something is missing.
        comment: What pip need not know; empty for none.
    """

    requirement: str
    comment: str = ""

    def __str__(self) -> str:
        comment = f"# {self.comment}" if self.comment else ""
        return "  ".join(part for part in (self.requirement, comment) if part)


def _report(lines: Iterable[Line]) -> Report:
    """Report lines, and then what is missing, which ends with code 1."""
    ordered = sorted(lines, key=lambda line: not line.requirement)

    def draw(page: Page) -> None:
        for line in ordered:
            page.verbatim(str(line))

    data = [{"requirement": line.requirement or None, "comment": line.comment or None} for line in ordered]
    return Report({"requirements": data}, draw, exit_code=int(not all(line.requirement for line in ordered)))


def _name_and_version(name: object, version: object) -> tuple[str, Version] | None:
    """Return what pip takes for a name and a version, in normal form; None for anything else."""
    try:
        return canonicalize_name(name, validate=True), Version(version)  # type: ignore[arg-type]
    except (InvalidName, InvalidVersion, TypeError, AttributeError):
        return None


def _quoted(value: object) -> str:
    """Return data of a file on one line, so that no second one can be smuggled into a list of requirements."""
    return repr(value)[:80]


# ---- what is installed --------------------------------------------------------------------------------------------


def of_installed(entries: Iterable[Entry]) -> Report:
    """Report the core, the command line and the plugins, each as it is installed."""
    versions = {"archsmith": archsmith.__version__, "archsmith-cli": archsmith_cli.__version__}
    versions |= {entry.key: entry.version for entry in entries}
    return _report([_pinned(name, version) for name, version in sorted(versions.items())])


def _pinned(name: str, version: str) -> Line:
    sound = _name_and_version(name, version)
    if sound is None:
        return Line("", f"{_quoted(name)} {_quoted(version)} is installed, but that is not a name and version for pip")
    pinned = f"{sound[0]}=={sound[1]}"
    with contextlib.suppress(PackageNotFoundError, OSError, ValueError, TypeError, AttributeError, LookupError):
        origin = json.loads(distribution(name).read_text("direct_url.json") or "null")
        if origin:
            return _from_url(sound[0], pinned, origin)
    return Line(pinned)


def _from_url(name: str, pinned: str, origin: Mapping[str, Any]) -> Line:
    """Return the line of what was installed from a URL (PEP 610): that one, unless it leads nowhere elsewhere."""
    url = origin["url"]
    if "vcs_info" in origin:
        url = f"{origin['vcs_info']['vcs']}+{url}@{origin['vcs_info']['commit_id']}"
    parts = [f"subdirectory={origin['subdirectory']}"] if "subdirectory" in origin else []
    parts += [f"{kind}={digest}" for kind, digest in origin.get("archive_info", {}).get("hashes", {}).items()]
    whole = "#".join([url, *(["&".join(parts)] if parts else [])])
    if not whole.isprintable() or " " in whole:
        return Line(pinned, f"installed from {_quoted(whole)}")
    if origin["url"].startswith("file:"):
        editable = "editable: " if origin.get("dir_info", {}).get("editable") else ""
        return Line(pinned, f"{editable}{name} @ {url}")
    return Line(f"{name} @ {whole}")


# ---- what a checkpoint says ---------------------------------------------------------------------------------------


@dataclass
class _Said:
    """What the files of a checkpoint say about the plugins that they need.

    Attributes:
        written: Plugin → version → the places that say so.
        silent: model_type → the first place that has it and does not say who wrote it.
        classes: Class of preprocessing → the same.
        model_types: All that are named.
        faults: Places that name something that cannot be a plugin.
    """

    written: dict[str, dict[Version, list[str]]] = field(default_factory=lambda: defaultdict(lambda: defaultdict(list)))
    silent: dict[str, str] = field(default_factory=dict)
    classes: dict[str, str] = field(default_factory=dict)
    model_types: set[str] = field(default_factory=set)
    faults: list[Line] = field(default_factory=list)

    def hear(self, part: Mapping[str, Any], place: str) -> None:
        """Take in one object of a file."""
        stamp, model_type = part.get("archsmith"), part.get("model_type")
        if isinstance(model_type, str):
            self.model_types.add(model_type)
        if not isinstance(stamp, Mapping):
            if isinstance(model_type, str):
                self.silent.setdefault(model_type, place)
            elif not model_type:
                named = {key: part[key] for key in _CLASS_KEYS if isinstance(part.get(key), str)}
                self.classes |= {name: f"{place}: {key}" for key, name in named.items() if name not in self.classes}
            return
        pairs = [("archsmith", stamp.get("version"))]
        if "plugin" in stamp:
            pairs.append((stamp["plugin"], stamp.get("plugin_version")))
        for name, version in pairs:
            if sound := _name_and_version(name, version):
                self.written[sound[0]][sound[1]].append(place)
            else:
                who = f"{_quoted(name)} {_quoted(version)}"
                self.faults.append(Line("", f"{_quoted(place)} names a plugin {who}, which is not a name and version"))

    def identify(self, config: Mapping[str, Any] | None) -> None:
        """If nothing tells the architecture, let the plugins say whether a config.json is theirs."""
        nameless = config is not None and not self.written and not self.model_types
        if nameless and (answer := registry.identify(config or {})):
            self.silent[answer] = CONFIG_FILE


def of_checkpoint(opened: Checkpoint) -> Report:
    """Report the plugins that wrote a checkpoint, those of nested parts included.

    Names and versions are taken from files, so that only what is a name and a version is let through.

    Raises:
        CheckpointNotFound: It has none of the files that say who wrote them.
        CheckpointCorrupt: A file cannot be read.
    """
    read = {name: opened.read_json(name) for name in _FILES if opened.find(name)}
    if not read:
        opened.path(CONFIG_FILE)
    said = _Said()
    for name, values in read.items():
        for place, part in _parts(values, name):
            said.hear(part, place)
    said.identify(read.get(CONFIG_FILE))
    lines = {name: _highest(name, versions) for name, versions in said.written.items()}
    private = _private(said.model_types)
    for model_type, place in said.silent.items():
        if model_type not in private:
            line = _guess(model_type, place)
            if line.requirement:
                lines.setdefault(line.requirement, line)
            else:
                said.faults.append(line)
    for line in _of_classes(said.classes):
        lines.setdefault(line.requirement, line)
    if not lines and not said.faults:
        said.faults.append(Line("", f"{', '.join(read)} says neither who wrote it nor a model_type"))
    return _report([*(lines[name] for name in sorted(lines)), *said.faults])


def _parts(values: Any, place: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield every object of a file with its place; a file's depth is limited when it is read."""
    if isinstance(values, Mapping):
        yield place, values
    inner = values.items() if isinstance(values, Mapping) else enumerate(values) if isinstance(values, list) else ()
    for name, value in inner:
        if name != "archsmith":
            yield from _parts(value, f"{place}: {name}" if place in _FILES else f"{place}.{name}")


def _highest(name: str, versions: Mapping[Version, list[str]]) -> Line:
    first, *older = sorted(versions, reverse=True)
    said = [f"{', '.join(map(_quoted, versions[version]))} has {version}" for version in older]
    if not _is_recognised(name):
        said.insert(0, "neither installed nor known to archsmith; look at it before you install it")
    return Line(f"{name}=={first}", "; ".join(said))


def _is_recognised(name: str) -> bool:
    """Tell whether a distribution is installed or known, so that its name is not only a file's word."""
    known = {*KNOWN_PLUGINS.values(), *KNOWN_CLASSES.values(), *KNOWN_VERBS.values()}
    if name in {"archsmith", "archsmith-cli", *known}:
        return True
    return any(entry.key == name for entry in installed.entries()) or any(True for _ in distributions(name=name))


def _private(model_types: Iterable[str]) -> set[str]:
    """Return the model_types of parts that the installed plugins of the others read by themselves."""
    private: set[str] = set()
    for entry in installed.entries(Kind.ARCHITECTURE):
        if entry.name in model_types and entry.state is State.OK:
            with contextlib.suppress(ArchsmithError):
                roles = [role for role in registry.get(entry.name).references() if role.startswith("private_configs.")]
                private |= {registry.load(entry.name, role).model_type for role in roles}
    return private


def _of_classes(named: Mapping[str, str]) -> Iterator[Line]:
    """Yield the packages of preprocessing classes, of those that one can tell; archsmith's own need none."""
    for name, place in named.items():
        if found := _home(name):
            yield Line(found, f"{_quoted(place)} is {_quoted(name)} and does not say who wrote it")


def _home(class_name: str) -> str | None:
    """Return the distribution that brings a class of preprocessing, as far as that is known."""
    for entry in installed.entries(Kind.PROCESSOR, Kind.ARCHITECTURE, Kind.EXTENSION):
        if entry.state is State.OK:
            with contextlib.suppress(ArchsmithError):
                if class_name in registry.exports(entry):
                    return entry.key
    return known_distribution(class_name)


def _guess(model_type: str, place: str) -> Line:
    """Return the plugin that would read a part which does not say who wrote it, without a version."""
    claims = [entry for entry in installed.entries(Kind.ARCHITECTURE) if entry.name == model_type]
    keys = [entry.key for entry in sorted(claims, key=lambda entry: entry.state is not State.OK)]
    name = next(iter(keys), KNOWN_PLUGINS.get(model_type))
    where = f"{_quoted(place)} has the model_type {_quoted(model_type)}"
    if name is None:
        return Line("", f"{where}, which no plugin that is installed or known provides")
    return Line(name, f"{where} and does not say who wrote it")
