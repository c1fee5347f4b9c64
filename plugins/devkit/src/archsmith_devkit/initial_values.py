"""Checks of a model's first values: every number is set, and none is far larger than the configuration says."""

import contextlib
from collections.abc import Iterator

import torch
from torch import Tensor
from torch.utils import deterministic

from archsmith.errors import ArchsmithError
from archsmith.model import PreTrainedModel
from archsmith_devkit.harness import Harness

__all__ = ["InitialValueChecks"]

_RANGE = "initializer_range"
#: Of so many numbers a spread can be told; so large it is torch's own for an embedding, where a model's is small.
_MANY, _LARGE, _SMALL = 32, 0.7, 0.1


class InitialValueChecks(Harness):
    """What training from scratch begins with, and a new head."""

    def test_no_value_is_left_to_chance(self) -> None:
        """A tensor that nothing fills holds what lay in memory: the model is another one in every process.

        Fix: give each parameter its first value in init_weights, as self.config says; torch.empty() has none.
        """
        for cls in self.models().values():
            with _unset_is_nan():
                model = cls(self.config())
            for kind, tensors in (("parameter", model.named_parameters()), ("buffer", model.named_buffers())):
                for name, value in tensors:
                    unset = value.is_floating_point() and bool(value.isnan().any())
                    assert not unset, (
                        f"{cls.__name__}: the {kind} {name}, {tuple(value.shape)}, has no first value; expected one "
                        "from init_weights"
                    )

    def test_initial_spread(self) -> None:
        """Random numbers of size 1, where the configuration says 0.02, drown all else: training does not converge.

        Fix: draw them with std=self.config.initializer_range.
        """
        for cls in self.models().values():
            config = self.config()
            usual = getattr(config, _RANGE, None)
            if not isinstance(usual, float) or not 0 < usual < _SMALL:
                continue
            one, again = _seeded(cls, self, 0), _seeded(cls, self, 1)
            other = _seeded(cls, self, 0, usual / 2)
            for name, value in one.named_parameters() if other is not None and again is not None and one else ():
                is_random = value.numel() >= _MANY and not torch.equal(value, _of(again, name))
                follows = not torch.equal(value, _of(other, name))
                spread = value.float().std().item()
                assert not is_random or follows or spread < _LARGE, (
                    f"{cls.__name__}: {name} begins with a standard deviation of {spread:.3g}, whatever {_RANGE} is; "
                    f"expected about {_RANGE} = {usual}"
                )


@contextlib.contextmanager
def _unset_is_nan() -> Iterator[None]:
    """Let tensors that nothing fills hold NaN, rather than what lay in memory."""
    before, warns = torch.are_deterministic_algorithms_enabled(), torch.is_deterministic_algorithms_warn_only_enabled()
    fills = deterministic.fill_uninitialized_memory
    torch.use_deterministic_algorithms(True, warn_only=True)
    deterministic.fill_uninitialized_memory = True
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(before, warn_only=warns)
        deterministic.fill_uninitialized_memory = fills


def _seeded(
    cls: type[PreTrainedModel], harness: Harness, seed: int, spread: float | None = None
) -> PreTrainedModel | None:
    config = harness.config()
    try:
        if spread is not None:
            config.update(**{_RANGE: spread})
    except ArchsmithError:
        return None
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return cls(config)


def _of(model: PreTrainedModel | None, name: str) -> Tensor:
    assert model is not None
    return model.get_parameter(name)
