"""Strangers' plugins, as real wheels in a fresh virtual environment without torch.

Each toy is a source distribution (pyproject.toml and src/) that is written to a temporary folder, built with
hatchling, and installed with pip beside the wheels of the core and the command line. Every module of a toy touches a
file named after itself in the folder ``TOYS_SEEN`` when it is imported: that shows what ran.
"""

import json
import os
import subprocess
import sys
import venv
from dataclasses import dataclass, field
from pathlib import Path
from textwrap import dedent

import pytest

ROOT = Path(__file__).parents[2]
LIGHT = ("importlib-metadata", "msgspec", "packaging", "platformdirs", "pluggy", "rich", "tomlkit", "typer")
NO_SETTINGS = {"ARCHSMITH_CONFIG": os.devnull}
TOOLS = ("build", "hatchling", "mypy", "pytest", "ruff")
SEEN = "import os, pathlib\n(pathlib.Path(os.environ['TOYS_SEEN']) / __name__).touch()\n"
BUILD = """
import os, sys
from hatchling.build import build_wheel
for root in sys.argv[2:]:
    os.chdir(root)
    build_wheel(sys.argv[1])
"""


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items):
    """Mark what needs wheels and an environment of its own as long."""
    for item in items:
        if {"environment", "workshop", "strangers"} & {*getattr(item, "fixturenames", ())}:
            item.add_marker("long")


@dataclass
class Toy:
    """One source distribution."""

    name: str
    architectures: dict[str, str] = field(default_factory=dict)
    extensions: dict[str, str] = field(default_factory=dict)
    processors: dict[str, str] = field(default_factory=dict)
    commands: dict[str, str] = field(default_factory=dict)
    requires: str = '"archsmith>=0.2,<0.3"'
    modules: dict[str, str] = field(default_factory=dict)

    @property
    def package(self) -> str:
        return self.name.replace("-", "_")

    def write(self, root: Path) -> Path:
        """Write pyproject.toml and src/<package>/."""
        project = root / self.name
        source = project / "src" / self.package
        source.mkdir(parents=True)
        groups = {"architectures": self.architectures, "extensions": self.extensions, "processors": self.processors}
        groups |= {"commands": self.commands}
        points = [
            f'[project.entry-points."archsmith.{group}"]\n' + "\n".join(f'"{k}" = "{v}"' for k, v in rows.items())
            for group, rows in groups.items()
            if rows
        ]
        head = f"""
            [build-system]
            requires = ["hatchling"]
            build-backend = "hatchling.build"

            [project]
            name = "{self.name}"
            version = "1.0"
            dependencies = [{self.requires}]

            """
        (project / "pyproject.toml").write_text(dedent(head) + "\n\n".join(points) + "\n")
        for module, text in {"__init__": "", **self.modules}.items():
            (source / f"{module}.py").write_text(SEEN + dedent(text))
        return project


def manifest(model_type, package, *, before="", model="Model"):
    """Return the source of a manifest with a configuration and one model."""
    name = model_type.capitalize()
    return f"""{before}
from archsmith.plugin import Architecture, hookimpl

@hookimpl
def architectures():
    yield Architecture(
        model_type="{model_type}",
        config="{package}.config:{name}Config",
        models={{"base": "{package}.model:{name}{model}"}},
    )
"""


def architecture(model_type, *, distribution=None, requires='"archsmith>=0.2,<0.3"', before="", model="Model"):
    """Return a toy with one architecture, which is sound unless the arguments spoil it."""
    distribution = distribution or f"acme-{model_type}"
    package, name = distribution.replace("-", "_"), model_type.capitalize()
    config = f"""
        from archsmith.config import PreTrainedConfig

        class {name}Config(PreTrainedConfig):
            model_type = "{model_type}"
            hidden_size: int = 8
        """
    return Toy(
        distribution,
        architectures={model_type: f"{package}.plugin"},
        requires=requires,
        modules={
            "plugin": manifest(model_type, package, before=before, model=model),
            "config": config,
            "model": f"class {name}Model:\n    pass\n",
        },
    )


EXTENSION = """
from archsmith.plugin import Extension, hookimpl

@hookimpl
def extensions():
    yield Extension(model_type="good", models={"acme-task": "acme_extension.model:GoodForAcmeTask"})
"""
GREET = """
import typer

app = typer.Typer()

@app.command()
def greet(name: str = "you"):
    print(f"hello, {name}")
"""
TOYS = (
    architecture("good"),
    architecture("broken", before="import acme_is_not_installed"),
    architecture("newer", requires='"archsmith>=99"'),
    architecture("twin", distribution="acme-twin-a"),
    architecture("twin", distribution="acme-twin-b"),
    architecture("off"),
    architecture("typo", model="Modle"),
    architecture("exits", before="import sys; sys.exit('not on my watch')"),
    architecture("prints", before="print('welcome to acme')"),
    Toy(
        "acme-extension",
        extensions={"good.acme": "acme_extension.plugin"},
        modules={"plugin": EXTENSION, "model": "class GoodForAcmeTask:\n    pass\n"},
    ),
    Toy("acme-commands", commands={"greet": "acme_commands.greet:app"}, modules={"greet": GREET}),
    Toy("acme-sulk", commands={"sulk": "acme_sulk.sulk:app"}, modules={"sulk": "raise SystemExit(3)\n"}),
)
LATE = architecture("late")


def build(place: Path, *projects: Path) -> None:
    """Build the wheel of each project into a folder."""
    place.mkdir()
    subprocess.run([sys.executable, "-c", BUILD, place, *projects], check=True, timeout=300, capture_output=True)


