"""Checks of a model's first values: every number is set, and none is far larger than the configuration says."""

import contextlib
from collections.abc import Iterator
from typing import Any

import torch
from torch import nn

from archsmith.errors import ArchsmithError
from archsmith.model import PreTrainedModel
from archsmith_devkit.harness import Harness

__all__ = ["InitialValueChecks"]

_deterministic: Any = torch.utils.deterministic  # a module with properties
_RANGE = "initializer_range"
#: Of so many numbers a spread can be told; so large it is torch's own for an embedding, where a model's is small.
_MANY, _LARGE, _SMALL = 32, 0.7, 0.1
#: Modules whose own first values are small: who gives them large ones has chosen to.
_CHOSEN = (nn.Linear, nn.modules.conv._ConvNd)  # noqa: SLF001


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
            usual = getattr(self.config(), _RANGE, None)
            if not isinstance(usual, float) or not 0 < usual < _SMALL:
                continue
            one, again, other = (
                _seeded(cls, self, seed, spread) for seed, spread in ((0, usual), (1, usual), (0, 0.01))
            )
            if one is None or again is None or other is None:
                continue
            for name, value in one.named_parameters():
                if value.numel() < _MANY or isinstance(one.get_submodule(name.rpartition(".")[0]), _CHOSEN):
                    continue
                is_random = not torch.equal(value, again.get_parameter(name))
                follows = not torch.equal(value, other.get_parameter(name))
                spread = value.float().std().item()
                assert not is_random or follows or spread < _LARGE, (
                    f"{cls.__name__}: {name} begins with a standard deviation of {spread:.3g}, whatever {_RANGE} is; "
                    f"expected about {_RANGE} = {usual}"
                )


@contextlib.contextmanager
def _unset_is_nan() -> Iterator[None]:
    """Let tensors that nothing fills hold NaN, rather than what lay in memory."""
    before, warns = torch.are_deterministic_algorithms_enabled(), torch.is_deterministic_algorithms_warn_only_enabled()
    fills = _deterministic.fill_uninitialized_memory
    torch.use_deterministic_algorithms(True, warn_only=True)
    _deterministic.fill_uninitialized_memory = True
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(before, warn_only=warns)
        _deterministic.fill_uninitialized_memory = fills


def _seeded(cls: type[PreTrainedModel], harness: Harness, seed: int, spread: float) -> PreTrainedModel | None:
    """Return a model with another initializer_range; None where that is refused."""
    config = harness.config()
    try:
        config.update(**{_RANGE: spread})
    except ArchsmithError:
        return None
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return cls(config)
