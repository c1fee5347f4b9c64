"""``archsmith new``: a whole distribution with a model of one's own, a new task, or a command."""

import shlex
from pathlib import Path
from typing import Annotated, Any

import typer

from archsmith.registry import Kind, registry
from archsmith.tasks import auto_class_name
from archsmith_cli.verb import BUILT_IN, Cell, Page, Report, completing, expand, in_group, one_of, output_folder
from archsmith_devkit.base_architecture import find_base
from archsmith_devkit.project_names import ProjectNames, find_names, refuse_taken_classes
from archsmith_devkit.scaffold import KINDS, project_files


@in_group("Develop")
def new(
    name: Annotated[
        str, typer.Argument(metavar="NAME", help="The model_type; of an extension the task, of a tool the command.")
    ],
    *,
    kind: Annotated[
        str,
        typer.Option(
            "--kind",
            metavar="KIND",
            help=f"What to make: {', '.join(KINDS)}.",
            callback=one_of(KINDS),
            autocompletion=completing(lambda _: KINDS),
        ),
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
        typer.Option(
            "--base",
            metavar="MODEL_TYPE",
            help="What an extension extends, such as distilbert.",
            autocompletion=completing(lambda _: registry.names()),
        ),
    ] = None,
    class_prefix: Annotated[
        str | None,
        typer.Option(
            "--class-prefix", metavar="PREFIX", help="What the classes' names begin with, such as GPT2; from NAME."
        ),
    ] = None,
) -> Report:
    """Write a plugin of your own, ready to install.

    The folder holds a whole distribution: a model that computes and learns, or a new task, or a command; its
    preprocessing, tests, and settings for ruff, mypy, pytest and CI, all of which pass. It overwrites nothing.

    Examples:
        archsmith new my-net --kind vision
        archsmith new sentence-embedding --kind extension --base distilbert
        archsmith new count --kind tool
    """
    if base is not None and kind != "extension":
        raise typer.BadParameter(f"it is {base!r}, but belongs to --kind extension", param_hint="--base")
    if base is None and kind == "extension":
        raise typer.BadParameter(
            "it is missing; expected the architecture that is extended, such as --base distilbert. Installed: "
            f"{', '.join(registry.names()) or 'none'}.",
            param_hint="--base",
        )
    if class_prefix is not None and kind in ("extension", "tool"):
        fault = f"it is {class_prefix!r}, but --kind {kind} has no classes of its own name"
        raise typer.BadParameter(fault, param_hint="--class-prefix")
    names = find_names(name, distribution, class_prefix)
    if kind == "tool":
        _refuse_taken_verb(name)
    files = _extension_files(names, base) if base is not None else project_files(kind, names.words())
    refuse_taken_classes(names, files)
    where = names.distribution if out is None else str(expand(out, "--out"))
    with output_folder(where, force=False, remedy="Choose another with --out.") as folder:
        _write(files, folder)
    commands = [f"cd {shlex.quote(where)}", 'pip install -e ".[dev]"', "pytest"]
    data: dict[str, Any] = {
        "path": where,
        "kind": kind,
        "name": name,
        "distribution": names.distribution,
        "package": names.package,
        "files": sorted(files),
        "next": commands,
    }
    return Report(data, lambda page: _draw(page, data))


def _extension_files(names: ProjectNames, base: str) -> dict[str, str]:
    """Return the files of an extension of somebody else's architecture."""
    task = names.name.replace("_", "-")
    extended = find_base(base)
    tasks = registry.tasks(base)
    if task in tasks:
        raise typer.BadParameter(
            f"{base!r} has a model for the task {task!r} already, from {tasks[task].entry}. Choose another name.",
            param_hint="NAME",
        )
    words = names.words() | extended.words()
    words |= {"sample-net": task, "ForSampleNet": auto_class_name(task).removeprefix("AutoModel")}
    files = project_files("extension", words)
    model = f"src/{names.package}/model.py"
    return files | {model: extended.adapt(files[model])}


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
