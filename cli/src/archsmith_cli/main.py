"""The entry point of ``archsmith``: finds the verb, imports that verb's module alone, runs it, prints its report."""

import contextlib
import importlib
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer
from typer.core import TyperCommand, TyperGroup

from archsmith.messages import did_you_mean
from archsmith_cli import endings
from archsmith_cli.render import Page, Report, encode

__all__ = ["BUILT_IN", "main", "run"]

#: Built-in verb → what it does. A module of that name in `archsmith_cli.commands` holds its ``run``.
BUILT_IN: Mapping[str, str] = {
    "list": "List the installed architectures.",
    "plugins": "List the installed plugins and what they bring.",
    "show": "Explain an architecture or a preset.",
    "create": "Write a model with random weights, or its preprocessing.",
    "new": "Write a plugin of your own, ready to install.",
    "inspect": "Say what a checkpoint holds, and if it loads.",
    "install": "Install plugins, and say what they bring.",
    "uninstall": "Uninstall plugins, and say what went.",
    "pin": "Give a name that several plugins claim to one.",
    "unpin": "Take a pin back.",
    "disable": "Switch plugins off, and leave them installed.",
    "enable": "Switch plugins on again.",
    "check": "Hold plugins against what each must do.",
    "doctor": "Name every problem and its remedy.",
    "version": "Show versions: archsmith, Python, torch, plugins.",
}


def _show_help(ctx: typer.Context, value: bool) -> None:
    if value:
        print(ctx.get_help())
        raise typer.Exit


#: Typer's own option has no default that is a bool, and checking that imports pydantic: a third of a short run.
_Help = Annotated[
    bool, typer.Option("--help", "-h", callback=_show_help, is_eager=True, help="Show this message and end.")
]
_Debug = Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")]


class Verbs(TyperGroup):
    """The group of all verbs. Listing them imports nothing; resolving one imports that one."""

    def list_commands(self, ctx: typer.Context) -> list[str]:  # type: ignore[override]  # noqa: ARG002
        """Return the built-in verbs, then those of plugins, from metadata."""
        return [*BUILT_IN, *sorted(_plugin_verbs().keys() - BUILT_IN.keys())]

    def get_command(self, ctx: typer.Context, cmd_name: str) -> Any:  # type: ignore[override]  # noqa: ARG002
        """Return what the overview of all verbs needs to know about one: its name and its summary."""
        if cmd_name in BUILT_IN:
            return TyperCommand(cmd_name, help=BUILT_IN[cmd_name])
        summary = _plugin_verbs().get(cmd_name)
        return summary and TyperCommand(cmd_name, help=summary)

    def resolve_command(self, ctx: typer.Context, args: list[str]) -> Any:  # type: ignore[override]
        """Return the command that is meant, imported."""
        if args and self.get_command(ctx, args[0]) is None:
            verbs = self.list_commands(ctx)
            ctx.fail(f"There is no command {args[0]!r}; there are: {', '.join(verbs)}.{did_you_mean(args[0], verbs)}")
        name, _, rest = super().resolve_command(ctx, args)
        assert name is not None  # None only when completing a half-typed line
        return name, _built_in(name) if name in BUILT_IN else _from_plugin(name), rest


def main() -> NoReturn:
    """Run the command line that this process was started with."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:  # closed by whoever started us
            setattr(sys, name, Path(os.devnull).open("w", encoding="utf-8"))  # noqa: SIM115
        getattr(sys, name).reconfigure(errors="backslashreplace")
    code = run(sys.argv[1:])
    try:
        sys.stdout.flush()
    except OSError as error:
        code = endings.CLOSED_PIPE if isinstance(error, BrokenPipeError) else endings.fail(error)
        endings.silence()
    sys.exit(code)


def run(args: Sequence[str]) -> int:
    """Run one command line and return its exit code. Nothing but `KeyboardInterrupt` handling is left to the caller."""
    # A line that begins with a verb has no use for the options that install completion.
    command = _group(completion=not args or args[0].startswith("-"))
    if "_ARCHSMITH_COMPLETE" in os.environ:
        command.main(prog_name="archsmith")
    flags = {"as_json": "--json" in args, "debug": "--debug" in args}
    with endings.notes():
        try:
            with command.make_context("archsmith", list(args) or ["--help"]) as context:
                command.invoke(context)
        except typer.Exit as end:
            return end.exit_code
        except (KeyboardInterrupt, typer.Abort):
            return endings.INTERRUPTED
        except BrokenPipeError:
            endings.silence()
            return endings.CLOSED_PIPE
        except Exception as error:  # noqa: BLE001  # the one place where errors end
            return endings.fail(error, **flags)
    return 0


def _group(*, completion: bool) -> Any:
    app = typer.Typer(name="archsmith", cls=Verbs, add_completion=completion, rich_markup_mode=None)
    app.callback()(_root)
    return typer.main.get_command(app)


def _show_version(value: bool) -> None:
    if value:
        import archsmith

        print(f"archsmith {archsmith.__version__}")
        raise typer.Exit


def _root(
    debug: _Debug = False,
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version and end.")
    ] = False,
    wants_help: _Help = False,
) -> None:
    """Neural-network architectures as plugins: list, explain, check and instantiate what is installed."""


def _common(
    json: Annotated[bool, typer.Option("--json", help="Print JSON, and nothing else, on standard output.")] = False,
    debug: _Debug = False,
    wants_help: _Help = False,
) -> None:
    """Declare the options that every built-in verb has."""


def _command(function: Callable[..., Any], name: str | None = None) -> Any:
    app = typer.Typer(add_completion=False, rich_markup_mode=None)
    app.command(name)(function)
    return typer.main.get_command(app)


def _built_in(verb: str) -> Any:
    """Import a built-in verb; give it the common options, and print what it reports."""
    module = importlib.import_module(f"archsmith_cli.commands.{verb}")
    command = _command(module.run, verb)
    command.params += _command(_common).params
    find_out = command.callback

    def report(json: bool, debug: bool, wants_help: bool, **options: Any) -> None:  # noqa: ARG001  # seen to before
        with contextlib.redirect_stdout(sys.stderr):  # a plugin may print as it is imported
            result: Report = find_out(**options)
        if json:
            print(encode(result.data))
        else:
            result.draw(Page(sys.stdout))
        raise typer.Exit(result.exit_code)

    command.callback = report
    return command


def _plugin_verbs() -> dict[str, str]:
    """Return the verbs that plugins bring, with where they come from."""
    from archsmith.registry import registry
    from archsmith.registry.installed import Kind

    return {entry.name: f"From {entry}." for entry in registry.entries(Kind.COMMAND)}


def _from_plugin(verb: str) -> Any:
    """Import a plugin's verb: a typer app, or a function that becomes one."""
    from archsmith.registry import registry

    app = registry.command(verb)
    return typer.main.get_command(app) if isinstance(app, typer.Typer) else _command(app, verb)
