"""Checks of the arguments of forward: each changes what comes out, of the base model and of every head."""

import inspect
from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import Tensor

from archsmith.config import PreTrainedConfig
from archsmith.errors import ArchsmithError
from archsmith.model import PreTrainedModel
from archsmith_devkit.harness import Harness, assert_near, outputs_of

__all__ = ["ArgumentChecks"]

#: Outputs are one where no number is further apart, in units of the largest: sums in another order come to less.
_SAME = 1e-6
_TOKENS = "input_ids"
#: So many numbers are shown.
_FEW = 12
#: Arguments that bring outputs of their name.
_OPTIONS = ("output_hidden_states", "output_attentions")


class ArgumentChecks(Harness):
    """An argument that is taken and does nothing misleads whoever passes it: no error tells, and results are wrong."""

    def test_arguments_have_an_effect(self) -> None:
        """An argument that forward takes and nobody reads is lost in silence; heads must hand it to their base model.

        Fix: use the argument where it is due, pass it on by name in every head, and take out of the signature what
        the model cannot use.
        """
        for model in self.built():
            inputs = self.inputs(model)
            for name, usual, other in _pairs(model, inputs):
                for given in _surroundings(model, name, inputs):
                    assert _differ(model, {**given, name: usual}, {**given, name: other}), (
                        f"{type(model).__name__}: {name} has no effect beside {', '.join(given) or 'nothing'}: all "
                        f"outputs with {_told(other)} are those with {_told(usual)}; expected others"
                    )

    def test_options_bring_what_they_name(self) -> None:
        """Whoever asks for hidden states or attention maps must get them, of a head as of its base model.

        Fix: pass output_hidden_states and output_attentions on to the base model, and put into the output what it
        returns; or refuse what cannot be had with an OptionError.
        """
        for model in self.built():
            for option in _OPTIONS:
                if option not in inspect.signature(model.forward).parameters or _has_none(model, option):
                    continue
                wanted, name = option.removeprefix("output_"), type(model).__name__
                try:
                    found = outputs_of(model, self.inputs(model), **{option: True})
                except ArchsmithError:
                    continue  # it says that it has none
                assert any(wanted in key for key in found), (
                    f"{name} with {option}=True returns {', '.join(found)}; expected {wanted} too"
                )

    def test_options_follow_the_configuration(self) -> None:
        """What a configuration asks for comes without asking again, and what a caller declines does not come.

        Fix: if self.wants_hidden_states(output_hidden_states), if self.wants_attentions(output_attentions): both read
        the configuration where the argument is None.
        """
        for model in self.built():
            if any(isinstance(value, PreTrainedConfig) for value in vars(model.config).values()):
                continue  # each part has a configuration of its own
            for option in _OPTIONS:
                wanted, name = option.removeprefix("output_"), type(model).__name__
                if option not in inspect.signature(model.forward).parameters or _has_none(model, option):
                    continue
                model.config.update(**{option: True})
                try:
                    asked, declined = (outputs_of(model, self.inputs(model), **more) for more in ({}, {option: False}))
                except ArchsmithError:
                    continue
                finally:
                    model.config.update(**{option: False})
                what = f"{name}, config.{option} = True"
                assert any(wanted in key for key in asked), f"{what}: it returns {', '.join(asked)}; expected {wanted}"
                assert not any(wanted in key for key in declined), f"{what}, {option}=False: it returns {wanted}"

    def test_left_out_arguments_have_their_default(self) -> None:
        """No attention_mask is one of ones, no token_type_ids are zeros, and embeddings stand for their tokens.

        Fix: make what is None of ones and zeros like the input, and go the same way with inputs_embeds as with
        input_ids from the first step behind the table on.
        """
        for model in self.built():
            inputs = self.inputs(model)
            if model.main_input_name != _TOKENS or _TOKENS not in inputs:
                continue
            taken = inspect.signature(model.forward).parameters
            ids = _without(inputs[_TOKENS], getattr(model.config, "pad_token_id", None))
            rest = {key: value for key, value in inputs.items() if key not in (_TOKENS, "attention_mask")}
            plain, what = {**rest, _TOKENS: ids}, type(model).__name__
            wanted = outputs_of(model, plain)
            for name, value in _defaults(model, ids):
                if name in taken and name not in rest:
                    found = outputs_of(model, {**plain, name: value})
                    assert_near(f"{what}, {name} of {int(value[0].amax())} beside none", found, wanted, tolerance=1e-5)
            if "inputs_embeds" in taken and model.input_embeddings:
                embeds = model.get_input_embeddings()(ids)
                found = outputs_of(model, {**rest, _TOKENS: None, "inputs_embeds": embeds})
                assert_near(f"{what}, inputs_embeds in place of {_TOKENS}", found, wanted, tolerance=1e-5)

    def test_heads_hand_arguments_on(self) -> None:
        """A head must give its base model what it got, each argument in its place: two that are swapped fit as well.

        Fix: pass every argument on by its name.
        """
        for model in self.built():
            base, inputs = model.base_model, self.inputs(model)
            option = _OPTIONS[0]
            both = [inspect.signature(each.forward).parameters for each in (model, base)]
            if base is model or any(option not in each or not inputs.keys() <= each.keys() for each in both):
                continue
            if not _same_states(model, base, inputs):
                continue  # it does something of its own in between
            for name, _, other in _pairs(model, inputs):
                if name in both[1]:
                    assert _same_states(model, base, {**inputs, name: other}), (
                        f"{type(model).__name__} hands something else on than {name}: its hidden states with "
                        f"{_told(other)} are not those of its {type(base).__name__}"
                    )


