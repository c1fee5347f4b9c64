"""Every code block of the README, the docs and the plugins' pages runs, or is data for one that does."""

import contextlib
import doctest
import importlib.metadata
import io
import re
import shlex
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = sorted(
    [
        ROOT / "README.md",
        *(ROOT / "docs").rglob("*.md"),
        *ROOT.glob("[!.]*/README.md"),
        *ROOT.glob("plugins/*/README.md"),
    ]
)
#: Tests of their own run these pages, in their surroundings: test_walk_through.py, test_errors_page.py and
#: third_party/test_tutorials.py.
TUTORIALS = {"write-a-plugin.md", "add-a-head.md", "bring-a-backbone.md", "publish-a-processor.md"}
ELSEWHERE = {"walk-through.md", "errors.md"} | TUTORIALS
RUN_HERE = [page for page in PAGES if page.name not in ELSEWHERE]
#: What is installed for tests/ecosystem alone.
OF_OTHERS = re.compile(r"^(import (transformers|lightning)|from (accelerate|peft) import)\b", re.MULTILINE)
LANGUAGES = {"python", "sh", "toml", "text"}


@dataclass(frozen=True)
class Block:
    language: str
    code: str
    line: int


def blocks(page):
    text = page.read_text(encoding="utf-8")
    found = [
        Block(match[1], match[2], text[: match.start()].count("\n") + 2)
        for match in re.finditer(r"^```(\S*)[^\n]*\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    ]
    assert text.count("```") == 2 * len(found), f"{page}: a code fence is not closed"
    return found


@pytest.mark.parametrize("page", RUN_HERE, ids=lambda page: str(page.relative_to(ROOT)))
@pytest.mark.filterwarnings("ignore::archsmith.errors.ArchsmithWarning")
def test_blocks_run_in_order_from_an_empty_folder(page, tmp_path, monkeypatch):
    """Whoever copies the blocks of a page one by one comes to its end, with nothing but what pip has installed."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    namespace, printed, end = {"__name__": "__main__"}, None, 0
    for block in blocks(page):
        assert block.language in LANGUAGES, f"{page}:{block.line}: nothing runs {block.language!r}"
        assert not re.search(r"^(\$ |# file:)", block.code, re.MULTILINE), f"{page}:{block.line}: what is copied fails"
        if block.language == "text" and printed is not None and block.line == end + 2:  # right below what prints it
            assert is_alike(block.code, printed), f"{page}:{block.line}: what is printed is\n{printed}"
        printed, end = None, block.line + block.code.count("\n") + 1
        if block.language == "sh":
            printed = run_shell(page, block)
        elif block.code.startswith(">>>"):
            run_doctest(page, block, namespace)
        elif block.language == "python" and not OF_OTHERS.search(block.code):  # tests/ecosystem runs those
            with contextlib.redirect_stdout(io.StringIO()) as out:
                exec(compile("\n" * (block.line - 1) + block.code, str(page), "exec"), namespace)
            printed = out.getvalue()


def is_alike(told, printed):
    """Tell whether a block says what is printed; … stands for anything."""
    pattern = ".*".join(map(re.escape, told.strip().split("…")))
    return re.fullmatch(pattern, printed.strip(), re.DOTALL) is not None


def run_doctest(page, block, namespace):
    test = doctest.DocTestParser().get_doctest(block.code, namespace, page.name, str(page), block.line - 1)
    report = []
    runner = doctest.DocTestRunner(verbose=False)
    runner.run(test, out=report.append, clear_globs=False)
    assert not runner.failures, "".join(report)


def run_shell(page, block):
    printed = ""
    members = {path.parent.name for path in ROOT.glob("plugins/*/pyproject.toml")} | {"cli"}
    for line in block.code.splitlines():
        words = shlex.split(line, comments=True)
        if not words:
            continue
        if words[0] == "make":
            command = ["make", "-n", "-C", str(ROOT), *words[1:]]
        elif words[:2] == ["pip", "install"]:
            names = {word.removeprefix("archsmith-") for word in words[2:]}
            assert names <= members, f"{page}:{block.line}: {line}"
            continue
        else:
            assert words[0] == "archsmith", f"{page}:{block.line}: nothing runs {line!r}"
            command = [sys.executable, "-m", "archsmith_cli", *words[1:]]
        done = subprocess.run(command, capture_output=True, text=True)
        assert done.returncode == 0, f"{page}:{block.line}: {line}\n{done.stdout}{done.stderr}"
        if words[0] == "archsmith":
            printed += done.stdout
    return printed


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page):
    for target in re.findall(r"\]\(([^)#]+)\)", page.read_text(encoding="utf-8")):
        if not target.startswith("http"):
            assert (page.parent / target).exists(), f"{page}: {target}"


def test_every_dependency_has_its_reason():
    """Each requirement of each distribution stands in the table of the contributing page."""
    table = (ROOT / "docs" / "contributing.md").read_text(encoding="utf-8")
    for member in ("archsmith", "archsmith-cli"):
        for requirement in importlib.metadata.requires(member):
            name = re.match(r"[\w-]+", requirement)[0].replace("_", "-")
            if not name.startswith("archsmith"):
                assert re.search(rf"\b{re.escape(name)}\b|\b{re.escape(name.replace('-', '_'))}\b", table), name
