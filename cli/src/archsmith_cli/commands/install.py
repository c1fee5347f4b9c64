"""``archsmith install``: pip install, by short names, and what became available by it."""

import shlex
from importlib.metadata import version
from typing import Annotated

import typer

import archsmith
from archsmith.registry import State
from archsmith_cli import completion, installed, pip
from archsmith_cli.render import Page, Report


def run(
    names: Annotated[
        list[str],
        typer.Argument(
            metavar="NAME...", help="Plugins: vit, archsmith-good>=1, a wheel.", autocompletion=completion.known
        ),
    ],
    *,
    upgrade: Annotated[bool, typer.Option("--upgrade", "-U", help="Take newer versions of them.")] = False,
    unknown: Annotated[
        bool, typer.Option("--unknown", help="Take URLs, and names that archsmith does not know.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show the command; run nothing.")] = False,
) -> Report:
    """Install plugins, and show what they bring.

    Runs pip of the Python that archsmith runs on. Short names stand for known plugins: vit is archsmith-vit. Paths of
    wheels and source folders will do as well.

    Examples:
        archsmith install vit
        archsmith install vit distilbert --upgrade
        archsmith install ./archsmith_vit-0.2.0-py3-none-any.whl --dry-run
    """
    options = ["--upgrade"] if upgrade else []
    line = pip.command("install", *options, *(pip.requirement(name, unknown=unknown) for name in names))
    if dry_run:
        return Report({"command": line}, lambda page: page.verbatim(shlex.join(line)))
    change = pip.run_pip(line)
    core = version("archsmith")
    if core != archsmith.__version__:  # the states below would be about the one that runs
        said = f"archsmith itself is {core} now. What it finds: archsmith plugins"
        return Report({"command": line, "archsmith": core}, lambda page: page.prose(said))
    found = [*change.new, *change.others]

    def draw(page: Page) -> None:
        if not found:
            page.line("Nothing is new: it was there already, or is not a plugin.")
        if change.new:
            page.table(("NEW", "PLUGIN", "STATE"), [installed.entry_cells(entry) for entry in change.new])
        if change.others:
            page.blank()
            page.table(("CHANGED", "PLUGIN", "STATE"), [installed.entry_cells(entry) for entry in change.others])
        installed.draw_troubles(page, found)

    data = {
        "command": line,
        "new": [installed.entry_data(entry) for entry in change.new],
        "changed": [installed.entry_data(entry) for entry in change.others],
    }
    troubled = any(entry.state not in (State.OK, State.DISABLED) for entry in found)
    return Report(data, draw, exit_code=int(troubled))
