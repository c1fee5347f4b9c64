"""Checks of what a model starts from: its first values, ties as configured, and the files of its siblings."""

import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path

import torch
from safetensors.torch import load, save_file
from torch import Tensor

from archsmith.errors import ArchsmithError, WeightsMismatch
from archsmith.model import PreTrainedModel
from archsmith_devkit.harness import Harness, assert_near, load_silently, outputs_of, saved_and_loaded

__all__ = ["BeginningChecks"]

#: Spread of so many random numbers can be compared, to this factor.
_MANY, _FACTOR = 32, 2.0
_WEIGHTS = "model.safetensors"


class BeginningChecks(Harness):
    """What a model is before it has learned, and what it takes from files that were not made by its own class."""

    def test_initial_values(self) -> None:
        """A head that a file lacks must start as a new model's does: ones, zeros, a fixed table, the same spread.

        Fix: set in init_weights whatever __init__ sets: the constructor's numbers are not there when a model is
        filled from files.
        """
        for model in self.built():
            name = type(model).__name__
            fresh, again = (_seeded(type(model), self, seed) for seed in (1, 2))
            for filled in _begun_anew(fresh):
                found = dict(filled.named_parameters())
                for key, tensor in fresh.named_parameters():
                    _assert_starts_alike(f"{name}: {key}", found[key], tensor, again.get_parameter(key))
                for key, buffer in fresh.named_buffers():
                    same = torch.equal(buffer, again.get_buffer(key))
                    assert not same or torch.equal(filled.get_buffer(key), buffer), (
                        f"{name}: the buffer {key} of a model from files is not the constructor's; compute it in "
                        "init_buffers()"
                    )

    def test_ties_follow_the_configuration(self) -> None:
        """``tie_word_embeddings`` is in published files both ways: tied is one matrix, untied are two.

        Fix: name the pair in tied_weights, and tie nothing in __init__; the base class reads the field.
        """
        for model in self.built():
            if not type(model).tied_weights:
                continue
            for tied in (True, False):
                config = self.config()
                try:
                    config.update(tie_word_embeddings=tied)
                except ArchsmithError:
                    continue  # it says that there is one way only
                other = type(model)(config).eval()
                loaded = saved_and_loaded(other, mmap=False)
                for when, each in (("built", other), ("loaded", loaded)):
                    for name, source in type(model).tied_weights.items():
                        parameters = dict(each.named_parameters(remove_duplicate=False))
                        if name in parameters and source in parameters:
                            assert (parameters[name] is parameters[source]) == tied, (
                                f"{type(model).__name__}, {when} with tie_word_embeddings={tied}: {name} and {source} "
                                f"are {'two matrices' if tied else 'one matrix'}"
                            )
                inputs = self.inputs(other)
                what = f"{type(model).__name__} with tie_word_embeddings={tied}, loaded"
                assert_near(what, outputs_of(loaded, inputs), outputs_of(other, inputs))

    def test_classes_load_each_other(self) -> None:
        """Each model must load from the file of each other class of its architecture, with all that they share.

        Fix: name shared modules alike in every class, and hold the base model under base_model_prefix.
        """
        # By itself a model is strict, and a part of a whole lacks the rest: siblings are those that hold the base.
        base_class = self.base_class()
        holders = [each for each in self.built() if base_class and isinstance(each.base_model, base_class)]
        models = list({type(each): each for each in holders}.values())  # a class may stand for several tasks
        with tempfile.TemporaryDirectory() as root:
            for model in models:
                model.save_pretrained(Path(root, type(model).__name__))
            for source in models:
                folder, state = Path(root, type(source).__name__), _by_base_name(source)
                for target in models:
                    if type(target) is type(source):
                        continue
                    what = f"{type(target).__name__} from the file of {type(source).__name__}"
                    try:
                        loaded = load_silently(type(target), folder)
                    except ArchsmithError as error:
                        if _differ_in_shape_alone(error, source, target):
                            continue  # two heads of one name, which must be refused
                        raise AssertionError(f"{what} is refused: {error}") from error
                    found, own = _by_base_name(loaded), set(_by_base_name(target))
                    lost = [
                        key
                        for key in state.keys() & own
                        if state[key].shape == found[key].shape and not torch.equal(state[key], found[key])
                    ]
                    assert not lost, f"{what}: {lost[0]} is not what is in the file"

    def test_training_survives_files(self) -> None:
        """A model is saved after it was trained: what a step changes must be in the file, buffers included.

        Fix: keep what is learned or counted in parameters and persistent buffers.
        """
        for model in self.built():
            inputs = self.inputs(model)
            model.train()
            tensors = [value for value in model(**inputs).values() if isinstance(value, Tensor) and value.requires_grad]
            if not tensors:
                continue
            sum(tensor.float().square().mean() for tensor in tensors).backward()  # type: ignore[union-attr]
            with torch.no_grad():
                for parameter in model.parameters():
                    if parameter.grad is not None:
                        parameter.sub_(parameter.grad.clamp(-1, 1), alpha=0.05)
            model.eval()
            loaded = saved_and_loaded(model, mmap=False)
            what = f"{type(model).__name__}, saved after a training step"
            assert_near(what, outputs_of(loaded, inputs), outputs_of(model, inputs), tolerance=1e-6)


