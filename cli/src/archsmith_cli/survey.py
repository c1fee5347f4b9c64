"""What is installed, as the commands that list it see it. Reads metadata; loads nothing unless it says so."""

import warnings
from collections.abc import Iterable, Iterator
from typing import Any

from archsmith.errors import ArchsmithWarning
from archsmith.installed import Entry, Index, Kind, State
from archsmith.registry import registry
from archsmith_cli.render import STATE_STYLES, Cell, Page

__all__ = ["NOTHING_INSTALLED", "draw_troubles", "entries", "index", "state_cell", "trouble_data"]

NOTHING_INSTALLED = "No architecture is installed. Each comes in a package of its own: pip install archsmith-distilbert"


def index() -> Index:
    """Return the scan, for a command that shows its problems itself and needs no warning of them."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ArchsmithWarning)
        return registry.index


def entries(*kinds: Kind) -> list[Entry]:
    """Return the entries of some kinds, as `index` without a warning."""
    index()
    return [entry for kind in kinds for entry in registry.entries(kind)]


def state_cell(state: State) -> Cell:
    """Return a state as a cell of a table."""
    return Cell(state, STATE_STYLES[state])


def trouble_data(entry: Entry) -> dict[str, Any]:
    """Return state, reason and remedy as JSON; the last two are null when nothing is known against the entry."""
    return {"state": entry.state.value, "reason": entry.reason or None, "remedy": entry.remedy or None}


def draw_troubles(page: Page, found: Iterable[Entry], problems: Iterable[str] = ()) -> None:
    """Write why entries are not ok and what to do, each distinct reason once, then the problems of the settings."""
    blocks = list(_reasons(found))
    blocks += [(Cell("settings", "yellow"), problem, "") for problem in problems]
    for label, reason, remedy in blocks:
        page.blank()
        page.prose(reason, label=label)
        if remedy:
            page.line(" " * (len(label.text) + 2), remedy)


def _reasons(found: Iterable[Entry]) -> Iterator[tuple[Cell, str, str]]:
    said = set()
    for entry in found:
        if entry.state is not State.OK and (entry.reason, entry.remedy) not in said:
            said.add((entry.reason, entry.remedy))
            yield state_cell(entry.state), entry.reason, entry.remedy
