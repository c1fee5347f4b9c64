"""``archsmith version``: what is installed, in which version; torch's is read from its metadata, not from torch."""

import platform
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import archsmith
import archsmith_cli
from archsmith.discovery.installed import Kind
from archsmith.discovery.settings import settings_file
from archsmith_cli import survey
from archsmith_cli.render import Cell, Page, Report


def run() -> Report:
    """Show versions: archsmith, Python, torch, plugins."""
    parts = {
        "archsmith": archsmith.__version__,
        "archsmith-cli": archsmith_cli.__version__,
        "python": platform.python_version(),
        "torch": _installed("torch"),
    }
    plugins = {entry.distribution: entry.version for entry in survey.entries(*Kind)}
    plugins = dict(sorted(plugins.items()))

    settings = settings_file()
    there = settings is not None and settings.exists()

    def draw(page: Page) -> None:
        rows = [*parts.items(), *plugins.items()]
        if there:
            rows.append(("settings", str(settings)))
        page.table(("", ""), [(Cell(name, "bold"), number or "not installed") for name, number in rows])

    data: dict[str, Any] = {
        **parts,
        "platform": platform.platform(),
        "plugins": plugins,
        "settings": {"file": str(settings) if settings else None, "exists": there},
    }
    return Report(data, draw)


def _installed(distribution: str) -> str | None:
    try:
        return version(distribution)
    except PackageNotFoundError:
        return None
