"""The modules of the core, the cli and the plugins, and which of them import which, lazily and for types included."""

import ast
import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
SOURCES = [ROOT / "core" / "src", ROOT / "cli" / "src", *sorted(ROOT.glob("plugins/*/src"))]

_REFERENCE = re.compile(r"([a-z_][a-z0-9_]*(?:\.\w+)*):(\w+)")


def modules():
    """Return dotted name → file."""
    found = {}
    for source in SOURCES:
        for path in sorted(source.rglob("*.py")):
            if "templates" not in path.parts:
                parts = path.relative_to(source).with_suffix("").parts
                found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def imported(name, path, known):
    """Return module → the names taken from it, for the modules known that one imports, in whatever way.

    The stub or the table of a lazy face counts: it imports what it hands out. So does a reference ``"module:Class"``.
    """
    sources = [each for each in (path, path.with_suffix(".pyi")) if each.exists()]
    nodes = [node for each in sources for node in ast.walk(ast.parse(each.read_text(encoding="utf-8")))]
    package = name if path.name == "__init__.py" else name.rpartition(".")[0]
    found = {}
    for node in nodes:
        if isinstance(node, ast.Import):
            for alias in node.names:
                found.setdefault(alias.name, set()).add("")
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                base = ".".join(
                    [*package.split(".")[: len(package.split(".")) - node.level + 1], *filter(None, [base])]
                )
            for alias in node.names:
                module, taken = (f"{base}.{alias.name}", "") if f"{base}.{alias.name}" in known else (base, alias.name)
                found.setdefault(module, set()).add(taken)
        elif isinstance(node, ast.Call) and getattr(node.func, "id", "") == "lazy_attributes":
            for key in getattr(node.args[1], "keys", ()):
                found.setdefault(f"{name}.{key.value}", set()).add("")
        elif isinstance(node, ast.Constant) and (reference := _REFERENCE.fullmatch(str(node.value))):
            found.setdefault(reference[1], set()).add(reference[2])
    return {module: names for module, names in found.items() if module in known and module != name}
