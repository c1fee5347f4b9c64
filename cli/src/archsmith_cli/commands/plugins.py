"""``archsmith plugins``: the distributions that bring architectures, extensions, preprocessing and commands."""

from collections.abc import Iterator
from typing import Annotated, Any

import typer

from archsmith.registry import Entry, Kind, State
from archsmith_cli import installed
from archsmith_cli.render import Cell, Page, Report, Span

#: The state of a distribution is the first of these that one of its entries has.
_GRAVEST = (State.BROKEN, State.INCOMPATIBLE, State.CONFLICTING, State.OK, State.DISABLED)
_KEYS = {kind: f"{kind}s" for kind in Kind}


def run(
    *,
    requirements: Annotated[
        bool, typer.Option("--requirements", help="Print lines for pip that bring the same plugins elsewhere.")
    ] = False,
) -> Report:
    """List the installed plugins and what they bring.

    Reads package metadata alone: no code of a plugin runs. `archsmith doctor` loads and checks each of them.

    Examples:
        archsmith plugins
        archsmith plugins --requirements
    """
    problems = installed.problems()
    found = installed.entries()
    if requirements:
        from archsmith_cli.requirements import of_installed

        return of_installed(found)
    plugins = _by_distribution(found)

    def draw(page: Page) -> None:
        if not plugins:
            page.line("No plugin is installed. ", "Each is a package: pip install archsmith-distilbert")
        else:
            page.table(
                ("PLUGIN", "VERSION", "STATE", "BRINGS"),
                [tuple(_cells(brought)) for brought in plugins],
                wrap="BRINGS",
            )
        installed.draw_settings(page)
        installed.draw_troubles(page, found, problems)

    data = {
        "plugins": [_data(brought) for brought in plugins],
        "settings": installed.settings_data(),
        "problems": list(problems),
    }
    return Report(data, draw)


def _by_distribution(found: list[Entry]) -> list[list[Entry]]:
    grouped: dict[tuple[str, str], list[Entry]] = {}
    for entry in found:
        grouped.setdefault((entry.key, entry.version), []).append(entry)
    return [grouped[key] for key in sorted(grouped)]


def _state(brought: list[Entry]) -> State:
    return min((entry.state for entry in brought), key=_GRAVEST.index)


def _cells(brought: list[Entry]) -> Iterator[Span]:
    state = _state(brought)
    yield Cell(brought[0].distribution, "bold")
    yield brought[0].version
    yield installed.state_cell(state)
    lines = []
    for kind in Kind:
        names = [
            entry.name if entry.state in (state, State.OK) else f"{entry.name} ({entry.state})"
            for entry in brought
            if entry.kind is kind
        ]
        if names:
            lines.append(f"{_KEYS[kind] if len(names) > 1 else kind} {', '.join(names)}")
    yield tuple(lines) or ""


def _data(brought: list[Entry]) -> dict[str, Any]:
    first = brought[0]
    data: dict[str, Any] = {
        "distribution": first.distribution,
        "version": first.version,
        "state": _state(brought).value,
    }
    for kind, key in _KEYS.items():
        data[key] = [{"name": entry.name} | installed.trouble_data(entry) for entry in brought if entry.kind is kind]
    return data
