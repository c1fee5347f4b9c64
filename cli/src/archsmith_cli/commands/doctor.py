"""``archsmith doctor``: load everything that is installed, and name each problem with its remedy."""

from collections.abc import Iterable
from typing import Any

from archsmith.registry import Entry, State
from archsmith_cli import diagnosis, installed
from archsmith_cli.commands import version
from archsmith_cli.diagnosis import Problem
from archsmith_cli.render import STATE_STYLES, Cell, Page, Report


def run() -> Report:
    """Find every problem, and say how to fix it.

    Loads every manifest and every class that one refers to. Ends with code 1 if there is a problem; notes are none.

    Examples:
        archsmith doctor
        archsmith doctor --json
    """
    problems = list(
        dict.fromkeys(
            [
                *(*diagnosis.settings(), *diagnosis.states(), *diagnosis.plugins()),
                *(*diagnosis.class_names(), *diagnosis.commands(), *diagnosis.formats()),
            ]
        )
    )
    notes = diagnosis.notes(problems)
    versions = version.run().data
    plugins = _plugins(installed.entries(), problems)
    data: dict[str, Any] = {
        "versions": versions,
        "plugins": plugins,
        "problems": [vars(problem) for problem in problems],
        "notes": notes,
    }

    def draw(page: Page) -> None:
        parts = ("archsmith", "archsmith-cli", "python", "torch")
        page.line(", ".join(f"{part} {versions[part] or 'missing'}" for part in parts))
        if plugins:
            page.blank()
            rows = [_cells(plugin) for plugin in plugins]
            page.table(("PLUGIN", "VERSION", "STATE"), rows)
        installed.draw_settings(page)
        _draw_findings(page, problems, notes)

    return Report(data, draw, exit_code=int(bool(problems)))


def _plugins(found: Iterable[Entry], problems: list[Problem]) -> list[dict[str, Any]]:
    """Return each distribution with its state; one that is ok by its metadata but has a problem is broken."""
    blamed = {problem.subject for problem in problems}
    states: dict[tuple[str, str], str] = {}
    for entry in found:
        key = (entry.distribution, entry.version)
        if entry.state is not State.OK:
            states[key] = entry.state.value
        elif states.get(key, "ok") == "ok":
            states[key] = "broken" if str(entry) in blamed else "ok"
    return [
        {"distribution": name, "version": number, "state": state} for (name, number), state in sorted(states.items())
    ]


def _cells(plugin: dict[str, Any]) -> tuple[Cell | str, ...]:
    style = STATE_STYLES[plugin["state"]]
    return Cell(plugin["distribution"], "bold"), plugin["version"], Cell(plugin["state"], style)


def _draw_findings(page: Page, problems: list[Problem], notes: list[str]) -> None:
    for number, problem in enumerate(problems, 1):
        page.blank()
        page.prose(problem.problem, label=Cell(f"{number}.", "red"), below=problem.remedy)
    if notes:
        page.blank()
        page.heading("Notes")
        for note in notes:
            page.prose(note, label="-")
    page.blank()
    count = len(problems)
    if count:
        page.line(Cell(f"{count} problem{'s' if count > 1 else ''}.", "bold red"))
    else:
        page.line(Cell("No problems.", "bold green"))
