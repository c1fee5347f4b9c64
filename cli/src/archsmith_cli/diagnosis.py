"""What `archsmith doctor` checks. Each check yields problems and raises nothing, whatever a plugin does."""

import importlib.util
import warnings
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from archsmith.config import PreTrainedConfig
from archsmith.errors import ArchsmithError, ArchsmithWarning, ClassNotAvailable, PluginConflict
from archsmith.registry import KNOWN_PLUGINS, Entry, Kind, State, registry
from archsmith_cli import installed
from archsmith_cli.formats import BUILT_IN as BUILT_IN_FORMATS
from archsmith_cli.formats import load_format
from archsmith_cli.verb import BUILT_IN, load_verb

__all__ = ["Problem", "class_names", "commands", "formats", "notes", "plugins", "settings", "states"]

#: Preprocessing part → the library it cannot do without, and the extra of archsmith that brings it.
_LIBRARIES: Mapping[str, tuple[str, str, str]] = {
    "tokenizer_fast": ("tokenizers", "tokenizers", "text"),
    "image_processor": ("PIL", "pillow", "vision"),
}


@dataclass(frozen=True)
class Problem:
    """Something that is wrong.

    Attributes:
        subject: The distribution with its version, or ``"settings"``.
        problem: What is wrong, as a full sentence.
        remedy: What to do; empty where the sentence says it.
    """

    subject: str
    problem: str
    remedy: str = ""


def settings() -> Iterator[Problem]:
    """Yield what is wrong with the ``ARCHSMITH_*`` variables and the user's file."""
    for problem in installed.problems():
        yield Problem("settings", problem)


def states() -> Iterator[Problem]:
    """Load every manifest; yield what makes plugins unusable. What the user switched off is no problem."""
    installed.problems()  # known before anything below could announce them
    registry.load_all()
    for entry in installed.entries():
        if entry.state not in (State.OK, State.DISABLED):
            subject = "settings" if entry.state is State.CONFLICTING else str(entry)
            yield Problem(subject, entry.reason, entry.remedy)


def plugins() -> Iterator[Problem]:
    """Yield what is wrong with the plugins whose manifest loads: references, configurations, presets, libraries."""
    names = set(registry.names())
    for entry in installed.entries(Kind.ARCHITECTURE, Kind.PROCESSOR):
        if entry.state is State.OK:
            yield from _references(entry)
            yield from _libraries(entry)
    for entry in installed.entries(Kind.EXTENSION):
        if entry.state is State.OK and entry.model_type not in names:
            known = KNOWN_PLUGINS.get(entry.model_type)
            remedy = f"Run: pip install {known}" if known else "Install the plugin that provides it"
            reason = f"{entry} extends {entry.model_type!r}, which no installed plugin provides."
            yield Problem(str(entry), reason, f"{remedy} (or: pip uninstall {entry.distribution})")


def class_names() -> Iterator[Problem]:
    """Yield the classes that ``from archsmith import`` cannot find, for several plugins export them; each once."""
    exported: dict[str, dict[str, Entry]] = defaultdict(dict)
    for entry in installed.entries():
        if entry.state is State.OK and not entry.kind.is_alone:
            found = _attempt(lambda entry=entry: registry.exports(entry))
            for name, reference in {} if isinstance(found, Problem) else found.items():
                exported[name].setdefault(reference, entry)
    shared: dict[tuple[str, ...], list[str]] = defaultdict(list)
    for name, owners in exported.items():
        if len(owners) > 1 and _is_ambiguous(name):
            shared[tuple(sorted({str(entry) for entry in owners.values()}))].append(name)
    for plugins, names in shared.items():
        whose = f"{' and '.join(plugins)}{' twice' if len(plugins) == 1 else ''}"
        reason = f"{', '.join(sorted(names))}: exported by {whose}, so that no import from archsmith finds it."
        remedy = f"Import it from the package that you mean, or: archsmith disable {plugins[-1].partition(' ')[0]}"
        yield Problem("settings", reason, remedy)


def _is_ambiguous(name: str) -> bool:
    try:
        registry.find_class(name)
    except ClassNotAvailable:
        return True
    except Exception:  # noqa: BLE001  # a class that does not import, which is a problem of its own
        return False
    return False


def commands() -> Iterator[Problem]:
    """Yield the verbs of plugins that cannot be invoked."""
    for entry in installed.entries(Kind.COMMAND):
        if entry.name in BUILT_IN:
            reason = f"{entry} brings a command {entry.name!r}, but archsmith has one of that name, which wins."
            yield Problem(
                str(entry), reason, f"Ask its author for another verb, or: pip uninstall {entry.distribution}"
            )
        elif entry.state is State.OK:
            found = _attempt(lambda verb=entry.name: load_verb(verb), entry)
            if isinstance(found, Problem):
                yield found


def formats() -> Iterator[Problem]:
    """Yield the formats of plugins that ``archsmith convert`` cannot use."""
    for entry in installed.entries(Kind.FORMAT):
        if entry.name in BUILT_IN_FORMATS:
            reason = f"{entry} brings a format {entry.name!r}, but archsmith has one of that name, which wins."
            yield Problem(
                str(entry), reason, f"Ask its author for another name, or: pip uninstall {entry.distribution}"
            )
        elif entry.state is State.OK:
            found = _attempt(lambda name=entry.name: load_format(name), entry)
            if isinstance(found, Problem):
                yield found


def notes(problems: Iterable[Problem]) -> list[str]:
    """Return what is unusual but allowed, without what is a problem already."""
    said = {problem.problem for problem in problems}
    found = [note for note in installed.notes() if note not in said]
    off = [entry for entry in installed.entries() if entry.state is State.DISABLED]
    found += [f"{entry.reason} {entry.remedy}" for entry in off]
    audio = [
        entry.name
        for entry in installed.entries(Kind.ARCHITECTURE, Kind.PROCESSOR)
        if entry.state is State.OK and "feature_extractor" in registry.roles(*entry.owner)
    ]
    if audio and not _has_library("soundfile"):
        found.append(f"reading sound files for {', '.join(audio)} needs soundfile: pip install 'archsmith[audio]'")
    return list(dict.fromkeys(found))


def _references(entry: Entry) -> Iterator[Problem]:
    """Import every class of an owner, those of extensions included, and try its configuration and presets."""
    for role, claims in registry.claims(entry.owner).items():
        load = lambda role=role: registry.load(entry.name, role, kind=entry.owner.kind)  # noqa: E731
        found = _attempt(load, claims[0].entry)
        if isinstance(found, Problem):
            yield found
        elif role == "config":
            yield from _configuration(entry, found, registry.get(entry.name).presets)


def _configuration(entry: Entry, config_class: type[Any], presets: Mapping[str, Any]) -> Iterator[Problem]:
    remedy = f"Run: pip install --upgrade {entry.distribution}"
    if not issubclass(config_class, PreTrainedConfig):
        yield Problem(str(entry), f"{entry}: {config_class.__name__} is not a PreTrainedConfig.", remedy)
        return
    if config_class.model_type != entry.name:
        said = f"{config_class.__name__}.model_type is {config_class.model_type!r}; expected {entry.name!r}"
        yield Problem(str(entry), f"{entry}: {said}, as its entry point says.", remedy)
        return
    for preset, values in presets.items():
        # As overrides, for a misspelt name in a preset is an error, unlike one in a file.
        fields = {name: value for name, value in values.items() if name != "model_type"}
        found = _attempt(lambda fields=fields: config_class.from_dict({}, **fields))
        if isinstance(found, Problem):
            yield Problem(str(entry), f"{entry}: preset {preset!r}: {found.problem}", remedy)


def _libraries(entry: Entry) -> Iterator[Problem]:
    roles = registry.roles(*entry.owner)
    for part, (module, library, extra) in _LIBRARIES.items():
        if part in roles and not _has_library(module):
            who = roles[part].entry
            reason = f"{who}: the {part.replace('_', ' ')} of {entry.name!r} needs {library}, which is not installed."
            yield Problem(str(who), reason, f"Run: pip install 'archsmith[{extra}]'")


def _has_library(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is not None
    except (ImportError, ValueError):
        return False


def _attempt(load: Any, entry: Entry | None = None) -> Any:
    """Return what a call returns, or the problem that it ends in."""
    subject = str(entry) if entry else ""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ArchsmithWarning)
            return load()
    except PluginConflict as error:  # which of them is meant is for the user to say
        return Problem("settings", str(error))
    except ArchsmithError as error:
        reason, remedy = getattr(error, "reason", ""), getattr(error, "remedy", "")
        return Problem(subject, reason or str(error), remedy if reason else "")
    except Exception as error:  # noqa: BLE001  # a plugin's code may raise anything
        return Problem(subject, f"{subject}: {type(error).__name__}: {error}".removeprefix(": "))
