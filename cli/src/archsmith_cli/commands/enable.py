"""``archsmith enable``: switch plugins on again."""

from typing import Annotated, Any

import typer

from archsmith.discovery.installed import Kind
from archsmith.discovery.metadata import normal_name
from archsmith_cli import preferences, survey
from archsmith_cli.render import Report


def run(
    distributions: Annotated[list[str], typer.Argument(metavar="DISTRIBUTION...", help="Plugins, as pip names them.")],
) -> Report:
    """Switch plugins on again.

    Takes them from the list of those that are off; and puts them on the list of those that alone are on, if there is
    one.
    """
    installed = {entry.key for entry in survey.entries(*Kind)}

    def edit(document: Any) -> list[str]:
        said = []
        for name in distributions:
            off, alone = document.get("disable", []), document.get("plugins", [])
            kept = preferences.without(off, name)
            if len(kept) < len(off):
                document["disable"] = kept
                if not kept:
                    document.pop("disable")
                said.append(f"{name} is no longer switched off.")
            elif normal_name(name) not in installed:
                preferences.plugin_named(name)  # refuses
            if alone and len(preferences.without(alone, name)) == len(alone):
                alone.append(name)
                said.append(f"{name} is on the list of the plugins that are on.")
        return said

    path, said = preferences.change(edit)
    keys = set(map(normal_name, distributions))
    return preferences.outcome(path, said, [entry for entry in survey.entries(*Kind) if entry.key in keys])
