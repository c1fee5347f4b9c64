"""``archsmith run``: a task of a model, on texts, files and tables, into a table or a file."""

import contextlib
import sys
from collections.abc import Sequence
from typing import Annotated, Any, TextIO

import typer

from archsmith.errors import OptionError, PluginBroken, PluginConflict
from archsmith.files import CONFIG_FILE, Checkpoint
from archsmith.messages import did_you_mean, shown
from archsmith.registry import model_type_of
from archsmith_cli.verb import Cell, Debug, Help, Page, completing, encode, expand, in_group, parse_assignments
from archsmith_tasks.catalog import find_task, owner_of, task_for_class, task_names
from archsmith_tasks.run.columns import Columns
from archsmith_tasks.run.inputs import Inputs
from archsmith_tasks.task import Task

__all__ = ["run"]

_AUTO = "auto"
_PARTS = {
    "tokenizer": "--tokenizer",
    "image_processor": "--image-processor",
    "feature_extractor": "--feature-extractor",
}
_TAKEN = {"task": "TASK", "model": "--model", "dtype": "--dtype", "device": "--device", "batch_size": "--batch-size"}
_INPUT = "A text, a file, a folder, a glob, or '-' for standard input. A file of plain text has one input a line, \
blank ones apart; of .jsonl, .csv, .tsv and .parquet a column is taken. What names no file is a text itself."


@in_group("Run")
def run(
    task: Annotated[
        str | None,
        typer.Argument(
            metavar="TASK",
            help="See --list; 'auto': what the checkpoint says.",
            autocompletion=completing(lambda _: [_AUTO, *task_names()]),
        ),
    ] = None,
    inputs: Annotated[list[str] | None, typer.Argument(metavar="INPUT", help=_INPUT)] = None,
    *,
    model: Annotated[
        str | None, typer.Option("--model", "-m", metavar="CHECKPOINT", help="A folder, or a hub id.")
    ] = None,
    out: Annotated[
        str | None, typer.Option("--out", "-o", metavar="FILE", help="Write .jsonl, .csv or .parquet; '-': JSON lines.")
    ] = None,
    fields: Annotated[
        list[str] | None,
        typer.Option("--field", metavar="NAME", help="The column that is the input; PART=NAME for each of several."),
    ] = None,
    whole: Annotated[bool, typer.Option("--whole", help="A file of plain text is one input.")] = False,
    text: Annotated[bool, typer.Option("--text", help="Each INPUT is a text, whatever it looks like.")] = False,
    settings: Annotated[
        list[str] | None,
        typer.Option(
            "--set", metavar="OPTION=VALUE", help="Set an option of the task. The value is JSON, or a string."
        ),
    ] = None,
    batch_size: Annotated[str, typer.Option("--batch-size", metavar="ROWS", help="Rows of a batch.")] = _AUTO,
    dtype: Annotated[str, typer.Option("--dtype", metavar="TYPE", help="As bfloat16; else that of the file.")] = _AUTO,
    device: Annotated[str | None, typer.Option("--device", metavar="DEVICE", help="As cuda; else the CPU.")] = None,
    tokenizer: Annotated[
        str | None, typer.Option("--tokenizer", metavar="CHECKPOINT", help="In place of the model's.")
    ] = None,
    image_processor: Annotated[
        str | None, typer.Option("--image-processor", metavar="CHECKPOINT", help="In place of the model's.")
    ] = None,
    feature_extractor: Annotated[
        str | None, typer.Option("--feature-extractor", metavar="CHECKPOINT", help="In place of the model's.")
    ] = None,
    draw: Annotated[
        str | None, typer.Option("--draw", metavar="FOLDER", help="Draw each input with its answer, into a folder.")
    ] = None,
    strict: Annotated[bool, typer.Option("--strict", help="End at the first input that is bad.")] = False,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with FILE, which a run that ended early left.")
    ] = False,
    force: Annotated[bool, typer.Option("--force", help="Replace FILE.")] = False,
    listing: Annotated[bool, typer.Option("--list", help="Show the tasks.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Print JSON, and nothing else, on standard output.")] = False,
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
    if listing:
        _list(page, stream, as_json=json)
        return
    if resume and force:
        raise typer.BadParameter("it contradicts --force", param_hint="--resume")
    for option, given in (("--resume", resume), ("--force", force)):
        if given and out in (None, "-") and draw is None:
            raise typer.BadParameter(f"{option} is for --out FILE", param_hint=option)
    if json and out == "-":
        raise typer.BadParameter("'-' contradicts --json", param_hint="--out")
    if task is None or not inputs or model is None:
        missing = "TASK" if task is None else "INPUT" if not inputs else "--model"
        raise typer.BadParameter(
            "it is missing; expected TASK --model CHECKPOINT INPUT…, or --list", param_hint=missing
        )
    parts = {"tokenizer": tokenizer, "image_processor": image_processor, "feature_extractor": feature_extractor}
    with contextlib.redirect_stdout(sys.stderr):  # a plugin may print
        from archsmith_tasks.run.job import Job, Loading

        loading = Loading(
            source=_source(model, "--model"),
            parts={name: _source(value, _PARTS[name]) for name, value in parts.items() if value is not None},
            options=_options(settings or []),
            batch_size=_rows(batch_size),
            dtype=dtype,
            device=device,
        )
        found = _task(task, loading.source)
        columns = Columns(found, fields or ())
        job = Job(
            task=found,
            loading=loading,
            inputs=Inputs(inputs, found, columns, whole=whole, as_texts=text),
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


def _task(name: str, model: str) -> Task:
    """Return the task of a name, or the one that a checkpoint says. Raises `OptionError`."""
    if name == _AUTO:
        values = Checkpoint.open(model).read_json(CONFIG_FILE)
        classes = values.get("architectures")
        if not isinstance(classes, list) or len(classes) != 1:
            raise OptionError(f"name the task: {CONFIG_FILE} does not say what the model is for.")
        return task_for_class(model_type_of(values, source=CONFIG_FILE), str(classes[0]))
    if name not in task_names():
        hint = did_you_mean(name, task_names())
        known = ", ".join(task_names())
        raise typer.BadParameter(
            f"there is no task {shown(name)}; there are: {known}.{hint} 'auto' takes what the model is for",
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
    if text == _AUTO:
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
