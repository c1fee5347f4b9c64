"""``pipeline(task, model)``: a model with all that it needs, which takes one input, a list, or a stream."""

import contextlib
import dataclasses
import io
import os
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath
from typing import Any, overload

import torch

from archsmith import AutoFeatureExtractor, AutoImageProcessor, AutoTokenizer
from archsmith.auto import auto_model_class
from archsmith.errors import ArchsmithError, CheckpointCorrupt, OptionError, UnknownTask
from archsmith.files import CONFIG_FILE, Checkpoint
from archsmith.messages import did_you_mean, said_by, shorten, shown
from archsmith.model import PreTrainedModel
from archsmith.options import choice, read_count
from archsmith.registry import model_type_of, registry
from archsmith.tasks import auto_class_name
from archsmith_tasks.bulk import answers
from archsmith_tasks.catalog import find_task, import_part, task_for_class
from archsmith_tasks.results import Failure, Result
from archsmith_tasks.steps import Parts, TaskSteps
from archsmith_tasks.task import Task
from archsmith_tasks.text.sentence_files import model_folder

__all__ = ["HUB", "PLACES", "Pipeline", "Results", "named_task", "pipeline"]

_AUTO: dict[str, Any] = {
    "tokenizer": AutoTokenizer,
    "image_processor": AutoImageProcessor,
    "feature_extractor": AutoFeatureExtractor,
}
#: What says where in a repository the model is: of preprocessing from elsewhere it says nothing.
PLACES = ("revision", "subfolder")
HUB = (*PLACES, "token", "cache_dir", "local_files_only")
#: The content of an image or a recording, beside bytes; of a text it is lines.
_CONTENTS = (bytearray, memoryview, io.RawIOBase, io.BufferedIOBase)


def pipeline(
    task: str | None = None,
    model: str | os.PathLike[str] | PreTrainedModel | None = None,
    *,
    dtype: Any = "auto",
    device: Any = None,
    batch_size: int | str = "auto",
    tokenizer: Any = None,
    image_processor: Any = None,
    feature_extractor: Any = None,
    **options: Any,
) -> "Pipeline":
    """Make a task of a model.

    Args:
        task: Its name, as ``archsmith run --list`` shows them; None: what the checkpoint's configuration says.
        model: A folder, a hub id, or a model.
        dtype: Type of the weights, as ``from_pretrained`` takes it. A model that is an object is changed itself.
        device: Where the model is put, likewise; None: where it is, or the CPU. It is put into eval mode.
        batch_size: Rows of a batch; ``"auto"``: as many as are fast at their length.
        tokenizer: In place of the one in the folder: an object, a folder or a hub id. Needed beside a model that is an
            object.
        image_processor: Likewise.
        feature_extractor: Likewise.
        **options: Those of the task, for all calls; and revision, token, cache_dir, local_files_only, subfolder.

    Raises:
        OptionError: An option is wrong or missing, or the model is for another task.
        UnknownTask: The architecture has no model for the task.
        ArchsmithError: As the ``from_pretrained`` of the parts.

    Example:
        >>> from archsmith_tasks import pipeline
        >>> classify = pipeline("text-classification", "my-classifier")  # doctest: +SKIP
        >>> print(classify("A very good film."))  # doctest: +SKIP
        POSITIVE 0.999
    """
    if model is None:
        raise OptionError("name a model: pipeline(task, model), where model is a folder, a hub id, or a model.")
    hub = {name: options.pop(name) for name in HUB if name in options}
    elsewhere = {name: value for name, value in hub.items() if name not in PLACES}
    given = {"tokenizer": tokenizer, "image_processor": image_processor, "feature_extractor": feature_extractor}
    checkpoint = None
    _check_places(model, hub)
    if isinstance(model, PreTrainedModel):
        found, loaded = _task_of_model(task, model), model
        if dtype != "auto" or device is not None:
            kind = None if dtype == "auto" else _type_of(dtype)
            try:
                loaded.to(device=device, dtype=kind)
            except (RuntimeError, TypeError, AssertionError) as error:  # of a torch without that device
                raise OptionError(f"device is {shown(device)}, where the model cannot go: {said_by(error)}.") from error
        if missing := next((name for name in found.parts if given[name] is None), None):
            raise OptionError(f"{found.name} needs {missing}=…, as the model is an object and not a folder.")
    else:
        checkpoint = Checkpoint.open_with(model, dict(hub), own_file="")
        found, auto_class = _task_and_class(task, _model_files(checkpoint, hub))
        loaded = auto_class.from_pretrained(model, dtype=dtype, device="cpu" if device is None else device, **hub)
        _refuse_random(loaded, found, model)
    _check_use(found, loaded, [name for name, part in given.items() if part is not None])
    for name, part in given.items():
        is_of_model = part is None and name in found.parts
        given[name] = _part(name, model, hub) if is_of_model else _part(name, part, elsewhere)
    if tokenizer is not None:
        _check_vocabulary(loaded, given["tokenizer"])
    parts = Parts(**{name: given[name] for name in found.parts}, checkpoint=checkpoint)
    return Pipeline(found, loaded.eval(), parts, batch_size=batch_size, **options)


