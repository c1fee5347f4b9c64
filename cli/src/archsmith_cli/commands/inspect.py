"""``archsmith inspect``: what a checkpoint holds and whether it would load, from config.json and the headers alone."""

import contextlib
import json
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from archsmith.errors import CheckpointError, CheckpointNotFound
from archsmith.files import CONFIG_FILE, INDEX_FILE, Checkpoint, TensorInfo, Weights, find_weights, total_size
from archsmith_cli import completion, load_check
from archsmith_cli.paths import expand_text, near_folder
from archsmith_cli.render import Cell, Page, Report, clean, shorten, size


def run(
    checkpoint: Annotated[str, typer.Argument(metavar="CHECKPOINT", help="A folder, else a hub id.")],
    *,
    task: Annotated[
        str | None,
        typer.Option(
            "--task",
            metavar="TASK",
            help="Try the model for this task instead of the saved one.",
            autocompletion=completion.tasks,
        ),
    ] = None,
    requirements: Annotated[
        bool, typer.Option("--requirements", help="Print lines for pip that bring what the checkpoint needs.")
    ] = False,
    tensors: Annotated[bool, typer.Option("--tensors", help="List every tensor.")] = False,
    subfolder: Annotated[str, typer.Option("--subfolder", help="A folder inside the checkpoint.")] = "",
    revision: Annotated[str | None, typer.Option("--revision", help="Branch, tag or commit on the hub.")] = None,
    offline: Annotated[bool, typer.Option("--offline", help="Ask the hub's cache alone.")] = False,
) -> Report:
    """Show what a checkpoint holds, and whether it loads.

    Reads config.json and the headers of the weights, not the weights. Ends with code 1 if the checkpoint is damaged, or
    would not load here.

    Examples:
        archsmith inspect CHECKPOINT
        archsmith inspect CHECKPOINT --tensors
        archsmith inspect CHECKPOINT --requirements
    """
    if revision is not None and Path(expand_text(checkpoint, "CHECKPOINT")).is_dir():
        raise typer.BadParameter(f"it is for the hub, but {checkpoint!r} is a folder", param_hint="--revision")
    if requirements and tensors:
        raise typer.BadParameter("it has no effect with --requirements", param_hint="--tensors")
    options: dict[str, Any] = {"subfolder": subfolder, "revision": revision, "local_files_only": offline}
    opened = _open(checkpoint, options)
    if requirements:
        from archsmith_cli.requirements import of_checkpoint

        return of_checkpoint(opened)
    config, weights, faults = _read(opened)
    loading = load_check.judge(opened, config, task) if config is not None and weights is not None else None
    found = weights.tensors.values() if weights else ()
    data: dict[str, Any] = {
        "checkpoint": checkpoint,
        "model_type": (config or {}).get("model_type"),
        "architectures": (config or {}).get("architectures"),
        "config": config,
        "written_by": _written_by(config, weights),
        "files": _files(opened, weights),
        "tensors": [_tensor(info) for info in found],
        "dtypes": _sums(found, lambda info: info.dtype),
        "numbers": sum(map(_numbers, found)),
        "bytes": total_size(found),
        "faults": faults,
        "plugin": load_check.plugin(config),
        "loading": loading,
    }
    failed = bool(faults) or loading is None or not loading["loads"]
    return Report(data, lambda page: _draw(page, data, found, every=tensors), exit_code=int(failed))


def _open(checkpoint: str, options: Mapping[str, Any]) -> Checkpoint:
    """Open a checkpoint; of one that is not there say which folder is near it."""
    named = expand_text(checkpoint, "CHECKPOINT")
    try:
        return Checkpoint.open(named, **options)
    except CheckpointNotFound as error:
        hint = near_folder(named)
        raise CheckpointNotFound(f"{error}{hint}") if hint and hint not in str(error) else error from None


def _read(opened: Checkpoint) -> tuple[dict[str, Any] | None, Weights | None, list[str]]:
    """Read what can be read; what cannot is a fault. Raises only if there is nothing at all."""
    found: list[Any] = []
    errors: list[CheckpointError] = []
    for read in (lambda: opened.read_json(CONFIG_FILE), lambda: find_weights(opened)):
        try:
            found.append(read())
        except CheckpointError as error:
            found.append(None)
            errors.append(error)
    faults = list(map(str, errors))
    if found == [None, None] and all(isinstance(error, CheckpointNotFound) for error in errors):
        raise CheckpointNotFound(f"{opened.source!r} is not a checkpoint. {' '.join(faults)}")
    config, weights = found
    return config, weights, faults


