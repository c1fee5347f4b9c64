"""pip of the interpreter that runs, and what its arguments mean here: short names of plugins."""

import importlib.util
import re
import subprocess
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from archsmith.errors import OptionError, PluginError, did_you_mean
from archsmith.registry import KNOWN_PLUGINS

__all__ = ["OWN", "command", "requirement", "run_pip"]

#: What runs the commands, and so is never uninstalled by them.
OWN = ("archsmith", "archsmith-cli")

_ARCHIVE = re.compile(r".+\.(whl|tar\.gz|zip)", re.IGNORECASE)


def requirement(text: str) -> str:
    """Return what pip is to install: a short name becomes its distribution, anything else stays.

    Args:
        text: A short name of a known plugin (``"vit"``, ``"vit>=0.1"``), a requirement, the path of a wheel or of a
            source folder, or a URL.

    Raises:
        OptionError: It is an option, no requirement, or probably a misspelt short name.
    """
    if text.startswith("-"):
        raise OptionError(f"{text!r} is an option of pip's; expected names of plugins. For more, call pip itself.")
    if "://" in text or _ARCHIVE.fullmatch(text) or (Path(text).exists() and Path(text).name != text):
        return text
    try:
        asked = Requirement(text)
    except InvalidRequirement as error:
        raise OptionError(f"{text!r} is no requirement: {str(error).splitlines()[0]}.") from error
    short = _short_names()
    name = canonicalize_name(asked.name)
    if name in short:
        asked.name = short[name]
    elif name not in (*OWN, *short.values()) and (hint := did_you_mean(name, [*short, *short.values()])):
        raise OptionError(f"{asked.name!r} is no plugin that archsmith knows.{hint} If not: pip install {text}")
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


def run_pip(arguments: Sequence[str]) -> None:
    """Run pip; what it says goes to standard error.

    Raises:
        PluginError: It did not succeed.
    """
    sys.stderr.flush()
    done = subprocess.run(arguments, stdout=sys.stderr.fileno(), check=False)  # noqa: S603
    if done.returncode:
        raise PluginError(
            f"pip ended with code {done.returncode}, for the reason that it gives above. Nothing changed."
        )


def _short_names() -> dict[str, str]:
    """Return short name → distribution: by model_type, and by the distribution's own last word."""
    distributions: Iterable[str] = set(KNOWN_PLUGINS.values())
    own = {name.removeprefix("archsmith-"): name for name in distributions}
    return own | {canonicalize_name(model_type): name for model_type, name in KNOWN_PLUGINS.items()}
