"""Checks of what a model computes: the same for a row alone, without padding, in bfloat16, and as a graph."""

import inspect

import torch
from torch import Tensor

from archsmith.errors import ArchsmithError
from archsmith.model import PreTrainedModel
from archsmith_devkit.harness import Harness, assert_near, outputs_of, tensors_of

__all__ = ["NumericsChecks"]


class NumericsChecks(Harness):
    """What a model computes must not depend on the circumstances."""

    def test_rows_of_a_batch_are_independent(self) -> None:
        """A user who fills a batch must get for each row what it gets alone: a mixed-up dimension shows here.

        Fix: look for a reduction, a reshape or a normalisation over the batch dimension.
        """
        for model in self.built():
            inputs = self.inputs(model)
            whole, batch = outputs_of(model, inputs), len(next(iter(inputs.values())))
            for row in range(batch):
                alone = outputs_of(model, {name: value[row : row + 1] for name, value in inputs.items()})
                whole = {name: _own_pairs(name, value) for name, value in whole.items()}
                alone = {name: _own_pairs(name, value) for name, value in alone.items()}
                of_rows = {name: value for name, value in whole.items() if value.ndim and len(value) == batch}
                assert of_rows, f"{type(model).__name__}: no output has a row for each row of the input"
                assert_near(
                    f"{type(model).__name__}, row {row} alone",
                    {name: alone[name] for name in of_rows},
                    {name: value[row : row + 1] for name, value in of_rows.items()},
                )

    def test_padding_does_not_count(self) -> None:
        """A text must get the same output however long the others in its batch are: an unmasked place shows here.

        Fix: hand attention_mask to every place where tokens meet: attention, pooling, mean, normalisation over
        tokens.
        """
        for model in self.built():
            inputs = self.inputs(model)
            mask = inputs.get("attention_mask")
            if model.main_input_name != "input_ids" or mask is None:
                continue
            whole, tokens = outputs_of(model, inputs), mask.shape[-1]
            for row, lengths in enumerate(mask.sum(-1).reshape(len(mask), -1).amax(-1).tolist()):
                short = {
                    name: value[row : row + 1, ..., :lengths] if value.shape[-1] == tokens else value[row : row + 1]
                    for name, value in inputs.items()
                }
                found = outputs_of(model, short)
                found = {name: _own_pairs(name, value) for name, value in found.items()}
                paired = {name: _own_pairs(name, value) for name, value in whole.items()}
                expected = {name: _cut(value[row : row + 1], found[name]) for name, value in paired.items()}
                assert_near(f"{type(model).__name__}, row {row} without its padding", found, expected)

    def test_bfloat16(self) -> None:
        """A model must run in half the memory: a tensor made in float32 inside a model shows here.

        Fix: make new tensors with dtype= and device= of another, and convert masks to the dtype of what they
        are added to.
        """
        self._assert_runs_in(torch.bfloat16)

    def test_float16(self) -> None:
        """Many graphics cards know float16 only: a constant beyond 65504, as -1e9 in a mask, becomes infinite there.

        Fix: take torch.finfo(dtype).min for what is masked, and keep eps above 6e-8 or compute that place in
        float32.
        """
        self._assert_runs_in(torch.float16)

    def _assert_runs_in(self, dtype: torch.dtype) -> None:
        for model in self.built():
            inputs, short = self.inputs(model), str(dtype).removeprefix("torch.")
            expected = outputs_of(model, inputs)
            inputs = {name: v.to(dtype) if v.is_floating_point() else v for name, v in inputs.items()}
            found = outputs_of(model.to(dtype), inputs)
            if "output_attentions" in inspect.signature(model.forward).parameters:
                _assert_maps(f"{type(model).__name__} in {short} with output_attentions=True", model, inputs)
            for name, value in expected.items():
                kept = found[name].dtype in (dtype, value.dtype if "loss" in name else dtype)
                assert kept or not value.is_floating_point(), (
                    f"{type(model).__name__} in {short}: {name} is {found[name].dtype}; expected {dtype}"
                )
                apart = (found[name].double() - value.double()).norm()
                limit = 0.1 * value.double().norm() + 0.01 * value.numel() ** 0.5
                assert apart <= limit, f"{type(model).__name__}: {name} in {short} is off by {apart:.3g}"

    def test_exports(self) -> None:
        """A model must become a graph for other runtimes, for any size of batch: a branch on values shows here.

        Fix: do not branch on values of tensors (.item(), if tensor), and take sizes from shapes: tensor.shape[0], where
        len(tensor) would fix the size of the batch.
        """
        for model in self.built()[:1]:
            inputs = self.inputs(model)
            dynamic = {name: {0: torch.export.Dim.DYNAMIC} for name in inputs}
            exported = torch.export.export(model, (), inputs, dynamic_shapes=dynamic, strict=False).module()
            twice = {name: torch.cat([value, value]) for name, value in inputs.items()}
            for given in (inputs, twice):
                with torch.no_grad():
                    found = tensors_of(exported(**given))
                assert_near(f"{type(model).__name__}, exported", found, outputs_of(model, given))

    def test_compiles(self) -> None:
        """A model must compile to one graph: a break costs the speed that its user compiles it for.

        Fix: as for torch.export; and keep Python objects and lists of the model unchanged in forward.
        """
        for model in self.built()[:1]:
            inputs = self.inputs(model)
            torch.compiler.reset()
            with torch.no_grad():
                found = tensors_of(torch.compile(model, backend="aot_eager", fullgraph=True)(**inputs))
            torch.compiler.reset()
            assert_near(f"{type(model).__name__}, compiled", found, outputs_of(model, inputs))


def _assert_maps(what: str, model: PreTrainedModel, inputs: dict[str, Tensor]) -> None:
    """Assert that a model in half precision runs where attention is computed step by step, as its maps need it."""
    try:
        found = outputs_of(model, inputs, output_attentions=True)
    except ArchsmithError:
        return  # it says that it has none
    except Exception as error:
        raise AssertionError(f"{what}: {type(error).__name__}: {error}") from error
    for name, value in found.items():
        assert "attentions" not in name or value.isfinite().all(), f"{what}: {name} has numbers that are not finite"


def _own_pairs(name: str, value: Tensor) -> Tensor:
    """Return of contrastive scores, every text with every image, those of a row's own pair."""
    return value.diagonal() if name.startswith("logits_per_") and value.ndim == 2 else value  # noqa: PLR2004


def _cut(value: Tensor, like: Tensor) -> Tensor:
    """Return the beginning of a tensor along every dimension in which another is shorter."""
    return value[tuple(slice(size) for size in like.shape)]
