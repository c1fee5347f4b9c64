"""Checks of what a model learns from: the shapes of its head, its loss, and the gradients of every parameter."""

import contextlib
import fnmatch
import inspect
from collections.abc import Callable, Mapping

import torch
import torch.nn.functional as F  # noqa: N812  # the field's own abbreviation
from torch import Tensor

from archsmith.errors import ArchsmithError
from archsmith.model import PreTrainedModel
from archsmith_devkit.harness import Harness, gradients_of, tensors_of
from archsmith_devkit.labels import labels_for

__all__ = ["TrainingChecks"]

_LABELS, _IGNORED = 5, -100


def _classes(model: PreTrainedModel, inputs: Mapping[str, Tensor]) -> dict[str, tuple[int, ...]]:
    return {"logits": (len(inputs[model.main_input_name]), _LABELS)}


def _token_classes(model: PreTrainedModel, inputs: Mapping[str, Tensor]) -> dict[str, tuple[int, ...]]:
    return {"logits": (*inputs[model.main_input_name].shape, _LABELS)}


def _vocabulary(model: PreTrainedModel, inputs: Mapping[str, Tensor]) -> dict[str, tuple[int, ...]]:
    return {"logits": (*inputs[model.main_input_name].shape, model.config.vocab_size)}


def _span(model: PreTrainedModel, inputs: Mapping[str, Tensor]) -> dict[str, tuple[int, ...]]:
    shape = tuple(inputs[model.main_input_name].shape)
    return {"start_logits": shape, "end_logits": shape}


def _choices(model: PreTrainedModel, inputs: Mapping[str, Tensor]) -> dict[str, tuple[int, ...]]:
    return {"logits": tuple(inputs[model.main_input_name].shape[:2])}


#: Task → the shapes of its outputs.
_SHAPES: dict[str, Callable[[PreTrainedModel, Mapping[str, Tensor]], dict[str, tuple[int, ...]]]] = {
    "sequence-classification": _classes,
    "image-classification": _classes,
    "audio-classification": _classes,
    "token-classification": _token_classes,
    "masked-lm": _vocabulary,
    "question-answering": _span,
    "multiple-choice": _choices,
}
#: Tasks with a score for each token of the vocabulary.
_OF_VOCABULARY = ("causal-lm", "ctc", "masked-lm", "pre-training", "seq2seq-lm", "speech-seq2seq")


