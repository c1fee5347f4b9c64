"""``archsmith env``: everything that a report of a bug should say of where it happened, as Markdown."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

import archsmith
import archsmith_cli
from archsmith_cli import installed, surroundings
from archsmith_cli.render import Page, Report, clean
from archsmith_cli.surroundings import attempt, hidden_home


def run() -> Report:
    """Describe this environment, for the report of a bug.

    Prints Markdown: versions, plugins and their states, Python, torch and what it computes with, the variables and
    settings that matter. No token is in it, and the home directory is ~. What cannot be read is told in its line.
    Imports torch; archsmith version is short, and does not.

    Examples:
      archsmith env
      archsmith env --json
    """
    data = _without_home(
        {
            "archsmith": archsmith.__version__,
            "archsmith-cli": archsmith_cli.__version__,
            "plugins": attempt(_plugins),
            "problems": attempt(lambda: list(installed.problems())),
            "system": surroundings.system(),
            "torch": surroundings.torch_build(),
            "accelerators": surroundings.accelerators(),
            "requirements": attempt(surroundings.requirements),
            "variables": surroundings.variables(),
            "settings": attempt(installed.settings_data),
            "completion": surroundings.completions(),
        }
    )
    return Report(data, lambda page: _draw(page, data))


def _plugins() -> list[dict[str, Any]]:
    """Return each plugin once, with what it brings; the worst state of that is its own."""
    found: dict[str, dict[str, Any]] = {}
    for entry in installed.entries():
        known = found.setdefault(
            entry.key,
            {"distribution": entry.distribution, "version": entry.version, "brings": [], "state": "ok", "reason": None},
        )
        known["brings"].append(f"{entry.kind} {entry.name}")
        if known["state"] == "ok" and entry.state.value != "ok":
            known |= {"state": entry.state.value, "reason": entry.reason or None}
    return [found[key] for key in sorted(found)]


def _without_home(value: Any) -> Any:
    if isinstance(value, str):
        return hidden_home(value)
    if isinstance(value, dict):
        return {key: _without_home(each) for key, each in value.items()}
    return [_without_home(each) for each in value] if isinstance(value, list) else value


def _draw(page: Page, data: Mapping[str, Any]) -> None:
    ours = {name: data[name] for name in ("archsmith", "archsmith-cli")}
    _list(page, "archsmith", _pairs(ours | {"completion": ", ".join(data["completion"]) or "not installed"}))
    _list(page, "Plugins", _plugin_lines(data["plugins"]))
    if data["problems"]:
        _list(page, "Problems of the settings", data["problems"])
    _list(page, "System", _pairs(data["system"]))
    _list(page, "torch", [*_pairs(data["torch"]), f"accelerators: {', '.join(data['accelerators']) or 'none'}"])
    _list(page, "Requirements", _pairs(data["requirements"], missing="not installed"))
    _list(page, "Variables", [f"{name}: {_code(value)}" for name, value in data["variables"].items()])
    _list(page, "Settings", _settings_lines(data["settings"]))


def _list(page: Page, title: str, lines: Any) -> None:
    """Write a section, unwrapped and unstyled whatever the terminal, because it is to be copied."""
    items = [lines] if isinstance(lines, str) else lines or ["none"]
    page.verbatim("\n".join([f"### {title}", "", *(f"- {clean(line)}" for line in items), ""]))


def _pairs(values: Any, *, missing: str = "none") -> Any:
    if not isinstance(values, Mapping):
        return values
    return [
        f"{name.replace('_', ' ')}: {missing if value is None else _plain(value)}" for name, value in values.items()
    ]


def _plain(value: Any) -> str:
    return {True: "yes", False: "no"}[value] if isinstance(value, bool) else str(value)


def _plugin_lines(plugins: Any) -> Any:
    if isinstance(plugins, str):
        return plugins
    return [
        f"{each['distribution']} {each['version']} ({', '.join(each['brings'])}): {each['state']}{_because(each)}"
        for each in plugins
    ]


def _because(plugin: Mapping[str, Any]) -> str:
    return f", {plugin['reason'].rstrip('.')}" if plugin["reason"] else ""


def _settings_lines(settings: Any) -> Iterator[str]:
    if isinstance(settings, str):
        yield settings
        return
    file = settings["file"]
    yield f"file: {_code(file) + ('' if settings['exists'] else ' (not there)') if file else 'none'}"
    for key in ("plugins", "disable"):
        if settings[key]:
            yield f"{key}: {', '.join(settings[key]['names'])} ({settings[key]['source']})"
    for name, pin in settings["pin"].items():
        yield f"pin {name}: {pin['distribution']} ({pin['source']})"


def _code(text: str) -> str:
    """Return a text as Markdown's code, which no character in it can end."""
    text = clean(text)
    ticks = "`" * (1 + max(map(len, re.findall("`+", text)), default=0))
    gap = " " if "`" in text else ""
    return f"{ticks}{gap}{text}{gap}{ticks}" if text else "(empty)"
