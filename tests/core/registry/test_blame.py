"""A plugin that does not load: whose fault that is."""

import json
import os
import subprocess
import sys

import pytest

from archsmith.errors import PluginBroken
from archsmith.registry.base import Registry

LOAD = """
import json, sys
from archsmith.errors import PluginBroken
from archsmith.registry import registry
try:
    registry.load("distilbert", "models.base")
except PluginBroken as error:
    print(json.dumps([error.reason, error.remedy]), flush=True)
"""


def refusal_beside(folder, name, text):
    """Load DistilBERT in a process whose import path begins with a folder that holds one file."""
    file = folder / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(text.encode("latin-1"))
    done = subprocess.run(
        [sys.executable, "-c", LOAD],
        env=os.environ | {"PYTHONPATH": str(folder)},
        capture_output=True,
        text=True,
        check=False,  # a torch that was imported by half may crash at the end
        timeout=120,
    )
    return json.loads(done.stdout)


@pytest.mark.parametrize(
    ("name", "text", "cause"),
    [
        ("torch.py", "", "ImportError: cannot import name"),
        ("torch.py", "1 / 0", "ZeroDivisionError: division by zero"),
        ("torch.py", "def f(:", "SyntaxError: invalid syntax (torch.py, line 1)"),
        ("torch.py", "raise SystemExit(3)", "SystemExit: 3"),
        ("torch.py", "from archsmith import DistilBertModel", "it has no 'DistilBertModel'"),
        ("torch/__init__.py", "", "ImportError: cannot import name"),
        ("numpy.py", "", "AttributeError: module 'numpy' has no attribute"),
        ("msgspec.py", "", "AttributeError: module 'msgspec' has no attribute"),
        ("queue.py", "", "ImportError: cannot import name 'Queue'"),
        ("archsmith_distilbert.py", "", "ModuleNotFoundError: No module named 'archsmith_distilbert.plugin'"),
    ],
)
def test_a_file_that_hides_a_library_is_named(tmp_path, name, text, cause):
    reason, remedy = refusal_beside(tmp_path / "mine", name, text)
    hiding = tmp_path / "mine" / name.removesuffix("/__init__.py")
    library = name.partition("/")[0].removesuffix(".py")
    start = f"cannot be loaded: {library!r} is imported from {str(hiding)!r}, which hides '"
    assert reason.partition(" ")[2].partition(" ")[2].startswith(start), reason
    assert cause in reason
    assert remedy == f"Rename {str(hiding)!r}, or take its folder off the import path."


def test_damaged_metadata_of_somebody_else_over_which_torch_stumbles(tmp_path):
    reason, remedy = refusal_beside(tmp_path, "evil-1.0.dist-info/entry_points.txt", "[x]\ny = \xff\n")
    place = str(tmp_path / "evil-1.0.dist-info")
    start = f"cannot be loaded: the metadata in {place!r} is damaged, and a library reads it (UnicodeDecodeError: "
    assert reason.partition(" ")[2].partition(" ")[2].startswith(start)
    assert remedy == f"Uninstall that distribution, or delete {place!r}."


def broken(registry, name="toy"):
    with pytest.raises(PluginBroken) as caught:
        registry.get(name)
    return str(caught.value)


def test_a_missing_library(site):
    site.install("toy", manifest="import not_there.part", requires=("archsmith", "Not.There>=2 ; python_version > '3'"))
    assert broken(Registry()) == (
        "toy-toy 1.0 cannot be loaded: the library 'not_there' is not installed "
        "(ModuleNotFoundError: No module named 'not_there'). Run: pip install Not.There"
    )


def test_a_library_that_is_too_old(site):
    site.declare("old_library", version="1.5")
    site.write("old_library.py", "")
    site.install("toy", manifest="from old_library import New", requires=("archsmith", "old-library>=2"))
    assert broken(Registry()).startswith(
        "toy-toy 1.0 cannot be loaded: it needs old-library>=2, but 1.5 is installed (ImportError: cannot import name"
    )


@pytest.mark.parametrize("half", ["1 / 0", "def f(:", None])
def test_a_library_that_is_not_whole(site, half):
    site.declare("half_library", version="1.5")
    site.write("half_library/part.py", "")
    (site.root / "half_library" / "__init__.py").unlink()
    if half:
        site.write("half_library/__init__.py", half)
    site.install("toy", manifest="from half_library import part, more", requires=("archsmith", "half-library"))
    said = broken(Registry())
    assert "the library 'half_library' does not import, or is not whole" in said or half == "def f(:"
    assert "half_library" in said


@pytest.mark.parametrize(
    "source",
    [
        "1 / 0",
        "import not_asked_for",
        "raise SystemExit",
        "error = ValueError()\nraise error from error",
        "raise SyntaxError('x', (3, 1, 1, 'x'))",
        "raise ImportError('x', name=3)",
        "raise AttributeError('x', obj=3)",
        "import json; json.loads('')",
        "import toy_toy.nothing",
        "from toy_toy import nothing",
        "from toy_toy.plugin import nothing",
        "from archsmith.errors import NothingError",
        "from json import nothing",
        "import json; json.nothing",
        "def f(:",
    ],
)
def test_a_fault_of_its_own_stays_its_own(site, source):
    site.install("toy", manifest=source)
    assert broken(Registry()).startswith("toy-toy 1.0 is broken: toy_toy.plugin: ")


def test_damaged_metadata_of_somebody_else_is_no_fault_of_a_library(site):
    site.install("toy", manifest="from importlib_metadata import nothing")
    (site.declare("importlib_metadata") / "METADATA").write_bytes(b"\xff")
    assert broken(Registry()).startswith("toy-toy 1.0 is broken: toy_toy.plugin: ImportError: cannot import name")
