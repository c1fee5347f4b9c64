"""Checks of what a model computes: the same for a row alone, without padding, in bfloat16, and as a graph."""

from typing import Any

import torch
from torch import Tensor

from archsmith.model import PreTrainedModel
from archsmith_devkit.harness import Harness, assert_near, tensors_of

__all__ = ["NumericsChecks"]


class NumericsChecks(Harness):
    """What a model computes must not depend on the circumstances."""

    def test_rows_of_a_batch_are_independent(self) -> None:
        """A user who fills a batch must get for each row what it gets alone: a mixed-up dimension shows here.

        Fix: look for a reduction, a reshape or a normalisation over the batch dimension.
        """
        for model in self.built():
            inputs = self.inputs(model)
            whole, batch = _outputs(model, inputs), len(next(iter(inputs.values())))
            for row in range(batch):
                alone = _outputs(model, {name: value[row : row + 1] for name, value in inputs.items()})
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
            whole, tokens = _outputs(model, inputs), mask.shape[-1]
            for row, lengths in enumerate(mask.sum(-1).reshape(len(mask), -1).amax(-1).tolist()):
                short = {
                    name: value[row : row + 1, ..., :lengths] if value.shape[-1] == tokens else value[row : row + 1]
                    for name, value in inputs.items()
                }
                found = _outputs(model, short)
                expected = {name: _cut(value[row : row + 1], found[name]) for name, value in whole.items()}
                assert_near(f"{type(model).__name__}, row {row} without its padding", found, expected)

    def test_bfloat16(self) -> None:
        """A model must run in half the memory: a tensor made in float32 inside a model shows here.

        Fix: make new tensors with dtype= and device= of another, and convert masks to the dtype of what they
        are added to.
        """
        for model in self.built():
            inputs = self.inputs(model)
            expected = _outputs(model, inputs)
            found = _outputs(model.bfloat16(), {name: _halved(value) for name, value in inputs.items()})
            for name, value in expected.items():
                apart = (found[name].double() - value.double()).norm()
                limit = 0.1 * value.double().norm() + 0.01 * value.numel() ** 0.5
                assert apart <= limit, f"{type(model).__name__}: {name} in bfloat16 is off by {apart:.3g}"

    def test_exports(self) -> None:
        """A model must become a graph for other runtimes, for any size of batch: a branch on values shows here.

        Fix: do not branch on values of tensors (.item(), if tensor), and take sizes from shapes.
        """
        for model in self.built()[:1]:
            inputs = self.inputs(model)
            dynamic = {name: {0: torch.export.Dim.DYNAMIC} for name in inputs}
            exported = torch.export.export(model, (), inputs, dynamic_shapes=dynamic, strict=False).module()
            twice = {name: torch.cat([value, value]) for name, value in inputs.items()}
            for given in (inputs, twice):
                with torch.no_grad():
                    found = tensors_of(exported(**given))
                assert_near(f"{type(model).__name__}, exported", found, _outputs(model, given))

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
            assert_near(f"{type(model).__name__}, compiled", found, _outputs(model, inputs))


@torch.no_grad()
def _outputs(model: PreTrainedModel, inputs: dict[str, Tensor]) -> dict[str, Tensor]:
    output: Any = model(**inputs)
    return tensors_of(output)


def _cut(value: Tensor, like: Tensor) -> Tensor:
    """Return the beginning of a tensor along every dimension in which another is shorter."""
    return value[tuple(slice(size) for size in like.shape)]


def _halved(value: Tensor) -> Tensor:
    return value.bfloat16() if value.is_floating_point() else value
