"""Importing archsmith costs next to nothing: heavy libraries are imported when something needs them."""

import json
import subprocess
import sys

import pytest

HEAVY = {"torch", "tokenizers", "PIL", "soundfile", "huggingface_hub", "numpy", "safetensors", "transformers"}
DISCOVERY = {"pluggy", "importlib_metadata", "packaging", "msgspec"}


def imported_by(statement):
    """Return the names of all modules that a statement imports in a fresh interpreter."""
    report = "import json; print(json.dumps(list(set(sys.modules) - before)))"
    program = f"import sys; before = set(sys.modules)\n{statement}\n{report}"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
    return set(json.loads(done.stdout))


def packages(modules):
    return {name.partition(".")[0] for name in modules}


@pytest.mark.parametrize("name", ["", ".errors", ".plugin", ".registry", ".config"])
def test_no_heavy_library(name):
    assert packages(imported_by(f"import archsmith{name}")) & HEAVY == set()


def test_archsmith_alone_imports_nothing_but_itself():
    modules = imported_by("import archsmith")
    assert {name for name in modules if name.startswith("archsmith")} == {"archsmith"}
    assert packages(modules) & DISCOVERY == set()
    assert (
        packages(modules) - {"archsmith", "typing", "collections", "functools", "operator", "re"}
        <= sys.stdlib_module_names
    )


def test_discovery_loads_no_plugin():
    modules = imported_by("from archsmith.registry import registry; registry.names(); registry.entries(); dir()")
    assert packages(modules) & HEAVY == set()
    assert {name for name in packages(modules) if name.startswith("archsmith")} == {"archsmith"}


def test_an_exception_costs_no_discovery():
    modules = imported_by("from archsmith import ArchsmithError, ArchsmithWarning")
    assert packages(modules) & DISCOVERY == set()
    assert {name for name in modules if name.startswith("archsmith.")} == {"archsmith.errors"}


def test_a_manifest_costs_the_contract_alone():
    modules = imported_by("from archsmith.plugin import Architecture, Extension, hookimpl")
    assert {name for name in modules if name.startswith("archsmith.")} == {"archsmith.errors", "archsmith.plugin"}
