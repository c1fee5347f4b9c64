"""``archsmith uninstall``: pip uninstall, for plugins alone."""

import shlex
from importlib.metadata import PackageNotFoundError, version
from typing import Annotated

import typer
from packaging.utils import canonicalize_name

from archsmith.discovery.installed import Kind
from archsmith.errors import PluginError
from archsmith.registry import registry
from archsmith_cli import pip, preferences, survey
from archsmith_cli.render import Page, Report


def run(
    names: Annotated[list[str], typer.Argument(metavar="NAME...", help="Plugins: vit, archsmith-vit, acme-good.")],
    *,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show the command; run nothing.")] = False,
) -> Report:
    """Uninstall plugins, and say what went.

    Runs pip of the Python that archsmith runs on. Only plugins are uninstalled, not what they needed.
    """
    distributions = [_plugin(name) for name in names]
    line = pip.command("uninstall", "--yes", *distributions)
    if dry_run:
        return Report({"command": line}, lambda page: page.verbatim(shlex.join(line)))
    before = survey.entries(*Kind)
    pip.run_pip(line)
    registry.refresh()
    left = {(entry.kind, entry.name, entry.key) for entry in survey.entries(*Kind)}
    gone = [entry for entry in before if (entry.kind, entry.name, entry.key) not in left]
    problems = survey.index().problems

    def draw(page: Page) -> None:
        page.table(("GONE", "PLUGIN"), [(f"{entry.kind} {entry.name}", str(entry)) for entry in gone])
        survey.draw_troubles(page, (), problems)

    data = [{"kind": entry.kind.value, "name": entry.name, "plugin": str(entry)} for entry in gone]
    return Report({"command": line, "gone": data, "problems": list(problems)}, draw)


def _plugin(name: str) -> str:
    """Return the distribution that a name means, if it is an installed plugin. Raises `PluginError` if not."""
    distribution = pip.requirement(name)
    own = canonicalize_name(distribution)
    if own in pip.OWN:
        raise PluginError(f"{own} is no plugin; it runs just now. If you mean it: pip uninstall {own}")
    try:
        return preferences.plugin_named(distribution).distribution
    except PluginError as error:
        try:
            installed = version(distribution)
        except (PackageNotFoundError, ValueError):
            raise error from None
        raise PluginError(
            f"{distribution} {installed} is no plugin, so it stays. If you mean it: pip uninstall {distribution}"
        ) from None
