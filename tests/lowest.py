"""Print a constraints file with the lowest version that each distribution of the project declares of each dependency.

torch stays at the version of constraints.txt, with the torchvision that fits it; what only runs the tests is free.
"""

import sys
import tomllib
from itertools import chain
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).parents[1]


def floors(texts):
    """Map each dependency but torch and our own to its lowest version; of two floors the higher one counts."""
    found = {}
    for requirement in map(Requirement, texts):
        name = canonicalize_name(requirement.name)
        low = [Version(each.version) for each in requirement.specifier if each.operator in (">=", "==", "~=")]
        if name != "torch" and not name.startswith("archsmith"):
            if not low:
                sys.exit(f"{requirement} declares no lowest version")
            found[name] = max([*low, *([found[name]] if name in found else [])])
    return found


def declared(path):
    """Return what a pyproject.toml asks for, extras included."""
    project = tomllib.loads(path.read_text(encoding="utf-8"))["project"]
    return [*project["dependencies"], *chain(*project.get("optional-dependencies", {}).values())]


if __name__ == "__main__":
    files = [ROOT / "core/pyproject.toml", ROOT / "cli/pyproject.toml", *ROOT.glob("plugins/*/pyproject.toml")]
    lowest = floors(text for path in files for text in declared(path))
    pinned = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    torch = [line for line in pinned if line.startswith(("torch==", "torchvision=="))]
    print(*(f"{name}=={version}" for name, version in sorted(lowest.items())), *torch, sep="\n")