def _check_places(model: Any, hub: Mapping[str, Any]) -> None:
    """Refuse what says where on the hub a model is, of one that is not there. Raises `OptionError`."""
    if isinstance(model, PreTrainedModel) and (wrong := [name for name in PLACES if hub.get(name)]):
        raise OptionError(f"{wrong[0]} has no effect on a model that is an object; leave it out.")
    if hub.get("revision") is not None and isinstance(model, str | os.PathLike) and Path(model).is_dir():
        raise OptionError(f"revision is for a model on the hub, but {str(model)!r} is a folder.")


def _part(name: str, given: Any, hub: dict[str, Any]) -> Any:
    """Return what an argument means: it, or what is in a folder. Raises `OptionError`: it is something else."""
    if isinstance(given, str | os.PathLike):
        return _AUTO[name].from_pretrained(given, **hub)
    if given is not None and not callable(given):
        raise OptionError(f"{name} must be an object of that kind, a folder or a hub id, but is {shown(given)}.")
    return given


def _check_use(task: Task, model: PreTrainedModel, given: Sequence[str]) -> None:
    """Refuse a model that does not read what the task does, and parts that it does not use. Raises `OptionError`."""
    if task.inputs == "text" and model.main_input_name != "input_ids":
        raise OptionError(f"{task.name} reads text, but {type(model).__name__} takes {model.main_input_name}.")
    if unused := [name for name in given if name not in task.parts]:
        raise OptionError(f"{task.name} does not use {unused[0]}; it takes: {', '.join(task.parts)}.")


def _check_vocabulary(model: PreTrainedModel, tokenizer: Any) -> None:
    """Refuse a tokenizer whose tokens the model does not have. Raises `OptionError`."""
    tokens, rows = getattr(tokenizer, "vocab_size", None), getattr(model.config, "vocab_size", None)
    if isinstance(tokens, int) and isinstance(rows, int) and tokens > rows:
        raise OptionError(
            f"the tokenizer has {tokens} tokens, but the model {rows} (vocab_size): it is another model's."
        )


def _type_of(dtype: Any) -> torch.dtype:
    """Return a type by its name, or as it is. Raises `OptionError`: it is no type of floating-point numbers."""
    found = getattr(torch, dtype.removeprefix("torch."), None) if isinstance(dtype, str) else dtype
    if not isinstance(found, torch.dtype) or not found.is_floating_point:
        raise OptionError(f"dtype must be 'auto' or a floating-point type, as 'bfloat16', but is {shown(dtype)}.")
    return found


def _task_of_model(task: str | None, model: PreTrainedModel) -> Task:
    """Return the task that a model is used for. Raises `OptionError`: it is for another one."""
    name, model_type = type(model).__name__, model.config.model_type
    found = find_task(task) if task is not None else task_for_class(model_type, name)
    if name not in _classes_for(found, model_type).values():
        raise OptionError(f"{name} is not for {found.name}, which needs a model for {' or '.join(found.models)}.")
    return found


def _model_files(checkpoint: Checkpoint, hub: dict[str, Any]) -> Checkpoint:
    """Return the checkpoint whose folder holds the model, and say in the hub's options that it is that one."""
    if not (inner := model_folder(checkpoint)):
        return checkpoint
    hub["subfolder"] = str(PurePosixPath(checkpoint.subfolder, inner))
    return Checkpoint.open_with(checkpoint.source, dict(hub))


