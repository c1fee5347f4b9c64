"""Record what another library computes, for a plugin to ship and the kit to replay."""

import re
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import torch
from safetensors.torch import save
from torch import Tensor, nn

from archsmith.errors import InputError, OptionError
from archsmith.files import CONFIG_FILE, encode_json, save_folder, write_files
from archsmith.messages import reason, shorten, shown
from archsmith.model import PreTrainedModel
from archsmith.registry import registry
from archsmith_devkit import reference as layout

__all__ = ["gradient_norms", "record"]

#: What may lie in a checkpoint: no pickle, no program.
_ENDINGS = (".json", ".txt", ".safetensors", ".jinja", ".model")
_OWN = (layout.DESCRIPTION_FILE, layout.INPUTS_FILE, layout.OUTPUTS_FILE)


def record(
    model: Callable[..., Any],
    inputs: Mapping[str, Any],
    folder: str | Path,
    *,
    source: str,
    checkpoint: str | Path | None = None,
    task: str | None = None,
    preprocessing: Mapping[str, tuple[Mapping[str, Any], Mapping[str, Any]]] | None = None,
    tolerance: float = 1e-5,
    gradients: bool = False,
) -> Path:
    """Write a recording: a tiny checkpoint, inputs, and what a model made of them.

    The kit replays every recording in ``reference/<model_type>/`` of a plugin's import package: there, or in folders
    of it, one for each case.

    Args:
        model: What computes: called with the inputs by name, it returns a mapping with tensors, nested or not. A model
            of archsmith, a module of torch, or any function around another library.
        inputs: Its arguments: tensors, numbers, words, and mappings and lists of them.
        folder: Where to write. A recording that is there already is replaced.
        source: Where the numbers come from, with its version, such as ``"transformers 5.23.0"``.
        checkpoint: The folder with config.json, weights and files of the preprocessing that the other library wrote.
            None: the model, which must be one of archsmith, is saved.
        task: The task whose model this is, such as ``"masked-lm"``. None: that of a model of archsmith.
        preprocessing: ``"tokenizer"``, ``"image_processor"``, ``"feature_extractor"`` or ``"processor"`` → what it is
            called with, by the names that archsmith's has for it (texts and options; images and audio as tensors or
            arrays), and what it returned.
        tolerance: How far a number b may be from the recorded a: ``|a - b| / (1 + |a|)``, from 0 to 0.01.
        gradients: Record the norm of the loss's gradient for each parameter too; the model must be a module of torch.

    Returns:
        The folder.

    Raises:
        OptionError: An argument that does not fit the others, or a folder that is not a recording.
        InputError: Inputs or outputs that cannot be held: NaN, no tensors, other names, more than 1 MiB.
        SaveFailed: The files could not be written. What was there before stands.
    """
    if isinstance(model, nn.Module) and model.training:
        raise OptionError("model is in training mode, in which outputs are random. Call model.eval() first.")
    files = _files_of(model, checkpoint)
    given: dict[str, Tensor] = {}
    made: dict[str, Tensor] = {}
    called = dict(preprocessing or {})
    for part, (_, tensors) in called.items():
        made |= _checked(tensors, part)
    description = {
        "source": source,
        "task": _task_of(model) if task is None else task,
        "tolerance": tolerance,
        "preprocessing": {part: _encoded(arguments, part, given, {}) for part, (arguments, _) in called.items()},
        "inputs": _encoded(inputs, "inputs", given, made),
    }
    _check(description)
    made |= _computed(model, inputs, tolerance)
    if gradients:
        made |= {f"gradients.{name}": norm for name, norm in gradient_norms(model, inputs).items()}
    written = (encode_json({"format": 1, **description}), save(given), save(made))
    return _write(Path(folder), files | dict(zip(_OWN, written, strict=True)))


def gradient_norms(model: Any, inputs: Mapping[str, Any]) -> dict[str, Tensor]:
    """Return the norm of the loss's gradient for each parameter that has one, in float64; the model stays as it is.

    Raises:
        OptionError: The model is not a module of torch.
        InputError: The outputs have no loss that depends on a parameter.
    """
    if not isinstance(model, nn.Module):
        raise OptionError("gradients need a module of torch, whose parameters have names; the model is a function.")
    loss = model(**inputs).get("loss")
    if not isinstance(loss, Tensor) or not loss.requires_grad:
        raise InputError(f"gradients need outputs with a loss, but {type(model).__name__} gives none. Pass labels.")
    named = {name: each for name, each in model.named_parameters() if each.requires_grad}
    found: tuple[Tensor | None, ...] = torch.autograd.grad(loss, list(named.values()), allow_unused=True)
    return {name: each.double().norm() for name, each in zip(named, found, strict=True) if each is not None}


def _files_of(model: Any, checkpoint: str | Path | None) -> dict[str, bytes]:
    """Return the files of a checkpoint; what is neither text, JSON nor safetensors is refused."""
    if checkpoint is None:
        if not isinstance(model, PreTrainedModel):
            raise OptionError("checkpoint must be the folder that the other library wrote: model is not archsmith's.")
        with tempfile.TemporaryDirectory() as saved:
            model.save_pretrained(saved)
            return _files_of(model, saved)
    if not Path(checkpoint, CONFIG_FILE).is_file():
        raise OptionError(f"checkpoint is {shown(str(checkpoint))}, which has no {CONFIG_FILE}.")
    paths = [path for path in sorted(Path(checkpoint).iterdir()) if not path.name.startswith(".")]
    if wrong := [str(path) for path in paths if path.suffix not in _ENDINGS or path.name in _OWN]:
        raise OptionError(f"checkpoint holds {wrong[0]!r}; a recording takes {shorten(_ENDINGS)}. Move it away.")
    if large := layout.size_fault({path.name: path.stat().st_size for path in paths}):
        raise InputError(f"the checkpoint {large}")
    return {path.name: path.read_bytes() for path in paths}


