"""The plugins of a stranger that lie in this folder as projects, seen as if they were installed."""

import sys
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import archsmith
from archsmith.registry import registry

HERE = Path(__file__).parent


def write_metadata(project: Path, folder: Path) -> None:
    """Write what an installer would write beside the package: METADATA and entry_points.txt."""
    said = tomllib.loads((project / "pyproject.toml").read_text())["project"]
    info = folder / f"{said['name'].replace('-', '_')}-{said['version']}.dist-info"
    info.mkdir()
    lines = ["Metadata-Version: 2.1", f"Name: {said['name']}", f"Version: {said['version']}"]
    lines += [f"Requires-Dist: {requirement}" for requirement in said["dependencies"]]
    (info / "METADATA").write_text("\n".join(lines) + "\n\n")
    groups = said["entry-points"].items()
    text = "".join(f"[{group}]\n" + "".join(f"{k} = {v}\n" for k, v in points.items()) for group, points in groups)
    (info / "entry_points.txt").write_text(text)


@contextmanager
def installed(folder: Path, *names: str) -> Iterator[None]:
    """Put projects of this folder on the path, with their metadata, and take them off again."""
    before, path, names_before = set(sys.modules), list(sys.path), set(vars(archsmith))
    for name in names:
        write_metadata(HERE / name, folder)
        sys.path.append(str(HERE / name / "src"))
    sys.path.append(str(folder))
    registry.refresh()
    try:
        yield
    finally:
        sys.path[:] = path
        for module in set(sys.modules) - before:
            if module.startswith("acme_"):
                del sys.modules[module]
        for name in set(vars(archsmith)) - names_before:
            if getattr(vars(archsmith)[name], "__module__", "").startswith("acme_"):
                delattr(archsmith, name)
        registry.refresh()
