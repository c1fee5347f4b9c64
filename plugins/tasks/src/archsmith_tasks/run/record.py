"""What stands beside a file of answers: which model, task, packages and inputs made it. Another run does not go on."""

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from archsmith.errors import CheckpointCorrupt, OptionError
from archsmith.files import CONFIG_FILE, Checkpoint, encode_json, read_json, read_weights, write_file
from archsmith.messages import listed, shown
from archsmith.registry import registry
from archsmith_tasks.catalog import owner_of
from archsmith_tasks.pipelines import PLACES
from archsmith_tasks.run.inputs import Inputs
from archsmith_tasks.run.reading import written
from archsmith_tasks.text.sentence_files import model_folder, module_folders

__all__ = ["Record", "save_of", "what_made"]

#: Files of a checkpoint that answers depend on, beside the weights.
_SMALL = (
    *("config.json", "generation_config.json", "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json"),
    *("added_tokens.json", "vocab.txt", "vocab.json", "merges.txt", "tokenizer.model", "chat_template.jinja"),
    *("preprocessor_config.json", "processor_config.json", "modules.json", "sentence_bert_config.json"),
    "config_sentence_transformers.json",
)
#: What a record says that may change: how far the run came, and the place of a checkpoint, whose folder was moved.
_FREE = re.compile(r"rows|failed|finished|checkpoints\.\w+\.source")


def save_of(sources: Mapping[str, str], hub: Mapping[str, Any]) -> dict[str, Any]:
    """Return what tells a save from any other: of the model, and of what was named in place of parts of it.

    Args:
        sources: ``model``, ``tokenizer``, … → a folder or a hub id.
        hub: Options that say where on the hub; of the model alone those that say where in its repository.
    """
    elsewhere = {name: value for name, value in hub.items() if name not in PLACES}
    return {name: dict(_facts(source, dict(hub if name == "model" else elsewhere))) for name, source in sources.items()}


def _facts(source: str, hub: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    """Yield the save's id, where it has one; else the size and time of the weights; and sums of the small files."""
    checkpoint = Checkpoint.open_with(source, hub)
    yield "source", source if checkpoint.folder is None else written(checkpoint.folder.absolute())
    if checkpoint.folder is None:
        model_folder(checkpoint)  # it asks for a file, and so learns the commit
        yield "revision", checkpoint.revision
        return
    inner = model_folder(checkpoint)
    folder = checkpoint.folder / checkpoint.subfolder / inner
    config = folder / CONFIG_FILE
    said = read_json(config).get("archsmith") if config.is_file() else None
    save_id = said.get("save_id") if isinstance(said, dict) else None
    yield "save_id", save_id
    for path in sorted(folder.glob("*.safetensors")):
        state, is_of_save = path.stat(), save_id and _save_id_of(path) == save_id
        yield path.name, f"{state.st_size} bytes" if is_of_save else f"{state.st_size} bytes, {state.st_mtime_ns}"
    top = checkpoint.folder / checkpoint.subfolder
    modules = [top / path / CONFIG_FILE for _, path in module_folders(checkpoint)]
    paths = dict.fromkeys([*(each / name for each in (top, folder) for name in _SMALL), *modules])
    yield (
        "files",
        {
            path.relative_to(top).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()[:16]
            for path in paths
            if path.is_file()
        },
    )


def _save_id_of(path: Path) -> str | None:
    """Return which save the weights themselves say they are of: other programs write config.json back as it was."""
    try:
        return read_weights(path, source=str(path)).headers[path].save_id
    except CheckpointCorrupt:  # loading says why
        return None


def what_made(pipe: Any, inputs: Inputs, save: dict[str, Any]) -> dict[str, Any]:
    """Return all that answers depend on, as JSON values."""
    wrote = registry.provenance(type(pipe.model))
    packages = {"archsmith": wrote["version"], **dict([owner_of(pipe.task)])}
    if "plugin" in wrote:
        packages[wrote["plugin"]] = wrote["plugin_version"]
    return {
        "task": pipe.task.name,
        "options": pipe.options.to_dict(),
        "class": type(pipe.model).__name__,
        "dtype": str(pipe.model.dtype).removeprefix("torch."),
        "checkpoints": save,
        "packages": packages,
        "inputs": inputs.describe(),
        "reading": {"fields": inputs.columns.named, "whole": inputs.whole},
    }


class Record:
    """The file ``OUT.run.json``.

    Args:
        out: The file of answers.
        made: What `what_made` returned.
    """

    def __init__(self, out: Path, made: dict[str, Any]) -> None:
        self.out, self.path, self._made = out, out.with_name(f"{out.name}.run.json"), made

    def write(self, *, rows: int, failed: int, finished: bool) -> None:
        """Put it in place whole. Raises `SaveFailed`."""
        write_file(self.path, encode_json(self._made | {"rows": rows, "failed": failed, "finished": finished}))

    def check(self) -> None:
        """Refuse to go on with what another run began.

        Raises:
            OptionError: It was made by another model, save, task, package or option, or of other inputs.
            CheckpointCorrupt: Nothing tells what made it.
        """
        if not self.path.exists():
            raise CheckpointCorrupt(
                f"{str(self.out)!r} cannot be gone on with: {str(self.path)!r}, which says what made it, is missing. "
                "Restore it, or begin anew with --force."
            )
        before = dict(_flat(read_json(self.path)))
        now = dict(_flat(json.loads(encode_json(self._made))))
        faults = [
            f"{name} was {shown(before.get(name))}, and is {shown(now.get(name))} now"
            for name in dict.fromkeys([*before, *now])
            if before.get(name) != now.get(name) and not _FREE.fullmatch(name)
        ]
        if faults:
            said = listed(f"{str(self.out)!r} was made in another way", faults)
            raise OptionError(f"{said} Repeat the run as it was, or begin anew with --force.")


def _flat(value: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    """Yield the values inside of others, each with the names that lead to it."""
    if isinstance(value, (dict, list)) and value:
        for key, each in value.items() if isinstance(value, dict) else enumerate(value, 1):
            yield from _flat(each, f"{name}.{key}" if name else str(key))
    else:
        yield name, value