def named_task(model: str, **hub: Any) -> Task:
    """Return the task that a checkpoint's configuration says. Raises `OptionError`: it says none, or several."""
    checkpoint = Checkpoint.open_with(model, dict(hub))
    return _task_and_class(None, _model_files(checkpoint, hub))[0]


def _task_and_class(task: str | None, checkpoint: Checkpoint) -> tuple[Task, Any]:
    """Return the task, and the Auto class that loads a model for it from a checkpoint."""
    values = checkpoint.read_json(CONFIG_FILE)
    model_type = model_type_of(values, source=str(checkpoint.path(CONFIG_FILE)))
    named = [name for name in values.get("architectures") or () if isinstance(name, str)]
    if task is None and len(named) != 1:
        raise OptionError(f"name the task: {CONFIG_FILE} does not say what the model is for.")
    found = find_task(task) if task is not None else task_for_class(model_type, named[0])
    classes = _classes_for(found, model_type)
    if not classes:
        has = shorten(registry.tasks(model_type))
        raise UnknownTask(f"{model_type!r} has no model for {found.name}; it has: {has}.")
    key = next((key for key, name in classes.items() if name in named), next(iter(classes)))
    return found, auto_model_class(auto_class_name(key))


def _classes_for(task: Task, model_type: str) -> dict[str, str]:
    """Return the model classes of an architecture that can do a task, by task key, the preferred one first."""
    tasks = registry.tasks(model_type)
    return {key: tasks[key].class_name for key in task.models if key in tasks}


def _refuse_random(model: PreTrainedModel, task: Task, source: Any) -> None:
    """Refuse a model whose head was not in the files: its answers would be random numbers."""
    new = model.load_report.new if model.load_report else ()
    if left := [name for name in new if not _is_unread(model, name, task)]:
        raise CheckpointCorrupt(
            f"{str(source)!r} does not hold all weights of a model for {task.name}: {shorten(left, 3)} would be random "
            "numbers, and so would the answers. Take a checkpoint that was trained for the task."
        )


def _is_unread(model: PreTrainedModel, name: str, task: Task) -> bool:
    """Return whether a parameter may be missing: published files lack it, and the answers do not depend on it.

    A pooler is optional too, but what stands on it, as a classifier of texts does, is random with it.
    """
    key = name.removeprefix(f"{model.base_model_prefix}.")
    optional = name.endswith("num_batches_tracked") or any(fnmatchcase(key, each) for each in model.optional_keys)
    return optional and (task.models == ("base",) or not key.startswith("pooler."))


class Results(Sequence[Result]):
    """The results of a list, in its order. Each is worked out when it is asked for.

    Whoever loops over it gets the first ones while others are not begun; ``len``, indices and ``list`` work as well.
    """

    def __init__(self, found: Iterator[Any], size: int) -> None:
        self._found, self._size, self._ready = found, size, list[Any]()
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return self._size

    @overload
    def __getitem__(self, place: int) -> Result: ...
    @overload
    def __getitem__(self, place: slice) -> Sequence[Result]: ...
    def __getitem__(self, place: int | slice) -> Result | Sequence[Result]:
        wanted = range(self._size)[place]
        last = wanted if isinstance(wanted, int) else max(wanted, default=-1)
        with self._lock:
            while len(self._ready) <= last:
                self._ready.append(next(self._found))
        return self._result(wanted) if isinstance(wanted, int) else [self._result(each) for each in wanted]

    def _result(self, place: int) -> Result:
        found: Result | ArchsmithError = self._ready[place]
        if isinstance(found, ArchsmithError):
            raise _numbered(found, place)
        return found

    def _told(self) -> list[Any]:
        """Return all results, a `Failure` in the place of an error: what is printed must not raise."""
        with contextlib.suppress(ArchsmithError):
            self[:]
        return [Failure(str(each)) if isinstance(each, ArchsmithError) else each for each in self._ready]

    def __repr__(self) -> str:
        return repr(self._told())

    def __str__(self) -> str:
        return "\n".join(map(str, self._told()))


