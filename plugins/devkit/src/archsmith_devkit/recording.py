"""Record what another library computes, for a plugin to ship and the kit to replay."""

import contextlib
import re
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import save
from torch import Tensor, nn

from archsmith.errors import ArchsmithError, InputError, OptionError, SaveFailed
from archsmith.feature_extractor import SequenceFeatureExtractor
from archsmith.files import CONFIG_FILE, encode_json
from archsmith.image_processor import ImageProcessor
from archsmith.messages import reason, shorten, shown
from archsmith.model import PreTrainedModel
from archsmith.processor import Processor
from archsmith.registry import registry
from archsmith_devkit.reference import (
    DESCRIPTION_FILE,
    INPUTS_FILE,
    MAX_TOLERANCE,
    OUTPUTS_FILE,
    PARTS,
    TENSOR,
    deviation,
    flatten,
    size_fault,
)

__all__ = ["Preprocessed", "record"]

#: What may lie in a checkpoint: no pickle, no program.
_ENDINGS = (".json", ".txt", ".safetensors", ".jinja", ".model")
_TASK = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")


@dataclass(frozen=True)
class Preprocessed:
    """What a part of the preprocessing was given, and what it made of it.

    Attributes:
        part: ``"tokenizer"``, ``"image_processor"``, ``"feature_extractor"`` or ``"processor"``, where the checkpoint
            holds its files; or the part itself, an object of archsmith, which is then saved with the model.
        arguments: What it is called with, by the names that archsmith's part has for it: texts and options; images
            and audio as tensors or arrays.
        tensors: What it returned, by name.
    """

    part: Any
    arguments: Mapping[str, Any]
    tensors: Mapping[str, Any]


