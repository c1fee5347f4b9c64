"""Checks of problem_type: what labels mean to a head that classifies, and so which loss it makes of them."""

import inspect
from collections.abc import Callable

import torch
import torch.nn.functional as F  # noqa: N812  # the field's own abbreviation
from torch import Tensor

from archsmith.errors import ConfigError
from archsmith_devkit.harness import Harness, assert_near, outputs_of

__all__ = ["ProblemTypeChecks"]

#: Tasks whose loss goes by ``problem_type``, and the losses of labels that are no classes.
_TASKS = ("sequence-classification", "image-classification")
_LOSSES: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "regression": F.mse_loss,
    "multi_label_classification": F.binary_cross_entropy_with_logits,
}


class ProblemTypeChecks(Harness):
    """What a head learns where its labels are not one class each."""

    def test_problem_type_chooses_the_loss(self) -> None:
        """``problem_type`` in a published file says what scores mean: numbers that are learned as classes are wrong.

        Fix: return the loss of archsmith.layers.losses.classification_loss(logits, labels, config.problem_type).
        """
        for task, cls in self.models().items():
            if task not in _TASKS or "labels" not in inspect.signature(cls.forward).parameters:
                continue
            for problem, loss in _LOSSES.items():
                config, what = self.config(), f"{cls.__name__} with problem_type = {problem!r}"
                try:
                    config.update(num_labels=3, problem_type=problem)
                except ConfigError:
                    continue  # it says that it has one kind of labels
                model = cls(config).eval()
                inputs = self.inputs(model)
                rows = len(inputs[model.main_input_name])
                labels = torch.tensor([[0.0, 1.0, 1.0], [1.0, 0.0, 1.0]]).repeat(rows, 1)[:rows]
                try:
                    found = outputs_of(model, inputs, labels=labels)
                except Exception as error:
                    raise AssertionError(f"{what}: {type(error).__name__}: {error}") from error
                assert "loss" in found, f"{what} makes no loss of floating labels; expected one"
                assert_near(what, {"loss": found["loss"]}, {"loss": loss(found["logits"], labels)})
