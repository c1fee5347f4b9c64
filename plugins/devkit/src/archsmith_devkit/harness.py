"""What the groups of checks get models and inputs from, how they compare tensors, and how they expect refusals."""

import copy
import functools
import os
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar

import torch
from torch import Tensor

import archsmith
from archsmith.config import PreTrainedConfig
from archsmith.errors import ArchsmithError, ArchsmithWarning
from archsmith.model import PreTrainedModel
from archsmith.registry import Entry, Kind, registry
from archsmith.tasks import auto_class_name
from archsmith_devkit.tiny_config import shrunk

__all__ = [
    "Harness",
    "assert_near",
    "gradients_of",
    "load_silently",
    "outputs_of",
    "refusal",
    "run_python",
    "saved_and_loaded",
    "tensors_of",
]


class Harness:
    """Where the checks get models and inputs from. Subclass a conformance class, and change here what does not fit.

    Attributes:
        model_type: The architecture.
        tiny: Configuration values that make a model small enough for a test; None: those that the manifest names.
    """

    model_type: ClassVar[str]
    tiny: ClassVar[Mapping[str, Any] | None] = None
    #: Names of model classes that are left out, and the one that is checked alone: so is one class waived.
    left_out: Collection[str] = ()
    alone: str | None = None

    def inputs(self, model: PreTrainedModel) -> dict[str, Tensor]:
        """Return arguments for one forward pass: the ``dummy_inputs``; for multiple choice three of each text."""
        inputs = model.dummy_inputs
        if self.models().get("multiple-choice") is type(model):
            return {name: torch.stack([each] * 3, dim=1) for name, each in inputs.items()}  # (batch, choices, tokens)
        return inputs

    def models(self) -> dict[str, type[PreTrainedModel]]:
        """Return the model classes that are checked, by task."""
        return self.chosen(registry.get(self.model_type).models)

    def chosen(self, tasks: Iterable[str]) -> dict[str, type[PreTrainedModel]]:
        """Return the model classes of some tasks, without those that a waiver sets aside."""
        found = {task: registry.load(self.model_type, f"models.{task}") for task in tasks}
        return {
            task: cls
            for task, cls in found.items()
            if cls.__name__ not in self.left_out and self.alone in (None, cls.__name__)
        }

    def base_class(self) -> type[PreTrainedModel] | None:
        """Return the class of the model without a head, if there is one."""
        has_base = "base" in registry.get(self.model_type).models
        return registry.load(self.model_type, "models.base") if has_base else None

    def config_class(self) -> type[PreTrainedConfig]:
        """Return the configuration class of the architecture."""
        found: type[PreTrainedConfig] = registry.load(self.model_type, "config")
        return found

    def config(self, **changes: Any) -> PreTrainedConfig:
        """Return the small configuration, with some values changed."""
        return self.config_class()(**self.values(), **changes)

    def values(self) -> dict[str, Any]:
        """Return the values of the small configuration: ``tiny``, the manifest's, or else some that are found."""
        tiny = registry.get(self.model_type).tiny if self.tiny is None else self.tiny
        if not tiny and self.tiny is None and (task := next(iter(registry.tasks(self.model_type)), None)):
            of_task: type[PreTrainedModel] = registry.load(self.model_type, f"models.{task}")
            tiny = _found_small(self.base_class() or of_task)
        return copy.deepcopy(dict(tiny))

    def built(self) -> list[PreTrainedModel]:
        """Return a small model of each class, in evaluation mode; the one without a head first, if there is one."""
        classes = self.models()
        tasks = sorted(classes, key=lambda task: task != "base")
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)  # a check that fails does so each time
            return [classes[task](self.config()).eval() for task in tasks]

    def assert_models_fit(self) -> None:
        """Assert that the models are built from the architecture's configuration, and that their Auto classes exist."""
        expected = self.config_class()
        for task, cls in self.models().items():
            found = cls.config_class
            assert found is expected, (
                f"{cls.__name__}.config_class is {found.__name__}; expected {expected.__name__}, as in the manifest"
            )
            assert getattr(archsmith, auto_class_name(task)).task == task

    def entry(self) -> Entry:
        """Return the entry point that declares what is checked."""
        return next(entry for entry in registry.entries(Kind.ARCHITECTURE) if entry.name == self.model_type)


