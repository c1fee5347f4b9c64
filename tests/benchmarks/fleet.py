"""Generate many small installed plugins, and the bare loop that any command over them cannot be faster than."""

from pathlib import Path

#: Start typer and rich, read every entry point of our group, print a table: what listing costs at the very least.
BARE_LOOP = """
import importlib_metadata, typer
from rich.console import Console
from rich.table import Table

app = typer.Typer()

@app.command()
def main() -> None:
    table = Table("name", "distribution", "version")
    for point in importlib_metadata.entry_points(group="archsmith.architectures"):
        table.add_row(point.name, point.dist.name, point.dist.version)
    Console().print(table)

app()
"""

_MANIFEST = '''"""A generated plugin."""

from archsmith.plugin import Architecture, hookimpl


@hookimpl
def architectures():
    yield Architecture(model_type="fleet{number}", config="fleet_{number}.config:FleetConfig")
'''


def write(folder: Path, count: int) -> None:
    """Write ``count`` plugins into a folder that is then put on ``PYTHONPATH``."""
    for number in range(count):
        package = folder / f"fleet_{number}"
        package.mkdir()
        (package / "__init__.py").touch()
        (package / "plugin.py").write_text(_MANIFEST.format(number=number))
        info = folder / f"fleet_{number}-1.{number}.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(
            f"Metadata-Version: 2.1\nName: fleet-{number}\nVersion: 1.{number}\nRequires-Dist: archsmith>=0.2,<0.3\n\n"
        )
        (info / "entry_points.txt").write_text(f"[archsmith.architectures]\nfleet{number} = fleet_{number}.plugin\n")
