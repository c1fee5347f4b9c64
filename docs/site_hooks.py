"""What the site has beyond the pages that are written: each plugin's page, the command line, and links between names.

All of it comes from the sources, so that a new plugin, verb or class joins by itself.
"""

import ast
import html
import re
import textwrap
import tomllib
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

_ROOT = Path(__file__).parents[1]
_COMMAND_LINE, _VERBS = "reference/command-line.md", "<!-- the verbs -->"
#: A name in code letters, outside of code blocks and links: ``PreTrainedModel`` or ``PreTrainedModel.forward``.
_CODE = re.compile(r"<(a|pre|h[1-6]|autoref)\b.*?</\1>|<code>([A-Za-z_][\w.]*)</code>", re.DOTALL)
#: Words in code letters that would break at their hyphens, such as ``--json`` or ``token-classification``.
_INLINE = re.compile(r"<pre\b.*?</pre>|<code>([^<]*-[^<]*)</code>", re.DOTALL)
_HYPHENED, _WHOLE = re.compile(r"(?<![^\s=])(?=\S*-)\S{2,36}(?!\S)"), r'<span class="whole">\g<0></span>'
#: What was typed at prompts and what was printed.
_CONSOLE = re.compile(r'(?<=<div class="language-pycon highlight"><pre><span></span><code>).*?(?=</code>)', re.DOTALL)


def on_config(config: MkDocsConfig) -> None:
    """Put a page for each plugin into the navigation, below their directory."""
    section = next(section for section in config.nav or () if "Plugins" in section)
    section["Plugins"] += [{readme.parent.name: _page_of(readme)} for readme in _readmes()]


def on_files(files: Files, config: MkDocsConfig) -> None:
    """Add the pages of the plugins."""
    for readme in _readmes():
        files.append(File.generated(config, _page_of(readme), content=_plugin_page(readme)))


def on_page_markdown(markdown: str, page: Page, **_: Any) -> str:
    """Describe every verb on the page of the command line."""
    return markdown.replace(_VERBS, _verbs()) if page.file.src_uri == _COMMAND_LINE else markdown


def on_page_content(content: str, **_: Any) -> str:
    """Turn each public name in code letters into a link to the reference; tell what was printed from what was typed."""
    homes = _homes()

    def linked(match: re.Match[str]) -> str:
        first, dot, rest = (match[2] or "").partition(".")
        home = first if dot and re.fullmatch(r"archsmith(_\w+)?", first) else homes.get(first)
        if home is None:
            return match[0]
        return f'<autoref identifier="{home}{dot}{rest}" optional>{match[0]}</autoref>'

    content = _CODE.sub(linked, _CONSOLE.sub(lambda match: _with_output(match[0]), content))
    return _INLINE.sub(
        lambda match: f"<code>{_HYPHENED.sub(_WHOLE, match[1])}</code>" if match[1] else match[0], content
    )


def _with_output(console: str) -> str:
    """Mark each line that was printed as such, all of it, so that none of it is copied with the code."""
    lines = console.splitlines(keepends=True)
    return "".join(line if 'class="gp"' in line else f'<span class="go">{line}</span>' for line in lines)


# ---- plugins ------------------------------------------------------------------------------------------------


def _readmes() -> list[Path]:
    return sorted(_ROOT.glob("plugins/*/README.md"))


def _page_of(readme: Path) -> str:
    """Return where a plugin's page lies: where its README does in the repository, so that links to it hold."""
    return str(readme.relative_to(_ROOT))


def _plugin_page(readme: Path) -> str:
    package = next((readme.parent / "src").glob("*/__init__.py"))
    names = "".join(f"\n        - {name}" for name in _public_names(package))
    options = f"    options:\n      show_root_heading: false\n      heading_level: 3\n      members:{names}\n"
    return f"{readme.read_text(encoding='utf-8')}\n## Reference\n\n::: {package.parent.name}\n{options}"


# ---- names --------------------------------------------------------------------------------------------------


def _public_names(module: Path) -> list[str]:
    """Return what a module, or the stub beside it, lists in ``__all__``; it is not imported."""
    stub = module.with_suffix(".pyi")
    for node in ast.parse((stub if stub.exists() else module).read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__":
            return list(ast.literal_eval(node.value))
    return []


@cache
def _homes() -> dict[str, str]:
    """Return the place in the reference of each public name of the core and the plugins."""
    homes: dict[str, str] = {}
    for module in sorted(_ROOT.glob("plugins/*/src/*/__init__.py")):
        homes |= {name: f"{module.parent.name}.{name}" for name in _public_names(module)}
    core = _ROOT / "core" / "src"
    globs = ("archsmith/[!_]*.py", "archsmith/*/__init__.py", "archsmith/layers/[!_]*.py")
    for module in sorted(module for glob in globs for module in core.glob(glob)):
        path = ".".join(module.relative_to(core).with_suffix("").parts).removesuffix(".__init__")
        homes |= {name: f"{path}.{name}" for name in _public_names(module) if name[0].isupper() and not name.isupper()}
    return homes


# ---- the command line -----------------------------------------------------------------------------------------


def _verbs() -> str:
    """Describe every official verb as its typer app declares it."""
    import typer

    from archsmith_cli.verb import BUILT_IN, load_verb

    verbs = {verb: load_verb(verb) for verb in (*BUILT_IN, *_brought())}
    options = {verb: _options(verb, command) for verb, command in verbs.items()}
    common = set.intersection(*(set(options[verb]) for verb in BUILT_IN))
    lines = ["Every verb that reports has these options:", "", *_table(sorted(common))]
    for verb, command in verbs.items():
        usage = command.get_usage(typer.Context(command, info_name=f"archsmith {verb}")).removeprefix("Usage: ")
        lines += [f"## archsmith {verb}", "", "```text", usage, "```", "", _help(command.help), ""]
        lines += _table(
            [option for option in options[verb] if option not in common or not common <= set(options[verb])]
        )
        lines += ["```sh", *command.examples, "```", ""] if command.examples else []
    return "\n".join(lines)


def _brought() -> list[str]:
    """Return the verbs that the plugins bring."""
    projects = [
        tomllib.loads(path.read_text(encoding="utf-8"))["project"] for path in _ROOT.glob("plugins/*/pyproject.toml")
    ]
    return sorted(
        verb for project in projects for verb in project.get("entry-points", {}).get("archsmith.commands", ())
    )


def _help(text: str) -> str:
    """Return the help of a verb in Markdown: what is indented in it is to be typed, and so is an option."""
    prose, *rest = re.split(r"((?:^ {2}\S.*\n?)+)", text, flags=re.MULTILINE)
    described = re.sub(r"(?<![\w`-])--[a-z][\w-]*", r"`\g<0>`", prose)
    return described + (f"\n```sh\n{textwrap.dedent(rest[0]).rstrip()}\n```\n\n{_help(rest[1])}" if rest else "")


def _options(verb: str, command: Any) -> list[tuple[str, str]]:
    """Return the arguments and options of a verb, each with what its help says of it."""
    import typer

    context = typer.Context(command, info_name=f"archsmith {verb}")
    return [record for param in command.params if (record := param.get_help_record(context))]


def _table(options: Iterable[tuple[str, str]]) -> list[str]:
    rows = [f"| `{names}` | {html.escape(text, quote=False).replace('|', chr(92) + '|')} |" for names, text in options]
    return ["| option | meaning |", "|---|---|", *rows, ""] if rows else []
