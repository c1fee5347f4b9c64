"""Who may import whom, and what every distribution and module has in common."""

import ast
import importlib
import re
import sys
import tomllib
from pathlib import Path

import pytest

import archsmith

ROOT = Path(__file__).parents[2]
MEMBERS = [ROOT / "core", ROOT / "cli", *sorted(path.parent for path in ROOT.glob("plugins/*/pyproject.toml"))]
SOURCES = sorted(path for member in MEMBERS for path in (member / "src").rglob("*.py"))
CORE = [path for path in SOURCES if path.is_relative_to(ROOT / "core")]
TEMPLATES = [path for path in SOURCES if "templates" in path.relative_to(ROOT).parts]
CLI = [path for path in SOURCES if path.is_relative_to(ROOT / "cli") and path not in TEMPLATES]
PLUGINS = [path for path in SOURCES if path.is_relative_to(ROOT / "plugins") and path not in TEMPLATES]
PROJECTS = {member: tomllib.loads((member / "pyproject.toml").read_text())["project"] for member in MEMBERS}
#: Import package → distribution, for what plugins may share: the members that bring no architecture.
LIBRARIES = {
    next((member / "src").iterdir()).name: project["name"]
    for member, project in PROJECTS.items()
    if "archsmith.architectures" not in project.get("entry-points", {})
}
#: What a manifest, a listing or a configuration loads of the core: nothing heavy may come with it.
LIGHT = {
    "batch", "config", "errors", "files", "lazy", "lengths", "messages", "options", "plugin", "printable", "registry",
    "tasks",
}  # fmt: skip
HEAVY = {"torch", "tokenizers", "PIL", "soundfile", "huggingface_hub", "safetensors", "numpy"}


def relative(path):
    return str(path.relative_to(ROOT))


def imports(path, *, top_level=False):
    """Return the dotted names that a file imports: all of them, or those that importing it runs."""
    found = set()

    def visit(node):
        for child in ast.iter_child_nodes(node):
            if top_level and isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
                continue
            if isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test):
                continue
            if isinstance(child, ast.Import):
                found.update(alias.name for alias in child.names)
            elif isinstance(child, ast.ImportFrom):
                if child.level:  # a test's own neighbours
                    assert path.is_relative_to(ROOT / "tests"), f"{relative(path)} imports relatively"
                    continue
                found.update(f"{child.module}.{alias.name}" for alias in child.names)
            visit(child)

    visit(ast.parse(path.read_text(encoding="utf-8")))
    return found


def packages(path, **options):
    return {name.partition(".")[0] for name in imports(path, **options)}


def ours(path, **options):
    """Return the packages of this workspace that a file imports, the core's apart."""
    return {name for name in packages(path, **options) if name.startswith("archsmith_")}


def required(project, *extras):
    """Return the names of the distributions that a project requires."""
    optional = project.get("optional-dependencies", {})
    requirements = [*project["dependencies"], *(each for extra in extras for each in optional[extra])]
    return {re.match(r"[\w-]+", requirement)[0] for requirement in requirements}


@pytest.mark.parametrize("path", CORE, ids=relative)
def test_core_imports_no_plugin_and_no_cli(path):
    assert not ours(path)
    assert not packages(path) & {"typer", "rich", "transformers"}
    room = path.relative_to(ROOT / "core/src/archsmith").parts[0].removesuffix(".py")
    if room in LIGHT or path.stem == "__init__":
        assert not packages(path, top_level=True) & HEAVY


@pytest.mark.parametrize("path", PLUGINS, ids=relative)
def test_a_plugin_imports_no_other_plugin(path):
    """But it may import what it requires by name and what is a library, without an architecture of its own."""
    plugin, _, own = path.relative_to(ROOT / "plugins").parts[:3]
    asked = required(PROJECTS[ROOT / "plugins" / plugin])
    assert ours(path) - {own} <= {package for package, name in LIBRARIES.items() if name in asked}
    assert "transformers" not in packages(path)
    assert not [name for name in imports(path) if re.match(r"archsmith(\.\w+)*\._", name)], "a private name of the core"
    if path.name == "plugin.py":
        outside = {name for name in imports(path) if name.partition(".")[0] not in sys.stdlib_module_names}
        assert all(name.startswith("archsmith.plugin.") for name in outside)
    if path.name == "__init__.py":
        outside = {name for name in imports(path) if name.partition(".")[0] not in sys.stdlib_module_names}
        assert outside <= {"archsmith.lazy.lazy_attributes"}


