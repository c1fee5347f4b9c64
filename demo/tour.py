"""What the demonstrations share: they run the command line as a user does, and keep its pictures in demo-output."""

import shutil
import subprocess
import sysconfig
from pathlib import Path

from rich.console import Console

__all__ = ["OUTPUT", "archsmith", "console", "work_folder"]

ROOT = Path(__file__).parents[1]
OUTPUT = ROOT / "demo-output"

console = Console(highlight=False)


def archsmith(*arguments: object) -> None:
    """Show a command and run it."""
    words = [str(argument) for argument in arguments]
    console.print(f"\n[dim]$ archsmith {' '.join(word.replace(f'{ROOT}/', '') for word in words)}[/dim]")
    program = Path(sysconfig.get_path("scripts"), "archsmith")
    subprocess.run([program, *words], check=True, cwd=ROOT)  # noqa: S603  # our own


def work_folder(name: str) -> Path:
    """Return a new folder below build/demo; one of an earlier run is deleted, and so are its pictures."""
    folder = ROOT / "build" / "demo" / name
    shutil.rmtree(folder, ignore_errors=True)
    shutil.rmtree(OUTPUT / name, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder
