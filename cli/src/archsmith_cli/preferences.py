"""The user's file of settings: changed under its lock, written whole, with the user's own comments kept."""

import os
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from archsmith.errors import OptionError
from archsmith.files import replacing, save_folder
from archsmith.registry import CONFIG_VARIABLE, Entry, Settings, State, find_faults, normal_name, registry
from archsmith_cli import installed
from archsmith_cli.render import Cell, Page, Report

__all__ = ["change", "changed", "take_out"]


def change(edit: Callable[[Any], list[str]]) -> tuple[Path, list[str]]:
    """Change the file, or make it. If there is nothing to change, nothing is written.

    Args:
        edit: Changes the document (a mapping that knows its comments), and returns a sentence for each change. It is
            called once more when the lock is held.

    Returns:
        The file, and the sentences.

    Raises:
        OptionError: There is no place for a file, or it holds something else.
        SaveFailed: It cannot be written.
    """
    named = Settings.read().file
    if named is None:
        why = f"{CONFIG_VARIABLE} is {os.devnull}" if os.environ.get(CONFIG_VARIABLE) else "this user has no home"
        raise OptionError(f"there is no file to keep settings in: {why}. Set {CONFIG_VARIABLE} to the path of a file.")
    path = Path(os.path.realpath(named))  # a link stays one, and what it leads to is replaced
    said = _edited(path, edit)[1]
    if said:
        save_folder(path.parent)
        with replacing(path.parent, (path.name,)) as staging:
            content, said = _edited(path, edit)
            (staging / path.name).write_bytes(content)
        registry.refresh()
    return named, said


def _edited(path: Path, edit: Callable[[Any], list[str]]) -> tuple[bytes, list[str]]:
    """Return what is to be in the file, and the sentences."""
    import tomlkit
    from tomlkit.exceptions import TOMLKitError

    try:
        if path.exists() and not path.is_file():
            raise OptionError(f"{str(path)!r} is not a regular file. Set {CONFIG_VARIABLE} to the path of one.")
        document = tomlkit.parse(path.read_bytes().decode("utf-8") if path.exists() else "")
    except OSError as error:
        raise OptionError(
            f"{str(path)!r} cannot be read: {error.strerror or error}. Set {CONFIG_VARIABLE} to another file."
        ) from error
    except (TOMLKitError, ValueError, RecursionError) as error:
        raise OptionError(f"{str(path)!r} is not TOML: {error}. Fix or delete it.") from error
    for fault in find_faults(document.unwrap()):
        raise OptionError(f"{str(path)!r}: {fault} Fix or delete it.")
    said = edit(document)
    return tomlkit.dumps(document).encode("utf-8"), said


def take_out(names: Any, gone: Iterable[str]) -> bool:
    """Take distributions out of a list, however they are spelt there; return whether one was in it."""
    keys = set(map(normal_name, gone))
    places = [place for place, name in enumerate(names) if normal_name(name) in keys]
    for place in reversed(places):
        del names[place]  # one by one, for the comments beside the others
    return bool(places)


def changed(edit: Callable[[Any], list[str]], about: Callable[[Entry], bool], *, overridden: Sequence[str]) -> Report:
    """Change the file, and report that and what became of the entries.

    Args:
        edit: As for `change`.
        about: Tells which entries it is about.
        overridden: The variables that go over what the file says of it.
    """
    path, said = change(edit)
    entries = [entry for entry in installed.entries() if about(entry)]
    problems = installed.problems()
    data = {
        "file": str(path),
        "changes": list(said),
        "overridden_by": list(overridden),
        "entries": [installed.entry_data(entry) for entry in entries],
        "problems": list(problems),
    }

    def draw(page: Page) -> None:
        for sentence in said or ["Nothing to change."]:
            page.prose(sentence)
        page.line(Cell(str(path), "dim"))
        for variable in overridden:
            page.blank()
            page.prose(
                f"{variable} is set, and goes over what the file says of it. Unset it, and the file counts.",
                label=Cell("settings", "yellow"),
            )
        if entries:
            page.blank()
            page.table(("NAME", "PLUGIN", "STATE"), [installed.entry_cells(entry) for entry in entries])
        installed.draw_troubles(page, [entry for entry in entries if entry.state is not State.OK], problems)

    return Report(data, draw)