@functools.lru_cache
def _found_small(model_class: type[PreTrainedModel]) -> Mapping[str, Any]:
    return shrunk(model_class.config_class, model_class)


def load_silently(cls: Any, folder: str | Path, **options: Any) -> Any:
    """Load with announcements silenced: ``load_report`` says the same."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ArchsmithWarning)
        return cls.from_pretrained(folder, **options)


def saved_and_loaded(saved: Any, loader: Any = None, **options: Any) -> Any:
    """Return what comes back of something that is saved: through its own class, or through an Auto class."""
    with tempfile.TemporaryDirectory() as folder:
        saved.save_pretrained(folder)
        return load_silently(loader or type(saved), folder, **options)


def refusal(error: type[ArchsmithError], call: Callable[..., Any], /, *arguments: Any, **options: Any) -> str | None:
    """Return what an error of this type says against a call; None if there is none. Any other error passes on."""
    try:
        call(*arguments, **options)
    except error as refused:
        return str(refused)
    return None


def run_python(*arguments: str) -> "subprocess.CompletedProcess[str]":
    """Run this interpreter anew, with everything importable that is importable here."""
    path = os.pathsep.join(entry for entry in sys.path if entry)
    variables = os.environ | {"PYTHONPATH": path}
    return subprocess.run(  # noqa: S603
        [sys.executable, *arguments], capture_output=True, text=True, check=False, env=variables
    )


def tensors_of(output: Any) -> dict[str, Tensor]:
    """Return the tensors of an output by name, at any depth: ``"hidden_states[0]"``, ``"text_model_output.logits"``."""
    return dict(_leaves("", output))


def _leaves(place: str, value: Any) -> Iterator[tuple[str, Tensor]]:
    if isinstance(value, Tensor):
        yield place, value
    elif isinstance(value, Mapping):
        for name, each in value.items():
            yield from _leaves(f"{place}.{name}" if place else str(name), each)
    elif isinstance(value, tuple | list):
        for number, each in enumerate(value):
            yield from _leaves(f"{place}[{number}]", each)


@torch.no_grad()
def outputs_of(model: PreTrainedModel, inputs: Mapping[str, Any], **options: Any) -> dict[str, Tensor]:
    """Return the tensors that a model puts out; the same random numbers each time."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return tensors_of(model(**inputs, **options))


def gradients_of(model: PreTrainedModel, inputs: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return the gradients of the sum of squares of all outputs, by parameter; the same random numbers each time."""
    model.zero_grad(set_to_none=True)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        tensors = tensors_of(model(**inputs)).values()
        torch.autograd.backward([tensor.float().square().sum() for tensor in tensors if tensor.requires_grad])
    named = model.named_parameters()
    return {name: parameter.grad for name, parameter in named if parameter.grad is not None}


def assert_near(what: str, found: dict[str, Tensor], expected: dict[str, Tensor], *, tolerance: float = 1e-4) -> None:
    """Assert that tensors have the same names and shapes, and numbers within a tolerance of the largest."""
    assert found.keys() == expected.keys(), f"{what}: {sorted(found)}, not {sorted(expected)}"
    for name, wanted in expected.items():
        assert found[name].shape == wanted.shape, f"{what}: {name} is {found[name].shape}, not {wanted.shape}"
        if wanted.numel():
            apart = (found[name].double() - wanted.double()).abs().max()
            assert apart <= tolerance * (1 + wanted.double().abs().max()), f"{what}: {name} is off by {apart:.3g}"
