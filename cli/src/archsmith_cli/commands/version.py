"""``archsmith version``: what is installed, in which version; torch's is read from its metadata, not from torch."""

import platform

import archsmith
import archsmith_cli
from archsmith_cli import installed
from archsmith_cli.render import Cell, Page, Report
from archsmith_cli.versions import installed_version


def run() -> Report:
    """Show versions: archsmith, Python, torch, plugins.

    From metadata, without importing torch. archsmith env says more, for the report of a bug.

    Examples:
        archsmith version
        archsmith version --json
    """
    parts = {
        "archsmith": archsmith.__version__,
        "archsmith-cli": archsmith_cli.__version__,
        "python": platform.python_version(),
        "torch": installed_version("torch"),
    }
    plugins = {entry.distribution: entry.version for entry in installed.entries()}
    plugins = dict(sorted(plugins.items()))

    settings = installed.settings_data()

    def draw(page: Page) -> None:
        rows = [*parts.items(), *plugins.items()]
        if settings["file"]:
            rows.append(("settings", settings["file"] + ("" if settings["exists"] else " (not there)")))
        page.table(("", ""), [(Cell(name, "bold"), number or "not installed") for name, number in rows])
        installed.draw_settings(page)

    return Report({**parts, "platform": platform.platform(), "plugins": plugins, "settings": settings}, draw)
