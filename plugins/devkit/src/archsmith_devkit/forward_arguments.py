"""Checks of the arguments of forward: each changes what comes out, of the base model and of every head."""

import inspect
from collections.abc import Iterator, Mapping

import torch
from torch import Tensor

from archsmith.errors import ArchsmithError
from archsmith.model import PreTrainedModel
from archsmith_devkit.harness import Harness, outputs_of

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
