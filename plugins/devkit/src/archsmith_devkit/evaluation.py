"""Checks of what a model puts out: the same each time, of the promised shapes, with nothing changed on the way."""

import dataclasses
import inspect
from typing import Any

import torch
from torch import Tensor

from archsmith.config import PreTrainedConfig
from archsmith.errors import ArchsmithError
from archsmith.messages import shown
from archsmith.model import PreTrainedModel
from archsmith_devkit.harness import Harness, assert_near, outputs_of, tensors_of

__all__ = ["EvaluationChecks"]

#: What masked attention may come to, in a softmax of float32; and how far a sum of shares may be from one.
_NOTHING, _ROUNDING = 1e-6, 1e-3
_TOKENS = "input_ids"


class EvaluationChecks(Harness):
    """What a forward pass returns, and what it must leave alone."""

    def test_evaluation_repeats(self) -> None:
        """Whoever asks twice in evaluation mode must get one answer: dropout that never ends shows here.

        Fix: hand self.training to every dropout, and draw random numbers in training alone; waive the check for a
        class whose outputs are random by intent.
        """
        for model in self.built():
            inputs, name = self.inputs(model), type(model).__name__
            with torch.random.fork_rng(devices=[]), torch.no_grad():
                for seed in (0, 1):
                    torch.manual_seed(seed)
                    found = tensors_of(model(**inputs))
                    if seed == 0:
                        first = {key: value.clone() for key, value in found.items()}
            assert_near(f"{name}, called twice in evaluation mode", found, first, tolerance=0.0)

    def test_a_call_leaves_everything_as_it_was(self) -> None:
        """The caller uses its tensors again, and another thread the model: a change in place spoils both.

        Fix: write x = x + y rather than x += y on what came in, and keep what a call computes in local variables.
        """
        for model in self.built():
            name, inputs = type(model).__name__, self.inputs(model)
            given = {key: value.clone() for key, value in inputs.items()}
            state = {key: value.clone() for key, value in (*model.named_parameters(), *model.named_buffers())}
            before = model.config.to_dict()
            outputs_of(model, inputs)
            for key, value in given.items():
                assert torch.equal(inputs[key], value), f"{name} changes {key}, which belongs to its caller, in place"
            for key, value in (*model.named_parameters(), *model.named_buffers()):
                assert torch.equal(value.nan_to_num(), state[key].nan_to_num()), (
                    f"{name}: a call in evaluation mode changes {key}"
                )
            assert model.config.to_dict() == before, f"{name}: a call changes the configuration"

    def test_instances_share_nothing(self) -> None:
        """Two models in one process must not know each other: what trains one must leave the other alone.

        Fix: make parameters, buffers and lists in __init__, not as attributes of the class or of the module.
        """
        for model in self.built():
            held = {
                value.data_ptr(): key
                for key, value in (*model.named_parameters(), *model.named_buffers())
                if len(value.shape)
            }
            other = type(model)(self.config())
            for key, value in (*other.named_parameters(), *other.named_buffers()):
                shared = value.numel() and len(value.shape) and value.data_ptr() in held
                assert not shared, f"{type(model).__name__}: {key} of two models is one tensor"

    def test_tuples_have_the_order_of_the_output(self) -> None:
        """``return_dict=False`` must give the same tensors in the same order: older code reads them by number.

        Fix: end forward with self.as_requested(output, return_dict), and declare fields in the field's order.
        """
        for model in self.built():
            name, inputs = type(model).__name__, self.inputs(model)
            if "return_dict" not in inspect.signature(model.forward).parameters:
                continue
            with torch.no_grad():
                output, found = model(**inputs), model(**inputs, return_dict=False)
            assert type(found) is tuple, f"{name} with return_dict=False returns {type(found).__name__}, not a tuple"
            got, wanted = (
                {f"tensor {place}": each for place, each in enumerate(tensors_of(values).values())}
                for values in (dict(enumerate(found)), output)
            )
            assert_near(f"{name} with return_dict=False", got, wanted, tolerance=1e-5)

    def test_hidden_states(self) -> None:
        """Whoever probes layers counts on the embeddings and one state for each layer, and on none unless asked.

        Fix: keep the hidden states before the first layer and after each, only if
        self.wants_hidden_states(output_hidden_states).
        """
        for model in self.built():
            for name, states, plain, asked in _asked(self, model, "hidden_states"):
                whole = f"{type(model).__name__}, {name}"
                layers = _layers(model)
                if name == "hidden_states" and layers:
                    assert len(states) == layers + 1, (
                        f"{whole}: {len(states)} tensors for num_hidden_layers = {layers}; expected {layers + 1}, the "
                        "embeddings and one for each layer"
                    )
                    shapes = {tuple(state.shape) for state in states}
                    assert len(shapes) == 1, f"{whole}: the layers' shapes differ: {sorted(shapes)}"
                _assert_same_beside(whole, plain, asked)

    def test_attentions(self) -> None:
        """Attention maps are shares: one for each layer and head, each row sums to one, and padding has none.

        Fix: return the probabilities after the softmax, (batch, heads, tokens, tokens), before dropout, and mask
        with -inf before the softmax.
        """
        for model in self.built():
            for name, maps, plain, asked in _asked(self, model, "attentions"):
                whole = f"{type(model).__name__}, {name}"
                _assert_same_beside(whole, plain, asked)
                layers = _layers(model)
                if name == "attentions" and layers:
                    assert len(maps) == layers, f"{whole}: {len(maps)} maps for num_hidden_layers = {layers}"
                for place, each in enumerate(maps):
                    assert each is not None, f"{whole}[{place}] is None, although output_attentions=True asks for it"
                    _assert_is_attention(f"{whole}[{place}]", each, model)
                    _assert_padding_has_none(f"{whole}[{place}]", each, self.inputs(model).get("attention_mask"), model)

    def test_other_lengths(self) -> None:
        """Texts have any length: one token, or all places that there are.

        Fix: take sizes from the tensors, not from the configuration.
        """
        for model in self.built():
            inputs = self.inputs(model)
            if model.main_input_name != _TOKENS or inputs[_TOKENS].ndim != 2 or _has_two_stacks(model):  # noqa: PLR2004
                continue
            tokens = inputs[_TOKENS].shape[1]
            found = outputs_of(
                model, {key: value[:, :1] if value.shape[1:2] == (tokens,) else value for key, value in inputs.items()}
            )
            for key, value in found.items():
                assert value.isfinite().all(), f"{type(model).__name__}: {key} of one token has numbers not finite"

    def test_halves_of_a_pair_are_apart(self) -> None:
        """A model of two inputs that embeds each by itself must not let the one into the other's embedding.

        Fix: compute image_embeds from pixel_values alone and text_embeds from input_ids alone, and logits_per_text
        as the transposed logits_per_image.
        """
        for model in self.built():
            inputs, name = self.inputs(model), type(model).__name__
            found = outputs_of(model, inputs)
            if {"logits_per_image", "logits_per_text"} <= found.keys():
                wanted = {"logits_per_text": found["logits_per_image"].T}
                assert_near(f"{name}, beside logits_per_image", {"logits_per_text": found["logits_per_text"]}, wanted)
            for embeds, stranger in (("text_embeds", "pixel_values"), ("image_embeds", _TOKENS)):
                if embeds in found and stranger in inputs and len(inputs) > 1:
                    other = outputs_of(model, {**inputs, stranger: inputs[stranger].flip(0)})
                    assert_near(f"{name}, {stranger} changed", {embeds: other[embeds]}, {embeds: found[embeds]})
                    own = "image_embeds" if stranger == "pixel_values" else "text_embeds"
                    reacts = own not in found or not torch.equal(other[own], found[own])
                    assert reacts, f"{name}: {own} does not depend on {stranger}"


