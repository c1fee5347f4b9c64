"""``archsmith unpin``: remove a pin."""

from typing import Annotated, Any

import typer

from archsmith.errors import PluginError
from archsmith.messages import did_you_mean
from archsmith.registry import may_claim
from archsmith_cli import completion, installed, preferences
from archsmith_cli.render import Report


def run(
    name: Annotated[
        str, typer.Argument(metavar="NAME", help="The name that was pinned.", autocompletion=completion.pinned)
    ],
) -> Report:
    """Remove a pin.

    Examples:
        archsmith unpin vit
        archsmith unpin vit.image_processor
    """
    claimed = [entry for entry in installed.entries() if may_claim(entry, name)]

    def edit(document: Any) -> list[str]:
        pins = document.get("pin", {})
        if name not in pins:
            if not claimed:
                raise PluginError(f"{name!r} is not pinned, and no installed plugin claims it.{_hint(name, pins)}")
            return []
        gone = pins.pop(name)
        if not pins:
            document.pop("pin")
        return [f"{name!r} is no longer pinned to {gone}."]

    return preferences.changed(edit, lambda entry: may_claim(entry, name), overridden=installed.overriding_pin(name))


def _hint(name: str, pins: Any) -> str:
    return did_you_mean(name, [*pins, *(entry.name for entry in installed.entries())])
