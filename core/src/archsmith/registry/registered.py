"""What a program registers itself, for its own process: plugins without package metadata, as in a bundled program."""

import itertools
import sys
import threading
from types import ModuleType
from typing import Any

from archsmith.errors import OptionError, PluginConflict
from archsmith.messages import shown
from archsmith.plugin import Architecture, Extension, hookimpl
from archsmith.registry.base import PROGRAM, registry
from archsmith.registry.installed import Owner

__all__ = ["register", "register_class"]

_Classes = dict[str, dict[str, type[Any]]]  # model_type → role → class
_classes: _Classes = {}
_numbers = itertools.count()
_lock = threading.Lock()


def register(plugin: ModuleType) -> None:
    """Use a plugin in this process that no package metadata tells of, as where a program is bundled into one file.

    It counts as one that is installed, with the same rules. Where its metadata is there too, nothing changes.

    Args:
        plugin: Its manifest module, as ``archsmith_vit.plugin``.

    Raises:
        PluginConflict: An installed plugin claims a name of it.
        PluginDisabled: The settings do not admit it.
        ManifestError: What it yields is malformed.
    """
    if not isinstance(plugin, ModuleType):
        raise OptionError(f"register takes the manifest module of a plugin, but got {shown(plugin)}.")
    registry.catalog.register(plugin, plugin.__name__.partition(".")[0].replace("_", "-"))


def register_class(config_class: Any, role: str, found: Any, *, exist_ok: bool = False) -> None:
    """Have a class play a role of an architecture in this process, beside what is installed.

    Args:
        config_class: The configuration of the architecture; for the role ``"config"`` its model_type.
        role: ``"config"``, ``"models.<task>"`` or a part, as ``"tokenizer"``.
        found: The class.
        exist_ok: Take the place of a class that plays the role; of an installed configuration never.

    Raises:
        PluginConflict: Another class plays the role.
        UnknownArchitecture: The configuration is not registered.
        OptionError: These are no classes, or the configuration is another one's.
    """
    model_type = getattr(found if role == "config" else config_class, "model_type", None)
    fits = model_type == config_class if role == "config" else isinstance(config_class, type)
    if not isinstance(found, type) or not model_type or not fits:
        raise OptionError(
            f"{shown(found)} cannot be registered for {shown(config_class)}, with model_type {model_type!r}."
        )
    if role != "config" and not issubclass(config_class, known := registry.load(model_type, "config")):
        raise OptionError(f"the configuration of {model_type!r} is {known.__name__}, not {config_class.__name__}.")
    with _lock:
        if not _has_role(model_type, role, found, exist_ok=exist_ok):
            new = {**_classes, model_type: {**_classes.get(model_type, {}), role: found}}
            registry.catalog.register(_manifest(new), PROGRAM)
            _classes.update(new)


def _has_role(model_type: str, role: str, found: type[Any], *, exist_ok: bool) -> bool:
    """Tell whether a class has a role already. Raises `PluginConflict` where another one has it, and keeps it."""
    claims = registry.claims(Owner(model_type), role).get(role, ()) if model_type in registry.names() else ()
    for claim in claims:
        if registry.resolve(claim) is found:
            return True
        is_fixed = role == "config" and claim.entry.distribution != PROGRAM
        if is_fixed or not exist_ok:
            remedy = "Give the architecture another model_type" if is_fixed else "Pass exist_ok=True to replace it"
            said = f"the {role!r} of {model_type!r} is {claim}, and not {found.__module__}:{found.__name__}. {remedy}."
            raise PluginConflict(said, model_type=model_type, role=role, distributions=(str(claim.entry), PROGRAM))
    return False


def _manifest(classes: _Classes) -> ModuleType:
    """Return a manifest module of classes, which lie in it under their names."""
    module = ModuleType(f"archsmith_registered_{next(_numbers)}")
    records: dict[type[Any], list[Any]] = {Architecture: [], Extension: []}
    for model_type, roles in classes.items():
        parts: dict[str, Any] = {"models": {}}
        for role, found in roles.items():
            group, _, task = role.partition(".")
            if vars(module).setdefault(found.__name__, found) is not found:
                raise OptionError(f"another class of the name {found.__name__!r} is registered. Rename one of them.")
            (parts[group] if task else parts)[task or group] = f"{module.__name__}:{found.__name__}"
        kind = Architecture if "config" in roles else Extension
        records[kind].append(kind(model_type=model_type, **parts))
    vars(module).update(
        architectures=hookimpl(lambda: records[Architecture]), extensions=hookimpl(lambda: records[Extension])
    )
    sys.modules[module.__name__] = module
    return module