def _written_by(config: Mapping[str, Any] | None, weights: Weights | None) -> dict[str, Any]:
    """Return what config.json and the weights say about who wrote them, as they say it."""
    said: dict[str, Any] = {}
    if config is not None:
        said[CONFIG_FILE] = {name: config[name] for name in ("archsmith", "transformers_version") if name in config}
    if weights is not None:
        said["weights"] = dict(weights.metadata)
        with contextlib.suppress(KeyError, ValueError, RecursionError):
            said["weights"]["archsmith"] = json.loads(weights.metadata["archsmith"])
    return said


def _in_words(stamp: Mapping[str, Any]) -> str:
    """Return ``"archsmith 0.2.0, archsmith-toy 1.0, format pt"`` for what a file says about who wrote it."""
    parts = []
    for name, value in sorted(stamp.items()):
        if name == "save_id":  # says nothing to a reader
            continue
        if name == "archsmith" and isinstance(value, dict):
            parts += [f"archsmith {value.get('version')}", f"{value.get('plugin')} {value.get('plugin_version')}"]
        else:
            parts.append(f"{name.removesuffix('_version')} {shorten(value)}")
    return ", ".join(part for part in parts if part != "None None") or "does not say who wrote it"


def _files(opened: Checkpoint, weights: Weights | None) -> list[dict[str, Any]]:
    """Return the files of a folder, or those of a hub repository that were read."""
    if opened.folder is not None:
        paths: Iterable[Path] = (path for path in (opened.folder / opened.subfolder).iterdir() if path.is_file())
    else:
        paths = [
            *filter(None, (opened.find(CONFIG_FILE), opened.find(INDEX_FILE))),
            *(weights.files if weights else ()),
        ]
    return [{"name": path.name, "bytes": path.stat().st_size} for path in sorted(paths, key=lambda path: path.name)]


def _tensor(info: TensorInfo) -> dict[str, Any]:
    return {
        "name": info.name,
        "dtype": info.dtype,
        "shape": list(info.shape),
        "bytes": info.nbytes,
        "file": info.file.name,
    }


def _numbers(info: TensorInfo) -> int:
    product = 1
    for length in info.shape:
        product *= length
    return product


def _sums(found: Iterable[TensorInfo], key: Any) -> dict[str, dict[str, int]]:
    """Return tensors, numbers and bytes by a key, in the order in which the keys come."""
    sums: dict[str, Counter[str]] = {}
    for info in found:
        sums.setdefault(key(info), Counter()).update(tensors=1, numbers=_numbers(info), bytes=info.nbytes)
    return {name: dict(counts) for name, counts in sums.items()}


def _draw(page: Page, data: dict[str, Any], found: Iterable[TensorInfo], *, every: bool) -> None:
    page.heading(data["checkpoint"])
    architectures = data["architectures"]
    saved_from = f", saved from {', '.join(map(str, architectures))}" if isinstance(architectures, list) else ""
    if data["config"] is not None:
        page.prose(clean(f"{data['model_type'] or 'not named'}{saved_from}"), label="architecture", indent=2)
    load_check.draw_plugin(page, data["plugin"])
    for where, stamp in data["written_by"].items():
        page.prose(clean(_in_words(stamp)), label=f"{where:12}", indent=2)
    files = ", ".join(f"{file['name']} ({size(file['bytes'])})" for file in data["files"])
    page.prose(clean(files), label="files       ", indent=2)
    if data["config"] is not None:
        page.blank()
        page.heading("Configuration")
        rows = [(name, shorten(value)) for name, value in sorted(data["config"].items()) if name != "archsmith"]
        page.table(("FIELD", "VALUE"), rows)
    if data["tensors"]:
        _draw_tensors(page, data, found, every=every)
    load_check.draw(page, data["loading"])
    for fault in data["faults"]:
        page.blank()
        page.prose(fault, label=Cell("damaged", "red"))


def _draw_tensors(page: Page, data: dict[str, Any], found: Iterable[TensorInfo], *, every: bool) -> None:
    page.blank()
    page.heading(f"Weights: {data['numbers']:,} numbers in {len(data['tensors']):,} tensors, {size(data['bytes'])}")
    if every:
        page.table(
            ("TENSOR", "DTYPE", "SHAPE", "SIZE"),
            [(info.name, info.dtype, "x".join(map(str, info.shape)) or "scalar", size(info.nbytes)) for info in found],
        )
        return
    headers = ("TENSORS", "NUMBERS", "SIZE")
    for title, sums in (("DTYPE", data["dtypes"]), ("MODULE", _sums(found, lambda info: info.name.partition(".")[0]))):
        rows = [
            (name, f"{sum_['tensors']:,}", f"{sum_['numbers']:,}", size(sum_["bytes"])) for name, sum_ in sums.items()
        ]
        page.table((title, *headers), rows, right=headers)
        if title == "DTYPE":
            page.blank()
