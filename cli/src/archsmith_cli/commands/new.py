"""``archsmith new``: a whole distribution with a model of one's own, a new task, or a command."""

import shlex
from pathlib import Path
from typing import Annotated, Any

import typer

from archsmith.messages import did_you_mean
from archsmith.registry import registry
from archsmith.registry.installed import Kind
from archsmith.tasks import auto_class_name
from archsmith_cli.main import BUILT_IN
from archsmith_cli.newcomer import Newcomer, refuse_taken_classes, resolve_newcomer
from archsmith_cli.owner import find_owner
from archsmith_cli.render import Cell, Page, Report
from archsmith_cli.scaffold import KINDS, project_files
from archsmith_cli.target import target_folder

_BASE = "distilbert"


def _kind(value: str) -> str:
    if value not in KINDS:
        raise typer.BadParameter(f"{value!r} is none of {', '.join(KINDS)}.{did_you_mean(value, KINDS)}")
    return value


def run(
    name: Annotated[
        str, typer.Argument(metavar="NAME", help="The model_type; of an extension the task, of a tool the command.")
    ],
    *,
    kind: Annotated[
        str, typer.Option("--kind", metavar="KIND", help=f"What to make: {', '.join(KINDS)}.", callback=_kind)
    ] = "text",
    out: Annotated[
        str | None,
        typer.Option("--out", metavar="OUT", help="The folder to write; DISTRIBUTION if left out."),
    ] = None,
    distribution: Annotated[
        str | None,
        typer.Option(
            "--distribution", metavar="DISTRIBUTION", help="What pip is to install; archsmith-NAME if left out."
        ),
    ] = None,
    base: Annotated[
        str | None,
        typer.Option("--base", metavar="MODEL_TYPE", help=f"What an extension extends; {_BASE} if left out."),
    ] = None,
) -> Report:
    """Write a plugin of your own, ready to install.

    The folder holds a whole distribution: a model that computes and learns, or a new task, or a command; its
    preprocessing, tests, and settings for ruff, mypy, pytest and CI, all of which pass. It overwrites nothing.
    """
    if base is not None and kind != "extension":
        raise typer.BadParameter("it is for --kind extension", param_hint="--base")
    newcomer = resolve_newcomer(name, distribution)
    if kind == "tool":
        _refuse_taken_verb(name)
    files = _extension_files(newcomer, base or _BASE) if kind == "extension" else project_files(kind, newcomer.words())
    refuse_taken_classes(newcomer, files)
    where = newcomer.distribution if out is None else out
    with target_folder(where, force=False, remedy="Choose another with --out.") as folder:
        _write(files, folder)
    commands = [f"cd {shlex.quote(where)}", 'pip install -e ".[dev]"', "pytest"]
    data: dict[str, Any] = {
        "path": where,
        "kind": kind,
        "name": name,
        "distribution": newcomer.distribution,
        "package": newcomer.package,
        "files": sorted(files),
        "next": commands,
    }
    return Report(data, lambda page: _draw(page, data))


def _extension_files(newcomer: Newcomer, base: str) -> dict[str, str]:
    """Return the files of an extension of somebody else's architecture."""
    task = newcomer.name.replace("_", "-")
    owner = find_owner(base)
    tasks = registry.tasks(base)
    if task in tasks:
        raise typer.BadParameter(
            f"{base!r} has a model for the task {task!r} already, from {tasks[task].entry}. Choose another name.",
            param_hint="NAME",
        )
    words = newcomer.words() | owner.words()
    words |= {"sample-net": task, "ForSampleNet": auto_class_name(task).removeprefix("AutoModel")}
    files = project_files("extension", words)
    model = f"src/{newcomer.package}/model.py"
    return files | {model: owner.adapt(files[model])}


def _refuse_taken_verb(name: str) -> None:
    owners = {entry.name: str(entry) for entry in registry.entries(Kind.COMMAND)}
    owners |= dict.fromkeys(BUILT_IN, "archsmith itself")
    if name in owners:
        raise typer.BadParameter(
            f"{name!r} is a command of {owners[name]} already. Choose another name, such as 'my-{name}'.",
            param_hint="NAME",
        )


def _write(files: dict[str, str], folder: Path) -> None:
    for place, text in files.items():
        path = folder / place
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8", newline="\n")


def _draw(page: Page, data: dict[str, Any]) -> None:
    page.line("Wrote ", Cell(data["distribution"], "bold"), f" to {data['path']}: {KINDS[data['kind']]}")
    for file in data["files"]:
        page.line(f"  {file}")
    page.line("Next:")
    for command in data["next"]:
        page.line("  ", Cell(command, "bold"))