def _task_of(model: Any) -> str:
    if not isinstance(model, PreTrainedModel):
        raise OptionError("task must be given: the model is not archsmith's. It is a key as 'base' or 'masked-lm'.")
    model_type = model.config.model_type
    for task in registry.tasks(model_type):
        if registry.load(model_type, f"models.{task}") is type(model):
            return task
    raise OptionError(f"task must be given: {type(model).__name__} is none of the models of {model_type!r}.")


def _check(description: Mapping[str, Any]) -> None:
    try:
        msgspec.convert(description, layout.Description)
    except msgspec.ValidationError as error:
        name = str(error).rpartition("$.")[2].rstrip("`")
        value = shown(description.get(name, description))
        raise OptionError(f"{name} is {value}, which a recording cannot hold: {reason(error)}.") from error


def _encoded(value: Any, name: str, given: dict[str, Tensor], made: Mapping[str, Tensor]) -> Any:
    """Return a value as JSON; its tensors are put apart by their places, unless the preprocessing made the same."""
    if "." not in name and "[" not in name:
        _check_names(value, name)
    if isinstance(value, Tensor | np.ndarray):
        tensor = _copied(value, name)
        same = [key for key, each in made.items() if each.dtype == tensor.dtype and torch.equal(each, tensor)]
        given |= {} if same else {name: tensor}
        return {layout.TENSOR: same[0] if same else name}
    if hasattr(value, "items"):
        _check_names(value, name)
        return {key: _encoded(each, f"{name}.{key}", given, made) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_encoded(each, f"{name}[{i}]", given, made) for i, each in enumerate(value)]
    if value is None or isinstance(value, bool | int | str) or (isinstance(value, float) and np.isfinite(value)):
        return value
    raise InputError(f"{name} is {shown(value)}; a recording holds tensors, arrays, finite numbers and words.")


def _checked(values: Any, group: str) -> dict[str, Tensor]:
    """Return the tensors of a group by their places, copied; refuse what is none, has no name, or holds NaN."""
    _check_names(values, group)
    found: dict[str, Tensor] = {}
    for name, value in layout.flatten(values, group):
        if not isinstance(value, Tensor | np.ndarray):
            raise InputError(f"{name} is {shown(value)}, not a tensor. Leave it out in a function around the model.")
        if name in found:
            raise InputError(f"{group} have two tensors of one name, {name}. Leave one out, or rename it.")
        found[name] = _copied(value, name)
    if not found:
        raise InputError(f"{group} hold no tensors. There must be something to compare.")
    return found


def _copied(value: Any, name: str) -> Tensor:
    try:
        tensor = torch.as_tensor(value).detach().cpu().contiguous().clone()
    except (TypeError, ValueError) as error:  # an array of words or of objects
        raise InputError(f"{name} cannot be held as a tensor: {reason(error)}.") from error
    if tensor.is_complex() or tensor.isnan().any():
        what = "complex numbers" if tensor.is_complex() else "NaN"
        raise InputError(f"{name} holds {what}, which cannot be compared. Record inputs for which it does not.")
    return tensor


def _check_names(values: Any, owner: str) -> None:
    if not hasattr(values, "items"):
        kind = type(values).__name__
        raise InputError(f"{owner} must be a mapping of names, but is of type {kind}. Wrap it: {{'name': value}}.")
    for name in values:
        if not isinstance(name, str) or not name.isidentifier():
            raise InputError(f"{owner} has the name {shown(name)}; expected a word of letters, digits and underscores.")


def _computed(model: Callable[..., Any], inputs: Mapping[str, Any], tolerance: float) -> dict[str, Tensor]:
    """Return the outputs; refuse a model that computes another thing each time."""
    with torch.no_grad():
        made, again = (_checked(model(**inputs), "outputs") for _ in range(2))
    for name, value in made.items():
        if name not in again or again[name].shape != value.shape or layout.deviation(again[name], value)[0] > tolerance:
            raise InputError(f"{name} differs from call to call. Switch off what is random, as with model.eval().")
    return made


def _write(folder: Path, contents: Mapping[str, bytes]) -> Path:
    """Write all files at one moment, in place of those of an older recording and of nothing else."""
    if fault := layout.size_fault({name: len(content) for name, content in contents.items()}):
        raise InputError(f"what would be recorded in {str(folder)!r} {fault}")
    present = [path.name for path in folder.iterdir() if path.name[0] != "."] if folder.is_dir() else []
    if present and layout.DESCRIPTION_FILE not in present:
        raise OptionError(
            f"folder is {str(folder)!r}, which is not a recording: it has no {layout.DESCRIPTION_FILE}, but "
            f"{shorten(sorted(present), 3)}. Choose a new folder."
        )
    if (folder.parent / layout.DESCRIPTION_FILE).exists():
        raise OptionError(f"folder is {str(folder)!r}, which lies inside another recording. Choose one beside it.")
    write_files(save_folder(folder), contents, delete=re.compile(r"[^.].*"))
    return folder
