"""``archsmith enable``: switch plugins on again."""

from typing import Annotated, Any

import typer

from archsmith.registry import normal_name
from archsmith_cli import completion, installed, naming, preferences
from archsmith_cli.render import Report


def run(
    distributions: Annotated[
        list[str],
        typer.Argument(
            metavar="DISTRIBUTION...", help="Plugins, as pip names them.", autocompletion=completion.switched_off
        ),
    ],
) -> Report:
    """Switch plugins on again.

    Takes them from the list of those that are off; and puts them on the list of those that alone are on, if there is
    one.

    Examples:
        archsmith enable vit
        archsmith enable archsmith-vit archsmith-bert
    """

    def edit(document: Any) -> list[str]:
        off, alone = document.get("disable", []), document.get("plugins", [])
        said = []
        for name in distributions:
            found = naming.find_plugin(name)
            spellings = {name, naming.known_distribution(name) or name, found.key if found else name}
            if preferences.take_out(off, spellings):
                said.append(f"{found or name} is no longer switched off.")
            elif found is None:
                naming.plugin_named(name)  # refuses
            if found and alone and found.key not in map(normal_name, alone):
                alone.append(found.distribution)
                said.append(f"{found} is on the list of the plugins that are on.")
        if said and not off:
            document.pop("disable", None)
        return said

    keys = {found.key for found in map(naming.find_plugin, distributions) if found}
    overridden = installed.overriding("disable", "plugins")
    return preferences.changed(edit, lambda entry: entry.key in keys, overridden=overridden)
