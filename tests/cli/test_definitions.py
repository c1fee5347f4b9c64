"""Where a class is defined, found in source text alone."""

import sys

import pytest

from archsmith.registry import registry
from archsmith_cli.definitions import Definition, find_definition


@pytest.fixture
def package(site):
    """Write a package whose modules would fail if they were imported."""
    stop = "raise SystemExit('imported')\n"
    sources = {
        "__init__": "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from .b import Z\n",
        "a": "from .b import Y as X\nfrom toy_pack.sub import *\nW = Y2 = X\nOwn = type('Own')\n",
        "b": "class Other: pass\n\ntry:\n    class Y: pass\nexcept Exception: pass\nZ = Other\n",
        "sub/__init__": "\n\nclass Starred:\n    pass\n",
        "turn": "A = B\nB = A\n",
    }
    for name, source in sources.items():
        site.write(f"toy_pack/{name}.py", stop + source)
    site.write("toy_pack/round.py", "from toy_pack.round2 import X\n")
    site.write("toy_pack/round2.py", "from toy_pack.round import X\n")
    site.write("toy_pack/broken.py", "class X:\n  )(\n")
    (site.root / "toy_pack/binary.py").write_bytes(b"X = '\xff'\n")
    site.write("toy_pack/far.py", "from .....far import X\n")
    return site.root / "toy_pack"


@pytest.mark.parametrize(
    ("reference", "expected"),
    [
        ("toy_pack.b:Other", ("b.py", 2)),
        ("toy_pack.b:Y", ("b.py", 5)),
        ("toy_pack.b:Z", ("b.py", 2)),  # another name of it
        ("toy_pack.a:X", ("b.py", 5)),
        ("toy_pack.a:W", ("b.py", 5)),
        ("toy_pack.a:Starred", ("sub/__init__.py", 4)),
        ("toy_pack.a:Own", ("a.py", 5)),
        ("toy_pack:Z", ("b.py", 2)),
    ],
)
def test_places(package, reference, expected):
    file, line = expected
    assert find_definition(reference) == Definition(str(package / file), line)
    assert not any(name.startswith("toy_pack") for name in sys.modules)


@pytest.mark.parametrize(
    "reference",
    [
        *("toy_pack.a:Nothing", "toy_pack.nowhere:X", "toy_pack.b.deeper:X", "nowhere:X", "toy_pack.round:X"),
        *("toy_pack.broken:X", "toy_pack.binary:Y", "toy_pack.far:X", "math:X", "sys:X", ":", "Unexported", ""),
        "toy_pack.turn:A",
    ],
)
def test_what_is_not_found_is_none(package, reference):
    assert find_definition(reference) is None


def test_official_classes_are_found_without_torch(process):
    code = """
import sys
from archsmith.registry import registry
from archsmith_cli.definitions import find_definition
for model_type in registry.names():
    for role, export in registry.roles(model_type).items():
        assert find_definition(export.reference), export
assert 'torch' not in sys.modules
"""
    done = process(code=code)
    assert (done.returncode, done.stderr) == (0, "")


def test_below_site_packages_it_is_relative(tmp_path):
    place = Definition(str(tmp_path / "lib/site-packages/acme/model.py"), 7)
    assert str(place) == "acme/model.py:7"
    assert str(Definition(str(tmp_path / "acme/model.py"), 7)) == f"{tmp_path}/acme/model.py:7"


def test_lines_are_those_of_the_classes():
    """What is read from the text agrees with what the imported class says of itself."""
    import inspect

    for model_type in ("vit", "llama", "maskformer"):
        export = registry.tasks(model_type)["base"]
        loaded = registry.load(model_type, "models.base")
        found = find_definition(export.reference)
        assert (found.file, found.line) == (inspect.getsourcefile(loaded), inspect.getsourcelines(loaded)[1])
