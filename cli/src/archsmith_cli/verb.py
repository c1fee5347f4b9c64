"""What a verb of ``archsmith`` is made of, be it one that comes with it or one that a plugin brings.

A verb is a function that returns a `Report`. Its arguments are those of the command line, as typer reads them, and the
first line of its docstring stands in ``archsmith --help``::

    from archsmith_cli.verb import Report


    def count(checkpoint: str) -> Report:
        '''Count the tensors of a checkpoint.'''
        from archsmith.files import Checkpoint, find_weights  # imported when it runs: --help does not wait for it

        tensors = len(find_weights(Checkpoint.open(checkpoint)).tensors)
        return Report({"tensors": tensors}, lambda page: page.line(f"{tensors} tensors"))

An entry point in the group ``archsmith.commands`` names it: ``count = "acme_count.command:count"``. It has the options
``--json``, ``--debug`` and ``--help``; the last ends with the command lines below "Examples:" in the docstring.
`in_group` puts it under a heading of ``archsmith --help``. Standard output is for its report; what is printed meanwhile
goes to standard error. It ends with the report's exit code; an error of archsmith's ends it with 1, a
``typer.BadParameter`` with 2.

An entry point may name a typer app as well, whose functions may return reports. What returns no `Report` by its
annotation prints for itself, and has no options but its own.
"""

import importlib
import inspect
import sys
from collections.abc import Callable, Collection, Mapping
from typing import TYPE_CHECKING, Annotated, Any

import typer

from archsmith.errors import PluginError
from archsmith.lazy import lazy_attributes
from archsmith.messages import did_you_mean
from archsmith_cli import exits
from archsmith_cli.completion import completing
from archsmith_cli.explanation import Context, explain, in_group
from archsmith_cli.render import Cell, Page, Report, Span, encode
from archsmith_cli.usage import explaining

if TYPE_CHECKING:
    from archsmith_cli.assignments import parse_assignments
    from archsmith_cli.naming import plugin_named
    from archsmith_cli.output_folder import output_folder
    from archsmith_cli.paths import expand

__all__ = [
    "BUILT_IN",
    "GROUPS",
    "Cell",
    "Page",
    "Report",
    "Span",
    "completing",
    "encode",
    "expand",
    "in_group",
    "load_verb",
    "one_of",
    "output_folder",
    "parse_assignments",
    "plugin_named",
]

__getattr__ = lazy_attributes(
    "archsmith_cli",
    {
        "assignments": ["parse_assignments"],
        "naming": ["plugin_named"],
        "output_folder": ["output_folder"],
        "paths": ["expand"],
    },
)

#: Heading of ``archsmith --help`` → the verbs below it that come with the command line; those of plugins follow them.
GROUPS: Mapping[str, tuple[str, ...]] = {
    "Look": ("list", "plugins", "show", "inspect", "diff"),
    "Run": ("create", "convert"),
    "Install": ("install", "uninstall", "pin", "unpin", "disable", "enable"),
    "Develop": (),
    "Problems": ("doctor", "env", "version"),
}
#: The verbs that come with the command line. A module of that name in `archsmith_cli.commands` holds each as ``run``.
BUILT_IN = tuple(verb for verbs in GROUPS.values() for verb in verbs)


def _show_help(ctx: typer.Context, value: bool) -> None:
    if value:
        print(ctx.get_help())
        raise typer.Exit


#: Typer's own option has no default that is a bool, and checking that imports pydantic: a third of a short run.
Help = Annotated[
    bool, typer.Option("--help", "-h", callback=_show_help, is_eager=True, help="Show this message and end.")
]
Debug = Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")]


