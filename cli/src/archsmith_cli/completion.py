"""What a shell completes: names, tasks and plugins, from metadata and manifests. Whatever goes wrong is not heard."""

import contextlib
import re
import warnings
from collections.abc import Callable, Iterable
from functools import wraps
from typing import Any

import typer

__all__ = [
    "claimants",
    "completing",
    "formats",
    "is_word",
    "known",
    "models",
    "names",
    "pinned",
    "plugins",
    "switched_off",
    "tasks",
    "words",
]

#: What a shell takes as one word, whatever it does with it: names are of strangers.
_WORD = re.compile(r"[\w@%+./-]+")
_Find = Callable[[typer.Context], Iterable[str]]


def is_word(text: str) -> bool:
    """Tell whether a shell takes a name as one word, and as nothing else."""
    return _WORD.fullmatch(text) is not None


def completing(find: _Find) -> Callable[[typer.Context, str], list[str]]:
    """Return an ``autocompletion`` of typer's that offers what a function finds, and nothing if that fails.

    Args:
        find: Gets the context, whose ``params`` are what is typed already; returns all words that fit.
    """

    @wraps(find)
    def complete(ctx: typer.Context, incomplete: str) -> list[str]:
        with contextlib.suppress(Exception), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found = dict.fromkeys(word for word in find(ctx) if is_word(word))
            return [word for word in found if word.startswith(incomplete)]
        return []

    complete.__annotations__ = {"ctx": typer.Context, "incomplete": str}
    del complete.__wrapped__  # typer reads the parameters of this one
    return complete


def words(choices: Iterable[str]) -> Callable[[typer.Context, str], list[str]]:
    """Return an ``autocompletion`` of typer's that offers fixed words."""
    return completing(lambda _: choices)


def _entries(*kinds: str) -> list[Any]:
    from archsmith.registry import Kind
    from archsmith_cli import installed

    return installed.entries(*map(Kind, kinds))


@completing
def models(_: typer.Context) -> Iterable[str]:
    """Offer model_types and presets, and preprocessing that no architecture owns."""
    from archsmith.registry import all_presets

    yield from (entry.name for entry in _entries("architecture", "processor"))
    yield from all_presets()


@completing
def tasks(ctx: typer.Context) -> Iterable[str]:
    """Offer the tasks of what is named already, or of all architectures."""
    from archsmith.registry import registry
    from archsmith_cli.naming import resolve_name

    if any(param.name == "name" for param in ctx.command.params):
        name = ctx.params.get("name") or ctx.args[0]  # not parsed yet, while an option waits for its value
        return sorted(registry.tasks(resolve_name(name).name))
    usable = [entry.name for entry in _entries("architecture") if entry.state == "ok"]
    return sorted({task for name in usable for task in registry.tasks(name)})


@completing
def plugins(_: typer.Context) -> Iterable[str]:
    """Offer the installed plugins."""
    return sorted({entry.distribution for entry in _entries()})


@completing
def names(_: typer.Context) -> Iterable[str]:
    """Offer every name that a plugin claims."""
    return sorted({entry.name for entry in _entries()})


@completing
def claimants(ctx: typer.Context) -> Iterable[str]:
    """Offer the plugins that claim the name that stands before."""
    from archsmith.registry import may_claim

    name = str(ctx.params.get("name"))
    claims = {entry.distribution for entry in _entries() if may_claim(entry, name.partition(".")[0])}
    return sorted(claims)


@completing
def pinned(_: typer.Context) -> Iterable[str]:
    """Offer the names that are pinned."""
    from archsmith.registry import Settings

    return [pin.name for pin in Settings.read().pins]


@completing
def switched_off(_: typer.Context) -> Iterable[str]:
    """Offer the plugins that are switched off."""
    return sorted({entry.distribution for entry in _entries() if entry.state == "disabled"})


@completing
def formats(_: typer.Context) -> Iterable[str]:
    """Offer the formats of checkpoints that are converted."""
    from archsmith_cli.formats import format_names

    return format_names()


@completing
def known(_: typer.Context) -> Iterable[str]:
    """Offer the plugins that archsmith knows by a short name."""
    from archsmith_cli.naming import short_names

    return sorted(short_names())
