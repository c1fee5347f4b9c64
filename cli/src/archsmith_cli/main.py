"""The entry point of ``archsmith``: finds the verb, imports that one alone, runs it, and says what went wrong."""

import contextlib
import os
import re
import sys
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer
from typer.core import TyperCommand, TyperGroup

from archsmith.errors import PluginError
from archsmith.messages import did_you_mean
from archsmith_cli import exits
from archsmith_cli.completion import is_word
from archsmith_cli.explanation import Context, explain, place_of
from archsmith_cli.verb import BUILT_IN, GROUPS, Debug, Help, load_verb

__all__ = ["Verbs", "main", "run"]


class Verbs(TyperGroup):
    """The group of all verbs. The overview of them imports each; running one imports that one."""

    context_class = Context

    def format_options(self, ctx: typer.Context, formatter: Any) -> None:  # type: ignore[override]
        """Write the verbs below their headings, then the options."""
        groups: dict[str, list[tuple[str, str]]] = {heading: [] for heading in GROUPS}
        headings = {verb: heading for heading, verbs in GROUPS.items() for verb in verbs}
        for verb in self.list_commands(ctx):
            command = self.get_command(ctx, verb)
            if not command.hidden:
                heading = headings.get(verb) or place_of(command) or "From plugins"
                groups.setdefault(heading, []).append((verb, command.get_short_help_str(10**6)))
        for heading in sorted(filter(groups.get, groups), key="From plugins".__eq__):
            with formatter.section(heading):
                formatter.write_dl(groups[heading])
        TyperCommand.format_options(self, ctx, formatter)  # type: ignore[arg-type]

    def list_commands(self, ctx: typer.Context) -> list[str]:  # type: ignore[override]  # noqa: ARG002
        """Return the built-in verbs, then those of plugins, from metadata."""
        from archsmith.registry import Kind, registry

        return [*BUILT_IN, *sorted({entry.name for entry in registry.entries(Kind.COMMAND)}.difference(BUILT_IN))]

    def get_command(self, ctx: typer.Context, cmd_name: str) -> Any:  # type: ignore[override]  # noqa: ARG002
        """Return a verb for the overview of all; one that cannot be used says in its line why, and hides no other."""
        try:
            return load_verb(cmd_name)
        except PluginError as error:
            return TyperCommand(cmd_name, help=str(error))

    def shell_complete(self, ctx: typer.Context, incomplete: str) -> list[Any]:  # type: ignore[override]
        """Return what completes a verb or an option; a stranger's words are neither run nor styled by a shell."""
        items = super().shell_complete(ctx, incomplete)
        for item in items:
            item.help = re.sub(r"[^\w ,.;:/()-]", "", item.help or "").replace(":", "")
        return [item for item in items if is_word(item.value)]

    def resolve_command(self, ctx: typer.Context, args: list[str]) -> Any:  # type: ignore[override]
        """Return the verb that is meant, and its arguments."""
        if ctx.resilient_parsing:  # a half-typed line, which must not end in an error
            return super().resolve_command(ctx, args)
        name = args[0]
        if name not in BUILT_IN and name not in (verbs := self.list_commands(ctx)):
            from archsmith_cli.naming import KNOWN_VERBS

            if name in KNOWN_VERBS:
                raise PluginError(f"{name!r} comes in a package of its own. Run: pip install {KNOWN_VERBS[name]}")
            ctx.fail(f"There is no command {name!r}; there are: {', '.join(verbs)}.{did_you_mean(name, verbs)}")
        return name, load_verb(name), args[1:]


def main() -> NoReturn:
    """Run the command line that this process was started with."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:  # closed by whoever started us
            setattr(sys, name, Path(os.devnull).open("w", encoding="utf-8"))  # noqa: SIM115
        getattr(sys, name).reconfigure(errors="backslashreplace")
    code = _complete() if "_ARCHSMITH_COMPLETE" in os.environ else run(sys.argv[1:])
    try:
        sys.stdout.flush()
        if "--json" in sys.argv:
            exits.end_output()
    except OSError as error:
        code = exits.CLOSED_PIPE if isinstance(error, BrokenPipeError) else exits.fail(error)
        exits.silence()
    if "torch" not in sys.modules and "torch._C" in sys.modules:
        os._exit(code)  # its import ended half-way, and it would crash as the interpreter takes it down
    sys.exit(code)


def run(args: Sequence[str]) -> int:
    """Run one command line and return its exit code. Nothing but `KeyboardInterrupt` handling is left to the caller."""
    # A line that begins with a verb has no use for the options that install completion.
    command = _group(completion=not args or args[0].startswith("-"))
    flags = {"as_json": "--json" in args, "debug": "--debug" in args}
    with exits.notes(), contextlib.ExitStack() as ends:
        try:
            ends.enter_context(exits.terminable())
            with command.make_context("archsmith", list(args) or ["--help"]) as context:
                command.invoke(context)
        except typer.Exit as end:
            return end.exit_code
        except exits.Terminated as end:
            return end.exit_code
        except (KeyboardInterrupt, typer.Abort):
            return exits.INTERRUPTED
        except BrokenPipeError:
            exits.silence()
            return exits.CLOSED_PIPE
        except Exception as error:  # noqa: BLE001  # the one place where errors end
            return exits.fail(error, **flags)
    return 0


def _complete() -> int:
    """Answer a shell that completes a line. Whatever is wrong with the line or a plugin, it is no place to say so."""
    with warnings.catch_warnings(), contextlib.suppress(Exception):
        warnings.simplefilter("ignore")
        try:
            _group(completion=True).main(prog_name="archsmith")
        except SystemExit as end:  # its code tells fish whether there is anything
            return end.code if isinstance(end.code, int) else 1
    return 1


def _group(*, completion: bool) -> Any:
    app = typer.Typer(
        name="archsmith", cls=Verbs, subcommand_metavar="VERB ...", add_completion=completion, rich_markup_mode=None
    )
    app.callback()(_root)
    command = typer.main.get_command(app)
    explain(command)
    return command


def _show_version(value: bool) -> None:
    if value:
        import archsmith

        print(f"archsmith {archsmith.__version__}")
        raise typer.Exit


def _root(
    debug: Debug = False,
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version and end.")
    ] = False,
    wants_help: Help = False,
) -> None:
    """Neural-network architectures as plugins: list, explain, check and instantiate what is installed.

    archsmith VERB --help explains a verb. TAB completes verbs, names and tasks after archsmith --install-completion.

    Examples:
        archsmith list --task image-classification
        archsmith show vit
        archsmith doctor
    """
