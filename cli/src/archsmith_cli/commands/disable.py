"""``archsmith disable``: switch plugins off."""

from typing import Annotated, Any

import typer

from archsmith.discovery.installed import Kind
from archsmith_cli import preferences, survey
from archsmith_cli.render import Report


def run(
    distributions: Annotated[list[str], typer.Argument(metavar="DISTRIBUTION...", help="Plugins, as pip names them.")],
) -> Report:
    """Switch plugins off, and leave them installed.

    The list is kept in your file of settings. ARCHSMITH_DISABLE goes over it.
    """
    named = [preferences.plugin_named(name) for name in distributions]

    def edit(document: Any) -> list[str]:
        said = []
        for entry in named:
            listed = document.setdefault("disable", [])
            if preferences.without(listed, entry.distribution) == list(listed):
                listed.append(entry.distribution)
                said.append(f"{entry} is switched off.")
        return said

    path, said = preferences.change(edit)
    keys = {entry.key for entry in named}
    return preferences.outcome(path, said, [entry for entry in survey.entries(*Kind) if entry.key in keys])