class TrainingChecks(Harness):
    """A head has the shape that its task promises, its labels make a loss, and the loss reaches all of the model."""

    def test_head_shapes(self) -> None:
        """Whoever swaps one model for another relies on the shapes of the task: one score for each label, in order.

        Fix: give the last layer num_labels (or vocab_size) outputs, and return them as the field names them.
        """
        for task, cls in self.models().items():
            if task in _SHAPES:
                model, inputs = self._labelled(task, cls)
                found = tensors_of(model(**inputs))
                for name, shape in _SHAPES[task](model, inputs).items():
                    assert name in found, f"{cls.__name__} returns {', '.join(found)}, and no {name}"
                    assert tuple(found[name].shape) == shape, (
                        f"{cls.__name__}: {name} is {tuple(found[name].shape)}, not {shape}"
                    )

    def test_scores_follow_the_vocabulary(self) -> None:
        """A vocabulary that is written into a head fits one published file, and no other.

        Fix: give the layer that scores tokens config.vocab_size outputs, whether it is tied or not.
        """
        for task, cls in self.models().items():
            config = self.config()
            if task not in _OF_VOCABULARY or not hasattr(config, "vocab_size"):
                continue
            try:
                config.update(vocab_size=config.vocab_size + 3, tie_word_embeddings=False)
                model = cls(config).eval()
            except ArchsmithError:
                continue  # it says itself that this does not go
            found, wanted = tensors_of(model(**self.inputs(model))), config.vocab_size
            logits = found.get("logits", found.get("prediction_logits"))
            assert logits is None or logits.shape[-1] == wanted, (
                f"{cls.__name__} of vocab_size = {wanted} and tie_word_embeddings = False: logits is "
                f"{tuple(logits.shape)}; expected {wanted} scores for each token"
            )

    def test_labels_make_a_loss(self) -> None:
        """A trainer passes labels and expects one number to minimise, first in the tuple.

        Fix: compute the loss when labels are given (archsmith.layers.losses), and return it as the output's loss.
        """
        for task, cls in self.models().items():
            if task in _SHAPES:
                model, inputs = self._labelled(task, cls)
                labels = labels_for(task, model, inputs)
                output = model(**inputs, **labels)
                assert output.loss is not None, f"{cls.__name__} makes no loss of {', '.join(labels)}"
                assert output.loss.ndim == 0, f"{cls.__name__}: the loss has the shape {tuple(output.loss.shape)}"
                assert output.loss.isfinite(), f"{cls.__name__}: the loss is {output.loss.item()}"
                first = model(**inputs, **labels, return_dict=False)[0]
                assert torch.equal(first, output.loss), f"{cls.__name__}: the loss is not first in the tuple"
                assert model(**inputs).loss is None, f"{cls.__name__} makes a loss without labels"

    def test_ignored_labels(self) -> None:
        """Padding is labelled -100: a loss that counts it, or divides by it, learns from nothing.

        Fix: archsmith.layers.losses.token_loss, which leaves -100 out of the sum and of the number it is divided by.
        """
        for task, cls in self.models().items():
            if task not in ("token-classification", "masked-lm"):
                continue
            model, inputs = self._labelled(task, cls)
            labels = labels_for(task, model, inputs)["labels"]
            labels[:, 1::2] = _IGNORED
            output = model(**inputs, labels=labels)
            wanted = F.cross_entropy(output.logits.flatten(0, 1), labels.flatten(), ignore_index=_IGNORED)
            assert torch.isclose(output.loss, wanted, rtol=1e-4), (
                f"{cls.__name__}: the loss with -100 at every other token is {output.loss.item():.6g}; expected "
                f"{wanted.item():.6g}, the mean cross entropy of the other tokens"
            )

    def test_gradients_reach_every_parameter(self) -> None:
        """A parameter that nothing depends on is saved, loaded and paid for in vain, or was forgotten in forward.

        Fix: use it in forward, remove it, or, if published files hold it although nothing reads it, name it in
        optional_keys.
        """
        for model in self.built():
            reached = self._reached(model.train())
            prefix = f"{model.base_model_prefix}." if model.base_model is not model else ""
            optional = [f"{prefix}{pattern}" for pattern in model.optional_keys]
            tied = model.tied_names().keys()
            lost = [
                name
                for name, _ in model.named_parameters()
                if name not in reached
                and name not in tied
                and not any(fnmatch.fnmatchcase(name, pattern) for pattern in optional)
            ]
            assert not lost, f"{type(model).__name__}: no output depends on {', '.join(lost[:5])}"

    def _reached(self, model: PreTrainedModel) -> set[str]:
        """Return the parameters that an output depends on, or the loss, which may have some of its own."""
        inputs = self.inputs(model)
        reached = set(gradients_of(model, inputs))
        task = next(task for task, cls in self.models().items() if cls is type(model))
        if "labels" in inspect.signature(model.forward).parameters:
            with contextlib.suppress(Exception):  # labels of another kind
                reached |= set(gradients_of(model, {**inputs, **labels_for(task, model, inputs)}))
        return reached

    def _labelled(self, task: str, cls: type[PreTrainedModel]) -> tuple[PreTrainedModel, dict[str, Tensor]]:
        config = self.config()
        if task.endswith("-classification"):
            config.update(num_labels=_LABELS)
        model = cls(config).eval()
        return model, self.inputs(model)
