"""``archsmith list``: the installed architectures, and preprocessing that none of them owns; or what is looked for."""

from collections.abc import Sequence
from typing import Annotated, Any

import typer

from archsmith.messages import did_you_mean
from archsmith.plugin import COMPONENTS
from archsmith.registry import Entry, Kind, State, registry
from archsmith_cli import completion, installed
from archsmith_cli.render import Cell, Page, Report, clean
from archsmith_cli.verb import one_of

#: What ``--kind`` takes, which is the key in JSON too.
_KINDS = {f"{kind}s": kind for kind in Kind}
_USUAL = (Kind.ARCHITECTURE, Kind.PROCESSOR)
#: Kinds that have tasks, or parts of preprocessing.
_OWNERS = (Kind.ARCHITECTURE, Kind.PROCESSOR)


def run(
    words: Annotated[
        list[str] | None,
        typer.Argument(metavar="WORD", help="What the name, the plugin or its summary must hold; all of several."),
    ] = None,
    *,
    tasks: Annotated[bool, typer.Option("--tasks", help="Load the manifests; show tasks and preprocessing.")] = False,
    task: Annotated[
        str | None,
        typer.Option(
            "--task",
            metavar="TASK",
            help="Load the manifests; list what has this task.",
            autocompletion=completion.tasks,
        ),
    ] = None,
    kind: Annotated[
        str | None,
        typer.Option(
            "--kind",
            metavar="KIND",
            help=f"List these: {', '.join(_KINDS)}.",
            callback=one_of(_KINDS),
            autocompletion=completion.words(_KINDS),
        ),
    ] = None,
) -> Report:
    """List the installed architectures.

    Preprocessing that none of them owns follows them. Reads package metadata alone: no code of a plugin runs. With
    --tasks or --task, every plugin's manifest is loaded, and those that do not load are shown as broken. Words are also
    looked for in the names of classes with --tasks. Ends with code 1 if nothing is found.

    Examples:
        archsmith list
        archsmith list vit
        archsmith list --task image-classification
        archsmith list --kind commands
    """
    problems = installed.problems()
    kinds = [_KINDS[kind]] if kind else list(_USUAL)
    if not all(words or ["all"]):
        raise typer.BadParameter("'' is empty; expected what a name holds", param_hint="WORD")
    if task is not None and not set(kinds) & {Kind.ARCHITECTURE}:
        raise typer.BadParameter(f"it is for architectures, but --kind is {kind}", param_hint="--task")
    if tasks or task is not None:
        registry.load_all()
    every = [entry for each in kinds for entry in installed.entries(each)]
    found = [entry for entry in every if _fits(entry, [*(words or ())], task, with_classes=tasks)]
    searched = bool(words) or task is not None
    message = _nothing(every, words or (), task) if searched and not found else None
    listed = {each: [entry for entry in found if entry.kind is each] for each in kinds}
    rows = {each: [_row(entry, tasks=tasks) for entry in listed[each]] for each in kinds}

    def draw(page: Page) -> None:
        if message:
            page.prose(message)
        elif not listed.get(Kind.ARCHITECTURE, True) and not searched:
            page.line(installed.NOTHING_INSTALLED)
        elif not found:
            page.line(f"No {kinds[0]} is installed.")
        shown = [each for each in kinds if listed[each]]
        for number, each in enumerate(shown):
            if number or (each is not Kind.ARCHITECTURE and not searched and not kind):
                page.blank()
            with_parts = tasks and each in _OWNERS
            (_draw_parts if with_parts else _draw_table)(page, listed[each], rows[each])
        beside = installed.entries(Kind.EXTENSION) if tasks and not (searched or kind) else ()
        installed.draw_troubles(page, [*found, *beside], problems)

    data: dict[str, Any] = {
        name: rows.get(each, []) for name, each in _KINDS.items() if each in kinds or each in _USUAL
    }
    data |= {"settings": installed.settings_data(), "problems": list(problems), "message": message}
    return Report(data, draw, exit_code=int(message is not None))


def _fits(entry: Entry, words: Sequence[str], task: str | None, *, with_classes: bool) -> bool:
    """Tell whether an entry has a task, and every word somewhere."""
    if task is not None and (entry.kind is not Kind.ARCHITECTURE or task not in _tasks(entry)):
        return False
    if not words:
        return True
    texts = [entry.name, entry.distribution, installed.summary(entry)]
    if with_classes and entry.kind in _OWNERS and entry.state is State.OK:
        texts += [export.class_name for export in registry.roles(*entry.owner).values()]
    text = "\n".join(texts).casefold()
    return all(word.casefold() in text for word in words)


def _nothing(every: Sequence[Entry], words: Sequence[str], task: str | None) -> str:
    """Say that nothing was found, and what is near."""
    near = {name for entry in every for name in (entry.name, entry.distribution)}
    lost = [word for word in words if not any(word.casefold() in name.casefold() for name in near)]
    hints = [did_you_mean(word, near) for word in lost]
    if task is not None:
        known = {each for entry in every for each in _tasks(entry)}
        hints += [did_you_mean(task, known)] if task not in known else []
    asked = [*(["the task " + repr(task)] if task is not None else []), *map(repr, words)]
    return f"Nothing that is installed has {' and '.join(asked)}.{''.join(hints)}"


def _tasks(entry: Entry) -> list[str]:
    """Return the tasks of an architecture, those of extensions included."""
    usable = entry.kind is Kind.ARCHITECTURE and entry.state is State.OK
    return sorted(registry.tasks(entry.name)) if usable else []


def _row(entry: Entry, *, tasks: bool) -> dict[str, Any]:
    name = "model_type" if entry.kind is Kind.ARCHITECTURE else "name"
    row: dict[str, Any] = {name: entry.name, "distribution": entry.distribution, "version": entry.version}
    row |= {"summary": installed.summary(entry)} | installed.trouble_data(entry)
    if not tasks or entry.kind not in _OWNERS:
        return row
    roles = registry.roles(*entry.owner) if entry.state is State.OK else {}
    has = {"tasks": _tasks(entry)} if entry.kind is Kind.ARCHITECTURE else {}
    return row | has | {"preprocessing": [part for part in COMPONENTS if part in roles]}


def _draw_table(page: Page, found: list[Entry], rows: list[dict[str, Any]]) -> None:
    headers = (found[0].kind.upper(), "DISTRIBUTION", "VERSION", "STATE")
    cells: list[tuple[Cell | str, ...]] = [
        (Cell(entry.name, "bold"), entry.distribution, entry.version, installed.state_cell(entry.state))
        for entry in found
    ]
    if any(row["summary"] for row in rows) and page.has_room(headers, cells):
        cells = [(*each, Cell(row["summary"], "dim")) for each, row in zip(cells, rows, strict=True)]
        page.table((*headers, "SUMMARY"), cells, wrap="SUMMARY")
    else:
        page.table(headers, cells)


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