class Pipeline:
    """A model with all that a task needs. Made by `pipeline`.

    Attributes:
        task: The task.
        model: The model, in eval mode.
        parts: Its preprocessing.
        options: The options of a call that says nothing else.
    """

    def __init__(
        self, task: Task, model: PreTrainedModel, parts: Parts, *, batch_size: int | str = "auto", **options: Any
    ) -> None:
        self.task, self.model, self.parts, self._given = task, model, parts, options
        self._class: type[TaskSteps[Any]] = import_part(task, "steps")
        self._rows = _rows_of(batch_size)
        self._steps = self._steps_for({})
        self.options = self._steps.options

    @property
    def steps(self) -> TaskSteps[Any]:
        """What the task does, with these options."""
        return self._steps

    def _steps_for(self, options: dict[str, Any]) -> TaskSteps[Any]:
        merged = {**self._given, **options}
        known = [each.name for each in dataclasses.fields(self._class.options_class)]
        for name in merged:
            if name not in known:
                hint = did_you_mean(name, known)
                raise OptionError(f"{name!r} is not an option of {self.task.name}; it has: {shorten(known, 20)}.{hint}")
        return self._class(self.model, self.parts, self._class.options_class(**merged))

    def __call__(self, inputs: Any, *, errors: str = "raise", **options: Any) -> Any:
        """Answer.

        Args:
            inputs: One input; a list of inputs; or an iterator or another iterable of inputs, however long.
            errors: What an input that is bad does: ``"raise"`` an error, or ``"keep"`` a `Failure` in its place.
            **options: Options of the task, for this call.

        Returns:
            Of one input its result; of a list a sequence of results, each ready as soon as it can be; of an iterator
            an iterator of results, in constant memory.

        Raises:
            OptionError: An option is wrong.
            InputError: An input is bad.
        """
        choice("errors", errors, ("raise", "keep"), extra="")
        steps = self._steps_for(options) if options else self._steps
        if self._is_one(inputs):
            (result,) = self._found(steps, [inputs], errors)
            if isinstance(result, ArchsmithError):
                raise result
            return result
        found = self._found(steps, inputs, errors)
        return Results(found, len(inputs)) if isinstance(inputs, Sequence) else _raised(found)

    def stream(self, prompt: Any, **options: Any) -> Iterator[str]:
        """Yield the text that is written after one prompt, piece by piece, as it comes; for text-generation.

        Args:
            prompt: One input.
            **options: Options of the task, for this call.

        Raises:
            OptionError: The task does not write, or an option is wrong.
            InputError: The input is bad.
        """
        steps = self._steps_for(options) if options else self._steps
        if not hasattr(steps, "stream"):
            raise OptionError(f"{self.task.name} writes no text that could be streamed; call the pipeline.")
        pieces: Iterator[str] = steps.stream(prompt)
        return pieces

    def _is_one(self, inputs: Any) -> bool:
        """Return whether it is an input, and not several: lists and what else is looped over are several."""
        if isinstance(inputs, (str, bytes, os.PathLike, Mapping, tuple)) or hasattr(inputs, "__array__"):
            return True
        if self.task.inputs != "text" and isinstance(inputs, _CONTENTS):
            return True
        return self._class.is_input(inputs) or not isinstance(inputs, Iterable)

    def _found(self, steps: TaskSteps[Any], inputs: Iterable[Any], errors: str) -> Iterator[Any]:
        """Yield what comes of each input: a result, or an error."""
        if self.model.training:  # somebody has trained it since
            self.model.eval()
        for _, found in answers(steps, inputs, rows=self._rows):
            yield Failure(str(found)) if isinstance(found, ArchsmithError) and errors == "keep" else found

    def __repr__(self) -> str:
        return f"<Pipeline for {self.task.name} of {type(self.model).__name__}>"


def _raised(found: Iterator[Any]) -> Iterator[Result]:
    for place, each in enumerate(found):
        if isinstance(each, ArchsmithError):
            raise _numbered(each, place)
        yield each


def _numbered(error: ArchsmithError, place: int) -> ArchsmithError:
    if not hasattr(error, "__notes__"):
        error.add_note(f"It is input {place}, counted from 0. With errors='keep' it is a Failure in its place.")
    return error


def _rows_of(batch_size: Any) -> int | None:
    if batch_size == "auto":
        return None
    if isinstance(batch_size, str):
        raise OptionError(f"batch_size must be 'auto' or a number of rows, but is {shown(batch_size)}.")
    return read_count("batch_size", batch_size, least=1, optional=False)
