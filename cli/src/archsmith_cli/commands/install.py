"""``archsmith install``: pip install, by short names, and what became available by it."""

import shlex
from typing import Annotated

import typer

from archsmith.discovery.installed import Entry, Kind, State
from archsmith.registry import registry
from archsmith_cli import pip, survey
from archsmith_cli.render import Page, Report


def run(
    names: Annotated[list[str], typer.Argument(metavar="NAME...", help="Plugins: vit, acme-good>=1, a wheel.")],
    *,
    upgrade: Annotated[bool, typer.Option("--upgrade", "-U", help="Take newer versions of them.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show the command; run nothing.")] = False,
) -> Report:
    """Install plugins, and say what they bring.

    Runs pip of the Python that archsmith runs on. Short names stand for known plugins: vit is archsmith-vit.
    """
    options = ["--upgrade"] if upgrade else []
    line = pip.command("install", *options, *map(pip.requirement, names))
    if dry_run:
        return Report({"command": line}, lambda page: page.verbatim(shlex.join(line)))
    before = {_identity(entry) for entry in survey.entries(*Kind)}
    pip.run_pip(line)
    registry.refresh()
    found = [entry for entry in survey.entries(*Kind) if _identity(entry) not in before]

    def draw(page: Page) -> None:
        if not found:
            page.line("Nothing is new: it was there already, or is no plugin.")
            return
        page.table(
            ("NEW", "PLUGIN", "STATE"),
            [(f"{entry.kind} {entry.name}", str(entry), survey.state_cell(entry.state)) for entry in found],
        )
        survey.draw_troubles(page, found)

    data = [
        {"kind": entry.kind.value, "name": entry.name, "plugin": str(entry)} | survey.trouble_data(entry)
        for entry in found
    ]
    troubled = any(entry.state not in (State.OK, State.DISABLED) for entry in found)
    return Report({"command": line, "new": data}, draw, exit_code=int(troubled))


def _identity(entry: Entry) -> tuple[str, ...]:
    return entry.kind, entry.name, entry.key, entry.version
