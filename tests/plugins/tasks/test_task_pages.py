"""The page of each task says what the task declares: its options, its results and the architectures that have it."""

import dataclasses
import importlib
import json
import re
from pathlib import Path

import pytest

from archsmith.registry import registry
from archsmith_cli.main import run
from archsmith_tasks import results
from archsmith_tasks.declared import tasks

PAGES = Path(__file__).parents[3] / "docs/tasks"
TASKS = {task.name: task for task in tasks()}


def page(name):
    return (PAGES / f"{name}.md").read_text(encoding="utf-8")


def default(field):
    return field.default if field.default is not dataclasses.MISSING else field.default_factory()


def test_each_task_has_a_page_and_stands_in_the_overview():
    assert {path.stem for path in PAGES.glob("*.md")} == set(TASKS)
    overview = (PAGES.parent / "run-tasks.md").read_text(encoding="utf-8")
    assert set(re.findall(r"^\| \[[\w-]+\]\(tasks/([\w-]+)\.md\)", overview, re.MULTILINE)) == set(TASKS)


@pytest.mark.parametrize("name", TASKS)
def test_a_page_names_all_options_with_their_defaults(name):
    module, _, steps = TASKS[name].steps.partition(":")
    options = getattr(importlib.import_module(module), steps).options_class
    table = page(name).partition("\n## Options\n")[2].partition("\n## ")[0]
    rows = dict(re.findall(r"^\| `(\w+)` \| (.*) \|$", table, re.MULTILINE))
    assert rows == {
        field.name: f"`{json.dumps(default(field))}` | {field.metadata['doc']}" for field in dataclasses.fields(options)
    }


@pytest.mark.parametrize("name", TASKS)
def test_a_page_names_all_fields_of_its_results(name):
    section = page(name).partition("\n## What it returns\n")[2].partition("\n## ")[0]
    tables = re.findall(r"^\| `(\w+)` \| \|\n\|---\|---\|\n((?:\|.*\n)+)", section, re.MULTILINE)
    assert tables
    for result, rows in tables:
        names = [field.name for field in dataclasses.fields(getattr(results, result))]
        assert re.findall(r"^\| `(\w+)`", rows, re.MULTILINE) == names


def reads_text(model_type, key):
    return registry.load(model_type, f"models.{key}").main_input_name == "input_ids"


@pytest.mark.parametrize("name", TASKS)
def test_a_page_names_the_architectures_that_have_the_task(name, capsys):
    known = set()
    for key in TASKS[name].models:
        run(["list", "--task", key, "--json"])
        found = {each["model_type"] for each in json.loads(capsys.readouterr().out)["architectures"]}
        known |= {each for each in found if TASKS[name].inputs != "text" or reads_text(each, key)}
    told = re.search(r"^Architectures: (.*)\.$", page(name), re.MULTILINE)[1]
    assert told == (", ".join(f"`{each}`" for each in sorted(known)) or "none")
