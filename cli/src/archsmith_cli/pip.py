"""pip of the interpreter that runs, what its arguments mean here, and what a run of it has changed."""

import importlib.util
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from packaging.requirements import Requirement

from archsmith.errors import OptionError, PluginError
from archsmith.messages import did_you_mean
from archsmith.registry import Entry, normal_name, registry
from archsmith_cli import exits, installed
from archsmith_cli.naming import known_distribution, short_names
from archsmith_cli.paths import expand, near_folder

__all__ = ["OWN", "Change", "command", "requirement", "run_pip"]

#: What runs the commands, and so is never uninstalled by them.
OWN = ("archsmith", "archsmith-cli")

#: What the names of archsmith's distributions begin with, and those of many plugins.
_PREFIX = "archsmith-"

_ARCHIVE = re.compile(r".+\.(whl|tar\.gz|zip)", re.IGNORECASE)


@dataclass(frozen=True)
class Change:
    """What a run of pip has changed among the plugins.

    Attributes:
        gone: Entries that were there before.
        new: Entries that were not.
        others: Entries that were there before and have another state now.
    """

    gone: tuple[Entry, ...]
    new: tuple[Entry, ...]
    others: tuple[Entry, ...]

    def __str__(self) -> str:
        parts = {"gone": self.gone, "new": self.new}
        return "; ".join(f"{what}: {', '.join(sorted(set(map(str, each))))}" for what, each in parts.items() if each)


def requirement(text: str, *, unknown: bool = False) -> str:
    """Return what pip is to install: the short name of a known plugin becomes its distribution.

    On an index anybody can have any name. So what pip would look up there must be a plugin that archsmith knows or that
    is installed, or bear archsmith's prefix; anything else has to be confirmed.

    Args:
        text: A known plugin (``"vit"``, ``"vit>=0.1"``, ``"ViTModel"``), a requirement, the path of a wheel or of a
            source folder, or a URL.
        unknown: Whether it is confirmed.

    Raises:
        OptionError: It is an option, no requirement, not there, or not confirmed; the message says what pip would do.
    """
    if text.strip().startswith("-"):
        raise OptionError(f"{text!r} is an option of pip's; expected names of plugins. For more, call pip itself.")
    if "://" in text:
        if not unknown:
            raise _unconfirmed(text, f"{text!r} is a URL: pip would install whatever is there.")
        return text
    if text.startswith((".", "~")) or "/" in text or os.sep in text or _ARCHIVE.fullmatch(text):
        return _path(text)
    try:
        asked = Requirement(text)
    except ValueError as error:
        raise OptionError(f"{text!r} is not a requirement: {str(error).splitlines()[0]}.") from error
    if known := known_distribution(asked.name):
        asked.name = known
    elif not unknown and not _is_ours(asked.name):
        hint = did_you_mean(asked.name.removeprefix(_PREFIX), short_names())
        raise _unconfirmed(
            text,
            f"{asked.name!r} is not a plugin that archsmith knows.{hint} "
            f"Pip would install the distribution {asked.name!r} of the package index, whoever wrote it.",
        )
    return str(asked)


def _path(text: str) -> str:
    """Return the path of a wheel or a folder, which must be there."""
    path, extras = re.fullmatch(r"(.*?)(\[[^\[\]]*\])?", text, re.DOTALL).groups("")  # type: ignore[union-attr]
    found = expand(path, "NAME")
    if not found.exists():
        raise OptionError(f"there is no folder or file {path!r} to install from.{near_folder(str(found))}")
    return text if str(found) == str(Path(path)) else f"{found}{extras}"


def _is_ours(name: str) -> bool:
    """Tell whether a distribution is one of archsmith's or bears its prefix, and is no slip of a known one's name."""
    key = normal_name(name)
    if key in OWN or key in {entry.key for entry in installed.entries()}:
        return True
    return key.startswith(_PREFIX) and not did_you_mean(key.removeprefix(_PREFIX), short_names())


def _unconfirmed(text: str, reason: str) -> OptionError:
    return OptionError(f"{reason} If you mean that one: archsmith install --unknown {shlex.quote(text)}")


def command(verb: str, *arguments: str) -> list[str]:
    """Return the command line of this interpreter's pip.

    Raises:
        PluginError: This interpreter has no pip.
    """
    if importlib.util.find_spec("pip") is None:
        raise PluginError(
            f"{sys.executable} has no pip. Run: {sys.executable} -m ensurepip; or use the program that made this "
            f"environment, such as: uv pip {verb} {' '.join(arguments)}"
        )
    return [sys.executable, "-m", "pip", verb, "--disable-pip-version-check", *arguments]


def run_pip(arguments: Sequence[str]) -> Change:
    """Run pip, and look again at what is installed; what pip says goes to standard error.

    Raises:
        PluginError: It did not succeed; the message says what it changed nevertheless.
    """
    before = installed.entries()
    sys.stderr.flush()
    code = _finished(arguments)
    registry.refresh()
    change = _compare(before, installed.entries())
    if code:
        raise PluginError(
            f"pip ended with code {code}, for the reason that it gives above. "
            f"{f'Changed nevertheless: {change}' if str(change) else 'Nothing changed'}."
        )
    return change


def _finished(arguments: Sequence[str]) -> int:
    """Run a program to its end and return its code; if this run is ended, let it end in its own way first."""
    with subprocess.Popen(arguments, stdout=sys.stderr.fileno()) as running:  # noqa: S603
        try:
            return running.wait()
        except BaseException:
            with exits.uninterrupted():
                running.terminate()
                running.wait()
            raise


def _compare(before: Sequence[Entry], after: Sequence[Entry]) -> Change:
    old, left = {_identity(entry): entry for entry in before}, {_identity(entry) for entry in after}
    return Change(
        gone=tuple(entry for entry in before if _identity(entry) not in left),
        new=tuple(entry for entry in after if _identity(entry) not in old),
        others=tuple(
            entry for entry in after if _identity(entry) in old and old[_identity(entry)].state is not entry.state
        ),
    )


def _identity(entry: Entry) -> tuple[str, ...]:
    return entry.kind, entry.name, entry.key, entry.version
