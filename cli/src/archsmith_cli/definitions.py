"""Where the class that a manifest names is defined: file and line, found without importing the module that holds it."""

import ast
import importlib.util
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.machinery import ModuleSpec
from pathlib import Path
from typing import Any

from archsmith.registry import State, registry

__all__ = ["Definition", "find_definition"]

#: So many re-exports are followed.
_DEEPEST = 16


@dataclass(frozen=True)
class Definition:
    """A place in a source file.

    Attributes:
        file: The path of the file.
        line: The line where the definition begins, from 1 on.
    """

    file: str
    line: int

    def __str__(self) -> str:
        """Return ``file:line``, the file below site-packages if it lies there."""
        path = Path(self.file)
        for parent in path.parents:
            if parent.name in ("site-packages", "dist-packages"):
                return f"{path.relative_to(parent)}:{self.line}"
        return f"{path}:{self.line}"


def find_definition(reference: str) -> Definition | None:
    """Return where a class is defined, through whatever module hands it on; None if no source says it.

    No module is imported for it, so that it costs no torch, and no error of a plugin's ends it.

    Args:
        reference: ``"module:Class"``, or the name of a class that an installed plugin exports.
    """
    module, colon, name = reference.partition(":")
    if not colon:
        owner = next((found for found in _exported(reference) if ":" in found), None)
        return find_definition(owner) if owner else None
    try:
        return _search(module, name, set())
    except Exception:  # noqa: BLE001  # finders and loaders are anyone's, and so is the source
        return None


def _exported(name: str) -> Iterator[str]:
    for entry in registry.entries():
        if entry.state is State.OK and not entry.kind.is_alone and name in (found := registry.exports(entry)):
            yield found[name]


def _search(module: str, name: str, seen: set[tuple[str, str]]) -> Definition | None:
    """Look for a name in a module's source, in its stub, and in the modules that these take it from."""
    if (module, name) in seen or len(seen) > _DEEPEST:
        return None
    seen.add((module, name))
    spec = _find_spec(module)
    if spec is None or not spec.origin:
        return None
    package = module if spec.submodule_search_locations is not None else module.rpartition(".")[0]
    for path in (Path(spec.origin), Path(spec.origin).with_suffix(".pyi")):
        tree = _parse(spec, path)
        if tree is not None and (found := _in_source(tree, str(path), package, name, seen)):
            return found
    return None


def _in_source(tree: ast.Module, file: str, package: str, name: str, seen: set[tuple[str, str]]) -> Definition | None:
    assigned: Definition | None = None
    for node in _statements(tree.body):
        if isinstance(node, ast.ClassDef | ast.FunctionDef) and node.name == name:
            return Definition(file, node.lineno)
        if isinstance(node, ast.ImportFrom):
            for alias in node.names:
                if name in (alias.asname or alias.name, "*") or alias.name == "*":
                    origin = importlib.util.resolve_name("." * node.level + (node.module or ""), package)
                    found = _search(origin, name if alias.name == "*" else alias.name, seen)
                    if found:
                        return found
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            if any(isinstance(target, ast.Name) and target.id == name for target in targets):
                other = node.value.id if isinstance(node.value, ast.Name) else name
                same = _in_source(tree, file, package, other, seen) if other != name else None
                assigned = same or Definition(file, node.lineno)
    return assigned


def _statements(body: Sequence[ast.stmt]) -> Iterator[ast.stmt]:
    """Yield the statements that run, or may run, as a module is imported."""
    for node in body:
        yield node
        for inner in ("body", "orelse", "handlers", "finalbody"):
            if isinstance(node, ast.If | ast.Try | ast.With | ast.ExceptHandler):
                yield from _statements(getattr(node, inner, []))


def _find_spec(module: str) -> ModuleSpec | None:
    """Return what the finders know of a module; unlike `importlib.util.find_spec`, import none of its packages."""
    spec: ModuleSpec | None = None
    path: Any = None
    parts = module.split(".")
    for end in range(1, len(parts) + 1):
        name = ".".join(parts[:end])
        finders = (finder for finder in sys.meta_path if hasattr(finder, "find_spec"))
        spec = next(filter(None, (finder.find_spec(name, path) for finder in finders)), None)
        if spec is None or (end < len(parts) and spec.submodule_search_locations is None):
            return None
        path = spec.submodule_search_locations
    return spec


def _parse(spec: ModuleSpec, path: Path) -> ast.Module | None:
    if path.suffix == ".pyi":
        return ast.parse(path.read_bytes()) if path.is_file() else None
    source = spec.loader.get_source(spec.name) if hasattr(spec.loader, "get_source") else None  # type: ignore[union-attr]
    return ast.parse(source) if source else None
