"""Build a model here and in the reference library with the same weights, and hold one against the other."""

import inspect
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

import archsmith

from .oracle import transformers  # the reference that the numbers are held against

TOLERANCE = 1e-5


@dataclass
class Tally:
    """How many tensors were compared so far, and the worst deviation among those that passed."""

    tensors: int = 0
    worst: float = 0.0
    where: str = ""


tally = Tally()


@dataclass(frozen=True)
class Pair:
    """One model, here and in the reference library."""

    ours: Any
    theirs: Any

    def attend_with(self, implementation: str) -> "Pair":
        for model in (self.ours, self.theirs):
            model.set_attn_implementation(implementation)
        return self


def build(name: str, values: dict[str, Any], *, attention: str = "sdpa", seed: int = 0, **options: Any) -> Pair:
    """Build class ``name`` on both sides from the same configuration, with the same weights, in evaluation mode."""
    ours_class, theirs_class = getattr(archsmith, name), getattr(transformers, name)
    theirs = theirs_class(theirs_class.config_class(**values), **options)
    scramble(theirs, seed)
    ours = ours_class(ours_class.config_class(**values), **options)
    ours.load_state_dict(our_names(ours, theirs.state_dict()), strict=True)  # strict: all are there
    shapes = {n: p.shape for n, p in our_names(ours, dict(theirs.named_parameters())).items()}
    assert {n: p.shape for n, p in ours.named_parameters()} == shapes
    return Pair(ours.eval(), theirs.eval()).attend_with(attention)


def our_names(ours: Any, named: dict[str, Any]) -> dict[str, Any]:
    """Return what the reference names by our names: those of the published checkpoints, as files spell them."""
    own = ours.state_dict().keys() | dict(ours.named_parameters(remove_duplicate=False)).keys()
    return {name if name in own else ours.rename_key(name): value for name, value in named.items()}


@torch.no_grad()
def scramble(model: nn.Module, seed: int = 0) -> None:
    """Give every parameter values that matter: nothing stays zero or one, attention is neither flat nor a spike.

    The running statistics of batch normalisation get some too.
    """
    generator = torch.Generator().manual_seed(seed)
    for module in model.modules():
        for name, parameter in module.named_parameters(recurse=False):
            inputs = parameter[0].numel() if isinstance(module, nn.Conv2d) else (1, *parameter.shape)[-1]
            scale = inputs**-0.5 if parameter.ndim > 1 else 0.3
            parameter.copy_(torch.randn(parameter.shape, generator=generator) * scale)
            if isinstance(module, nn.LayerNorm | nn.BatchNorm2d) and name == "weight":
                parameter.add_(1.0)
        if getattr(module, "running_mean", None) is not None:
            module.running_mean.copy_(torch.randn(module.running_mean.shape, generator=generator))
            module.running_var.copy_(torch.rand(module.running_var.shape, generator=generator) + 0.5)


def deviation(ours: Tensor, theirs: Tensor) -> float:
    """Return the largest |a − b| / (1 + |a|); NaN in the same places is agreement."""
    if not ours.numel():
        return 0.0
    a, b = theirs.detach().double(), ours.detach().double()
    apart = (a - b).abs() / (1 + a.abs())
    apart = torch.where((a == b) | (a.isnan() & b.isnan()), 0.0, apart).nan_to_num(
        nan=float("inf"), posinf=float("inf")
    )
    return float(apart.max())


def assert_close(ours: Any, theirs: Any, what: str, tolerance: float = TOLERANCE) -> None:
    """Assert that tensors, or tuples of them, have one shape and type and are equal to the tolerance."""
    if isinstance(theirs, tuple | list):  # a list of hidden states, for some of the reference's models
        assert isinstance(ours, tuple), what
        assert len(ours) == len(theirs), f"{what}: {len(ours)} here, {len(theirs)} there"
        for i, (mine, reference) in enumerate(zip(ours, theirs, strict=True)):
            assert_close(mine, reference, f"{what}[{i}]", tolerance)
        return
    if theirs is None or ours is None:
        assert ours is theirs, f"{what}: {ours} here, {theirs} there"
        return
    assert isinstance(ours, Tensor), what
    assert (ours.shape, ours.dtype) == (theirs.shape, theirs.dtype), what
    found = deviation(ours, theirs)
    assert found <= tolerance, f"{what} deviates by {found:.3g}"
    tally.tensors += 1
    if tolerance == TOLERANCE and found > tally.worst:
        tally.worst, tally.where = found, what


