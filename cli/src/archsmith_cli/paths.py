"""The paths that users name on the command line, where no shell has expanded them: ``--out=~/x``, ``'~/x'``."""

from pathlib import Path

import typer

from archsmith.errors import OptionError
from archsmith.files import local_path
from archsmith.messages import did_you_mean

__all__ = ["expand", "expand_text", "near_folder"]


def expand(text: str, option: str, *, expected: str = "the path of a folder or file") -> Path:
    """Return a path with ``~`` expanded.

    Args:
        text: What the user wrote.
        option: The argument or option that it was written for.
        expected: What it must be.

    Raises:
        BadParameter: It is empty, a URL, or below the home of a user that there is not.
    """
    if not text.strip():
        raise typer.BadParameter(f"it is empty; expected {expected}", param_hint=option)
    if "\0" in text:
        raise typer.BadParameter(f"{text!r} holds a null character; expected {expected}", param_hint=option)
    if "://" in text:
        local = text.partition("://")[2]
        hint = f" Leave out 'file://': {local}" if text.lower().startswith("file://") and local else ""
        raise typer.BadParameter(f"{text!r} is a URL; expected {expected}.{hint}", param_hint=option)
    try:
        return local_path(option, text)
    except OptionError as error:
        raise typer.BadParameter(str(error), param_hint=option) from error


def expand_text(text: str, option: str) -> str:
    """Return the path of a checkpoint with ``~`` expanded, or the hub's id of one as it is. Raises as `expand`."""
    path = expand(text, option, expected="the path of a folder, or a hub id")
    return str(path) if text.startswith("~") else text


def near_folder(text: str) -> str:
    """Return ``" Did you mean 'x'?"`` for the folder that is named most like one that is not there, or nothing."""
    path = Path(text)
    try:
        beside = [str(path.parent / entry.name) for entry in path.parent.iterdir() if entry.is_dir()]
    except (OSError, ValueError):
        return ""
    return did_you_mean(str(path), beside, cutoff=0.8)
