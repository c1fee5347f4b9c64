"""Checks of what comes with the tensors of a model: their order in a tuple, and the loss of the labels."""

import inspect
import itertools
from collections.abc import Iterator
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812  # the field's own abbreviation
from torch import Tensor

from archsmith.errors import ArchsmithError
from archsmith.model import PreTrainedModel
from archsmith.outputs import ModelOutput
from archsmith_devkit.harness import Harness, assert_near, outputs_of, tensors_of

__all__ = ["OutputChecks"]

#: Names of outputs in the order in which the field has them; what is not named may stand anywhere between.
_ORDER = (
    ("loss",),
    ("logits", "prediction_logits", "start_logits", "logits_per_image"),
    ("end_logits", "logits_per_text"),
    ("last_hidden_state", "pooler_output", "text_embeds", "image_embeds", "embeddings"),
    ("hidden_states",),
    ("attentions",),
)
#: Tasks with one row of scores for each row of the input, whose loss is one of three.
_OF_ROWS = ("sequence-classification", "image-classification", "audio-classification")
_LABELS, _SAME, _LARGER = 5, 1e-4, 20.0
_STATES = "output_hidden_states"


class OutputChecks(Harness):
    """What older code reads by number, and what a trainer minimises."""

    def test_outputs_have_the_order_of_the_field(self) -> None:
        """Code that reads a tuple by number, as output[0] for the loss, counts on the order of published models.

        Fix: declare the fields of the output as the loss, the logits, vectors, hidden_states, attentions.
        """
        for model in self.built():
            with torch.no_grad():
                output = model(**self.inputs(model))
            names = list(type(output)._names) if isinstance(output, ModelOutput) else []  # noqa: SLF001
            ranked = [(rank, name) for name in names for rank, known in enumerate(_ORDER) if name in known]
            for (rank, name), (later, after) in itertools.pairwise(ranked):
                assert rank <= later, (
                    f"{type(model).__name__}: in the order of {type(output).__name__}, and so in a tuple, {name} comes "
                    f"before {after}; expected {after} before {name}"
                )

    def test_losses_are_those_of_their_logits(self) -> None:
        """A loss must be that of the logits, once: of scores that went through softmax before, it hardly moves.

        Fix: archsmith.layers.losses.classification_loss(logits, labels, self.config.problem_type), with logits as
        they are returned.
        """
        for task, cls in self.models().items():
            if task not in _OF_ROWS:
                continue
            for kind, count in (
                ("single_label_classification", _LABELS),
                ("multi_label_classification", _LABELS),
                ("regression", 1),
            ):
                model = self._scoring(cls, kind, count)
                if model is None:
                    continue
                inputs = self.inputs(model)
                labels = _labels(kind, len(inputs[model.main_input_name]))
                try:
                    found = outputs_of(model, inputs, labels=labels)
                except ArchsmithError:
                    continue  # it says that it has no such loss
                assert "loss" in found, f"{cls.__name__} makes no loss of labels with problem_type = {kind!r}"
                _assert_is_loss(
                    f"{cls.__name__}, problem_type = {kind!r}", found["loss"], kind, found["logits"], labels
                )

    def test_hidden_states_are_those_of_the_base_model(self) -> None:
        """Whoever reads hidden_states expects those of the model inside a head, the first of them in its first place.

        Fix: return hidden_states of the base model's output as they are, and begin them with what the first layer
        reads.
        """
        for model in self.built():
            if _STATES not in inspect.signature(model.forward).parameters:
                continue
            inner: list[Any] = []
            hook = model.base_model.register_forward_hook(lambda _, __, output, inner=inner: inner.append(output))
            try:
                found = _states(tensors_of(_asked(model, self.inputs(model))))
            finally:
                hook.remove()
            first, name = next(iter(found.values()), None), type(model).__name__
            assert first is None or first.any(), (
                f"{name}: hidden_states[0] is zero everywhere; expected what layer 1 reads"
            )
            wanted = _states(tensors_of(inner[0])) if model.base_model is not model and len(inner) == 1 else {}
            if wanted and found.keys() == wanted.keys():
                assert_near(f"{name}, beside its {type(model.base_model).__name__}", found, wanted)

    def _scoring(self, cls: type[PreTrainedModel], kind: str, count: int) -> PreTrainedModel | None:
        """Return a model of a kind of problem whose scores are far apart, or None where there is none."""
        config = self.config()
        try:
            config.update(num_labels=count, problem_type=kind)
            model = cls(config).eval()
        except ArchsmithError:
            return None
        with torch.no_grad():
            for parameter in model.parameters():
                if parameter.ndim > 1 and len(parameter) == count:
                    parameter.mul_(_LARGER)
        return model


@torch.no_grad()
def _asked(model: PreTrainedModel, inputs: dict[str, Tensor]) -> Any:
    with torch.random.fork_rng(devices=[]):
        return model(**inputs, **{_STATES: True})


def _states(found: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name: value for name, value in found.items() if name.startswith("hidden_states[")}


def _labels(kind: str, rows: int) -> Tensor:
    if kind == "single_label_classification":
        return torch.arange(rows) % _LABELS
    if kind == "regression":
        return torch.arange(rows).float()
    return (torch.arange(rows * _LABELS).reshape(rows, _LABELS) % 2).float()


def _loss(kind: str, scores: Tensor, labels: Tensor) -> Tensor:
    if kind == "single_label_classification":
        return F.cross_entropy(scores, labels)
    if kind == "regression":
        return F.mse_loss(scores.squeeze(-1), labels)
    return F.binary_cross_entropy_with_logits(scores, labels)


def _assert_is_loss(what: str, found: Tensor, kind: str, logits: Tensor, labels: Tensor) -> None:
    wanted = _loss(kind, logits.float(), labels)
    hint = next(
        (
            f", as if of {how}"
            for how, scores in _mistaken(logits.float())
            if torch.isclose(found.float(), _loss(kind, scores, labels), rtol=_SAME)
        ),
        "",
    )
    assert torch.isclose(found.float(), wanted, rtol=_SAME, atol=_SAME), (
        f"{what}: the loss is {found.item():.6g}{hint}; expected {wanted.item():.6g}, that of the logits and the labels"
    )


def _mistaken(logits: Tensor) -> Iterator[tuple[str, Any]]:
    """Yield what authors hand to a loss in place of the logits."""
    yield "logits.softmax(-1)", logits.softmax(-1)
    yield "logits.sigmoid()", logits.sigmoid()
    yield "logits.log_softmax(-1)", logits.log_softmax(-1)