def _same_states(model: PreTrainedModel, base: Any, inputs: Mapping[str, Tensor]) -> bool:
    """Return whether a model has the hidden states of its base model, or both refuse."""
    states: list[dict[str, Tensor] | None] = []
    for each in (model, base):
        try:
            found = outputs_of(each, inputs, **{_OPTIONS[0]: True})
            states.append({name: value for name, value in found.items() if name.startswith("hidden_states[")})
        except Exception:  # noqa: BLE001  # a stranger's code
            states.append(None)
    one, other = states
    if one is None or other is None:
        return one is other
    return one.keys() == other.keys() and all(
        one[name].shape == value.shape and not _apart(one[name], value) for name, value in other.items()
    )


def _defaults(model: PreTrainedModel, ids: Tensor) -> Iterator[tuple[str, Tensor]]:
    yield "attention_mask", torch.ones_like(ids)
    if getattr(model.config, "type_vocab_size", 0):
        yield "token_type_ids", torch.zeros_like(ids)


def _without(ids: Tensor, pad: object) -> Tensor:
    """Return ids of which none is that of padding, which some models look for."""
    return torch.where(ids == pad, ids + 1 if pad == 0 else ids - 1, ids) if isinstance(pad, int) else ids


def _has_none(model: PreTrainedModel, option: str) -> bool:
    """Return whether attention maps are asked of a model whose configuration knows no heads."""
    values = model.config.to_dict().items()
    return option == "output_attentions" and not any("head" in name and isinstance(n, int | list) for name, n in values)


def _pairs(model: PreTrainedModel, inputs: Mapping[str, Tensor]) -> Iterator[tuple[str, Tensor, Tensor]]:
    """Yield argument, a usual value, and one that means something else."""
    taken = inspect.signature(model.forward).parameters
    for name, value in inputs.items():
        if name in taken and not name.endswith("mask"):
            others = [value.flip(axis) for axis in range(value.ndim) if not torch.equal(value.flip(axis), value)]
            yield from ((name, value, other) for other in others[:1])
        elif name in taken and (name != "attention_mask" or _tokens_meet(model, inputs)):
            yield name, value, _masked(model, value)
    if model.main_input_name != _TOKENS or _TOKENS not in inputs:
        return
    ids = inputs[_TOKENS]
    places = torch.arange(ids.shape[-1]).expand(ids.shape)
    types = max(1, getattr(model.config, "type_vocab_size", 2))  # of one type there is nothing to tell
    for name, usual, other in (
        ("token_type_ids", torch.zeros_like(ids), places % min(2, types)),
        ("position_ids", places, places.flip(-1)),
    ):
        if name in taken and name not in inputs and not torch.equal(usual, other):
            yield name, usual.contiguous(), other.contiguous()


def _masked(model: PreTrainedModel, mask: Tensor) -> Tensor:
    """Return a mask that leaves out some more of the first row: of a text its beginning, else its end."""
    other, some = mask.clone(), mask.shape[-1] // 2
    other[0, ..., slice(some) if model.main_input_name == _TOKENS else slice(-some, None)] = 0
    return other


def _tokens_meet(model: PreTrainedModel, inputs: Mapping[str, Tensor]) -> bool:
    """Return whether a text is more to a model than its tokens, each by itself, of which none needs a mask."""
    ids, mask = inputs.get(_TOKENS), inputs["attention_mask"]
    if model.main_input_name != _TOKENS or ids is None or ids.shape != mask.shape:
        return True
    changed = torch.where(_masked(model, mask) == mask, ids, ids.flip(0))
    beside = mask.shape[-1] // 2
    one, other = (outputs_of(model, {**inputs, _TOKENS: each}) for each in (ids, changed))
    return any(
        _apart(*(each[..., beside:, :] if each.shape[-2:-1] == ids.shape[-1:] else each for each in (one[name], value)))
        for name, value in other.items()
    )


def _surroundings(model: PreTrainedModel, name: str, inputs: Mapping[str, Tensor]) -> Iterator[dict[str, Tensor]]:
    """Yield what else is given: all of the inputs, and of texts the ids alone."""
    rest = {key: value for key, value in inputs.items() if key != name}
    yield rest
    if model.main_input_name == _TOKENS and rest.keys() == {_TOKENS, "attention_mask"}:
        yield {_TOKENS: rest[_TOKENS]}


def _differ(model: PreTrainedModel, usual: Mapping[str, Tensor], other: Mapping[str, Tensor]) -> bool:
    """Return whether any output differs; a value that is refused is read."""
    try:
        found = outputs_of(model, other)
    except Exception:  # noqa: BLE001  # a stranger's code
        return True
    wanted = outputs_of(model, usual)
    if found.keys() != wanted.keys() or any(found[name].shape != value.shape for name, value in wanted.items()):
        return True
    return any(_apart(found[name].double(), value.double()) for name, value in wanted.items() if value.numel())


def _apart(one: Tensor, other: Tensor) -> bool:
    return bool((one - other).abs().max() > _SAME * other.abs().max())


def _told(value: Tensor) -> str:
    """Return the first row of a value where it is short, of a mask how many ones it has, else its type."""
    row = value.reshape(-1, value.shape[-1])[0] if value.ndim else value
    if row.is_floating_point():
        return f"{value.dtype} numbers"
    return str(row.tolist()) if row.numel() <= _FEW else f"{int(row.count_nonzero())} of {row.numel()} places"
