"""``archsmith convert``: a checkpoint of another format becomes one that loads."""

import re
from pathlib import Path
from typing import Annotated, Any

import typer

from archsmith.errors import CheckpointCorrupt
from archsmith.files import CONFIG_FILE, Checkpoint, encode_json, replacing
from archsmith.messages import announce, shorten
from archsmith.registry import Kind, registry
from archsmith_cli import completion, load_check
from archsmith_cli.formats import BUILT_IN, find_format, read_source
from archsmith_cli.output_folder import output_folder, scratch_folder
from archsmith_cli.paths import expand
from archsmith_cli.render import Cell, Page, Report, size
from archsmith_cli.verb import one_of

_DTYPES = ("auto", "float32", "float16", "bfloat16")
#: What belongs to the model that was in the folder before, and would be read with the new one.
_SUPERSEDED = re.compile(
    r"model(-\d{5}-of-\d{5})?\.safetensors|model\.safetensors\.index\.json|(config|generation_config|tokenizer|"
    r"tokenizer_config|special_tokens_map|added_tokens|vocab)\.json|(vocab|merges)\.txt|chat_template\.jinja"
)


def run(
    file: Annotated[str, typer.Argument(metavar="FILE", help="The checkpoint: a file, or a folder that holds it.")],
    out: Annotated[str, typer.Argument(metavar="FOLDER", help="The folder to write; it is made if needed.")],
    *,
    format_name: Annotated[
        str | None,
        typer.Option(
            "--format",
            metavar="NAME",
            help="What the file is; else it is told by its beginning.",
            autocompletion=completion.formats,
        ),
    ] = None,
    dtype: Annotated[
        str,
        typer.Option(
            "--dtype",
            metavar="TYPE",
            help=f"The weights' type: {', '.join(_DTYPES)}.",
            callback=one_of(_DTYPES),
            autocompletion=completion.words(_DTYPES),
        ),
    ] = "auto",
    max_shard_size: Annotated[
        str, typer.Option("--max-shard-size", metavar="SIZE", help="The largest file of weights, as 5GB or 200MiB.")
    ] = "5GB",
    force: Annotated[bool, typer.Option("--force", help="Replace the model in a folder that is not empty.")] = False,
) -> Report:
    """Convert a checkpoint of another format.

    Writes config.json, weights in safetensors, and the tokenizer if the file has one, and holds the result against the
    model that its configuration builds. If anything fails, nothing half-written stays.

    Examples:
        archsmith convert pytorch_model.bin FOLDER
        archsmith convert CHECKPOINT FOLDER --dtype float16 --force
    """
    source = expand(file, "FILE", expected="the path of a file")
    max_bytes = _parse_size(max_shard_size)
    name, kind, source = find_format(source, format_name)
    out = str(expand(out, "FOLDER"))
    with output_folder(out, force=force) as folder, scratch_folder(folder) as scratch:
        report = _convert(name, kind, source, scratch, dtype=dtype, max_bytes=max_bytes)
        with replacing(folder, report["files"], delete=_SUPERSEDED) as staging:
            for each in report["files"]:
                (scratch / "new" / each).replace(staging / each)
    data = {"path": out, "source": str(source), "format": name} | report
    return Report(data, lambda page: _draw(page, data))


def _parse_size(text: str) -> int:
    """Return a number of bytes. Raises `BadParameter`: it is none."""
    match = re.fullmatch(r"(\d{1,12}(?:\.\d{1,6})?)\s*([KMGT]?)(I?)B?", text.strip(), re.IGNORECASE | re.ASCII)
    unit = "KMGT".find(match[2].upper()) + 1 if match and match[2] else 0
    found = int(float(match[1]) * (1024 if match[3] else 1000) ** unit) if match else 0
    if not found:
        said = f"{text!r} is no size; expected a number of bytes, as 300000000, 5GB or 200MiB"
        raise typer.BadParameter(said, param_hint="--max-shard-size")
    return found


def _convert(name: str, kind: Any, source: Path, scratch: Path, *, dtype: str, max_bytes: int) -> dict[str, Any]:
    """Write the files of a model into ``scratch/new``, and hold them against its configuration."""
    from archsmith_cli.conversion import write_tensors

    work, new = scratch / "work", scratch / "new"
    work.mkdir()
    new.mkdir()
    found = read_source(name, kind, source, work)
    written_by = _written_by(name, kind)
    report = write_tensors(found.tensors, new, max_bytes=max_bytes, dtype=dtype, written_by=written_by)
    config = {key: value for key, value in found.config.items() if key != "torch_dtype"} | {"archsmith": written_by}
    if dtypes := report.pop("dtypes"):
        config["dtype"] = max(dtypes, key=dtypes.__getitem__)
    for file, content in {**found.files, CONFIG_FILE: encode_json(config)}.items():
        (new / file).write_bytes(content)
    judged = load_check.judge(Checkpoint.open(new), config, None)
    if judged["loads"] is False:
        what = f"{str(source)!r}: what it holds would not load as {judged['class']}"
        raise CheckpointCorrupt(f"{what}: {judged['error'].replace(str(new), str(source.parent))}")
    if judged["loads"] is None:
        announce(f"it cannot be told whether the result loads: {judged['error'] or _missing(config)}")
    for what, said in (("new", "are missing, and would be random"), ("unused", "have no place in it")):
        if judged.get(what):
            announce(f"of {judged['class']}, {len(judged[what])} weights {said}: {shorten(judged[what])}.")
    names = sorted({*report["files"], *found.files, CONFIG_FILE})
    facts = {"model_type": config["model_type"], "class": judged["class"], "dtype": config.get("dtype")}
    return facts | report | {"files": names}


def _written_by(name: str, kind: Any) -> dict[str, str]:
    """Return who wrote the files: archsmith, and the plugin that brings the format."""
    owners = [entry for entry in registry.entries(Kind.FORMAT) if entry.name == name and name not in BUILT_IN]
    plugin = {"plugin": owners[0].distribution, "plugin_version": owners[0].version} if owners else {}
    return registry.provenance(kind) | plugin


def _missing(config: dict[str, Any]) -> str:
    plugin = load_check.plugin(config) or {}
    return str(plugin.get("reason") or f"no installed plugin provides {config['model_type']!r}.")


def _draw(page: Page, data: dict[str, Any]) -> None:
    what = data["class"] or f"model_type {data['model_type']}"
    page.line(
        "Converted ", data["source"], f" ({data['format']}) to ", Cell(what, "bold"), " in ", Cell(data["path"], "bold")
    )
    page.line(f"{data['parameters']:,} parameters, {data['dtype']}, {size(data['bytes'])}: {', '.join(data['files'])}")
