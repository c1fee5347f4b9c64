"""``archsmith list``: the installed architectures."""

from typing import Annotated, Any

import typer

from archsmith.plugin import COMPONENTS
from archsmith.registry import Entry, Kind, State, registry
from archsmith_cli import installed
from archsmith_cli.render import Cell, Page, Report, clean


def run(
    tasks: Annotated[bool, typer.Option("--tasks", help="Load the manifests; show tasks and preprocessing.")] = False,
) -> Report:
    """List the installed architectures.

    Reads package metadata alone: no code of a plugin runs. With --tasks, every plugin's manifest is loaded, and those
    that do not load are shown as broken.
    """
    problems = installed.problems()
    if tasks:
        registry.load_all()
    found = installed.entries(Kind.ARCHITECTURE)
    rows = [_row(entry) | (_parts(entry) if tasks else {}) for entry in found]

    def draw(page: Page) -> None:
        if not rows:
            page.line(installed.NOTHING_INSTALLED)
        elif tasks:
            _draw_parts(page, found, rows)
        else:
            page.table(
                ("ARCHITECTURE", "DISTRIBUTION", "VERSION", "STATE"),
                [
                    (Cell(entry.name, "bold"), entry.distribution, entry.version, installed.state_cell(entry.state))
                    for entry in found
                ],
            )
        installed.draw_troubles(page, [*found, *(installed.entries(Kind.EXTENSION) if tasks else ())], problems)

    data = {"architectures": rows, "settings": installed.settings_data(), "problems": list(problems)}
    return Report(data, draw)


def _row(entry: Entry) -> dict[str, Any]:
    known = {"model_type": entry.name, "distribution": entry.distribution, "version": entry.version}
    return known | installed.trouble_data(entry)


def _parts(entry: Entry) -> dict[str, Any]:
    """Return the tasks, those of extensions included, and the preprocessing parts."""
    if entry.state is not State.OK:
        return {"tasks": [], "preprocessing": []}
    record = registry.get(entry.name)
    parts = [part for part in COMPONENTS if getattr(record, part)]
    return {"tasks": sorted(registry.tasks(entry.name)), "preprocessing": parts}


def _draw_parts(page: Page, found: list[Entry], rows: list[dict[str, Any]]) -> None:
    for number, (entry, row) in enumerate(zip(found, rows, strict=True)):
        if number:
            page.blank()
        state = "" if entry.state is State.OK else installed.state_cell(entry.state)
        page.line(Cell(entry.name, "bold"), "  ", Cell(str(entry), "dim"), "  ", state)
        if entry.state is State.OK:
            page.prose(clean(", ".join(row["tasks"])) or "none", label="tasks        ", indent=2)
            page.prose(", ".join(row["preprocessing"]) or "none", label="preprocessing", indent=2)
