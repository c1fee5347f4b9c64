"""``archsmith uninstall``: pip uninstall, for plugins alone."""

import shlex
from importlib.metadata import PackageNotFoundError, version
from typing import Annotated

import typer

from archsmith.errors import PluginError
from archsmith.registry import normal_name
from archsmith_cli import completion, installed, naming, pip
from archsmith_cli.render import Page, Report


def run(
    names: Annotated[
        list[str],
        typer.Argument(
            metavar="NAME...", help="Plugins: vit, archsmith-vit, acme-good.", autocompletion=completion.plugins
        ),
    ],
    *,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show the command; run nothing.")] = False,
) -> Report:
    """Uninstall plugins, and show what is gone.

    Runs pip of the Python that archsmith runs on. Only plugins are uninstalled, not what they needed.

    Examples:
        archsmith uninstall vit
        archsmith uninstall archsmith-vit --dry-run
    """
    distributions = list(dict.fromkeys(map(_plugin, names)))
    line = pip.command("uninstall", "--yes", *distributions)
    if dry_run:
        return Report({"command": line}, lambda page: page.verbatim(shlex.join(line)))
    change = pip.run_pip(line)
    left = {entry.distribution for entry in installed.entries()}.intersection(distributions)
    if left:  # of another environment that this one sees, which pip does not count as a failure
        went = f"; {change}" if str(change) else ""
        raise PluginError(f"pip left {', '.join(sorted(left))} in place, for the reason that it gives above{went}.")
    problems = installed.problems()

    def draw(page: Page) -> None:
        page.table(("GONE", "PLUGIN"), [installed.entry_cells(entry)[:2] for entry in change.gone])
        if change.others:
            page.blank()
            page.table(("CHANGED", "PLUGIN", "STATE"), [installed.entry_cells(entry) for entry in change.others])
        installed.draw_troubles(page, change.others, problems)

    data = {
        "command": line,
        "gone": [{"kind": entry.kind.value, "name": entry.name, "plugin": str(entry)} for entry in change.gone],
        "changed": [installed.entry_data(entry) for entry in change.others],
        "problems": list(problems),
    }
    return Report(data, draw)


def _plugin(name: str) -> str:
    """Return the distribution that a name means, if it is an installed plugin. Raises `PluginError` if not."""
    own = normal_name(name)
    if own in pip.OWN:
        raise PluginError(f"{own} is not a plugin; it runs just now. If you mean it: pip uninstall {own}")
    found = naming.find_plugin(name)
    if found is not None:
        return found.distribution
    try:
        number = version(name)
    except (PackageNotFoundError, ValueError):
        return naming.plugin_named(naming.known_distribution(name) or name).distribution  # refuses
    raise PluginError(f"{name} {number} is not a plugin, so it stays. If you mean it: pip uninstall {name}")
