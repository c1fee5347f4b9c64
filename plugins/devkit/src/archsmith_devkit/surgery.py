"""Checks of what a user does to a model: another vocabulary, fewer heads, less memory, frozen parameters, a copy."""

import copy
from typing import Any

import torch
from torch import nn

from archsmith.config import PreTrainedConfig
from archsmith.errors import OptionError
from archsmith.layers.stack import Stack
from archsmith.model import PreTrainedModel
from archsmith_devkit.harness import Harness, assert_near, gradients_of, refusal, saved_and_loaded, tensors_of

__all__ = ["SurgeryChecks"]


class SurgeryChecks(Harness):
    """A model must stay whole whatever is changed in it."""

    def test_vocabulary_resizes(self) -> None:
        """New tokens need rows in every place that has one for each: a head that is forgotten shows here.

        Fix: name the token embeddings in input_embeddings, and the layer that scores tokens in tied_weights.
        """
        for model in self.built():
            name = type(model).__name__
            if model.main_input_name != "input_ids":
                _assert_refused(f"{name} takes no token ids", model.resize_token_embeddings, 50)
                continue
            if not model.input_embeddings and not hasattr(model.config, "vocab_size"):
                continue  # a whole whose parts have the vocabulary
            assert model.input_embeddings, f"{name} must name its token embeddings in input_embeddings"
            inputs = self.inputs(model)
            before, old = tensors_of(model(**inputs)), _vocabulary_of(model)
            embeddings = model.resize_token_embeddings(old + 3)
            assert embeddings.num_embeddings == _vocabulary_of(model) == old + 3, (
                f"{name}: {embeddings.num_embeddings} rows of embeddings and a vocab_size of {_vocabulary_of(model)} "
                f"after a resize to {old + 3}"
            )
            after = tensors_of(model(**inputs))
            for key, tensor in before.items():
                scores = after[key][..., :old] if after[key].shape != tensor.shape else after[key]
                assert_near(f"{name}, resized", {key: scores}, {key: tensor})
            _assert_comes_back(self, model, f"{name}, resized")

    def test_heads_prune(self) -> None:
        """A model that says where its heads are must compute without them as if they put out zero.

        Fix: name the projections of attention in their order, output last, and take the number of heads from
        the tensor.
        """
        for model in self.built():
            name = type(model).__name__
            if not model.attention_projections:
                _assert_refused(f"{name} names no attention_projections", model.prune_heads, {0: [0]})
                continue
            silent, count = copy.deepcopy(model), model.config.num_attention_heads
            output = silent.base_model.get_submodule(model.attention_projections[-1].format(0))
            with torch.no_grad():
                weight = output.get_parameter("weight")
                weight[:, : weight.shape[1] // count] = 0
            model.prune_heads({0: [0]})
            inputs = self.inputs(model)
            assert_near(f"{name}, pruned", tensors_of(model(**inputs)), tensors_of(silent(**inputs)))
            _assert_comes_back(self, model, f"{name}, pruned")

    def test_gradient_checkpointing(self) -> None:
        """Less memory must not change what is learned, dropout included; and every layer must take part.

        Fix: put the layers into an archsmith.layers.stack.Stack and call them as steps() gives them.
        """
        for model in self.built():
            name, inputs = type(model).__name__, self.inputs(model)
            layers = [layer for stack in model.modules() if isinstance(stack, Stack) for layer in stack]
            if not layers:
                _assert_refused(f"{name} has no Stack", model.gradient_checkpointing_enable)
                continue
            expected = gradients_of(model.train(), inputs)
            model.gradient_checkpointing_enable()
            calls = _count_calls(layers)
            found = gradients_of(model, inputs)
            assert_near(f"{name}, gradients with checkpointing", found, expected)
            assert set(calls) == {2}, f"{name}: layers of a Stack must be called as its steps() gives them: {calls}"

    def test_freezing(self) -> None:
        """What is frozen must get no gradient, and what is not must get one.

        Fix: override neither freeze nor requires_grad_.
        """
        for model in self.built():
            expected = set(gradients_of(model, self.inputs(model)))
            last = [name for name, _ in model.named_parameters() if name in expected][-1]
            model.freeze()
            left = model.num_parameters(only_trainable=True)
            assert not left, f"{type(model).__name__}.freeze() leaves parameters trainable: {left} numbers"
            model.unfreeze(last)
            assert set(gradients_of(model, self.inputs(model))) == {last}, (
                f"{type(model).__name__}: {last} is not alone"
            )

    def test_deep_copy(self) -> None:
        """A copy must compute the same, and share nothing: training it must leave the first model alone.

        Fix: keep modules and tensors as attributes, not in closures or class attributes.
        """
        for model in self.built():
            name, inputs = type(model).__name__, self.inputs(model)
            expected = tensors_of(model(**inputs))
            other = copy.deepcopy(model)
            assert_near(f"{name}, copied", tensors_of(other(**inputs)), expected)
            for tied, source in other.tied_names().items():
                assert other.get_parameter(tied) is other.get_parameter(source), f"{name}, copied: {tied} is not tied"
            with torch.no_grad():
                for parameter in other.parameters():
                    parameter.add_(1.0)
            assert_near(f"{name}, after its copy was changed", tensors_of(model(**inputs)), expected)


def _assert_comes_back(harness: Harness, model: PreTrainedModel, what: str) -> None:
    """Assert that a changed model survives its files."""
    loaded = saved_and_loaded(model, mmap=False)
    inputs = harness.inputs(loaded)
    assert_near(f"{what} and loaded", tensors_of(loaded(**inputs)), tensors_of(model(**inputs)))


def _vocabulary_of(model: PreTrainedModel) -> int:
    """Return the ``vocab_size`` of a model's configuration, or of the one inside it that has one."""
    inside = [value for value in vars(model.config).values() if isinstance(value, PreTrainedConfig)]
    found: list[int] = [config.vocab_size for config in (model.config, *inside) if hasattr(config, "vocab_size")]
    assert found, f"{type(model).__name__} has token embeddings, but no configuration of it has a vocab_size"
    return found[0]


def _assert_refused(why: str, method: Any, *arguments: Any) -> None:
    said = refusal(OptionError, method, *arguments)
    assert said is not None, f"{why}, so {method.__name__} must raise OptionError"


def _count_calls(layers: list[nn.Module]) -> list[int]:
    """Return how often each layer is called from now on, counted while it happens."""
    calls = [0] * len(layers)

    def count(place: int) -> Any:
        def hook(*_: Any) -> None:
            calls[place] += 1

        return hook

    for place, layer in enumerate(layers):
        layer.register_forward_pre_hook(count(place))
    return calls
