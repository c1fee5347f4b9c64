"""The tutorials run from the first command to the last, in an environment as a plugin's author has one."""

import re
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from .conftest import ROOT, Workshop

TUTORIALS = ("write-a-plugin", "add-a-head", "bring-a-backbone", "publish-a-processor")
#: A block of code, its title, and the block of text that may follow it at once: what it prints.
BLOCK = re.compile(
    r"^```(\w+)(?: title=\"([^\"]+)\")?\n(.*?)^```\n(?:\n```text\n(.*?)^```$)?", re.MULTILINE | re.DOTALL
)


@dataclass
class Reader:
    """Somebody who follows a page: types its commands, writes its files, and compares what is printed."""

    workshop: Workshop
    folder: Path
    ran: list[str] = field(default_factory=list)

    def follow(self, page: str) -> None:
        for language, title, code, printed in BLOCK.findall(page):
            if title:
                (self.folder / title).write_text(code, encoding="utf-8")
            elif language in ("sh", "python"):
                self.compare(code, self.run(language, code), printed)
                self.ran.append(language)

    def run(self, language: str, code: str) -> str:
        """Run a block; the folder that a shell is in at its end is where the next block begins."""
        end = self.folder.parent / "pwd"
        command = ["bash", "-ec", f"{code}\npwd > {end}"] if language == "sh" else ["python", "-c", code]
        done = subprocess.run(
            command,
            cwd=self.folder,
            env=self.workshop.variables(COLUMNS="80"),
            capture_output=True,
            text=True,
            timeout=300,
        )
        assert done.returncode == 0, f"{code}\n{done.stdout}{done.stderr}"
        if language == "sh":
            self.folder = Path(end.read_text().strip())
        return done.stdout

    @staticmethod
    def compare(code: str, found: str, printed: str) -> None:
        """Hold what was printed against the page, where ``…`` stands for anything."""
        if printed:
            pattern = ".*".join(map(re.escape, printed.split("…")))
            assert re.fullmatch(pattern, found, re.DOTALL), f"{code}prints\n{found}but the page says\n{printed}"


@pytest.mark.parametrize("name", TUTORIALS)
def test_it_runs_as_written(name, workshop, tmp_path):
    if left := workshop.installed().keys() - workshop.base:  # by tests that install what needs something else
        workshop.run("python", "-m", "pip", "uninstall", "-q", "-y", *left, cwd=tmp_path)
    before = workshop.installed()
    folder = tmp_path / "home"
    folder.mkdir()
    reader = Reader(workshop, folder)
    try:
        reader.follow((ROOT / "docs" / f"{name}.md").read_text(encoding="utf-8"))
    finally:
        if added := workshop.installed().keys() - before.keys():
            workshop.run("python", "-m", "pip", "uninstall", "-q", "-y", *added, cwd=folder)
    assert workshop.installed() == before
    assert {"sh", "python"} <= set(reader.ran)
