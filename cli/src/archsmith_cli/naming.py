"""What the user means by a name: an architecture, preprocessing, a preset by its id, a plugin by a short name."""

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from archsmith.errors import PluginError, UnknownArchitecture
from archsmith.messages import did_you_mean
from archsmith.registry import (
    KNOWN_CLASSES,
    KNOWN_PLUGINS,
    Entry,
    Kind,
    State,
    all_presets,
    find_preset,
    normal_name,
    registry,
)
from archsmith.registry import known_distribution as known_by_class
from archsmith_cli import installed

__all__ = [
    "KNOWN_VERBS",
    "Named",
    "find_entry",
    "find_plugin",
    "known_distribution",
    "plugin_named",
    "resolve_name",
    "short_names",
]

#: The verbs of official packages → the package that brings them.
KNOWN_VERBS: Mapping[str, str] = {
    "chat": "archsmith-generation",
    "check": "archsmith-devkit",
    "new": "archsmith-devkit",
    "run": "archsmith-tasks",
}
#: Official packages that bring nothing by a name of its own.
_LIBRARIES = ("archsmith-chat-templates", "archsmith-cli")


@dataclass(frozen=True)
class Named:
    """An architecture, and the configuration values of the preset if one was named; or preprocessing without one.

    Attributes:
        name: The model_type, or the name of the preprocessing.
        preset: The preset's id, or None.
        values: The preset's configuration values.
        kind: What the name is of.
    """

    name: str
    preset: str | None = None
    values: Mapping[str, Any] = field(default_factory=dict)
    kind: Kind = Kind.ARCHITECTURE


def resolve_name(name: str) -> Named:
    """Find out which architecture, which preset of one, or which preprocessing without one a name means.

    A model_type goes before the name of preprocessing, and that before a preset. The name of a plugin that brings a
    single architecture will do for that one; that of a plugin with preprocessing alone for that.

    Raises:
        UnknownArchitecture: It is none of them.
        PluginConflict: Several architectures have a preset of that name.
        PluginError: The architecture or the preprocessing cannot be used.
    """
    try:
        registry.get(name)
    except UnknownArchitecture as error:
        alone = [entry for entry in registry.entries(Kind.PROCESSOR) if entry.name == name]
        if alone:
            registry.roles(name, Kind.PROCESSOR)  # refuses what cannot be used
            return Named(name, kind=Kind.PROCESSOR)
        if getattr(error, "install", None):
            raise
    else:
        return Named(name)
    preset = find_preset(name)
    if preset is None and (entry := _only_entry(name)):
        return Named(entry.name, kind=entry.kind)
    if preset is None:
        known = [*registry.names(), *(entry.name for entry in registry.entries(Kind.PROCESSOR)), *all_presets()]
        raise UnknownArchitecture(
            f"{name!r} is neither an architecture nor a preset of an installed plugin. Installed architectures: "
            f"{', '.join(registry.names()) or 'none'}.{did_you_mean(name, known)}{_unusable()}{_of_folder(name)}"
        )
    return Named(preset.model_type, preset.name, preset.values)


def find_entry(named: Named) -> Entry:
    """Return the usable entry of what `resolve_name` has found."""
    found = registry.entries(named.kind)
    return next(entry for entry in found if entry.name == named.name and entry.state is State.OK)


def plugin_named(name: str) -> Entry:
    """Return an entry of the installed plugin that a name means: as `find_plugin`.

    Raises:
        PluginError: There is none, or there are several.
    """
    found = find_plugin(name)
    if found is None:
        entries = installed.entries()
        names = sorted({entry.distribution for entry in entries})
        raise PluginError(
            f"no installed plugin is called {name!r}. Installed: {', '.join(names) or 'none'}."
            f"{did_you_mean(name, [*(entry.name for entry in entries), *names])}"
        )
    return found


def find_plugin(name: str) -> Entry | None:
    """Return an entry of the installed plugin of that name, or short name, or that brings what has that name.

    None if there is none. Raises `PluginError` if several bring it.
    """
    entries = installed.entries()
    found = {entry.key: entry for entry in entries}
    key = normal_name(name)
    if named := found.get(known_distribution(name) or "") or found.get(key) or found.get(f"archsmith-{key}"):
        return named
    brings = {entry.key: entry for entry in entries if entry.name == name and not entry.kind.is_alone}
    if len(brings) > 1:
        raise PluginError(f"{name!r} is brought by {', '.join(map(str, brings.values()))}. Name one of these plugins.")
    return next(iter(brings.values()), None)


def known_distribution(name: str) -> str | None:
    """Return the known plugin that is meant by its own name, a short one, a model_type, or the name of a class.

    Example:
        >>> known_distribution("vit"), known_distribution("ViTModel"), known_distribution("acme-vit")
        ('archsmith-vit', 'archsmith-vit', None)
    """
    known = known_by_class(name) if name[:1].isupper() else None
    return known or short_names().get(normal_name(name))


def short_names() -> dict[str, str]:
    """Return name → distribution of the known plugins: by its own name, that name's last word, and its model_types."""
    names: dict[str, str] = {normal_name(model_type): name for model_type, name in KNOWN_PLUGINS.items()}
    for name in {*KNOWN_PLUGINS.values(), *KNOWN_CLASSES.values(), *KNOWN_VERBS.values(), *_LIBRARIES}:
        names |= {name: name, name.removeprefix("archsmith-"): name}
    return names


def _only_entry(name: str) -> Entry | None:
    """Return what the plugin of that name brings, if it is one thing alone, an architecture first, that can be used."""
    named = {normal_name(name), known_distribution(name)}
    brought = [entry for entry in installed.entries(Kind.ARCHITECTURE) if entry.key in named]
    brought = brought or [entry for entry in installed.entries(Kind.PROCESSOR) if entry.key in named]
    return brought[0] if len(brought) == 1 and brought[0].state is State.OK else None


def _of_folder(name: str) -> str:
    """Return a hint for a name that is a folder's."""
    with contextlib.suppress(OSError, ValueError, RuntimeError):
        if name and Path(name).expanduser().is_dir():
            return f" {name!r} is a folder; archsmith inspect tells what it holds."
    return ""


def _unusable() -> str:
    entries = registry.entries(Kind.ARCHITECTURE)
    names = sorted({f"{entry} ({entry.state})" for entry in entries if entry.state is not State.OK})
    return f" Not asked: {', '.join(names)}." if names else ""
