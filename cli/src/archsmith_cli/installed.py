"""What is installed, as the commands that list it see it. Reads metadata; loads nothing unless it says so."""

import contextlib
import re
import warnings
from collections.abc import Iterable, Iterator
from importlib.metadata import distribution
from pathlib import Path
from typing import Any

from archsmith.errors import ArchsmithWarning
from archsmith.registry import Entry, Kind, Pin, Settings, State, Switch, registry
from archsmith_cli.render import STATE_STYLES, Cell, Page, clean

__all__ = [
    "NOTHING_INSTALLED",
    "draw_settings",
    "draw_troubles",
    "entries",
    "entry_cells",
    "entry_data",
    "notes",
    "overriding",
    "overriding_pin",
    "pin_data",
    "problems",
    "settings_data",
    "state_cell",
    "summary",
    "trouble_data",
]

NOTHING_INSTALLED = "No architecture is installed. Each comes in a package of its own: pip install archsmith-distilbert"


@contextlib.contextmanager
def _unannounced() -> Iterator[None]:
    """Let the scan warn of no problem: the commands show them themselves."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ArchsmithWarning)
        yield


def problems() -> tuple[str, ...]:
    """Return what is wrong with the settings."""
    with _unannounced():
        return registry.index.problems


def notes() -> tuple[str, ...]:
    """Return what is unusual but allowed."""
    with _unannounced():
        return registry.index.notes


def entries(*kinds: Kind) -> list[Entry]:
    """Return the entries of some kinds; of all if none is named."""
    with _unannounced():
        return [entry for kind in kinds or Kind for entry in registry.entries(kind)]


def summary(entry: Entry) -> str:
    """Return the line in which a plugin's metadata says what it is; empty if it says none."""
    with contextlib.suppress(Exception):  # a stranger's files, which may be anything
        header = (distribution(entry.distribution).read_text("METADATA") or "").partition("\n\n")[0]
        said = re.search(r"^Summary:(.*)$", header, re.MULTILINE | re.IGNORECASE)
        return " ".join(said[1].split()) if said and said[1].strip() != "UNKNOWN" else ""
    return ""


def state_cell(state: State) -> Cell:
    """Return a state as a cell of a table."""
    return Cell(state, STATE_STYLES[state])


def trouble_data(entry: Entry) -> dict[str, Any]:
    """Return state, reason and remedy as JSON; the last two are null when nothing is known against the entry."""
    return {"state": entry.state.value, "reason": entry.reason or None, "remedy": entry.remedy or None}


def entry_cells(entry: Entry) -> tuple[str, str, Cell]:
    """Return what an entry is, whose it is and its state, as cells of a table."""
    return f"{entry.kind} {entry.name}", str(entry), state_cell(entry.state)


def entry_data(entry: Entry) -> dict[str, Any]:
    """Return an entry of any kind as JSON."""
    return {"kind": entry.kind.value, "name": entry.name, "plugin": str(entry)} | trouble_data(entry)


# ---- settings -----------------------------------------------------------------------------------------------------


def settings_data() -> dict[str, Any]:
    """Return the settings in force as JSON: the file, and for each what it is and where it stands."""
    found = Settings.read()

    def switch(said: Switch) -> dict[str, Any] | None:
        return {"names": list(said.names), "source": _source(said, found)} if said.names else None

    return {
        "file": str(found.file) if found.file else None,
        "exists": found.file is not None and _is_there(found.file),
        "plugins": switch(found.only),
        "disable": switch(found.disable),
        "pin": {pin.name: pin_data(pin.name) for pin in found.pins},
    }


def pin_data(name: str) -> dict[str, str] | None:
    """Return the pin of a name as JSON; None if it is not pinned."""
    found = Settings.read()
    pin = found.pin_of(name)
    return {"distribution": pin.distribution, "source": _source(pin, found)} if pin else None


def draw_settings(page: Page) -> None:
    """Write the settings in force, and where each stands; nothing if there is none."""
    found = Settings.read()
    lines = [
        (f"{key} = {', '.join(said.names)}", said.source)
        for key, said in (("plugins", found.only), ("disable", found.disable))
        if said.names
    ]
    lines += [(f"pin {pin.name} = {pin.distribution}", pin.source) for pin in found.pins]
    if lines:
        page.blank()
    for said, source in lines:
        page.prose(clean(f"{said}  ({source})"), label=Cell("settings", "dim"))


def overriding(*keys: str) -> list[str]:
    """Return the variables that go over lists in the file."""
    found = Settings.read()
    lists = {"plugins": found.only, "disable": found.disable}
    return [lists[key].source for key in keys if lists[key].source and not lists[key].in_file]


def overriding_pin(name: str) -> list[str]:
    """Return the variable that goes over the pin of a name in the file, if one does."""
    pin = Settings.read().pin_of(name)
    return [pin.source] if pin and not pin.in_file else []


def _is_there(path: Path) -> bool:
    try:
        return path.exists()
    except OSError:
        return False


def _source(said: Switch | Pin, found: Settings) -> str:
    """Return the variable, or the path as it is."""
    return str(found.file) if said.in_file else said.source


# ---- what is wrong ------------------------------------------------------------------------------------------------


def draw_troubles(page: Page, found: Iterable[Entry], problems: Iterable[str] = ()) -> None:
    """Write why entries are not ok and what to do, each distinct reason once, then the problems of the settings."""
    before = None
    for entry in _with_distinct_reasons(found):
        off = entry.state is State.DISABLED
        if not (off and before is State.DISABLED):  # what the user switched off may be many, and is no news
            page.blank()
        text, below = (f"{entry.reason} {entry.remedy}", "") if off else (entry.reason, entry.remedy)
        page.prose(text, label=state_cell(entry.state), below=below)
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
