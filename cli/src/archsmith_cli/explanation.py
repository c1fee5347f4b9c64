"""How ``--help`` looks: plain placeholders, verbs under headings, examples, and no line longer than the terminal."""

import copy
import io
import re
import shutil
import textwrap
from collections.abc import Callable, Iterable
from typing import Any, TypeVar

import typer

from archsmith.messages import clean
from archsmith_cli.render import Page

__all__ = ["Context", "explain", "in_group", "place_of"]

_Verb = TypeVar("_Verb", bound=Callable[..., Any])
_WIDEST = 80
_NARROWEST = 24
_EXAMPLES = "\n\nExamples:\n"
#: A bound that only keeps a number within what formats can hold is no news to a reader.
_ANY_SIZE = "<=9223372036854775807"


class Formatter(typer.Context.formatter_class):  # type: ignore[misc, valid-type]
    """Lays out text, and pairs of a name and its meaning; these below each other where there is no room beside."""

    def __init__(self, **_: Any) -> None:
        super().__init__(width=max(min(shutil.get_terminal_size().columns, _WIDEST) - 2, 1))

    def write_text(self, text: str) -> None:
        """Write paragraphs, wrapped between words; one that begins with a backspace as it stands, as typer has it."""
        paragraphs = [part for part in text.split("\n\n") if part.strip()]
        said = [part[2:] if part.startswith("\b\n") else " ".join(part.split()) for part in paragraphs]
        self._draw(lambda page: page.prose("\n\n".join(said), indent=self.current_indent))

    def write_dl(self, rows: Iterable[tuple[str, str]], col_max: int = 26, col_spacing: int = 2) -> None:
        """Write pairs."""
        rows = list(rows)
        longest = max((len(name) for name, _ in rows if len(name) <= col_max), default=0)
        beside = self.current_indent + longest + col_spacing
        indent = beside if self.width - beside >= _NARROWEST else self.current_indent + 2 * col_spacing
        for name, meaning in rows:
            label = f"{'':{self.current_indent}}{name}"
            if len(label) + col_spacing > indent:
                self.write(f"{label}\n")
                label = ""
            first, *others = textwrap.wrap(
                meaning, max(self.width - indent, 1), break_long_words=False, break_on_hyphens=False
            ) or [""]
            self.write(f"{label:{indent}}{first}".rstrip() + "\n")
            self.write("".join(f"{'':{indent}}{line}\n" for line in others))

    def _draw(self, draw: Callable[[Page], None]) -> None:
        stream = io.StringIO()
        draw(Page(stream, width=self.width))
        self.write(stream.getvalue())


class Context(typer.Context):
    """What typer knows of a run. Its help is made of a stranger's words, which must not steer the terminal."""

    formatter_class = Formatter

    def get_help(self) -> str:
        """Return the help as it is shown."""
        lines = super().get_help().splitlines()
        if examples := getattr(self.command, "examples", ()):
            lines += ["", "Examples:", *(_fit(line, self.make_formatter().width) for line in examples)]
        return clean("\n".join(line.rstrip() for line in lines), lines=True)


def _fit(command: str, width: int) -> str:
    """Return a command line indented, over several lines as a shell takes them if it is too long."""
    lines = [""]
    for word in re.findall(r"(?:\"[^\"]*\"|'[^']*'|\S)+", command):
        if lines[-1] and len(lines[-1]) + len(word) > width - 6:
            lines.append("  ")
        lines[-1] += f"  {word}" if not lines[-1].strip() else f" {word}"
    return " \\\n".join(lines)


def in_group(heading: str) -> Callable[[_Verb], _Verb]:
    """Return a decorator that puts a function's verb under a heading of ``archsmith --help``.

    Without it the verb stands under "From plugins". A typer app says the same as its ``rich_help_panel``.

    Args:
        heading: One that is there, such as ``"Develop"``, or another.
    """

    def put(verb: _Verb) -> _Verb:
        verb.__dict__["rich_help_panel"] = heading
        return verb

    return put


def place_of(command: Any) -> str:
    """Return the heading that a command asks for; empty if it asks for none."""
    heading = getattr(command, "rich_help_panel", None)
    return " ".join(heading.split()) if isinstance(heading, str) else ""


def explain(command: Any) -> None:
    """Let a command's help show what its docstring has under "Examples:", and its parameters as a reader types them."""
    text, _, examples = (command.help or "").partition(_EXAMPLES)
    command.help, command.examples = text, [line.strip() for line in examples.splitlines() if line.strip()]
    for param in command.params:
        explain_parameter(param)


def explain_parameter(param: Any) -> None:
    """Let the help show a parameter as it is typed, without the names of types."""
    plain = copy.copy(param)
    plain.required = False  # the line of usage says it
    many = "..." if param.nargs != 1 else ""

    def record(ctx: Any) -> tuple[str, str] | None:
        found = plain.get_help_record(ctx)
        if found is None:
            return None
        name = _placeholder(param, ctx)
        if param.param_type_name == "option":
            name = "" if param.is_flag or param.count else f" {name}"
            name = (
                " / ".join(", ".join(each) for each in (sorted(param.opts, key=len), param.secondary_opts) if each)
                + name
            )
        return name, found[1].replace(_ANY_SIZE, "").strip()

    def pieces(ctx: Any) -> list[str]:
        name = _placeholder(param, ctx)
        return [f"{name}{many}" if param.required else f"[{name}{many}]"]

    param.get_help_record = record
    if param.param_type_name == "argument":
        param.get_usage_pieces = pieces


def _placeholder(param: Any, ctx: Any) -> str:
    """Return the word that stands for a value: the author's, else its choices, else a number's, else by its name."""
    if param.metavar:
        return str(param.metavar).removesuffix("...")
    if param.type_descriptor.is_choice:
        return str(param.display_type(ctx)).strip("<>").removeprefix("list[").removesuffix("]")
    if param.param_type_name == "option" and param.bare_type() in ("int", "float", "list[int]", "list[float]"):
        return "N"
    return str(param.name).upper().replace("_", "-")
