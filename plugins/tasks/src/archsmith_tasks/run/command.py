"""``archsmith run``: a task of a model, on texts, files and tables, into a table or a file."""

import contextlib
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TextIO

import typer

from archsmith.errors import PluginBroken, PluginConflict
from archsmith.messages import shown
from archsmith_cli.verb import Cell, Debug, Help, Page, encode, expand, in_group, parse_assignments
from archsmith_tasks.catalog import find_task, near_task, owner_of, task_names
from archsmith_tasks.run.arguments import (
    AUTO,
    AsJson,
    AsText,
    BatchSize,
    Device,
    Draw,
    FeatureExtractor,
    Fields,
    Force,
    Given,
    ImageProcessor,
    Listing,
    Model,
    Named,
    Offline,
    Out,
    Resume,
    Revision,
    Settings,
    Strict,
    Subfolder,
    Tokenizer,
    Type,
    Whole,
)
from archsmith_tasks.run.columns import Columns
from archsmith_tasks.run.inputs import Inputs
from archsmith_tasks.task import Task

__all__ = ["run"]

_PARTS = {
    "tokenizer": "--tokenizer",
    "image_processor": "--image-processor",
    "feature_extractor": "--feature-extractor",
}
_TAKEN = {
    "task": "TASK",
    "model": "--model",
    "dtype": "--dtype",
    "device": "--device",
    "batch_size": "--batch-size",
    "revision": "--revision",
    "subfolder": "--subfolder",
    "local_files_only": "--offline",
}


@in_group("Run")
def run(
    task: Named = None,
    inputs: Given = None,
    *,
    model: Model = None,
    out: Out = None,
    fields: Fields = None,
    whole: Whole = False,
    text: AsText = False,
    settings: Settings = None,
    batch_size: BatchSize = AUTO,
    dtype: Type = AUTO,
    device: Device = None,
    revision: Revision = None,
    subfolder: Subfolder = "",
    offline: Offline = False,
    tokenizer: Tokenizer = None,
    image_processor: ImageProcessor = None,
    feature_extractor: FeatureExtractor = None,
    draw: Draw = None,
    strict: Strict = False,
    resume: Resume = False,
    force: Force = False,
    listing: Listing = False,
    json: AsJson = False,
    debug: Debug = False,  # noqa: ARG001  # seen to before
    wants_help: Help = False,  # noqa: ARG001
) -> None:
    """Do what a model is for, with texts, files and tables.

    Shows a table, or writes a file: a row for each input, numbered from 0, with its id (a column id, or its file and
    line) and its answer, or what is wrong with it. Ends with code 1 if an input was bad. A run that was stopped goes on
    with --resume.

    Examples:
        archsmith run image-classification photo.jpg --model CHECKPOINT
        archsmith run auto texts.csv --model CHECKPOINT --field text --out answers.jsonl
        archsmith run --list
    """
    page, stream = Page(sys.stdout), sys.stdout
    if listing and (task is not None or inputs or model is not None):
        raise typer.BadParameter("it stands alone", param_hint="--list")
    if listing:
        _list(page, stream, as_json=json)
        return
    _check(out, draw, resume=resume, force=force, as_json=json)
    if task is None or not inputs or model is None:
        missing = "TASK" if task is None else "INPUT" if not inputs else "--model"
        raise typer.BadParameter(
            "it is missing; expected TASK --model CHECKPOINT INPUT…, or --list", param_hint=missing
        )
    parts = {"tokenizer": tokenizer, "image_processor": image_processor, "feature_extractor": feature_extractor}
    place = {"revision": revision, "subfolder": subfolder, "local_files_only": offline}
    with contextlib.redirect_stdout(sys.stderr):  # a plugin may print
        from archsmith_tasks.run.job import Job, Loading

        options, source = _options(settings or []), _source(model, "--model")
        if revision is not None and Path(source).is_dir():
            raise typer.BadParameter(
                f"it is for a model on the hub, but {source!r} is a folder", param_hint="--revision"
            )
        loading = Loading(
            source=source,
            parts={name: _source(value, _PARTS[name]) for name, value in parts.items() if value is not None},
            hub={name: value for name, value in place.items() if value}
            | {name: options.pop(name) for name in ("token", "cache_dir") if name in options},
            options=options,
            batch_size=_rows(batch_size),
            dtype=dtype,
            device=device,
        )
        found = _task(task, loading.source, loading.hub)
        job = Job(
            task=found,
            loading=loading,
            inputs=Inputs(inputs, found, Columns(found, fields or ()), whole=whole, as_texts=text),
            out=None if out in (None, "-") else expand(str(out), "--out", expected="the path of a file"),
            pictures=None if draw is None else expand(draw, "--draw"),
            lines=out == "-",
            as_json=json,
            strict=strict,
            resume=resume,
            force=force,
        )
        code = job.run(page, stream)
    raise typer.Exit(code)


