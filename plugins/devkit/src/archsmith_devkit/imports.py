"""Checks of what a plugin's source imports of the core: public names alone, which stay from one version to the next."""

import ast
import importlib
from collections.abc import Iterator

from archsmith_devkit.harness import Harness
from archsmith_devkit.sources import sources

__all__ = ["ImportChecks", "private_imports"]

#: Packages of the core whose modules are public one by one; of others the face is.
_OPEN = ("archsmith.layers",)
_CORE = "archsmith"


class ImportChecks(Harness):
    """What a plugin takes from the core."""

    def test_imports_are_public(self) -> None:
        """What is private may be gone in the next version of the core, and the plugin with it.

        Fix: import the name from the public module that lists it in __all__ (the contract of plugins names them), or
        write what is missing in the plugin.
        """
        package = self.entry().module.partition(".")[0]
        found = [f"{module}: {what}" for module, what in private_imports(package)]
        assert not found, "; ".join(found[:5])


def private_imports(package: str) -> Iterator[tuple[str, str]]:
    """Yield the module and a sentence for each name of the core that a package imports although it is private."""
    for module, tree in sources(package):
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom) and not node.level and node.module:
                for alias in node.names:
                    if said := _fault(node.module, alias.name):
                        yield f"{module}, line {node.lineno}", said
            elif isinstance(node, ast.Import):
                for alias in node.names:
                    if said := _fault(alias.name, ""):
                        yield f"{module}, line {node.lineno}", said


def _fault(module: str, name: str) -> str:
    """Return what is wrong with ``from module import name``; nothing if it may be written."""
    parts = module.split(".")
    if parts[0] != _CORE or parts == [_CORE]:
        return (
            f"it imports {module}.{name}, which begins with _ and is private"
            if name.startswith("_") and (parts[0] == _CORE and not name.startswith("__"))
            else ""
        )
    face = ".".join(parts[:2])
    if any(part.startswith("_") for part in parts):
        return f"it imports {module}, which is private"
    if len(parts) > (3 if face in _OPEN else 2):
        return f"it imports {module}, which is a private part of {face}"
    if name in ("", "*"):
        return ""
    public = getattr(importlib.import_module(module), "__all__", ())
    inner = face in _OPEN and len(parts) == 2  # noqa: PLR2004
    return "" if name in public or inner else f"it imports {name} from {module}, which does not list it in __all__"
