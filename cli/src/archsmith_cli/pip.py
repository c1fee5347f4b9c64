"""pip of the interpreter that runs, what its arguments mean here, and what a run of it has changed."""

import importlib.util
import os
import re
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass

from packaging.requirements import InvalidRequirement, Requirement

from archsmith.errors import OptionError, PluginError
from archsmith.messages import did_you_mean
from archsmith.registry import Entry, normal_name, registry
from archsmith_cli import installed
from archsmith_cli.naming import known_distribution, short_names

__all__ = ["OWN", "Change", "command", "requirement", "run_pip"]

#: What runs the commands, and so is never uninstalled by them.
OWN = ("archsmith", "archsmith-cli")

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


def requirement(text: str) -> str:
    """Return what pip is to install: the short name of a known plugin becomes its distribution, anything else stays.

    Args:
        text: A known plugin (``"vit"``, ``"vit>=0.1"``, ``"ViTModel"``), a requirement, the path of a wheel or of a
            source folder, or a URL.

    Raises:
        OptionError: It is an option, no requirement, or probably a misspelt short name.
    """
    if text.startswith("-"):
        raise OptionError(f"{text!r} is an option of pip's; expected names of plugins. For more, call pip itself.")
    if text.startswith(".") or "/" in text or os.sep in text or _ARCHIVE.fullmatch(text):
        return text
    try:
        asked = Requirement(text)
    except InvalidRequirement as error:
        raise OptionError(f"{text!r} is not a requirement: {str(error).splitlines()[0]}.") from error
    if known := known_distribution(asked.name):
        asked.name = known
    elif normal_name(asked.name) not in OWN and (hint := did_you_mean(asked.name, short_names())):
        raise OptionError(f"{asked.name!r} is not a plugin that archsmith knows.{hint} If not: pip install {text}")
    return str(asked)


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
    done = subprocess.run(arguments, stdout=sys.stderr.fileno(), check=False)  # noqa: S603
    registry.refresh()
    change = _compare(before, installed.entries())
    if done.returncode:
        raise PluginError(
            f"pip ended with code {done.returncode}, for the reason that it gives above. "
            f"{f'Changed nevertheless: {change}' if str(change) else 'Nothing changed'}."
        )
    return change


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
