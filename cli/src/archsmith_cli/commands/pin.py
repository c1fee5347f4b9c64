"""``archsmith pin``: which of several distributions may have a name."""

from typing import Annotated, Any

import typer

from archsmith.errors import PluginError
from archsmith.messages import did_you_mean
from archsmith.plugin import COMPONENTS
from archsmith.registry import Entry, Owner, may_claim, normal_name, registry
from archsmith_cli import completion, installed, naming, preferences
from archsmith_cli.render import Report


def run(
    name: Annotated[
        str,
        typer.Argument(
            metavar="NAME",
            help="A model_type, another name that several claim, or a part: vit.image_processor.",
            autocompletion=completion.names,
        ),
    ],
    distribution: Annotated[
        str,
        typer.Argument(metavar="DISTRIBUTION", help="The one that may have it.", autocompletion=completion.claimants),
    ],
) -> Report:
    """Pin a name that several plugins claim to one of them.

    The pin is kept in your file of settings. ARCHSMITH_PIN goes over it.

    Examples:
        archsmith pin vit archsmith-vit
        archsmith pin vit.image_processor archsmith-vit
    """
    found = installed.entries()
    claims = {entry.key: entry for entry in found if entry.name == name} or _claims_of_part(name)
    if not claims:
        names = sorted({entry.name for entry in found})
        raise PluginError(f"no installed plugin claims {name!r}.{did_you_mean(name, names)}")
    named = None if normal_name(distribution) in claims else naming.find_plugin(distribution)
    owner = claims.get(named.key if named else normal_name(distribution))
    if owner is None:
        claimants = [entry.distribution for entry in claims.values()]
        raise PluginError(
            f"{distribution!r} does not claim {name!r}; claimed by {', '.join(claimants)}."
            f"{did_you_mean(distribution, claimants)}"
        )

    def edit(document: Any) -> list[str]:
        pins = document.setdefault("pin", {})
        if pins.get(name) == owner.distribution:
            return []
        pins[name] = owner.distribution
        return [f"{name!r} is pinned to {owner}."]

    return preferences.changed(edit, lambda entry: may_claim(entry, name), overridden=installed.overriding_pin(name))


def _claims_of_part(name: str) -> dict[str, Entry]:
    """Return the plugins that bring a part of an architecture, by distribution; their manifests are loaded for that."""
    model_type, _, part = name.partition(".")
    claims = registry.claims(Owner(model_type)).get(part, []) if part in COMPONENTS else []
    return {claim.entry.key: claim.entry for claim in claims}