def _asked(harness: Harness, model: PreTrainedModel, what: str) -> Any:
    """Yield the name and the tensors of each output of a kind, with what is returned without and with asking."""
    option = f"output_{what}"
    if option not in inspect.signature(model.forward).parameters:
        return
    inputs = harness.inputs(model)
    with torch.no_grad():
        plain = model(**inputs)
        try:
            asked = model(**inputs, **{option: True})
        except ArchsmithError:
            return  # it says that it has none
    for name, value in asked.items():
        if name.endswith(what) and isinstance(value, tuple):
            assert plain.get(name) is None, f"{type(model).__name__} returns {name}, for which nobody asked"
            if any(isinstance(each, tuple) for each in value):
                continue  # of several models, each with its own
            lost = [place for place, each in enumerate(value) if not isinstance(each, Tensor)]
            assert not lost, f"{type(model).__name__} with {option}=True: {name}{lost[:1]} is {shown(value[lost[0]])}"
            yield name, value, plain, asked


def _assert_same_beside(what: str, plain: Any, asked: Any) -> None:
    """Assert that asking for more changes nothing of the rest."""
    found, wanted = tensors_of(asked), tensors_of(plain)
    assert_near(f"{what} asked for", {key: found[key] for key in wanted if key in found}, wanted, tolerance=1e-3)


