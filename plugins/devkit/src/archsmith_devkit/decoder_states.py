"""Checks of what a decoder keeps: its cache, the states of its layers, and heads that share keys and values."""

import torch
from torch import Tensor

from archsmith.errors import ArchsmithError
from archsmith.model import PreTrainedModel
from archsmith_devkit.decoders import DecoderChecks, call, some_ids, takes
from archsmith_devkit.harness import assert_near, outputs_of, tensors_of

__all__ = ["DecoderStateChecks"]

_HEADS, _SHARED = "num_attention_heads", "num_key_value_heads"


class DecoderStateChecks(DecoderChecks):
    """What is kept between the steps and the layers of a decoder. Architectures without ``causal-lm`` pass."""

    def test_cache_is_left_alone(self) -> None:
        """Beam search and undoing go back to an earlier cache: a step that changes it in place spoils both.

        Fix: make the new cache with torch.cat, and write nothing into the tensors of past_key_values.
        """
        for model in self.decoders():
            ids, name = some_ids(model), type(model).__name__
            if not takes(model, "past_key_values"):
                continue
            past = call(model, ids[:, :-1], use_cache=True).get("past_key_values")
            kept = {key: value.clone() for key, value in tensors_of({"past_key_values": past}).items()}
            if not isinstance(past, tuple):
                continue  # an object that grows by itself
            mask = torch.ones_like(ids)
            first = call(model, ids[:, -1:], attention_mask=mask, past_key_values=past)["logits"]
            for key, value in tensors_of({"past_key_values": past}).items():
                assert torch.equal(value, kept[key]), f"{name} changes {key}, which belongs to its caller, in place"
            again = call(model, ids[:, -1:], attention_mask=mask, past_key_values=past)["logits"]
            assert_near(f"{name}, again with one cache", {"logits": again}, {"logits": first})

    def test_last_hidden_state_is_the_last_of_all(self) -> None:
        """Whoever reads hidden_states[-1] of a decoder counts on what the head reads: the normalised state.

        Fix: put last_hidden_state, as it is after the last normalisation, in the last place of hidden_states.
        """
        cls = self.models().get("base")
        if cls is None or not list(self.decoders()):
            return
        model = cls(self.config()).eval()
        if not takes(model, "output_hidden_states"):
            return
        found = outputs_of(model, self.inputs(model), output_hidden_states=True)
        states = [name for name in found if name.startswith("hidden_states[")]
        if states and "last_hidden_state" in found:
            what = f"{cls.__name__}, beside last_hidden_state"
            assert_near(what, {states[-1]: found[states[-1]]}, {states[-1]: found["last_hidden_state"]})

    def test_grouped_heads(self) -> None:
        """Where heads share keys and values, each of these serves neighbours: 0 0 1 1 in published files, not 0 1 0 1.

        Fix: repeat each key and value in its place, key.repeat_interleave(groups, dim=1), not key.repeat.
        """
        for model in self.decoders():
            grouped, whole = (self._with_heads(model, shared) for shared in (2, 4))
            if grouped is None or whole is None:
                continue
            state = _repeated(grouped, whole)
            if state is None:
                continue
            whole.load_state_dict(state)
            ids = some_ids(model)
            found, wanted = call(grouped, ids)["logits"], call(whole, ids)["logits"]
            what = (
                f"{type(model).__name__}, {_HEADS} = 4 and {_SHARED} = 2, beside the model of 4 that has each key and "
                "value twice in a row"
            )
            assert_near(what, {"logits": found}, {"logits": wanted}, tolerance=1e-5)

    def _with_heads(self, model: PreTrainedModel, shared: int) -> PreTrainedModel | None:
        """Return a model of four heads of which some share keys and values; None where there is no such thing."""
        if not hasattr(model.config, _SHARED) or not hasattr(model.config, _HEADS):
            return None
        try:
            config = self.config_class()(**{**self.values(), _HEADS: 4, _SHARED: shared})
        except ArchsmithError:
            return None
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            return type(model)(config).eval()


def _repeated(grouped: PreTrainedModel, whole: PreTrainedModel) -> dict[str, Tensor] | None:
    """Return the tensors of a model of shared heads for one of whole heads; None where they are kept in another way."""
    state, like = grouped.state_dict(), whole.state_dict()
    if state.keys() != like.keys():
        return None
    found = {}
    for name, value in state.items():
        if value.shape == like[name].shape:
            found[name] = value
        elif (2 * len(value), *value.shape[1:]) == tuple(like[name].shape) and len(value) % 2 == 0:
            found[name] = value.unflatten(0, (2, -1)).repeat_interleave(2, 0).flatten(0, 1)  # (heads, width of a head)
        else:
            return None
    return None if all(value.shape == state[name].shape for name, value in found.items()) else found
