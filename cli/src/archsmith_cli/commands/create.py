"""``archsmith create``: a model with random weights, from an architecture or a preset."""

import contextlib
import json
import secrets
import shutil
import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from archsmith.checkpoint import Checkpoint
from archsmith.config import PreTrainedConfig
from archsmith.errors import ConfigError, SaveFailed
from archsmith.registry import registry
from archsmith.weights import find_weights, total_size
from archsmith_cli.naming import Named, resolve_name
from archsmith_cli.render import Cell, Page, Report, size

_SETTING = "Set a field of the configuration. The value is read as JSON, else as a string. May be repeated."


def run(
    name: Annotated[str, typer.Argument(metavar="NAME", help="A model_type, or the id of a preset.")],
    out: Annotated[str, typer.Argument(metavar="OUT", help="The folder to write; it is made if needed.")],
    *,
    settings: Annotated[list[str] | None, typer.Option("--set", metavar="FIELD=VALUE", help=_SETTING)] = None,
    task: Annotated[
        str, typer.Option("--task", metavar="TASK", help="Which model; see: archsmith show NAME.")
    ] = "base",
    seed: Annotated[
        int | None, typer.Option("--seed", min=0, max=2**63 - 1, help="Seed of the random weights.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Write into a folder that is not empty.")] = False,
) -> Report:
    """Write a model with random weights.

    Checks the configuration before anything else, then writes config.json and model.safetensors. If it fails, nothing
    half-written stays.
    """
    named = resolve_name(name)
    config = _configuration(named, _parse_settings(settings or []))
    role = f"models.{task}"
    if task not in registry.tasks(named.model_type):
        registry.load(named.model_type, role)  # refuses, and says which tasks there are
    with _target(out, force=force) as folder:
        parameters = _build(named.model_type, role, config, seed, folder)
    weights = find_weights(Checkpoint.open(out))
    data: dict[str, Any] = {
        "path": out,
        "class": registry.load(named.model_type, role).__name__,
        "model_type": named.model_type,
        "preset": named.preset,
        "task": task,
        "seed": seed,
        "parameters": parameters,
        "bytes": total_size(weights.tensors.values()),
        "files": sorted(["config.json", *(path.name for path in weights.files)]),
    }
    return Report(data, lambda page: _draw(page, data))


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


def _parse_settings(settings: Sequence[str]) -> dict[str, Any]:
    """Parse ``field=value``; the value is JSON, and if it is not, a string."""
    values: dict[str, Any] = {}
    for setting in settings:
        name, equals, text = setting.partition("=")
        name = name.strip()
        if not equals or not name:
            raise typer.BadParameter(f"{setting!r} must be of the form field=value", param_hint="--set")
        if name in values:
            raise typer.BadParameter(f"{name!r} is set twice", param_hint="--set")
        try:
            values[name] = json.loads(text)
        except (ValueError, RecursionError):
            values[name] = text
    return values


def _configuration(named: Named, values: dict[str, Any]) -> PreTrainedConfig:
    """Build and check the configuration; the settings go over the preset's values."""
    config_class: type[PreTrainedConfig] = registry.load(named.model_type, "config")
    for name in {"self", "source"} & values.keys():  # from_dict has arguments of these names
        raise ConfigError(f"{config_class.__name__}: {name!r} can not be set.")
    return config_class.from_dict(named.values, **values)


@contextlib.contextmanager
def _target(path: str, *, force: bool) -> Iterator[Path]:
    """Yield the folder to write to: a new one that takes the place of ``path`` at the end, or that if it exists.

    Raises:
        SaveFailed: There is something already, or the folder can not be made.
    """
    if not path:
        raise typer.BadParameter("it is empty; expected the path of a folder", param_hint="OUT")
    out = Path(path)
    _check_free(out, force=force)
    if out.exists():
        with _ended_by_signal():
            yield out
        return
    made = [folder for folder in out.parents if not folder.exists()]
    beside = out.parent / f".{out.name}.{secrets.token_hex(4)}.tmp"
    done = False
    try:
        with _ended_by_signal():
            beside.mkdir(parents=True)
            yield beside
            beside.rename(out)
        done = True
    except OSError as error:
        if isinstance(error, SaveFailed):
            raise
        raise SaveFailed(f"the folder {str(out)!r} can not be made: {error.strerror or error}.") from error
    finally:
        if not done:
            shutil.rmtree(beside, ignore_errors=True)
            for folder in made:
                with contextlib.suppress(OSError):
                    folder.rmdir()


def _check_free(out: Path, *, force: bool) -> None:
    try:
        held = sorted(entry.name for entry in out.iterdir()) if out.exists() else []
    except NotADirectoryError:
        raise SaveFailed(f"{str(out)!r} is a file; expected a folder, or a path where nothing is yet.") from None
    except (OSError, ValueError) as error:
        raise SaveFailed(f"{str(out)!r} can not be used: {getattr(error, 'strerror', None) or error}.") from error
    if held and not force:
        shown = ", ".join(held[:4]) + (", ..." if len(held) > 4 else "")  # noqa: PLR2004
        raise SaveFailed(
            f"{str(out)!r} is not empty (it holds {shown}); expected an empty or a new folder. "
            "Choose another, or pass --force to replace the model in it."
        )


@contextlib.contextmanager
def _ended_by_signal() -> Iterator[None]:
    """Let a termination signal unwind the stack, so that what was begun is cleaned away."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