@dataclass
class Environment:
    """A virtual environment with everything installed, but the late toy, which lies beside it as a wheel."""

    root: Path
    late: Path | None = None

    @property
    def scripts(self) -> Path:
        return self.root / ("Scripts" if os.name == "nt" else "bin")

    @property
    def python(self) -> Path:
        return self.scripts / "python"

    def pip(self, *arguments: object) -> None:
        """Run the pip of the tests on the environment."""
        pip = [sys.executable, "-m", "pip", "--python", self.python, "--disable-pip-version-check", "-q"]
        subprocess.run([*map(str, pip), *map(str, arguments)], check=True, timeout=300)


@dataclass
class Runner:
    """Runs programs in the environment, and knows which modules of the toys they have imported."""

    environment: Environment
    folder: Path

    def variables(self, settings: dict[str, str]) -> dict[str, str]:
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(("ARCHSMITH", "PYTHON"))}
        self.folder.mkdir(exist_ok=True)
        return inherited | NO_SETTINGS | {"TOYS_SEEN": str(self.folder), "COLUMNS": "500"} | settings

    def python(self, program: str, **settings: str):
        """Run a program that puts its answer into ``answer``; warnings are errors."""
        program = f"answer = None\n{dedent(program)}\nimport json\nprint(json.dumps(answer))"
        command = [self.environment.python, "-I", "-W", "error", "-c", program]
        done = subprocess.run(
            command, env=self.variables(settings), capture_output=True, text=True, timeout=60, check=False
        )
        assert (done.returncode, done.stderr) == (0, "")
        return json.loads(done.stdout)

    def archsmith(self, *arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
        """Run the command line."""
        command = [self.environment.scripts / "archsmith", *arguments]
        return subprocess.run(
            command, env=self.variables(settings), capture_output=True, text=True, timeout=60, check=False
        )

    def imported(self) -> set[str]:
        """Return the modules of the toys that have been imported so far."""
        return {path.name for path in self.folder.iterdir()}


@pytest.fixture(scope="session")
def environment(tmp_path_factory) -> Environment:
    """Build all wheels, make a virtual environment, install."""
    folder = tmp_path_factory.mktemp("third-party")
    wheels, late = folder / "wheels", folder / "late"
    build(wheels, ROOT / "core", ROOT / "cli", *(toy.write(folder / "sources") for toy in TOYS))
    build(late, LATE.write(folder / "sources"))
    environment = Environment(folder / "environment", next(late.glob("*.whl")))
    venv.create(environment.root, symlinks=os.name != "nt")
    constraints = ROOT / "constraints.txt"
    environment.pip("install", *(["-c", constraints] if constraints.exists() else []), *LIGHT)
    environment.pip("install", "--no-deps", "--no-index", *wheels.glob("*.whl"))
    return environment


@dataclass
class Workshop:
    """A virtual environment as a plugin's author has one, its tools included, and wheels of everything in the project.

    Nothing in it is editable. The wheels of the plugins lie beside it, where its own pip finds them by name.
    """

    environment: Environment
    wheels: Path
    base: frozenset[str] = frozenset()

    def installed(self) -> dict[str, str]:
        """Return name → version of what is installed."""
        program = (
            "import json, importlib.metadata as m; print(json.dumps({d.name: d.version for d in m.distributions()}))"
        )
        return json.loads(self.run("python", "-c", program, cwd=self.wheels).stdout)

    def variables(self, **more: str) -> dict[str, str]:
        """Return what a program in the environment finds in its environment variables."""
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(("ARCHSMITH", "PYTHON"))}
        path = f"{self.environment.scripts}{os.pathsep}{inherited.get('PATH', '')}"
        pip = {
            "PIP_FIND_LINKS": str(self.wheels),
            "PIP_CONSTRAINT": str(ROOT / "constraints.txt"),
            "PIP_DISABLE_PIP_VERSION_CHECK": "1",
            "VIRTUAL_ENV": str(self.environment.root),
        }
        return inherited | NO_SETTINGS | {"PATH": path, "COLUMNS": "120"} | pip | more

    def run(self, *command: object, cwd: Path, code: int = 0, **more: str) -> subprocess.CompletedProcess[str]:
        """Run a program of the environment; fail, with all that it said, unless it ends with ``code``."""
        program, *arguments = map(str, command)
        done = subprocess.run(
            [str(self.environment.scripts / program), *arguments],
            cwd=cwd,
            env=self.variables(**more),
            capture_output=True,
            text=True,
            timeout=600,
            check=False,
        )
        assert done.returncode == code, f"{command} ended with {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done

    def freeze(self) -> list[str]:
        """Return what is installed, as pip lists it."""
        return self.run("python", "-m", "pip", "freeze", "--all", cwd=self.wheels).stdout.splitlines()


@pytest.fixture(scope="session")
def workshop(tmp_path_factory) -> Workshop:
    """Build all wheels, make a virtual environment, and install the kit, what it brings, and the tools of an author."""
    folder = tmp_path_factory.mktemp("workshop")
    wheels = folder / "wheels"
    plugins = sorted(path.parent for path in ROOT.glob("plugins/*/pyproject.toml"))
    build(wheels, ROOT / "core", ROOT / "cli", *plugins)
    found = Workshop(Environment(folder / "environment"), wheels)
    venv.create(found.environment.root, with_pip=True, symlinks=os.name != "nt")
    # Torch first, from wherever this machine's own pip takes it: beside the wheels it would be looked for elsewhere.
    found.environment.pip("install", "-c", ROOT / "constraints.txt", "torch", *TOOLS)
    found.run("python", "-m", "pip", "install", "-q", "archsmith-devkit", cwd=folder)
    found.base = frozenset(found.installed())
    return found


@pytest.fixture
def run(environment, tmp_path) -> Runner:
    """Return what runs programs in the environment."""
    return Runner(environment, tmp_path / "seen")