def _check(out: str | None, draw: str | None, *, resume: bool, force: bool, as_json: bool) -> None:
    """Refuse options that contradict each other. Raises `typer.BadParameter`."""
    if resume and force:
        raise typer.BadParameter("it contradicts --force", param_hint="--resume")
    for option, given in (("--resume", resume), ("--force", force)):
        if given and out in (None, "-") and draw is None:
            raise typer.BadParameter(f"{option} is for --out FILE", param_hint=option)
    if as_json and out == "-":
        raise typer.BadParameter("'-' contradicts --json", param_hint="--out")


def _task(name: str, model: str, hub: Mapping[str, Any]) -> Task:
    """Return the task of a name, or the one that a checkpoint says. Raises `OptionError`."""
    if name == AUTO:
        from archsmith_tasks.pipelines import named_task

        return named_task(model, **hub)
    if name not in task_names():
        known = ", ".join(task_names())
        raise typer.BadParameter(
            f"there is no task {shown(name)}; there are: {known}.{near_task(name)} 'auto' takes what the model is for",
            param_hint="TASK",
        )
    return find_task(name)


def _source(text: str, option: str) -> str:
    """Return the path of a checkpoint with ``~`` expanded, or the hub's id of one as it is."""
    path = expand(text, option, expected="the path of a folder, or a hub id")
    return str(path) if text.startswith("~") else text


def _options(settings: Sequence[str]) -> dict[str, Any]:
    """Return the options of the task, each JSON, else a string."""
    spelt = (setting.partition("=") for setting in settings)
    texts = [f"{name.replace('-', '_')}{equals}{text}" for name, equals, text in spelt]
    values = parse_assignments(texts, form="option=value")
    for name in values:
        if option := {**_TAKEN, **_PARTS}.get(name):
            raise typer.BadParameter(f"{name!r} is not an option of the task; pass {option}", param_hint="--set")
    return values


def _rows(text: str) -> int | str:
    if text == AUTO:
        return text
    if not text.isdecimal() or not int(text):
        raise typer.BadParameter(f"it is {text!r}; expected 'auto' or a number of rows", param_hint="--batch-size")
    return int(text)


def _list(page: Page, stream: TextIO, *, as_json: bool) -> None:
    """Show the tasks that are installed, also those that cannot be used."""
    tasks = [_told(name) for name in task_names()]
    if as_json:
        print(encode({"tasks": tasks}), file=stream)
        return
    rows = [
        (
            Cell(each["name"], "bold"),
            each["inputs"] or "",
            Cell(each["summary"] or each["reason"], "" if each["summary"] else "red"),
        )
        for each in tasks
    ]
    page.table(("TASK", "INPUT", "WHAT IT DOES"), rows, wrap="WHAT IT DOES")


def _told(name: str) -> dict[str, Any]:
    keys = ("inputs", "fields", "summary", "models", "package", "version")
    told: dict[str, Any] = {"name": name, "state": "ok", **dict.fromkeys(keys), "reason": None}
    try:
        task = find_task(name)
    except (PluginBroken, PluginConflict) as error:
        state = "broken" if isinstance(error, PluginBroken) else "conflicting"
        return told | {"state": state, "reason": getattr(error, "reason", str(error))}
    package, version = owner_of(task)
    about = {"inputs": task.inputs, "fields": list(task.fields), "models": list(task.models), "summary": task.summary}
    return told | about | {"package": package, "version": version}
