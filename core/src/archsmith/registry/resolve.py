"""From what a file names to what is installed: architectures, preprocessing classes, presets. Free of torch."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from archsmith.errors import ConfigError, PluginConflict, PluginError, UnknownArchitecture
from archsmith.files.checkpoint import Checkpoint
from archsmith.files.names import CONFIG_FILE
from archsmith.messages import shown
from archsmith.registry.base import registry
from archsmith.registry.exports import Export, find_suspect, names_of, remedy_for
from archsmith.registry.installed import Kind, Owner, State

__all__ = ["Preset", "all_presets", "config_from", "find_preset", "model_type_of", "provider_of", "read_config"]

# ---- architectures ------------------------------------------------------------------------------------------------


def model_type_of(values: Mapping[str, Any], *, source: str) -> str:
    """Return the installed architecture that the content of a config.json is of.

    That is the one which its ``model_type`` names, or which a plugin recognises it for.

    Args:
        values: The content.
        source: The file, for the message.

    Raises:
        UnknownArchitecture: It names none, and no plugin recognises it; or no installed plugin provides it.
        PluginError: The plugin cannot be used.
        ConfigError: ``model_type`` is not a string.
    """
    if not isinstance(values, Mapping):
        raise ConfigError(f"{source} must hold the values of a configuration by name, but got {shown(values)}.")
    model_type = values.get("model_type")
    if not isinstance(model_type, str) or model_type not in registry.names():
        model_type = registry.identify(values) or model_type
    if model_type is None:
        raise UnknownArchitecture(
            f"{source} names no model_type, and no installed plugin recognises it. Use the configuration class of "
            f"its architecture. Installed: {', '.join(registry.names()) or 'none'}."
        )
    if not isinstance(model_type, str):
        raise ConfigError(f"{source}: model_type must be a string, but is {shown(model_type)}.", source=source)
    registry.get(model_type, source=source, written_by=_written_by(values))
    return model_type


def config_from(values: Mapping[str, Any], *, source: str, **overrides: Any) -> Any:
    """Build the configuration that the content of a config.json describes; overrides replace its values.

    Raises:
        UnknownArchitecture, PluginError: No usable plugin provides its architecture.
        ConfigError: A value is wrong.
    """
    model_type = model_type_of(values, source=source)
    values = {**values, "model_type": model_type}
    return registry.load(model_type, "config").from_dict(values, source=source, **overrides)


def read_config(checkpoint: Checkpoint, **overrides: Any) -> Any:
    """Read the configuration of an opened checkpoint. Raises as `config_from`, and as `Checkpoint.read_json`."""
    config = config_from(checkpoint.read_json(CONFIG_FILE), source=str(checkpoint.path(CONFIG_FILE)), **overrides)
    config.name_or_path = checkpoint.source
    return config


def _written_by(values: Mapping[str, Any]) -> str | None:
    """Return the plugin and the version that a config.json says it was written by, whatever it says."""
    said = values.get("archsmith")
    if not isinstance(said, Mapping):
        return None
    return " ".join(str(said[key]) for key in ("plugin", "plugin_version") if key in said)


# ---- preprocessing classes ----------------------------------------------------------------------------------------


def provider_of(key: str, named: str, roles: Sequence[str], *, source: str, first: Owner | None = None) -> Owner:
    """Return who has a class in one of these roles, under this name or an older one: an architecture, or preprocessing.

    Args:
        key: What the file calls the class.
        named: The class.
        roles: Components, as ``"tokenizer"``.
        source: The file.
        first: Whom to ask before the others.

    Raises:
        UnknownArchitecture: No installed plugin provides it.
        PluginConflict: Several do.
        PluginDisabled, PluginConflict, PluginIncompatible, PluginBroken: The one that has it cannot be used.
    """
    for again in (False, True):
        if again:
            registry.catalog.look_again()  # something may have been installed by now
        if first and _classes(first, named, roles, borrowed=True):
            return first
        found = {owner: classes for owner in registry.owners() if (classes := _classes(owner, named, roles))}
        exact = {owner: classes for owner, classes in found.items() if named in classes.values()}
        if owners := _distinct(exact or found):
            if len(owners) == 1:
                return owners[0]
            claims = " and ".join(sorted(str(export) for owner in owners for export in found[owner])[:4])
            raise PluginConflict(
                f"{source} names {key} {shown(named)}, which is provided by {claims}. Call from_pretrained of the "
                "class that you mean, or switch one off: archsmith disable",
                **{key: named},
            )
    if entry := find_suspect(registry.catalog, _bare(named)):
        registry.catalog.use(entry, asked=f"{source} names {key} {shown(named)}, but ")
    remedy = remedy_for(registry.catalog, _bare(named))
    raise UnknownArchitecture(
        f"{source} names {key} {shown(named)}, which no installed plugin provides.{remedy} "
        "To read the files with another class, call that class's from_pretrained.",
        **{key: named},
    )


def _classes(owner: Owner, named: str, roles: Sequence[str], *, borrowed: bool = False) -> dict[Export, str]:
    """Return the classes of an owner that a name means, each with the name that is meant; those of others if asked."""
    try:
        claims = registry.claims(owner)
    except PluginError:
        return {}
    exports = [export for role in roles for export in claims.get(role, ())]
    return {
        export: name
        for export in exports
        if borrowed or ":" in export.reference
        for name in sorted(names_of(registry.catalog, export), key=lambda name: name == named)
        if _bare(name) == _bare(named)
    }


def _distinct(found: Mapping[Owner, Mapping[Export, str]]) -> list[Owner]:
    """Return the owners that bring different classes: what two of them share is one, of the one that has more."""
    kept: list[Owner] = []
    seen: set[str] = set()
    for owner in sorted(found, key=lambda owner: -len(found[owner])):
        references = {export.reference for export in found[owner]}
        if references - seen:
            kept.append(owner)
        seen |= references
    return kept


def _bare(name: str) -> str:
    """Return the name of a preprocessing class without what says which library it is built on."""
    return name.removesuffix("Fast").removesuffix("Pil")


# ---- presets ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Preset:
    """The configuration of one well-known checkpoint.

    Attributes:
        name: The checkpoint's id.
        model_type: The architecture.
        values: Configuration values; what they leave out has the architecture's defaults.
    """

    name: str
    model_type: str
    values: Mapping[str, Any]


def all_presets() -> dict[str, list[Preset]]:
    """Return every preset of every usable plugin by its id; each manifest is loaded for that."""
    registry.load_all()
    found: dict[str, list[Preset]] = {}
    for entry in registry.entries(Kind.ARCHITECTURE):
        if entry.state is State.OK:
            for name, values in registry.get(entry.name).presets.items():
                found.setdefault(name, []).append(Preset(name, entry.name, values))
    return found


def find_preset(name: str) -> Preset | None:
    """Return the preset of that id, or None if no plugin has one.

    Raises:
        PluginConflict: Several architectures have a preset of that id.
    """
    owners = all_presets().get(name, [])
    if len(owners) > 1:
        raise PluginConflict(
            f"preset {name!r} belongs to {' and '.join(sorted(owner.model_type for owner in owners))}. "
            "Switch one off (archsmith disable), or name the architecture and its values."
        )
    return owners[0] if owners else None
