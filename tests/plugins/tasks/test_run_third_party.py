"""Tasks of other packages: the one of the page *Run tasks*, as it stands there; and those that are broken."""

import json
import re
import tomllib
from pathlib import Path

import pytest

from .run_support import make_classifier, process, rows_of, texts

PAGE = Path(__file__).parents[3] / "docs/run-tasks.md"
BLOCK = re.compile(r"^```\w+ title=\"([^\"]+)\"\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def install(root, name, version, points, files):
    for path, code in files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(code, encoding="utf-8")
    info = root / f"{name.replace('-', '_')}-{version}.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
    lines = [f"{key} = {value}" for key, value in points.items()]
    (info / "entry_points.txt").write_text("[archsmith_tasks.tasks]\n" + "\n".join(lines) + "\n")


@pytest.fixture
def acme(tmp_path):
    """Install the package of the page; return a function that runs the verb where it is installed."""
    blocks = dict(BLOCK.findall(PAGE.read_text(encoding="utf-8")))
    project = tomllib.loads(blocks.pop("pyproject.toml"))["project"]
    site = tmp_path / "site"
    files = {path.removeprefix("src/"): code for path, code in blocks.items()}
    files["acme_uncertainty/__init__.py"] = ""
    install(site, project["name"], project["version"], project["entry-points"]["archsmith_tasks.tasks"], files)
    make_classifier(tmp_path / "m")

    def call(*args):
        return process(*args, folder=tmp_path, PYTHONPATH=str(site))

    call.site = site
    return call


def test_the_task_of_the_page(acme, tmp_path):
    (tmp_path / "in.txt").write_text("\n".join(texts(40)))
    found = acme("uncertainty", "-m", "m", "in.txt", "--out", "a.parquet", "--set", "relative=true")
    assert (found.code, found.err) == (0, "")
    rows = rows_of(tmp_path / "a.parquet")
    assert len(rows) == 40
    assert all(0 < row["bits"] <= 1 and row["label"] in ("NEG", "POS") for row in rows)
    record = json.loads((tmp_path / "a.parquet.run.json").read_text())
    assert record["packages"]["acme-uncertainty"] == "1.0"


def test_the_list_shows_tasks_of_others_and_what_is_broken(acme):
    broken = "raise RuntimeError('half\\x1b[2J installed')\n"
    install(acme.site, "acme-broken", "2.0", {"broken-one": "acme_broken:tasks"}, {"acme_broken.py": broken})
    install(acme.site, "acme-twice", "1.0", {"uncertainty": "acme_broken:tasks"}, {})
    found = acme("--list", "--json")
    tasks = {each["name"]: each for each in found.data["tasks"]}
    assert tasks["text-classification"]["package"] == "archsmith-tasks"
    assert tasks["broken-one"]["state"] == "broken"
    assert tasks["broken-one"]["reason"] == (
        "acme-broken 2.0: its task 'broken-one' cannot be used: RuntimeError: half\\x1b[2J installed."
    )
    assert tasks["uncertainty"]["state"] == "conflicting"
    shown = acme("--list")
    assert (shown.code, shown.err) == (0, "")
    assert "broken-one " in shown.out
    assert "\x1b" not in shown.out
    found = acme("broken-one", "-m", "m", "x")
    assert (found.code, found.err) == (
        1,
        f"error: {tasks['broken-one']['reason']} Run: pip install --upgrade acme-broken\n",
    )
