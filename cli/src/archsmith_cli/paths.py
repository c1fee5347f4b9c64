"""The paths that users name on the command line, where no shell has expanded them: ``--out=~/x``, ``'~/x'``."""

from pathlib import Path

import typer

from archsmith.errors import OptionError
from archsmith.files import local_path
from archsmith.messages import did_you_mean

__all__ = ["expand", "expand_text", "near_folder"]


def expand(text: str, option: str) -> Path:
    """Return a path with ``~`` expanded.

    Args:
        text: What the user wrote.
        option: The argument or option that it was written for.

    Raises:
        BadParameter: It is empty, a URL, or below the home of a user that there is not.
    """
    if not text.strip():
        raise typer.BadParameter("it is empty; expected the path of a folder or file", param_hint=option)
    if "\0" in text:
        raise typer.BadParameter(f"{text!r} holds a null character; expected a path", param_hint=option)
    if "://" in text:
        local = text.partition("://")[2]
        hint = f" Leave out 'file://': {local}" if text.lower().startswith("file://") and local else ""
        raise typer.BadParameter(f"{text!r} is a URL; expected a path.{hint}", param_hint=option)
    try:
        return local_path(option, text)
    except OptionError as error:
        raise typer.BadParameter(str(error), param_hint=option) from error


def expand_text(text: str, option: str) -> str:
    """Return a path, or what else may stand for it (a hub's id), with ``~`` expanded. Raises as `expand`."""
    return str(expand(text, option)) if text.startswith("~") or "://" in text or not text.strip() else text


def near_folder(text: str) -> str:
    """Return ``" Did you mean 'x'?"`` for the folder that is named most like one that is not there, or nothing."""
    path = Path(text)
    try:
        beside = [str(path.parent / entry.name) for entry in path.parent.iterdir() if entry.is_dir()]
    except (OSError, ValueError):
        return ""
    return did_you_mean(str(path), beside, cutoff=0.8)
