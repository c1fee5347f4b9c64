"""Fixtures for all tests: a folder of pretended installations, seen by the registry instead of what is installed."""

import importlib
import os
import re
import sys
from pathlib import Path
from textwrap import dedent

import importlib_metadata
import pytest

ROOT = Path(__file__).parents[1]
VARIABLES = ("ARCHSMITH_PLUGINS", "ARCHSMITH_DISABLE", "ARCHSMITH_PIN", "ARCHSMITH_CONFIG")
for variable in VARIABLES:
    os.environ.pop(variable, None)
os.environ["ARCHSMITH_CONFIG"] = os.devnull  # what a developer has set for good is not a part of the tests
os.environ.setdefault("OMP_NUM_THREADS", "1")  # models this small wait for threads longer than they compute


def pytest_addoption(parser):
    parser.addoption("--device", default="cuda", help="Where the tests that are marked gpu run.")
    parser.addoption("--plugin", metavar="NAME", help="Run the tests of one plugin, by the name of its folder.")


def pytest_configure(config):
    names = sorted(path.parent.name for path in ROOT.glob("plugins/*/pyproject.toml"))
    if config.option.plugin not in (None, *names):
        raise pytest.UsageError(f"there is no plugin {config.option.plugin!r}; there are {', '.join(names)}")


def pytest_ignore_collect(collection_path, config):
    """Leave out the files that are not about the plugin that was asked for."""
    name, path = config.option.plugin, collection_path.relative_to(ROOT / "tests")
    if name and collection_path.suffix == ".py":
        parity = re.fullmatch(rf"parity/test_{name}(_\w+)?\.py", path.as_posix())
        return not (parity or path.parts[:2] in (("plugins", name), ("plugins", "test_conformance.py")))
    return None


def pytest_collection_modifyitems(config, items):
    """Of the conformance checks, leave out those of other plugins."""
    name = config.option.plugin

    def belongs(item):
        check = getattr(item, "callspec", None) and item.callspec.params.get("check")
        return check is None or check.plugin.partition(" ")[0] == f"archsmith-{name}"

    if name:
        config.hook.pytest_deselected(items=[item for item in items if not belongs(item)])
        items[:] = [item for item in items if belongs(item)]


class Site:
    """A folder like site-packages: metadata folders beside modules."""

    def __init__(self, root: Path) -> None:
        self.root = root
        root.mkdir(parents=True, exist_ok=True)

    def write(self, path: str, source: str) -> Path:
        """Write a module, with the packages above it."""
        file = self.root / path
        for folder in list(file.relative_to(self.root).parents)[:-1]:
            (self.root / folder).mkdir(parents=True, exist_ok=True)
            (self.root / folder / "__init__.py").touch()
        file.write_text(dedent(source), encoding="utf-8")
        importlib.invalidate_caches()
        return file

    def declare(
        self,
        distribution,
        *,
        version="1.0",
        architectures=None,
        extensions=None,
        processors=None,
        commands=None,
        formats=None,
        requires=("archsmith>=0.2,<0.3",),
        folder=None,
    ) -> Path:
        """Write the metadata of one distribution; a group maps names to values, or is a list of raw lines."""
        info = self.root / (folder or f"{distribution.replace('-', '_')}-{version}.dist-info")
        info.mkdir(parents=True)
        lines = ["Metadata-Version: 2.1", f"Name: {distribution}", f"Version: {version}"]
        lines += [f"Requires-Dist: {requirement}" for requirement in requires]
        (info / "METADATA").write_text("\n".join(lines) + "\n\nA toy.\n", encoding="utf-8")
        text = ""
        groups = {"architectures": architectures, "extensions": extensions, "processors": processors}
        for group, points in (groups | {"commands": commands, "formats": formats}).items():
            rows = [f"{name} = {value}" for name, value in points.items()] if isinstance(points, dict) else points or ()
            text += f"[archsmith.{group}]\n" + "".join(f"{row}\n" for row in rows) if rows else ""
        (info / "entry_points.txt").write_text(text, encoding="utf-8")
        importlib.invalidate_caches()
        return info

    def install(self, model_type, *, distribution=None, manifest=None, **metadata) -> str:
        """Write a plugin with one architecture, config and model; return the name of its package.

        Args:
            model_type: Also the entry point's name.
            distribution: Its name; the model_type with a prefix when not given.
            manifest: The source of its plugin.py; a sound one when not given.
            **metadata: As for `declare`.
        """
        distribution = distribution or f"toy-{model_type}"
        package, name = distribution.replace("-", "_"), model_type.capitalize()
        self.declare(distribution, architectures={model_type: f"{package}.plugin"}, **metadata)
        self.write(f"{package}/plugin.py", manifest or sound_manifest(package, model_type))
        self.write(f"{package}/config.py", f"class {name}Config:\n    pass\n")
        self.write(f"{package}/model.py", f"class {name}Model:\n    pass\n\nclass {name}ForMaskedLM:\n    pass\n")
        return package


def sound_manifest(package, model_type, fields="") -> str:
    name = model_type.capitalize()
    return dedent(f"""
        from archsmith.plugin import Architecture, Extension, hookimpl

        @hookimpl
        def architectures():
            yield Architecture(
                model_type="{model_type}",
                config="{package}.config:{name}Config",
                models={{"base": "{package}.model:{name}Model", "masked-lm": "{package}.model:{name}ForMaskedLM"}},
                {fields}
            )
        """)


@pytest.fixture
def make_site(tmp_path, monkeypatch):
    """Return a function that adds a folder to the end of the pretended sys.path; nothing else counts as installed."""
    for variable in VARIABLES:
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "settings"))
    folders, before = [], set(sys.modules)
    distributions = importlib_metadata.distributions
    monkeypatch.setattr(
        importlib_metadata, "distributions", lambda: distributions(path=[str(path) for path in folders])
    )

    def make(name="site") -> Site:
        site = Site(tmp_path / name)
        folders.append(site.root)
        monkeypatch.setattr(sys, "path", [*sys.path, str(site.root)])
        return site

    yield make
    for name in set(sys.modules) - before:
        if str(tmp_path) in str(getattr(sys.modules[name], "__file__", "")):
            del sys.modules[name]
    importlib.invalidate_caches()


@pytest.fixture
def site(make_site) -> Site:
    """The only folder that counts as site-packages."""
    return make_site()


@pytest.fixture
def manifest_of():
    """Return the function that writes the source of a sound manifest."""
    return sound_manifest
