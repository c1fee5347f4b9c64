"""Initial values: given to the parameters of a model that no file brings, by the models that own them."""

import contextlib
from collections.abc import Collection, Iterator, Mapping

import torch
from torch import Tensor, nn

from archsmith.errors import PluginBroken
from archsmith.model.marker import AnyModel, put_values

__all__ = ["initialise"]


def initialise(
    model: AnyModel,
    names: Collection[str],
    *,
    held: Mapping[str, object],
    dtype: torch.dtype | None = None,
    device: torch.device | None = None,
) -> None:
    """Give the named parameters and buffers their initial values; all others keep theirs, whatever is done to them.

    Every module with one of them inside is given to ``init_weights`` of the innermost model around it, children first,
    so that what a module sets for its children lasts.

    Args:
        model: The model.
        names: Names as in the model's ``state_dict``.
        held: That ``state_dict``.
        dtype: Type of parameters that are still on the meta device.
        device: Where these go.

    Raises:
        PluginBroken: Nothing gives values to a parameter.
    """
    modules = dict(model.named_modules(remove_duplicate=False))
    tensors = [name for name, tensor in held.items() if isinstance(tensor, Tensor)]
    places = {name: (modules[path], attribute) for name, path, attribute in map(_split, tensors)}
    empty = [name for name in places if name in names and _make_empty(*places[name], dtype, device)]
    kept = {name: place for name, place in places.items() if name not in names}
    paths = _paths_above(names)
    owners = {}
    for path, module, owner in _children_first(model, model):
        if path in paths:
            dot = f"{path}." if path else ""
            with _set_aside([place for name, place in kept.items() if name.startswith(dot)]):
                owner.init_weights(module)
        owners[path] = owner
    for name in empty:
        module, attribute = places[name]
        if getattr(module, attribute).isnan().any():
            owner = owners[name.rpartition(".")[0]]
            raise PluginBroken(
                f"{type(model).__name__}: {name!r} has no initial values. {type(owner).__name__} must give them to "
                f"{type(module).__name__} in its method init_weights()."
            )


def _split(name: str) -> tuple[str, str, str]:
    path, _, attribute = name.rpartition(".")
    return name, path, attribute


def _paths_above(names: Collection[str]) -> set[str]:
    """Return the paths of the modules that have one of the names inside."""
    paths = {""} if names else set[str]()
    for name in names:
        path = name.rpartition(".")[0]
        while path not in paths:
            paths.add(path)
            path = path.rpartition(".")[0]
    return paths


def _make_empty(module: nn.Module, name: str, dtype: torch.dtype | None, device: torch.device | None) -> bool:
    """Put a tensor where one on the meta device stands: of NaN, so that it shows if nothing gives it values."""
    tensor = getattr(module, name)
    if not tensor.is_meta:
        return False
    if isinstance(tensor, nn.Parameter):
        put_values(module, name, torch.full(tensor.shape, float("nan"), dtype=dtype, device=device))
        return True
    if not hasattr(module, "init_buffers"):
        setattr(module, name, torch.zeros(tensor.shape, dtype=tensor.dtype, device=device))
    return False


@contextlib.contextmanager
def _set_aside(places: list[tuple[nn.Module, str]]) -> Iterator[None]:
    """Put others of the same shapes in the place of some tensors, and these back afterwards."""
    tensors = [getattr(module, name) for module, name in places]
    for (module, name), tensor in zip(places, tensors, strict=True):
        spare = torch.empty_like(tensor)  # memory that nothing touches costs nothing
        setattr(module, name, nn.Parameter(spare, requires_grad=False) if isinstance(tensor, nn.Parameter) else spare)
    try:
        yield
    finally:
        for (module, name), tensor in zip(places, tensors, strict=True):
            setattr(module, name, tensor)


def _children_first(module: nn.Module, owner: AnyModel, path: str = "") -> Iterator[tuple[str, nn.Module, AnyModel]]:
    """Yield every module with its path and the innermost model that it belongs to."""
    owner = module if isinstance(module, AnyModel) else owner
    for name, child in module.named_children():
        yield from _children_first(child, owner, f"{path}.{name}" if path else name)
    yield path, module, owner
