"""``archsmith unpin``: take a pin back."""

from typing import Annotated, Any

import typer

from archsmith.discovery.installed import Kind
from archsmith_cli import preferences, survey
from archsmith_cli.render import Report


def run(name: Annotated[str, typer.Argument(metavar="NAME", help="The name that was pinned.")]) -> Report:
    """Take a pin back."""

    def edit(document: Any) -> list[str]:
        pins = document.get("pin", {})
        if name not in pins:
            return []
        gone = pins.pop(name)
        if not pins:
            document.pop("pin")
        return [f"{name!r} is no longer pinned to {gone}."]

    path, said = preferences.change(edit)
    return preferences.outcome(path, said, [entry for entry in survey.entries(*Kind) if entry.name == name])