@pytest.mark.parametrize("path", CLI, ids=relative)
def test_the_cli_imports_no_plugin_and_torch_only_inside_commands(path):
    asked = required(PROJECTS[ROOT / "cli"])
    assert ours(path) - {"archsmith_cli"} <= {package for package, name in LIBRARIES.items() if name in asked}
    assert not packages(path, top_level=True) & HEAVY
    assert "transformers" not in packages(path)


@pytest.mark.parametrize("path", TEMPLATES, ids=relative)
def test_a_template_imports_what_a_plugin_may(path):
    """What strangers start from keeps to the rules: public names, and a manifest and an ``__init__`` that are light."""
    templates = next(parent for parent in path.parents if parent.name == "templates")
    kind = path.relative_to(templates).parts[0]
    kinds = {project.parent.name for project in templates.glob("*/pyproject.toml")} - {"common"}
    for each in kinds if kind == "common" else {kind}:  # what is common becomes a part of every kind
        project = tomllib.loads((templates / each / "pyproject.toml").read_text())["project"]
        asked = required(project, *(["dev"] if "tests" in path.parts else []))
        assert {name.replace("_", "-") for name in ours(path)} <= asked | {"archsmith-sample-net"}
    assert not [name for name in imports(path) if re.match(r"archsmith(\.\w+)*\._", name)], "a private name of the core"
    if path.name in ("plugin.py", "__init__.py"):
        known = sys.stdlib_module_names
        outside = [name for name in imports(path, top_level=True) if name.partition(".")[0] not in known]
        assert all(name.startswith(("archsmith.plugin.", "archsmith.lazy.")) for name in outside)


def test_the_oracle_stays_in_its_place():
    for path in (ROOT / "tests").rglob("*.py"):
        folder = path.relative_to(ROOT / "tests").parts[0]
        if folder not in {"parity", "benchmarks"}:
            assert "transformers" not in packages(path), relative(path)


@pytest.mark.parametrize("path", CORE, ids=relative)
def test_public_names_are_sorted_and_exist(path):
    module = importlib.import_module(
        ".".join(path.relative_to(ROOT / "core/src").with_suffix("").parts).removesuffix(".__init__")
    )
    if path.name == "__init__.py" and len(ast.parse(path.read_text(encoding="utf-8")).body) == 1:
        return  # a docstring alone
    names = module.__all__
    assert list(names) == sorted(names, key=lambda name: (not name.isupper(), not name[0].isupper(), name))
    assert len(set(names)) == len(names)
    for name in names:
        assert getattr(module, name) is not None
        assert not name.startswith("_") or name == "__version__"


def test_one_version_for_all():
    assert {project["version"] for project in PROJECTS.values()} == {archsmith.__version__}
    for project in PROJECTS.values():
        assert project["license"] == "Apache-2.0"
        assert project["requires-python"] == ">=3.11"


def test_every_member_has_readme_and_types():
    for member in MEMBERS:
        assert (member / "README.md").exists(), member
        assert list((member / "src").glob("*/py.typed")), member


def test_every_official_plugin_is_known_and_in_the_extra_all():
    from archsmith.registry import KNOWN_PLUGINS

    extra = required(PROJECTS[ROOT / "core"], "all")
    claimed = {}
    for project in PROJECTS.values():
        assert project["name"] in extra | {"archsmith"}
        for model_type in project.get("entry-points", {}).get("archsmith.architectures", {}):
            claimed[model_type] = project["name"]
    assert claimed == KNOWN_PLUGINS


def test_every_class_of_an_official_processor_package_is_known():
    from archsmith.registry import KNOWN_CLASSES, Kind, registry

    official = {project["name"] for project in PROJECTS.values()}
    entries = [entry for entry in registry.entries(Kind.PROCESSOR) if entry.distribution in official]
    assert {name: entry.distribution for entry in entries for name in registry.exports(entry)} == KNOWN_CLASSES


@pytest.mark.parametrize("path", SOURCES, ids=relative)
def test_sizes(path):
    """Files of at most 400 lines, functions of at most 60 below their docstring, classes of at most 320."""
    text = path.read_text(encoding="utf-8")
    assert text.count("\n") <= 400
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            body = node.body[1:] if ast.get_docstring(node) else node.body
            assert not body or node.end_lineno - body[0].lineno < 60, f"{relative(path)}:{node.lineno} {node.name}"
        if isinstance(node, ast.ClassDef):
            assert node.end_lineno - node.lineno < 320, f"{relative(path)}:{node.lineno} {node.name}"
