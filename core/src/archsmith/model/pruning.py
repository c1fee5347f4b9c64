"""Take attention heads out of a model: the rows and columns of the projections that belong to them.

Source: Michel et al., "Are Sixteen Heads Really Better than One?" (arXiv:1905.10650).
"""

from collections.abc import Collection, Iterator, Mapping
from typing import Any

import torch
from torch import nn

from archsmith.config.fields import Count, convert
from archsmith.errors import ConfigError, OptionError
from archsmith.model.marker import AnyModel, put_values

__all__ = ["cut_configured_heads", "cut_heads", "heads_to_cut"]

_Heads = Mapping[int, list[int]]


def heads_to_cut(model: AnyModel, named: Any) -> dict[int, list[int]]:
    """Return all heads that are to be gone: those that ``named`` adds, and those that are gone already.

    Raises:
        OptionError: Something else than heads of this model is named, or a layer would keep none.
    """
    if isinstance(named, Mapping):
        named = {layer: _listed(heads) for layer, heads in named.items()}
    heads, faults = convert("heads_to_prune", named, dict[Count, list[Count]])
    gone = dict(model.config.pruned_heads)
    for layer, more in () if faults else heads.items():
        gone[layer] = sorted({*gone.get(layer, ()), *more})
    if faults := faults or list(_faults(model, gone)):
        raise OptionError(f"heads of {type(model).__name__} cannot be pruned: {'; '.join(faults)}.")
    return gone


def cut_heads(model: AnyModel, gone: _Heads, *, before: _Heads) -> None:
    """Cut heads out of the projections.

    Args:
        model: The model, which must name its ``attention_projections``.
        gone: Layer → the heads that are to be gone, by the numbers that they had at first.
        before: Those that are gone already, likewise.
    """
    base = model.base_model
    for layer, heads in gone.items():
        present = sorted(set(range(model.config.num_attention_heads)) - set(before.get(layer, ())))
        kept = [place for place, head in enumerate(present) if head not in heads]
        *projections, output = (base.get_submodule(path.format(layer)) for path in model.attention_projections)
        for projection in projections:
            _keep(projection, kept, len(present), dim=0)
        _keep(output, kept, len(present), dim=1)


def cut_configured_heads(model: AnyModel) -> None:
    """Give a model that was just built the shapes that its configuration asks for.

    Raises:
        ConfigError: The configuration names heads that the model does not have.
    """
    gone = model.config.pruned_heads
    if gone and (faults := list(_faults(model, gone))):
        raise ConfigError(f"{type(model.config).__name__}: pruned_heads: {'; '.join(faults)}.", faults=tuple(faults))
    cut_heads(model, gone, before={})


def _listed(heads: Any) -> Any:
    """Return an array, a tensor or another collection as a list, and what is none as it is."""
    if hasattr(heads, "tolist"):
        return heads.tolist()
    return list(heads) if isinstance(heads, Collection) and not isinstance(heads, str) else heads


def _faults(model: AnyModel, gone: _Heads) -> Iterator[str]:
    """Say in sentences what is wrong with a choice of heads."""
    if not model.attention_projections:
        yield f"{type(model).__name__} names no attention_projections, so its heads cannot be told apart"
        return
    layers, count = (model.config.value_of(name) for name in ("num_hidden_layers", "num_attention_heads"))
    if layers is None or count is None:
        yield f"{type(model.config).__name__} counts no layers or no heads: prune those of the models inside"
        return
    for layer, heads in gone.items():
        if layer >= layers:
            yield f"there is no layer {layer}, only 0 to {layers - 1}"
        elif unknown := [head for head in heads if head >= count]:
            yield f"layer {layer} has no head {unknown[0]}, only 0 to {count - 1}"
        elif len(set(heads)) == count:
            yield f"layer {layer} would keep none of its {count} heads, but must keep one"


def _keep(linear: nn.Module, kept: list[int], heads: int, *, dim: int) -> None:
    """Keep some of the heads along the rows (``dim=0``) or the columns (``dim=1``) of a projection."""
    parameters = dict(linear.named_parameters(recurse=False))
    for name, old in parameters.items():
        if dim < old.ndim:
            size = old.shape[dim] // heads
            places = torch.tensor(kept, device=old.device)[:, None] * size + torch.arange(size, device=old.device)
            put_values(linear, name, old.detach().index_select(dim, places.flatten()))
    setattr(linear, "in_features" if dim else "out_features", linear.get_parameter("weight").shape[dim])