def assert_same_output(ours: Any, theirs: Any, what: str = "", tolerance: float = TOLERANCE) -> None:
    """Assert that two output objects have the same fields, in the same order, with the same values."""
    names = [
        name for name in theirs if not isinstance(theirs[name], tuple) or theirs[name]
    ]  # the reference's BERT has maps of no cross-attention
    assert list(ours.keys()) == names, what
    for name in names:
        assert_close(ours[name], theirs[name], f"{what}{name}", tolerance)


def _reference_options(model: Any) -> dict[str, Any]:
    """Return what the reference must be told to return nothing more than ours."""
    return {"use_cache": False} if getattr(model.config, "is_decoder", False) else {}


def assert_forward(pair: Pair, inputs: dict[str, Any], *, tolerance: float = TOLERANCE) -> None:
    """Assert that outputs, all hidden states and, in eager attention, all maps agree; as object and as tuple."""
    asked = {**inputs, "output_hidden_states": True}
    if "output_attentions" in inspect.signature(pair.ours.forward).parameters:
        asked["output_attentions"] = pair.ours.attn_implementation == "eager"
    more = _reference_options(pair.theirs)
    what = f"{type(pair.ours).__name__}, {sorted(inputs)}: "
    with torch.no_grad():
        assert_same_output(pair.ours(**asked), pair.theirs(**asked, **more), what, tolerance)
        # Asked for less, the models take shorter ways.
        assert_same_output(pair.ours(**inputs), pair.theirs(**inputs, **more), what, tolerance)
        asked["return_dict"] = False
        theirs = tuple(part for part in pair.theirs(**asked, **more) if not isinstance(part, tuple) or part)
        assert_close(pair.ours(**asked), theirs, f"{what}tuple", tolerance)


def assert_gradients(pair: Pair, inputs: dict[str, Any], *, seed: int | None = None) -> None:
    """Assert that, in training mode, the loss (or the sum of the outputs) and the gradient of every parameter agree."""
    losses = []
    for model in (pair.ours, pair.theirs):
        model.train()
        model.zero_grad(set_to_none=True)
        if seed is not None:
            torch.manual_seed(seed)
        more = _reference_options(model) if model is pair.theirs else {}
        loss = loss_of(model(**inputs, **more))
        loss.backward()
        losses.append(loss.detach())
        model.eval()
    what = f"{type(pair.ours).__name__}, {sorted(inputs)}: "
    assert_close(*losses, f"{what}loss")
    theirs = our_names(pair.ours, dict(pair.theirs.named_parameters()))
    assert any(parameter.grad is not None for parameter in theirs.values())
    for name, parameter in pair.ours.named_parameters():
        assert_close(parameter.grad, theirs[name].grad, f"{what}gradient of {name}")


def assert_gradient_of_embeddings(pair: Pair, inputs: dict[str, Any]) -> None:
    """Assert that the gradient of the loss by ``inputs_embeds`` agrees."""
    gradients = []
    for model in (pair.ours, pair.theirs):
        words = inputs["inputs_embeds"].clone().requires_grad_()
        loss_of(model(**{**inputs, "inputs_embeds": words})).backward()
        gradients.append(words.grad)
    assert_close(*gradients, "gradient of inputs_embeds")


def loss_of(output: Any) -> Tensor:
    """Return the loss, or for a model without labels a number that depends on every output unevenly."""
    if "loss" in output:
        return output["loss"]
    total = torch.zeros(())
    for name in output:
        for part in output[name] if isinstance(output[name], tuple) else (output[name],):
            values = part.reshape(-1)
            total = total + (values * torch.linspace(-1, 1, values.numel())).mean()
    return total


def ids(vocab_size: int, batch: int = 3, tokens: int = 11, seed: int = 1) -> Tensor:
    """Return random token ids, ``(batch, tokens)``."""
    return torch.randint(vocab_size, (batch, tokens), generator=torch.Generator().manual_seed(seed))


def ragged(batch: int = 3, tokens: int = 11, *, left: bool = False) -> Tensor:
    """Return a mask, ``(batch, tokens)`` of 0 and 1, in which each text is shorter than the one before."""
    lengths = torch.tensor([max(1, tokens - 3 * i) for i in range(batch)])
    mask = (torch.arange(tokens)[None] < lengths[:, None]).long()
    return mask.flip(1) if left else mask
