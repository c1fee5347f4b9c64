"""Which architecture provides the preprocessing class that a file names. Free of torch."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from archsmith.errors import PluginError, UnknownArchitecture
from archsmith.registry.base import KNOWN_PLUGINS, registry

__all__ = ["provider_of", "written_by"]


def provider_of(key: str, named: str, roles: Sequence[str], *, source: str, first: str | None = None) -> str:
    """Return the architecture that has a class in one of these roles, under this name or an older one.

    Args:
        key: What the file calls the class.
        named: The class.
        roles: Components, as ``"tokenizer"``.
        source: The file.
        first: An architecture to ask before the others.

    Raises:
        UnknownArchitecture: No installed plugin provides it.
    """
    bare = _bare(named)
    for model_type in ([first] if first else []) + registry.names():
        try:
            architecture = registry.get(model_type)
        except PluginError:
            continue
        references = [reference for role in roles if (reference := getattr(architecture, role))]
        own = [reference.rpartition(":")[2] for reference in references]
        own += [old for old, new in architecture.aliases.items() if new in own]
        if bare in map(_bare, own):
            return model_type
    raise UnknownArchitecture(
        f"{source} names {key} {named!r}, which no installed plugin provides.{_install_hint(bare)} "
        "To read the files with another class, call that class's from_pretrained.",
        **{key: named},
    )


def written_by(values: Mapping[str, Any]) -> str | None:
    """Return plugin and version that a config.json says it was written by, if they look like a name and a version."""
    said = values.get("archsmith")
    if not isinstance(said, Mapping):
        return None
    name, version = said.get("plugin"), said.get("plugin_version")
    if not (isinstance(name, str) and re.fullmatch(r"[A-Za-z0-9][\w.-]{0,80}", name, re.ASCII)):
        return None
    known = isinstance(version, str) and re.fullmatch(r"[\w.+!-]{1,40}", version, re.ASCII)
    return f"{name} {version}" if known else name


def _bare(name: str) -> str:
    """Return the name of a preprocessing class without what says which library it is built on."""
    return name.removesuffix("Fast").removesuffix("Pil")


def _install_hint(named: str) -> str:
    squashed = re.sub(r"(tokenizer|imageprocessor|featureextractor)$", "", named.lower())
    known = {model_type.replace("_", "").replace("-", ""): plugin for model_type, plugin in KNOWN_PLUGINS.items()}
    return f" Run: pip install {known[squashed]}" if squashed in known else ""
