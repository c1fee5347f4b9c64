"""The user's file of settings: changed under its lock, written whole, with the user's own comments kept."""

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from archsmith.commit import do, replacing, save_folder
from archsmith.discovery.installed import Entry, Kind, State
from archsmith.discovery.metadata import normal_name
from archsmith.discovery.settings import settings_file
from archsmith.errors import OptionError, PluginError, did_you_mean
from archsmith.registry import registry
from archsmith_cli import survey
from archsmith_cli.render import Cell, Page, Report

__all__ = ["change", "outcome", "plugin_named", "without"]


def change(edit: Callable[[Any], list[str]]) -> tuple[Path, list[str]]:
    """Change the file, or make it.

    Args:
        edit: Changes the document (a mapping that knows its comments), and returns a sentence for each change.

    Returns:
        The file, and the sentences.

    Raises:
        OptionError: There is no place for a file, or it holds something else.
        SaveFailed: It can not be written.
    """
    import tomlkit
    from tomlkit.exceptions import TOMLKitError

    named = settings_file()
    if named is None:
        raise OptionError("this user has no home to keep settings in. Set ARCHSMITH_CONFIG to the path of a file.")
    path = Path(os.path.realpath(named))  # a link stays one, and what it leads to is replaced
    save_folder(path.parent)
    with replacing(path.parent, (path.name,)) as staging:
        text = path.read_text(encoding="utf-8") if path.exists() else ""
        try:
            document = tomlkit.parse(text)
            said = edit(document)
        except (TOMLKitError, TypeError, AttributeError, ValueError) as error:
            raise OptionError(f"{str(path)!r} is not a file of settings: {error}. Mend or delete it.") from error
        do((staging / path.name).write_text, tomlkit.dumps(document), encoding="utf-8")
    registry.refresh()
    return named, said


def plugin_named(name: str) -> Entry:
    """Return an entry of the installed plugin of that name. Raises `PluginError` if there is none."""
    found = survey.entries(*Kind)
    for entry in found:
        if entry.key == normal_name(name):
            return entry
    names = sorted({entry.distribution for entry in found})
    raise PluginError(
        f"no installed plugin is called {name!r}. Installed: {', '.join(names) or 'none'}.{did_you_mean(name, names)}"
    )


def without(names: Sequence[Any], gone: str) -> list[str]:
    """Return names without one, however it is spelt."""
    return [str(name) for name in names if normal_name(str(name)) != normal_name(gone)]


def outcome(path: Path, said: Sequence[str], entries: Sequence[Entry]) -> Report:
    """Report what was changed in the file, what became of the entries, and what has the last word nevertheless."""
    problems = survey.index().problems
    data = {
        "file": str(path),
        "changes": list(said),
        "entries": [
            {"kind": entry.kind.value, "name": entry.name, "plugin": str(entry)} | survey.trouble_data(entry)
            for entry in entries
        ],
        "problems": list(problems),
    }

    def draw(page: Page) -> None:
        for sentence in said or ["Nothing to change."]:
            page.prose(sentence)
        page.line(Cell(str(path), "dim"))
        if entries:
            page.blank()
            page.table(
                ("NAME", "PLUGIN", "STATE"),
                [(f"{entry.kind} {entry.name}", str(entry), survey.state_cell(entry.state)) for entry in entries],
            )
        survey.draw_troubles(page, [entry for entry in entries if entry.state is not State.OK], problems)

    return Report(data, draw)
