"""The directory of plugins: those of this repository, from their metadata, and those that docs/plugins.toml lists."""

import difflib
import importlib
import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from mkdocs.exceptions import PluginError
from mkdocs.structure.pages import Page
from packaging.licenses import InvalidLicenseExpression, canonicalize_license_expression

_ROOT = Path(__file__).parents[1]
_HERE, _PLACE = "plugins/index.md", re.compile("<!-- the directory.*?-->")
#: What a plugin may bring, each an entry-point group of archsmith, and what a package that brings it is.
KINDS = {
    "architectures": "architecture",
    "extensions": "extension",
    "processors": "processor",
    "commands": "command",
    "formats": "format",
}
_SUMMARY = range(10, 161)


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One plugin of the directory; ``home`` is an address, or its page on the site."""

    name: str
    summary: str
    home: str
    licence: str
    architectures: tuple[str, ...] = ()
    extensions: tuple[str, ...] = ()
    processors: tuple[str, ...] = ()
    commands: tuple[str, ...] = ()
    formats: tuple[str, ...] = ()
    tasks: tuple[str, ...] = ()

    @property
    def kinds(self) -> tuple[str, ...]:
        """What it is, by what it brings."""
        return tuple(kind for group, kind in KINDS.items() if getattr(self, group)) or ("library",)

    @property
    def names(self) -> tuple[str, ...]:
        """What it brings, a verb as it is typed."""
        verbs = tuple(f"archsmith {verb}" for verb in self.commands)
        return self.architectures + self.extensions + self.processors + verbs + self.formats


def on_page_markdown(markdown: str, page: Page, **_: Any) -> str:
    """Put the directory into its page."""
    if page.file.src_uri != _HERE:
        return markdown
    table = directory(read_official(), read_listed(_ROOT / "docs/plugins.toml"))
    return _PLACE.sub(lambda _: table, markdown)


def read_official() -> list[Entry]:
    """Return the plugins of this repository as their pyproject.toml and their manifests describe them."""
    return [_official(project) for project in sorted(_ROOT.glob("plugins/*/pyproject.toml"))]


def read_listed(path: Path) -> list[Entry]:
    """Return the plugins that a file lists.

    Raises:
        PluginError: All that is wrong with the file.
    """
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise PluginError(f"{path.name}: it is not TOML in UTF-8: {error}") from None
    entries = content.get("plugin", [])
    if (
        set(content) - {"plugin"}
        or not isinstance(entries, list)
        or not all(isinstance(each, dict) for each in entries)
    ):
        raise PluginError(f"{path.name}: it has {sorted(content)}, but only [[plugin]] tables are expected.")
    faults = [
        f"{path.name}: plugin {index} ({entry.get('name')!r}): {fault}"
        for index, entry in enumerate(entries, start=1)
        for fault in _faults(entry)
    ]
    faults += [f"{path.name}: {fault}" for fault in _faults_together([str(entry.get("name")) for entry in entries])]
    if faults:
        raise PluginError("\n".join(faults))
    return [
        Entry(**{key: tuple(value) if isinstance(value, list) else value for key, value in entry.items()})
        for entry in entries
    ]


def directory(official: list[Entry], listed: list[Entry]) -> str:
    """Return the controls and the table, in Markdown."""
    entries = sorted(official + listed, key=lambda entry: entry.name)
    kinds = sorted({kind for entry in entries for kind in entry.kinds})
    tasks = sorted({task for entry in entries for task in entry.tasks})
    head = ["| plugin | what it is | kind | brings | tasks | licence |", "|---|---|---|---|---|---|"]
    rows = [_row(entry, is_official=entry in official) for entry in entries]
    table = "\n".join([*head, *rows])
    return f'{_filters(kinds, tasks)}\n\n<div class="directory-table" markdown>\n\n{table}\n\n</div>'


# ---- entries --------------------------------------------------------------------------------------------------


def _official(project: Path) -> Entry:
    metadata = tomllib.loads(project.read_text(encoding="utf-8"))["project"]
    points = metadata.get("entry-points", {})
    groups = {group: points.get(f"archsmith.{group}", {}) for group in KINDS}
    modules = {("architectures", module) for module in groups["architectures"].values()}
    modules |= {("extensions", module) for module in groups["extensions"].values()}
    tasks = {task for hook, module in modules for record in _records(hook, module) for task in record.models}
    return Entry(
        name=metadata["name"],
        summary=metadata["description"],
        home=f"{project.parent.name}/README.md",
        licence=metadata["license"],
        tasks=tuple(sorted(tasks - {"base"})),
        **{group: tuple(sorted(names)) for group, names in groups.items()},
    )


def _records(hook: str, module: str) -> Iterator[Any]:
    yield from getattr(importlib.import_module(module), hook)()


def _faults(entry: dict[str, Any]) -> Iterator[str]:
    known = {field.name for field in fields(Entry)}
    for key in sorted(set(entry) - known):
        near = difflib.get_close_matches(key, known, n=1)
        yield f"{key!r} is not a key; " + (f"did you mean {near[0]!r}?" if near else f"the keys are {sorted(known)}.")
    rules = {
        "name": (_is_name, "lower-case letters, digits and '-', as pip shows it"),
        "summary": (_is_summary, "one sentence of 10 to 160 characters that ends with a full stop"),
        "home": (lambda text: re.fullmatch(r"https://[^\s()<>|]+", text), "an address that begins with https://"),
        "licence": (_is_licence, "an SPDX expression such as 'MIT' or 'Apache-2.0'"),
    }
    for key, (is_right, expected) in rules.items():
        if not isinstance(entry.get(key), str) or not is_right(entry[key]):
            yield f"{key!r} is {entry.get(key)!r}, but expected is {expected}."
    for key in (*KINDS, "tasks"):
        names = entry.get(key, [])
        if not isinstance(names, list) or not all(isinstance(name, str) and _is_key(name) for name in names):
            yield f"{key!r} is {names!r}, but expected is a list of names of letters, digits, '_', '-' and '.'."
        elif names != sorted(set(names)):
            yield f"{key!r} is {names!r}, but expected is {sorted(set(names))!r}: sorted, each once."
    if entry.get("tasks") and not (entry.get("architectures") or entry.get("extensions")):
        yield "'tasks' needs 'architectures' or 'extensions' beside it: a task is one of a model."


def _faults_together(names: list[str]) -> Iterator[str]:
    if names != sorted(names):
        yield f"the plugins are in the order {names}, but are sorted by name: {sorted(names)}."
    for name in sorted({name for name in names if names.count(name) > 1}):
        yield f"{name!r} is listed twice; remove one."
    for name in sorted(set(names) & {entry.name for entry in read_official()}):
        yield f"{name!r} is of this repository, and found by itself; remove it."


def _is_name(text: str) -> bool:
    return bool(re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", text))


def _is_summary(text: str) -> bool:
    return len(text) in _SUMMARY and text.isprintable() and text.endswith(".") and text == text.strip()


def _is_key(text: str) -> bool:
    return bool(re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.-]*", text))


def _is_licence(text: str) -> bool:
    try:
        return canonicalize_license_expression(text) == text
    except InvalidLicenseExpression:
        return False


# ---- the page -------------------------------------------------------------------------------------------------


def _filters(kinds: list[str], tasks: list[str]) -> str:
    """Return the controls, which the page's script shows: without it, all plugins are there."""
    choices = "".join(
        f'<label>{name} <select name="{name}"><option value="">any</option>'
        + "".join(f"<option>{value}</option>" for value in values)
        + "</select></label>"
        for name, values in (("kind", kinds), ("task", tasks))
    )
    text = '<label>words <input name="words" type="search" autocomplete="off"></label>'
    return f'<form class="directory" hidden>{choices}{text}<output></output></form>'


def _row(entry: Entry, *, is_official: bool) -> str:
    """Return a row of the table; what others have written is text, whatever is in it."""
    summary = re.sub(r"[^\w\s,.;:'()]", lambda mark: f"&#{ord(mark[0])};", entry.summary)
    origin = "" if is_official else "<br>by others"
    cells = [f"[{entry.name}]({entry.home}){origin}", summary, ", ".join(entry.kinds)]
    cells += [" ".join(f"`{name}`" for name in names) for names in (entry.names, entry.tasks)]
    return f"| {' | '.join([*cells, entry.licence])} |"