def _assert_is_attention(what: str, found: Tensor, model: PreTrainedModel) -> None:
    heads = getattr(model.config, "num_attention_heads", None)
    assert heads is None or found.ndim != 3, f"{what} is {tuple(found.shape)}; expected an axis for the heads"  # noqa: PLR2004
    if found.ndim == 4 and isinstance(heads, int) and not _has_two_stacks(model):  # noqa: PLR2004
        assert found.shape[1] == heads, f"{what} is {tuple(found.shape)}; expected {heads} heads in its second place"
    sums = found.sum(-1)
    off = torch.minimum((sums - 1).abs(), sums.abs()).max().item()  # a row that is masked whole may have nothing
    assert off <= _ROUNDING and found.min() >= 0, (  # noqa: PT018  # one sentence says both
        f"{what}: rows must be shares that sum to 1, but one is off by {off:.3g} (least number {found.min():.3g})"
    )


def _assert_padding_has_none(what: str, found: Tensor, mask: Tensor | None, model: PreTrainedModel) -> None:
    if mask is None or mask.ndim != 2 or model.main_input_name != _TOKENS:  # noqa: PLR2004
        return
    if found.ndim != 4 or found.shape[0] != len(mask) or found.shape[-2:] != (mask.shape[1],) * 2:  # noqa: PLR2004
        return
    real = mask[:, None, :, None].bool() & ~mask[:, None, None, :].bool()  # what a token gives to padding
    given = (found * real).max().item()
    assert given <= _NOTHING, f"{what}: a token attends to padding by {given:.3g}; expected 0"


def _layers(model: PreTrainedModel) -> int | None:
    """Return the number of layers where a field of the configuration gives it; None for a whole of several models."""
    config = model.config
    name = config.attribute_map.get("num_hidden_layers", "num_hidden_layers")
    declared = {field.name for field in dataclasses.fields(config)}
    layers = getattr(config, name) if name in declared and not _has_two_stacks(model) else None
    return layers if isinstance(layers, int) else None


def _has_two_stacks(model: PreTrainedModel) -> bool:
    """Return whether it is an encoder-decoder, or a whole of several models, whose layers no one number counts."""
    config = model.config
    nested = any(isinstance(getattr(config, field.name), PreTrainedConfig) for field in dataclasses.fields(config))
    takes_two = "decoder_input_ids" in inspect.signature(model.forward).parameters
    return nested or takes_two or bool(getattr(config, "is_encoder_decoder", False))
