"""Checks of a model's way through files: all of it comes back, in any process, and nothing else is taken for it."""

import dataclasses
import json
import tempfile
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load, save_file
from torch import Tensor

import archsmith
from archsmith.errors import ArchsmithWarning, WeightsMismatch
from archsmith.model import PreTrainedModel
from archsmith.tasks import auto_class_name
from archsmith_devkit.harness import Harness, assert_near, load_silently, run_python, saved_and_loaded, tensors_of
from archsmith_devkit.offline import network_refused

__all__ = ["FileChecks"]

_WEIGHTS = "model.safetensors"


class FileChecks(Harness):
    """What loads must be exactly what is in the files, or an error."""

    def test_nothing_is_left_on_meta(self) -> None:
        """A model is built without values and filled from the files; what is forgotten there has none.

        Fix: compute buffers that no file holds in init_buffers(), and name tied parameters in tied_weights.
        """
        for model in self.built():
            cls, loaded = type(model), saved_and_loaded(model)
            for name, tensor in (*loaded.named_parameters(), *loaded.named_buffers()):
                assert not tensor.is_meta, f"{cls.__name__}: {name!r} has no values after loading"
            assert not loaded.training, f"{cls.__name__} is in training mode after loading"

    def test_tied_weights(self) -> None:
        """One parameter under two names is stored and trained once; it must be one again after loading.

        Fix: name it in tied_weights, and assign no parameter of one module to another yourself.
        """
        for model in self.built():
            cls, loaded = type(model), saved_and_loaded(model)
            for when, each in (("built", model), ("loaded", loaded)):
                first: dict[int, str] = {}
                ties = {frozenset(pair) for pair in each.tied_names().items()}
                for name, parameter in each.named_parameters(remove_duplicate=False):
                    other = first.setdefault(id(parameter), name)
                    assert other == name or frozenset((name, other)) in ties, (
                        f"{cls.__name__}, {when}: {name!r} is {other!r}, and tied_weights does not say so"
                    )
                for name, source in each.tied_names().items():
                    assert each.get_parameter(name) is each.get_parameter(source), (
                        f"{cls.__name__}, {when}: {name!r} is not tied to {source!r}"
                    )

    def test_save_and_load(self) -> None:
        """What is saved must come back: every tensor, every output, and the class through its Auto class.

        Fix: keep all state in parameters and buffers, and let the tensors' names depend on the configuration alone.
        """
        for task, cls in self.models().items():
            model = cls(self.config()).eval()
            with tempfile.TemporaryDirectory() as folder:
                model.save_pretrained(folder)
                loaded = load_silently(cls, folder)
                # Where a mapped tensor lies decides the order of some sums; in memory of its own it lies as when built.
                in_memory = load_silently(cls, folder, mmap=False)
                chosen = getattr(archsmith, auto_class_name(task))
                found = type(load_silently(chosen, folder))
            assert found is cls, f"{chosen.__name__} gave {found.__name__}, not {cls.__name__}"
            assert loaded.load_report is not None
            assert not loaded.load_report.new, f"{cls.__name__} lost {loaded.load_report.new} on its way through files"
            assert not loaded.load_report.unused, f"{cls.__name__} saves {loaded.load_report.unused} for nobody"
            state = loaded.state_dict()
            for name, tensor in model.state_dict().items():
                assert torch.equal(tensor, state[name]), f"{cls.__name__}: {name!r} changed on its way through files"
            inputs = self.inputs(model)
            with torch.no_grad():
                _assert_same_outputs(cls.__name__, model(**inputs), in_memory(**inputs))

    def test_each_tensor_is_held_against_the_files(self) -> None:
        """A tensor that is missing, or of another shape, must be an error that names it: never a random start.

        Fix: name in optional_keys and ignored_keys only what published files really lack or hold in vain.
        """
        cls = self.base_class()
        for model_class in [cls] if cls else list(self.models().values())[:1]:
            model = model_class(self.config())
            with tempfile.TemporaryDirectory() as folder:
                model.save_pretrained(folder)
                tensors = load(Path(folder, _WEIGHTS).read_bytes())  # not mapped: the file is written over
                wider = {name: torch.cat([each.reshape(-1), each.new_zeros(1)]) for name, each in tensors.items()}
                said = _refused(model_class, folder, wider)
                for name in tensors:
                    assert any(name in fault for fault in said), (
                        f"{model_class.__name__} takes {name!r} in another shape"
                    )
                for name in tensors:
                    said = _refused(model_class, folder, {key: each for key, each in tensors.items() if key != name})
                    known = any(name in fault for fault in said) or (not said and name in _new(model_class, folder))
                    assert known, f"{model_class.__name__} does without {name!r}, and does not say so: {said}"
                said = _refused(model_class, folder, {**tensors, "no.such.tensor": torch.zeros(1)})
                assert said, f"{model_class.__name__} takes a tensor that it has no place for"

    def test_head_takes_base_weights(self) -> None:
        """A model with a head must start from a checkpoint without one, say so, and keep every number of the base.

        Fix: hold the base model under base_model_prefix, and give it the names that it has by itself.
        """
        base_class = self.base_class()
        for model in self.built():
            cls = type(model)
            if base_class is None or cls is base_class:
                continue
            held = [name for name, module in model.named_children() if type(module) is base_class]
            assert not held or model.base_model_prefix in held, (
                f"{cls.__name__} holds a {base_class.__name__} as {held[0]!r}, but its base_model_prefix is "
                f"{model.base_model_prefix!r}"
            )
            if model.base_model is model:
                continue
            base = base_class(self.config()).eval()
            with tempfile.TemporaryDirectory() as folder:
                base.save_pretrained(folder)
                with warnings.catch_warnings(record=True) as said:
                    warnings.simplefilter("always")
                    head = cls.from_pretrained(folder)
            told = any(issubclass(warning.category, ArchsmithWarning) for warning in said)
            new = sorted(head.load_report.new) if head.load_report else []
            assert told or not new, f"{cls.__name__} started {new} anew without saying so"
            ours = {name: tensor for name, tensor in head.base_model.state_dict().items() if name in base.state_dict()}
            for name, tensor in ours.items():
                assert torch.equal(tensor, base.state_dict()[name]), f"{cls.__name__}: {name!r} is not the base model's"

    def test_other_processes(self) -> None:
        """A server loads what a training job saved, and its workers load it again: both must compute the same.

        Fix: let no number depend on what the process did before: global state, hash order, import order.
        """
        with tempfile.TemporaryDirectory() as root:
            for task, cls in self.models().items():
                folder = Path(root, task)
                model = cls(self.config()).eval()
                model.save_pretrained(folder)
                inputs = self.inputs(model)
                with torch.no_grad():
                    outputs = tensors_of(load_silently(cls, folder)(**inputs))
                for name, tensors in (("inputs.st", inputs), ("outputs.st", outputs)):
                    save_file({key: tensor.contiguous().clone() for key, tensor in tensors.items()}, folder / name)
            done = run_python("-m", "archsmith_devkit.other_process", root)
            assert done.returncode == 0, f"a fresh process ended with:\n{done.stderr[-2000:]}"
            for place, task, name, equal in json.loads(done.stdout):
                assert equal, f"{self.models()[task].__name__}, loaded in {place}: {name} differs"

    def test_no_network(self) -> None:
        """Building, saving and loading from a folder must never ask the network: half of the users have none.

        Fix: fetch nothing in a configuration, a constructor or at import; weights come through from_pretrained.
        """
        with network_refused() as attempts:
            for model in self.built():
                saved_and_loaded(model)
        assert not attempts, f"it asked for {attempts[0]}"


def _refused(cls: type[PreTrainedModel], folder: str, tensors: dict[str, Tensor]) -> Sequence[str]:
    """Return the faults that are found with other weights in a folder."""
    save_file(tensors, Path(folder, _WEIGHTS), metadata={"format": "pt"})
    try:
        load_silently(cls, folder, check_finite=False)
    except WeightsMismatch as error:
        return error.faults
    return ()


def _new(cls: type[PreTrainedModel], folder: str) -> tuple[str, ...]:
    report = load_silently(cls, folder).load_report
    assert report is not None
    return tuple(report.new)


def _assert_same_outputs(model: str, first: Any, second: Any) -> None:
    for field in dataclasses.fields(first):
        one, other = getattr(first, field.name), getattr(second, field.name)
        if isinstance(one, Tensor):
            assert_near(f"{model}, after saving and loading", {field.name: other}, {field.name: one}, tolerance=0.0)
