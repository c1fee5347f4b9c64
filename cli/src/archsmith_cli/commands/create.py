"""``archsmith create``: a model with random weights and its preprocessing, or one such part alone."""

from pathlib import Path
from typing import Annotated, Any

import typer

from archsmith.config import PreTrainedConfig
from archsmith.errors import ConfigError, UnknownTask
from archsmith.files import CONFIG_FILE, PREPROCESSOR_FILE, Checkpoint, find_weights, total_size
from archsmith.registry import Kind, Owner, registry
from archsmith_cli import completion, preprocessing
from archsmith_cli.assignments import parse_assignments
from archsmith_cli.naming import Named, resolve_name
from archsmith_cli.output_folder import output_folder
from archsmith_cli.paths import expand
from archsmith_cli.render import Cell, Page, Report, size
from archsmith_cli.subjects import build_config
from archsmith_cli.verb import one_of

_SETTING = "Set a field of the configuration, or a setting of the part; PART.FIELD is a field inside a part. The value \
is read as JSON, else as a string. May be repeated."
#: Kinds that are models → the task that they stand for; None: the one that --task names.
_MODELS = {"model": None, "backbone": "backbone"}
_KINDS = (*_MODELS, *preprocessing.KINDS)


def run(
    name: Annotated[
        str,
        typer.Argument(
            metavar="NAME", help="A model_type, the id of a preset, or preprocessing.", autocompletion=completion.models
        ),
    ],
    out: Annotated[str, typer.Argument(metavar="FOLDER", help="The folder to write; it is made if needed.")],
    *,
    settings: Annotated[list[str] | None, typer.Option("--set", metavar="FIELD=VALUE", help=_SETTING)] = None,
    kind: Annotated[
        str,
        typer.Option(
            "--kind",
            metavar="KIND",
            help=f"What to write: {', '.join(_KINDS)}.",
            callback=one_of(_KINDS),
            autocompletion=completion.words(_KINDS),
        ),
    ] = "model",
    task: Annotated[
        str | None,
        typer.Option(
            "--task", metavar="TASK", help="Which model; see: archsmith show NAME.", autocompletion=completion.tasks
        ),
    ] = None,
    vocabulary: Annotated[
        str | None,
        typer.Option("--vocab", metavar="PATH", help="The vocabulary of a tokenizer or a processor: a file or folder."),
    ] = None,
    seed: Annotated[
        int | None, typer.Option("--seed", metavar="N", min=0, max=2**63 - 1, help="Seed of the random weights.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Write into a folder that is not empty.")] = False,
) -> Report:
    """Write a model with random weights, or its preprocessing.

    Checks the configuration before anything else, then writes config.json and model.safetensors, and the image
    processor or feature extractor that fits the model. If it fails, nothing half-written stays.

    Examples:
        archsmith create distilbert FOLDER --set dim=32 --set hidden_dim=64 --set n_layers=2 --set n_heads=2
        archsmith create resnet FOLDER --task image-classification --seed 0
        archsmith create vit FOLDER --kind image-processor --set size=32
    """
    named = resolve_name(name)
    out = str(expand(out, "FOLDER"))
    vocabulary = None if vocabulary is None else str(expand(vocabulary, "--vocab"))
    values = parse_assignments(settings or [])
    if kind in _MODELS:
        if vocabulary is not None:
            raise typer.BadParameter("it is for --kind tokenizer and --kind processor", param_hint="--vocab")
        if kind == "backbone" and task not in (None, "backbone"):
            raise typer.BadParameter(f"{task!r} contradicts --kind backbone", param_hint="--task")
        return _model(named, values, out, task=_MODELS[kind] or task or "base", seed=seed, force=force)
    for option, given in (("--task", task), ("--seed", seed)):
        if given is not None:
            raise typer.BadParameter("it is for models", param_hint=option)
    return _component(named, kind, values, vocabulary, out, force=force)


def _model(named: Named, values: dict[str, Any], out: str, *, task: str, seed: int | None, force: bool) -> Report:
    if named.kind is Kind.PROCESSOR:
        kinds = " or ".join(preprocessing.kinds_of(Owner(named.name, named.kind)))
        raise UnknownTask(
            f"{named.name!r} is preprocessing without an architecture, and no model. Pass --kind {kinds}."
        )
    config = build_config(named, values)
    role = f"models.{task}"
    if task not in registry.tasks(named.name):
        registry.load(named.name, role)  # refuses, and says which tasks there are
    with output_folder(out, force=force) as folder:
        parameters = _build(named.name, role, config, seed, folder)
        parts = preprocessing.write_fitting(config, folder)
    weights = find_weights(Checkpoint.open(out))
    model = {CONFIG_FILE, *(path.name for path in weights.files)}
    data: dict[str, Any] = {
        "path": out,
        "class": registry.load(named.name, role).__name__,
        "model_type": named.name,
        "preset": named.preset,
        "task": task,
        "seed": seed,
        "parameters": parameters,
        "bytes": total_size(weights.tensors.values()),
        "preprocessing": parts,
        "files": sorted([*model, *({PREPROCESSOR_FILE} if parts else ())]),
    }
    return Report(data, lambda page: _draw(page, data))


def _component(
    named: Named, kind: str, values: dict[str, Any], vocabulary: str | None, out: str, *, force: bool
) -> Report:
    with output_folder(out, force=force) as folder:
        before = {path.name: path.lstat().st_mtime_ns for path in folder.iterdir()}
        owner = Owner(named.name, named.kind)
        name = preprocessing.write_component(owner, kind, values, vocabulary, folder)
        files = [path.name for path in folder.iterdir() if before.get(path.name) != path.lstat().st_mtime_ns]
    of = {"name" if named.kind is Kind.PROCESSOR else "model_type": named.name}
    data = {"path": out, "class": name, **of, "kind": kind, "files": sorted(files)}

    def draw(page: Page) -> None:
        page.line("Created ", Cell(name, "bold"), " in ", Cell(out, "bold"))
        page.line(", ".join(data["files"]))

    return Report(data, draw)


def _build(model_type: str, role: str, config: PreTrainedConfig, seed: int | None, folder: Path) -> int:
    """Build and save the model; return how many parameters it has. Torch is imported here and not before."""
    import torch

    model_class = registry.load(model_type, role)
    if seed is not None:
        torch.manual_seed(seed)
    try:
        model = model_class.from_config(config)
    except (RuntimeError, OverflowError, MemoryError) as error:
        raise ConfigError(
            f"no {model_class.__name__} can be built from this configuration: {error}. Make it smaller with --set."
        ) from error
    model.save_pretrained(folder)
    return int(model.num_parameters())


def _draw(page: Page, data: dict[str, Any]) -> None:
    seed = "random weights" if data["seed"] is None else f"random weights, seed {data['seed']}"
    page.line("Created ", Cell(data["class"], "bold"), f" ({seed}) in ", Cell(data["path"], "bold"))
    page.line(f"{data['parameters']:,} parameters, {size(data['bytes'])}: {', '.join(data['files'])}")
    if data["preprocessing"]:
        page.line(f"with its {' and '.join(data['preprocessing'])}")
