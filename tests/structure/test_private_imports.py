"""Plugins and the cli import what is public: the modules and faces that the contract allows, names that these list."""

import ast
import functools
import importlib

import pytest

from .imports import ROOT, SOURCES, imported, modules

#: Modules of the core, one by one, from which others may import.
MODULES = {
    "archsmith.auto",
    "archsmith.backbone",
    "archsmith.backbone_config",
    "archsmith.batch",
    "archsmith.errors",
    "archsmith.lazy",
    "archsmith.messages",
    "archsmith.options",
    "archsmith.outputs",
    "archsmith.plugin",
    "archsmith.tasks",
}
#: Packages whose ``__init__`` is their face: it lists what is public, and their parts are private.
FACES = {
    "archsmith",
    "archsmith.config",
    "archsmith.feature_extractor",
    "archsmith.files",
    "archsmith.image_processor",
    "archsmith.model",
    "archsmith.processor",
    "archsmith.registry",
    "archsmith.tokenizer",
}
#: Files that still break the rule. Never add one.
EXCEPTIONS = frozenset()

KNOWN = modules()
OUTSIDE = [path for source in SOURCES[1:] for path in sorted(source.rglob("*.py"))]


def is_public(module, name):
    """Return whether a plugin may write ``from module import name``."""
    if module == "archsmith" and f"{module}.{name}" in KNOWN:
        module, name = f"{module}.{name}", ""
    if module.startswith("archsmith.layers."):
        return module.count(".") == 2 and (not name or name in importlib.import_module(module).__all__)
    if module not in MODULES | FACES:
        return False
    public = importlib.import_module(module).__all__
    return not name or name in public or module == "archsmith"  # which hands out the classes of plugins too


@functools.cache
def imports_of_the_core():
    """Return file → module of the core → the names taken from it, for all files outside the core."""
    found = {}
    for path in OUTSIDE:
        own = path.relative_to(next(source for source in SOURCES if path.is_relative_to(source))).parts[0]
        taken = imported(own, path, KNOWN).items()
        found[str(path.relative_to(ROOT))] = {name: names for name, names in taken if name.startswith("archsmith.")}
    return found


def breaches():
    """Return file → what it imports of the core that is not public."""
    found = {
        file: [
            f"{module}{name and '.'}{name}" for module in taken for name in taken[module] if not is_public(module, name)
        ]
        for file, taken in imports_of_the_core().items()
    }
    return {file: sorted(wrong) for file, wrong in found.items() if wrong}


def test_no_private_imports():
    left = {file: wrong for file, wrong in breaches().items() if file not in EXCEPTIONS}
    assert not left


def test_exceptions_are_needed():
    assert breaches().keys() >= EXCEPTIONS


@pytest.mark.parametrize(
    ("module", "name", "expected"),
    [
        ("archsmith.files.checkpoint", "Checkpoint", False),
        ("archsmith.files", "Checkpoint", True),
        ("archsmith.files", "checkpoint", False),
        ("archsmith.layers.attention", "split_heads", True),
        ("archsmith.registry", "registry", True),
        ("archsmith.messages", "_missing", False),
        ("archsmith", "BertConfig", True),
        ("archsmith.lengths", "", False),
    ],
)
def test_the_rule(module, name, expected):
    assert is_public(module, name) is expected


@pytest.mark.parametrize("name", sorted(FACES))
def test_every_face_is_lazy_and_lists_what_it_hands_out(name):
    """A name that the stub imports and that is not in ``__all__``, or the other way round, would be half public."""
    face = importlib.import_module(name)
    stub = ast.parse(KNOWN[name].with_suffix(".pyi").read_text(encoding="utf-8"))
    imports = [node for node in stub.body if isinstance(node, ast.ImportFrom) and node.module.startswith("archsmith.")]
    typed = [alias.name for node in imports for alias in node.names]
    assert sorted(typed) == sorted(face.__all__ + ["__version__"] * (name == "archsmith"))
    assert set(face.__all__) <= set(dir(face))
