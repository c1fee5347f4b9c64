"""Importing archsmith costs next to nothing: heavy libraries are imported when something needs them."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

import archsmith

ITSELF = {"archsmith", "_version", "lazy"}
CORE = Path(archsmith.__file__).parent
HEAVY = {"torch", "tokenizers", "PIL", "soundfile", "huggingface_hub", "numpy", "safetensors", "transformers"}
DISCOVERY = {"pluggy", "importlib_metadata", "packaging", "msgspec"}
FACES = sorted(path.parent.name for path in CORE.glob("*/__init__.py"))
#: Module or room → the libraries that all of its public names bring; the others bring none.
BRINGS = {
    "auto": DISCOVERY,
    "backbone": DISCOVERY | {"torch", "numpy"},
    "backbone_config": DISCOVERY,
    "config": {"msgspec"},
    "feature_extractor": {"msgspec"},
    "image_processor": {"msgspec", "numpy"},
    "model": {"msgspec", "torch", "numpy"},
    "outputs": {"torch", "numpy"},
    "plugin": {"pluggy"},
    "processor": DISCOVERY,
    "registry": {"pluggy", "importlib_metadata"},
    "tokenizer": {"msgspec"},
}


def imported_by(statement):
    """Return the names of all modules that a statement imports in a fresh interpreter."""
    report = "import json; print(json.dumps(list(set(sys.modules) - before)))"
    program = f"import sys; before = set(sys.modules)\n{statement}\n{report}"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
    return set(json.loads(done.stdout))


def packages(modules):
    return {name.partition(".")[0] for name in modules}


def parts(modules):
    return {name.removeprefix("archsmith.") for name in modules if name.startswith("archsmith")} - ITSELF


@pytest.mark.parametrize("name", sorted({path.stem for path in CORE.glob("[!_]*.py")} | {*FACES}))
def test_a_room_brings_no_more_than_it_needs(name):
    modules = imported_by(f"from archsmith.{name} import *")
    assert packages(modules) & (HEAVY | DISCOVERY) <= BRINGS.get(name, set())


@pytest.mark.parametrize("name", FACES)
def test_a_face_alone_imports_nothing(name):
    modules = imported_by(f"import archsmith.{name}")
    assert parts(modules) <= {name}
    assert packages(modules) & (HEAVY | DISCOVERY) == set()


def test_archsmith_alone_imports_nothing_but_itself():
    modules = imported_by("import archsmith")
    assert {name for name in modules if name.startswith("archsmith")} == {
        "archsmith",
        "archsmith._version",
        "archsmith.lazy",
    }
    assert packages(modules) & DISCOVERY == set()
    assert (
        packages(modules) - {"archsmith", "typing", "collections", "functools", "operator", "re"}
        <= sys.stdlib_module_names
    )


def test_discovery_loads_no_plugin():
    modules = imported_by("from archsmith.registry import registry; registry.names(); registry.entries()")
    assert packages(modules) & HEAVY == set()
    assert {name for name in packages(modules) if name.startswith("archsmith")} == {"archsmith"}


def test_dir_loads_manifests_alone():
    modules = imported_by("import archsmith; assert 'DistilBertModel' in dir(archsmith)")
    assert packages(modules) & HEAVY == set()
    assert "archsmith_distilbert.plugin" in modules
    assert "archsmith_distilbert.config" not in modules


def test_an_exception_costs_no_discovery():
    modules = imported_by("from archsmith import ArchsmithError, ArchsmithWarning")
    assert packages(modules) & DISCOVERY == set()
    assert parts(modules) == {"errors", "printable"}


def test_a_manifest_costs_the_contract_alone():
    modules = imported_by("from archsmith.plugin import Architecture, Extension, hookimpl")
    assert parts(modules) == {"errors", "plugin", "printable"}