def load_verb(verb: str) -> Any:
    """Import a verb; return the command that it is, and leave all others alone.

    Raises:
        PluginError: No plugin brings it, its plugin cannot be used, or what that one names is not a verb.
    """
    if verb in BUILT_IN:
        return _command(importlib.import_module(f"archsmith_cli.commands.{verb}").run, verb)
    from archsmith.registry import Kind, State, registry

    with exits.output_kept_clean():
        found = registry.command(verb)
    try:
        return _command(found, verb)
    except Exception as error:  # a stranger's object, which may be anything
        entries = registry.entries(Kind.COMMAND)
        owner = next(entry for entry in entries if entry.name == verb and entry.state is State.OK)
        said = f"{type(error).__name__}: {error}".removesuffix(".")
        reason = f"{owner}: its command {verb!r} is neither a typer app nor a function that becomes one: {said}."
        remedy = f"Run: pip install --upgrade {owner.distribution}"
        raise PluginError(f"{reason} {remedy}", reason=reason, remedy=remedy) from error


def one_of(choices: Collection[str]) -> Callable[[Any], Any]:
    """Return a callback of typer's that refuses what is not one of several words, and says which is near it."""

    def check(value: Any) -> Any:
        if value is not None and value not in choices:
            raise typer.BadParameter(f"{value!r} is none of {', '.join(choices)}.{did_you_mean(value, choices)}")
        return value

    return check


def _common(
    json: Annotated[bool, typer.Option("--json", help="Print JSON, and nothing else, on standard output.")] = False,
    debug: Debug = False,
    wants_help: Help = False,
) -> None:
    """Declare the options of whatever returns a report."""


def _command(found: Any, name: str) -> Any:
    """Return the command that a typer app or a function is; what returns a report gets the common options."""
    return _reporting(typer.main.get_command(found if isinstance(found, typer.Typer) else _app(found, name)))


def _app(function: Callable[..., Any], name: str) -> typer.Typer:
    app = typer.Typer(add_completion=False, rich_markup_mode=None)
    app.command(name, rich_help_panel=getattr(function, "rich_help_panel", None))(function)
    return app


def _reporting(command: Any) -> Any:
    """Let a command print the report that it returns by its annotation, and those inside of a group as well."""
    command.context_class, command.rich_markup_mode = Context, None
    command.context_settings.setdefault("help_option_names", ["--help", "-h"])
    command.parse_args = explaining(command.parse_args)
    for inner in getattr(command, "commands", {}).values():
        _reporting(inner)
    explain(command)
    for param in command.params:
        param.process_value = _unhurt_by_nothing(param)
    find_out = command.callback
    if find_out is None:
        return command
    if inspect.signature(find_out, eval_str=True).return_annotation is not Report:
        command.callback = _unreported(find_out, command.name)
        return command

    def report(json: bool, debug: bool, wants_help: bool, **options: Any) -> None:  # noqa: ARG001  # seen to before
        with exits.output_kept_clean():  # a plugin may print as it is imported
            result: object = find_out(**options)
        if not isinstance(result, Report):
            raise PluginError(f"the verb {command.name!r} must return a Report, as it says, but returned {result!r}.")
        if json:
            try:
                print(encode(result.data))
            except ValueError as error:
                raise PluginError(f"the report of {command.name!r} is not JSON: {error}.") from error
        else:
            result.draw(Page(sys.stdout))
        raise typer.Exit(result.exit_code)

    common = typer.main.get_command(_app(_common, "common"))
    explain(common)
    command.params += common.params
    command.callback = report
    return command


def _unhurt_by_nothing(param: Any) -> Callable[[Any, Any], Any]:
    """Return a parameter's method that checks its value; it imports pydantic only if there is one."""
    check = param.process_value

    def process_value(ctx: Any, value: Any) -> Any:
        if value is not None or param.required:
            return check(ctx, value)
        value = () if param.multiple or param.nargs != 1 else None
        return value if param.callback is None else param.callback(ctx, param, value)

    return process_value


def _unreported(function: Callable[..., Any], name: str) -> Callable[..., Any]:
    """Refuse a report that nothing would show, because the annotation of its verb does not promise it."""

    def run(*args: Any, **options: Any) -> Any:
        result = function(*args, **options)
        if isinstance(result, Report):
            raise PluginError(f"the verb {name!r} returns a Report, so its function must say it: '-> Report'.")
        return result

    return run
