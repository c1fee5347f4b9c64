"""What people see before the code: metadata of the packages, `make help`, workflows, templates, the citation."""

import os
import re
import subprocess
import tomllib
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
MEMBERS = [ROOT / "core", ROOT / "cli", *sorted(path.parent for path in ROOT.glob("plugins/*/pyproject.toml"))]
WORKFLOWS = sorted(ROOT.glob(".github/workflows/*.yml"))
#: Other packages bring these.
LIBRARIES = {"wordpiece", "bpe", "convnext-images", "chat-templates", "tasks", "generation"}
VERSION = tomllib.loads((ROOT / "core/pyproject.toml").read_text())["project"]["version"]
NAMED = re.compile(r"^([a-z-]+):.*## ", re.MULTILINE)


def project_of(member):
    return tomllib.loads((member / "pyproject.toml").read_text(encoding="utf-8"))["project"]


@pytest.mark.parametrize("member", MEMBERS, ids=lambda member: member.name)
def test_metadata(member):
    project, core = project_of(member), project_of(ROOT / "core")
    assert project["authors"] == core["authors"]
    assert len(project["keywords"]) >= 4
    assert "Programming Language :: Python :: 3.11" in project["classifiers"]
    assert not [each for each in project["classifiers"] if each.startswith("License ::")]  # beside `license`: refused
    assert ("Typing :: Typed" in project["classifiers"]) == bool([*member.glob("src/*/py.typed")])
    same = {name: url for name, url in project["urls"].items() if name != "Documentation"}
    assert same == {name: url for name, url in core["urls"].items() if name != "Documentation"}
    assert set(project["urls"]) == {"Homepage", "Documentation", "Source", "Changelog", "Issues"}


@pytest.mark.parametrize("page", [ROOT / "README.md", *(member / "README.md" for member in MEMBERS)], ids=str)
def test_a_readme_stands_alone(page):
    """It is shown where the packages are, from where no relative link leads anywhere; and it has an example."""
    text = page.read_text(encoding="utf-8")
    links = re.findall(r"\]\(([^)]+)\)", text)
    assert not [link for link in links if not link.startswith(("https://", "#"))]
    assert re.search(r"```(python|sh)", text)
    assert "pip install" in text


def test_links_to_the_site_lead_to_pages():
    pages = {f"plugins/{path.parent.name}/index" for path in ROOT.glob("plugins/*/README.md")} | {"plugins/index"}
    pages |= {str(path.relative_to(ROOT / "docs"))[:-3] for path in (ROOT / "docs").rglob("*.md")}
    files = [*ROOT.glob("*.md"), *ROOT.glob("*/README.md"), *ROOT.glob("plugins/*/README.md"), *ROOT.glob("*.cff")]
    files += [*ROOT.glob(".github/**/*.*"), *(member / "pyproject.toml" for member in MEMBERS)]
    site, repository = r"https://archsmith\.github\.io/archsmith/([\w/-]+)\.html", r"/blob/main/([\w./-]+)"
    for file in files:
        text = file.read_text(encoding="utf-8")
        assert set(re.findall(site, text)) <= pages, file
        assert all((ROOT / path).exists() for path in re.findall(repository, text)), file


def test_make_help_names_every_target():
    makefile = (ROOT / "Makefile").read_text()
    phony = set(re.search(r"^\.PHONY: (.*)$", makefile, re.MULTILINE)[1].split())
    assert set(NAMED.findall(makefile)) == phony
    environment = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}  # make test's own
    printed = subprocess.run(["make"], cwd=ROOT, env=environment, capture_output=True, text=True, check=True).stdout
    assert {line.split()[1] for line in printed.splitlines()} == phony


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_workflows(path):
    """What they call exists, they can write nothing that they need not, and every action has a version."""
    content = yaml.safe_load(path.read_text())
    targets = set(NAMED.findall((ROOT / "Makefile").read_text()))
    assert content["permissions"] == {"contents": "read"}
    assert content["concurrency"]["group"]
    for job in content["jobs"].values():
        assert job["timeout-minutes"] <= 120
        for need in [job["needs"]] if "needs" in job else []:
            assert need in content["jobs"]
        for step in job["steps"]:
            assert ("uses" in step) != ("run" in step)
            assert re.fullmatch(r"[\w./-]+@(v\d+|release/v1)", step.get("uses", "x@v1"))
            lines = step.get("run", "")
            assert "${{" not in lines  # a name of a branch or a title of an issue would be run
            assert set(re.findall(r"^make ([\w-]+)", lines, re.MULTILINE)) <= targets
            for name in re.findall(r"(?<= )(?:tests|cli)/[\w/.]+", lines):
                assert (ROOT / name).exists(), name


def test_where_there_is_no_make_the_same_is_installed():
    """The jobs without make write out what its set-up installs."""
    lines = (ROOT / ".github/workflows/tests.yml").read_text().splitlines()
    makefile = (ROOT / "Makefile").read_text()
    published = re.search(r"^PUBLISHED := (.*)$", makefile, re.MULTILINE)[1]
    builders = re.search(r"constraints.txt (torch .*)$", makefile, re.MULTILINE)[1]
    for words in (f" {published}", f" {builders}", '-e "./core[text,vision,audio]" $members'):
        assert len([line for line in lines if line.endswith(words)]) == 2, words


def test_the_release_holds_the_tag_against_the_version():
    """The workflow greps for it: in that file, in these words."""
    assert f'__version__ = "{VERSION}"\n' in (ROOT / "cli/src/archsmith_cli/__init__.py").read_text()


@pytest.mark.parametrize("path", sorted(ROOT.glob(".github/ISSUE_TEMPLATE/*.yml")), ids=lambda path: path.name)
def test_issue_templates(path):
    content = yaml.safe_load(path.read_text())
    if path.name != "config.yml":
        assert {"name", "description", "body"} <= content.keys()
        ids = [part["id"] for part in content["body"]]
        assert len(ids) == len({*ids})
        assert all(part["type"] in {"dropdown", "textarea"} and part["attributes"]["label"] for part in content["body"])


def test_citation():
    content = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert (content["cff-version"], content["version"], content["license"]) == ("1.2.0", VERSION, "Apache-2.0")
    assert {"title", "message", "authors"} <= content.keys()


def test_pre_commit_runs_what_is_there():
    content = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())
    for hook in content["repos"][0]["hooks"]:
        assert all((ROOT / word).exists() for word in hook["entry"].split() if word.startswith("tests/"))
