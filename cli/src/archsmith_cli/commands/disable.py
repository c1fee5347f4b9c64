"""``archsmith disable``: switch plugins off."""

from typing import Annotated, Any

import typer

from archsmith.registry import normal_name
from archsmith_cli import completion, installed, naming, preferences
from archsmith_cli.render import Report


def run(
    distributions: Annotated[
        list[str],
        typer.Argument(
            metavar="DISTRIBUTION...", help="Plugins, as pip names them.", autocompletion=completion.plugins
        ),
    ],
) -> Report:
    """Switch plugins off, and leave them installed.

    The list is kept in your file of settings. ARCHSMITH_DISABLE goes over it.

    Examples:
        archsmith disable vit
        archsmith disable archsmith-vit archsmith-bert
    """
    named = [naming.plugin_named(name) for name in distributions]

    def edit(document: Any) -> list[str]:
        listed = document.setdefault("disable", [])
        said = []
        for entry in named:
            if entry.key not in map(normal_name, listed):
                listed.append(entry.distribution)
                said.append(f"{entry} is switched off.")
        return said

    keys = {entry.key for entry in named}
    return preferences.changed(edit, lambda entry: entry.key in keys, overridden=installed.overriding("disable"))
