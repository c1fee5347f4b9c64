"""What is installed, as the commands that list it see it. Reads metadata; loads nothing unless it says so."""

import warnings
from collections.abc import Iterable
from typing import Any

from archsmith.discovery.installed import Entry, Index, Kind, State
from archsmith.errors import ArchsmithWarning
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
    before = None
    for entry in _with_distinct_reasons(found):
        off = entry.state is State.DISABLED
        if not (off and before is State.DISABLED):  # what the user switched off may be many, and is no news
            page.blank()
        label = state_cell(entry.state)
        page.prose(f"{entry.reason} {entry.remedy}" if off else entry.reason, label=label)
        if entry.remedy and not off:
            page.line(" " * (len(label.text) + 2), entry.remedy)
        before = entry.state
    for problem in problems:
        page.blank()
        page.prose(problem, label=Cell("settings", "yellow"))


def _with_distinct_reasons(found: Iterable[Entry]) -> list[Entry]:
    distinct: dict[tuple[str, str], Entry] = {}
    for entry in found:
        if entry.state is not State.OK:
            distinct.setdefault((entry.reason, entry.remedy), entry)
    return list(distinct.values())