def record(
    model: Callable[..., Any],
    inputs: Mapping[str, Any],
    folder: str | Path,
    *,
    source: str,
    checkpoint: str | Path | None = None,
    task: str | None = None,
    preprocessing: Iterable[Preprocessed] = (),
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
        preprocessing: What parts of the preprocessing made of raw inputs, if that is recorded too.
        tolerance: How far a number b may be from the recorded a: ``|a - b| / (1 + |a|)``, from 0 to 0.01.
        gradients: Record the norm of the loss's gradient for each parameter too; the model must be a module of torch.

    Returns:
        The folder.

    Raises:
        OptionError: An argument that does not fit the others, or a folder that is not a recording.
        InputError: Inputs or outputs that cannot be held: NaN, no tensors, other names, more than 1 MiB.
        SaveFailed: The files could not be written. What was there before stands.
    """
    target = Path(folder).resolve()
    _check_target(target)
    _check_options(model, source, task, checkpoint, tolerance)
    given: dict[str, Tensor] = {}
    made: dict[str, Tensor] = {}
    parts = list(preprocessing)
    description: dict[str, Any] = {"format": 1, "source": source, "task": task or _task_of(model)}
    description |= {"tolerance": tolerance, "preprocessing": {}}
    for each in parts:
        role = _role(each.part)
        if role in description["preprocessing"]:
            raise OptionError(f"preprocessing names {role} twice; a recording holds one call of each part.")
        _check_names(each.arguments, f"arguments of {role}")
        description["preprocessing"][role] = _encoded(each.arguments, role, given)
        made |= _checked(each.tensors, role)
    _check_names(inputs, "inputs")
    description["inputs"] = _encoded(inputs, "inputs", given)
    _share(description["inputs"], given, made)
    made |= _computed(model, inputs, tolerance, gradients=gradients)
    with _replacing(target) as new:
        if checkpoint is None:
            for each in (model, *(each.part for each in parts)):
                _save(each, new)
        else:
            _copy(Path(checkpoint), new)
        (new / INPUTS_FILE).write_bytes(save(given))
        (new / OUTPUTS_FILE).write_bytes(save(made))
        (new / DESCRIPTION_FILE).write_bytes(encode_json(description))
        if fault := size_fault(new):
            raise InputError(f"what would be recorded in {str(target)!r} {fault}")
    return target


def _check_target(target: Path) -> None:
    """Refuse to replace anything but a recording."""
    if (target.parent / DESCRIPTION_FILE).exists():
        raise OptionError(f"folder is {str(target)!r}, which lies inside another recording. Choose one beside it.")
    if not target.exists():
        return
    names = [path.name for path in target.iterdir() if path.is_file()] if target.is_dir() else [target.name]
    if (names or not target.is_dir()) and DESCRIPTION_FILE not in names:
        found = f"which is not a recording: it has no {DESCRIPTION_FILE}, but {shorten(sorted(names), 3)}"
        raise OptionError(f"folder is {str(target)!r}, {found}. Choose a new folder.")
    if inside := sorted(path.name for path in target.iterdir() if path.is_dir()):
        raise OptionError(f"folder is {str(target)!r}, which has the folders {shorten(inside, 3)}. Choose another.")


def _check_options(model: Any, source: Any, task: Any, checkpoint: Any, tolerance: Any) -> None:
    if not callable(model):
        raise OptionError(f"model must be a model or a function that calls one, but is {shown(model)}.")
    if isinstance(model, nn.Module) and model.training:
        raise OptionError("model is in training mode, in which outputs are random. Call model.eval() first.")
    if not isinstance(source, str) or not source.strip() or not source.isprintable():
        raise OptionError(f"source must say where the numbers come from, as 'acme 1.2', but is {shown(source)}.")
    if task is not None and not (isinstance(task, str) and _TASK.fullmatch(task)):
        raise OptionError(f"task must be a task's key, as 'masked-lm', but is {shown(task)}.")
    is_number = isinstance(tolerance, int | float) and not isinstance(tolerance, bool)
    if not is_number or not 0 <= tolerance <= MAX_TOLERANCE:
        raise OptionError(f"tolerance must be from 0 to {MAX_TOLERANCE}, but is {shown(tolerance)}.")
    if checkpoint is None and not isinstance(model, PreTrainedModel):
        raise OptionError("checkpoint must be the folder that the other library wrote: the model is not archsmith's.")
    if checkpoint is not None and not Path(checkpoint, CONFIG_FILE).is_file():
        raise OptionError(f"checkpoint is {shown(str(checkpoint))}, which has no {CONFIG_FILE}.")


def _task_of(model: Any) -> str:
    if not isinstance(model, PreTrainedModel):
        raise OptionError("task must be given: the model is not archsmith's. It is a key as 'base' or 'masked-lm'.")
    model_type = model.config.model_type
    for task in registry.tasks(model_type):
        if registry.load(model_type, f"models.{task}") is type(model):
            return task
    raise OptionError(f"task must be given: {type(model).__name__} is none of the models of {model_type!r}.")


def _role(part: Any) -> str:
    """Return what a part is, in one word."""
    classes = {"image_processor": ImageProcessor, "feature_extractor": SequenceFeatureExtractor, "processor": Processor}
    roles = [role for role, cls in classes.items() if isinstance(part, cls)]
    role = part if isinstance(part, str) else next(iter(roles), "tokenizer" if hasattr(part, "get_vocab") else None)
    if role not in PARTS:
        raise OptionError(f"part must be {shorten(PARTS)}, or an object that is one, but is {shown(part)}.")
    return str(role)


def _encoded(value: Any, name: str, tensors: dict[str, Tensor]) -> Any:
    """Return a value as JSON; its tensors are put apart, under names that say where they belong."""
    if isinstance(value, Tensor | np.ndarray):
        tensors[name] = _copied(value, name)
        return {TENSOR: name}
    if isinstance(value, Mapping):
        _check_names(value, name)
        return {key: _encoded(each, f"{name}.{key}", tensors) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_encoded(each, f"{name}[{i}]", tensors) for i, each in enumerate(value)]
    if value is None or isinstance(value, bool | int | str) or (isinstance(value, float) and np.isfinite(value)):
        return value
    raise InputError(f"{name} is {shown(value)}; a recording holds tensors, arrays, finite numbers and words.")


def _share(tree: Any, given: dict[str, Tensor], made: Mapping[str, Tensor]) -> None:
    """Let inputs that the preprocessing made be held once: name the tensor that it made."""
    for value in tree.values() if isinstance(tree, dict) else tree if isinstance(tree, list) else ():
        if not isinstance(value, dict) or TENSOR not in value:
            _share(value, given, made)
            continue
        own = given[value[TENSOR]]
        same = [name for name, each in made.items() if each.dtype == own.dtype and torch.equal(each, own)]
        if same:
            del given[value[TENSOR]]
            value[TENSOR] = same[0]


def _checked(values: Any, group: str) -> dict[str, Tensor]:
    """Return the tensors of a group by their places, copied; refuse what is none, has no name, or holds NaN."""
    _check_names(values, group)
    found: dict[str, Tensor] = {}
    for name, value in flatten(values, group):
        if not isinstance(value, Tensor | np.ndarray):
            raise InputError(f"{name} is {shown(value)}, not a tensor. Leave it out in a function around the model.")
        tensor = _copied(value, name)
        if name in found:
            raise InputError(f"{group} have two tensors of one name, {name}. Leave one out, or rename it.")
        found[name] = tensor
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


def _computed(model: Any, inputs: Mapping[str, Any], tolerance: float, *, gradients: bool) -> dict[str, Tensor]:
    """Return the outputs, and the norms of gradients; refuse a model that computes another thing each time."""
    with torch.no_grad():
        made, again = (_checked(model(**inputs), "outputs") for _ in range(2))
    for name, value in made.items():
        if name not in again or again[name].shape != value.shape or _apart(again[name], value) > tolerance:
            raise InputError(f"{name} differs from call to call. Switch off what is random, as with model.eval().")
    return made | (_gradient_norms(model, inputs) if gradients else {})


def _apart(one: Tensor, other: Tensor) -> float:
    return deviation(one, other)[0] if one.numel() else 0.0


def _gradient_norms(model: Any, inputs: Mapping[str, Any]) -> dict[str, Tensor]:
    if not isinstance(model, nn.Module):
        raise OptionError("gradients need a module of torch, whose parameters have names; the model is a function.")
    return {f"gradients.{name}": norm for name, norm in gradient_norms(model, inputs).items()}


def gradient_norms(model: nn.Module, inputs: Mapping[str, Any]) -> dict[str, Tensor]:
    """Return the norm of the loss's gradient for each parameter that has one; float64, and the model as it was.

    Raises:
        InputError: The outputs have no loss that depends on a parameter.
    """
    loss = model(**inputs).get("loss")
    if not isinstance(loss, Tensor) or not loss.requires_grad:
        raise InputError(f"gradients need outputs with a loss, but {type(model).__name__} gives none. Pass labels.")
    named = {name: each for name, each in model.named_parameters() if each.requires_grad}
    found: Iterable[Tensor | None] = torch.autograd.grad(loss, list(named.values()), allow_unused=True)
    return {name: each.double().norm() for name, each in zip(named, found, strict=True) if each is not None}


@contextlib.contextmanager
def _replacing(target: Path) -> Iterator[Path]:
    """Give an empty folder that takes the place of another at the end, unless something is raised."""
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".recording-", dir=target.parent) as temporary:
            new, old = Path(temporary, "new"), Path(temporary, "old")
            new.mkdir()
            yield new
            if target.exists():
                target.rename(old)
            try:
                new.rename(target)
            except BaseException:
                if old.exists():
                    old.rename(target)
                raise
    except ArchsmithError:
        raise
    except OSError as error:
        raise SaveFailed(f"{str(target)!r} cannot be written: {reason(error)}. What was there stands.") from error


def _save(part: Any, folder: Path) -> None:
    if isinstance(part, str):
        raise OptionError(f"part is {part!r}, a word, but there is no checkpoint that holds it. Pass the part itself.")
    part.save_pretrained(folder)


def _copy(checkpoint: Path, folder: Path) -> None:
    """Copy the files of a checkpoint; what is neither text, JSON nor safetensors is refused."""
    for path in sorted(checkpoint.iterdir()):
        if path.name.startswith("."):
            continue
        if path.suffix not in _ENDINGS or path.name in (DESCRIPTION_FILE, INPUTS_FILE, OUTPUTS_FILE):
            raise OptionError(f"checkpoint holds {str(path)!r}; a recording takes {shorten(_ENDINGS)}. Move it away.")
        shutil.copyfile(path, folder / path.name)
