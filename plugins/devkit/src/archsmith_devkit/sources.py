"""A package's own source, read and not run."""

import ast
import functools
import importlib.util
from pathlib import Path

__all__ = ["sources"]


@functools.lru_cache(maxsize=8)
def sources(package: str) -> tuple[tuple[str, ast.Module], ...]:
    """Return name and syntax tree of every module of an importable package; nothing for one without source files."""
    spec = importlib.util.find_spec(package)
    found = []
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        for path in sorted(Path(folder).rglob("*.py")):
            parts = (package, *path.relative_to(folder).with_suffix("").parts)
            name = ".".join(parts).removesuffix(".__init__")
            found.append((name, ast.parse(path.read_text(encoding="utf-8"), str(path))))
    return tuple(found)
