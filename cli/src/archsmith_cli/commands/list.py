"""``archsmith list``: the installed architectures, and preprocessing that none of them owns."""

from typing import Annotated, Any

import typer

from archsmith.plugin import COMPONENTS
from archsmith.registry import Entry, Kind, State, registry
from archsmith_cli import installed
from archsmith_cli.render import Cell, Page, Report, clean

#: What is listed → what its name is called in JSON.
_NAMES = {Kind.ARCHITECTURE: "model_type", Kind.PROCESSOR: "name"}


def run(
    tasks: Annotated[bool, typer.Option("--tasks", help="Load the manifests; show tasks and preprocessing.")] = False,
) -> Report:
    """List the installed architectures.

    Preprocessing that none of them owns follows them. Reads package metadata alone: no code of a plugin runs. With
    --tasks, every plugin's manifest is loaded, and those that do not load are shown as broken.
    """
    problems = installed.problems()
    if tasks:
        registry.load_all()
    listed = {kind: installed.entries(kind) for kind in _NAMES}
    rows = {kind: [_row(entry) | (_parts(entry) if tasks else {}) for entry in listed[kind]] for kind in _NAMES}

    def draw(page: Page) -> None:
        if not rows[Kind.ARCHITECTURE]:
            page.line(installed.NOTHING_INSTALLED)
        for kind, found in listed.items():
            if kind is not Kind.ARCHITECTURE and found:
                page.blank()
            if found:
                _draw_parts(page, found, rows[kind]) if tasks else _draw_table(page, found)
        every = [entry for found in listed.values() for entry in found]
        installed.draw_troubles(page, [*every, *(installed.entries(Kind.EXTENSION) if tasks else ())], problems)

    data = {"architectures": rows[Kind.ARCHITECTURE], "processors": rows[Kind.PROCESSOR]}
    return Report(data | {"settings": installed.settings_data(), "problems": list(problems)}, draw)


def _row(entry: Entry) -> dict[str, Any]:
    known = {_NAMES[entry.kind]: entry.name, "distribution": entry.distribution, "version": entry.version}
    return known | installed.trouble_data(entry)


def _parts(entry: Entry) -> dict[str, Any]:
    """Return the tasks and the preprocessing parts, those of extensions included."""
    roles = registry.roles(*entry.owner) if entry.state is State.OK else {}
    tasks = [role.removeprefix("models.") for role in sorted(roles) if role.startswith("models.")]
    parts = {"preprocessing": [part for part in COMPONENTS if part in roles]}
    return parts if entry.kind is Kind.PROCESSOR else {"tasks": tasks} | parts


def _draw_table(page: Page, found: list[Entry]) -> None:
    page.table(
        (found[0].kind.upper(), "DISTRIBUTION", "VERSION", "STATE"),
        [
            (Cell(entry.name, "bold"), entry.distribution, entry.version, installed.state_cell(entry.state))
            for entry in found
        ],
    )


def _draw_parts(page: Page, found: list[Entry], rows: list[dict[str, Any]]) -> None:
    for number, (entry, row) in enumerate(zip(found, rows, strict=True)):
        if number:
            page.blank()
        state = "" if entry.state is State.OK else installed.state_cell(entry.state)
        page.line(Cell(entry.name, "bold"), "  ", Cell(str(entry), "dim"), "  ", state)
        if entry.state is State.OK:
            if "tasks" in row:
                page.prose(clean(", ".join(row["tasks"])) or "none", label="tasks        ", indent=2)
            page.prose(", ".join(row["preprocessing"]) or "none", label="preprocessing", indent=2)