def _differ_in_shape_alone(error: ArchsmithError, one: PreTrainedModel, other: PreTrainedModel) -> bool:
    """Return whether every fault is about a tensor that both have, in other shapes."""
    own, state = one.state_dict(), other.state_dict()
    apart = [name for name in own.keys() & state.keys() if own[name].shape != state[name].shape]
    faults = error.faults if isinstance(error, WeightsMismatch) else ("",)
    return all(any(repr(name) in fault for name in apart) for fault in faults)


def _seeded(cls: type[PreTrainedModel], harness: Harness, seed: int) -> PreTrainedModel:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return cls(harness.config()).eval()


def _begun_anew(model: PreTrainedModel) -> Iterator[PreTrainedModel]:
    """Yield models of which the files hold one tensor alone, so that the rest starts anew: two, so that each does."""
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model.save_pretrained(folder)
        path = Path(folder, _WEIGHTS)
        tensors = load(path.read_bytes())  # not mapped: the file is written over
        if len(tensors) < 2:  # noqa: PLR2004
            return
        for kept in sorted(tensors, key=lambda name: (tensors[name].numel(), name))[:2]:
            save_file({kept: tensors[kept]}, path, metadata={"format": "pt"})
            with torch.random.fork_rng(devices=[]):
                torch.manual_seed(3)
                yield load_silently(type(model), folder, allow_new=["*"], mmap=False)


def _assert_starts_alike(what: str, found: Tensor, fresh: Tensor, again: Tensor) -> None:
    """Assert that values are those of a fresh model: exactly where two of these agree, else in their spread."""
    if torch.equal(fresh, again):
        assert torch.equal(found, fresh), (
            f"{what} begins with {_told(found)} where a file lacks it; expected {_told(fresh)}, as in a new model"
        )
    elif fresh.numel() >= _MANY:
        spread, wanted = found.float().std().item(), fresh.float().std().item()
        assert wanted / _FACTOR <= spread <= wanted * _FACTOR, (
            f"{what} begins with a standard deviation of {spread:.3g} where a file lacks it; expected {wanted:.3g}, "
            "as in a new model"
        )


def _told(values: Tensor) -> str:
    return f"numbers around {values.float().mean().item():.3g} ± {values.float().std(correction=0).item():.3g}"


def _by_base_name(model: PreTrainedModel) -> dict[str, Tensor]:
    """Return the tensors of the base model within, as it names them by itself."""
    return dict(model.base_model.state_dict())
