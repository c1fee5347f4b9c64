"""Whether what a save is about to write would load again: held against what the configuration builds."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from archsmith.config.base import PreTrainedConfig
from archsmith.errors import ArchsmithError, ConfigError, WeightsMismatch
from archsmith.files.weights import Header, TensorInfo, Weights
from archsmith.messages import announce, reason, shown
from archsmith.model.building import build_for
from archsmith.model.marker import AnyModel
from archsmith.model.matching import Match, shapes_and_kinds
from archsmith.model.meta import TooLarge

__all__ = ["original_names", "original_tensors", "refuse_unloadable"]

#: So many differences are named.
_TOLD = 3
#: Under these names wrappers of torch hold the one module that they wrap.
_WRAPPED = {"_orig_mod", "_fsdp_wrapped_module", "_checkpoint_wrapped_module"}


def refuse_unloadable(
    model: AnyModel, state: Mapping[str, Tensor], config: dict[str, Any], *, held: Mapping[str, Tensor], is_given: bool
) -> None:
    """Refuse a model that is not what its configuration builds, as long as its weights still exist.

    A model that is as its constructor left it passes at once. For any other the configuration is read as it would be
    from the file, a model is built from it without values, and the weights are matched with that one as in a load.

    Args:
        model: The model to save.
        state: What goes to the files.
        config: What goes to config.json.
        held: All tensors that were to be saved, each tied one too.
        is_given: Whether the caller has given them, in place of the model's own.

    Raises:
        ConfigError: No load would take the weights; every fault is named.
    """
    record, cls, faults = model.build_record, type(model), list[str]()
    if record.tensors == shapes_and_kinds(held) and record.config == model.config.to_dict():
        return
    where = Path("the model")  # as messages name it
    tensors = {name: TensorInfo.of(name, tensor, where) for name, tensor in state.items()}
    weights = Weights(str(where), {where: Header(tensors, {}, (0, 0, 0, 0))})
    try:
        built = build_for(weights, cls, cls.config_class.from_dict(config), record.options)
        Match(built, weights, same_class=True)
    except WeightsMismatch as error:
        told = error.faults or (error.message.rstrip("."),)
        lacks = ": not in it" if is_given else ": the model has no such parameter"
        faults = [fault.replace(": not in the files", lacks) for fault in told]
    except TooLarge:
        faults = [f"it describes far more than the {len(state)} tensors that there are"]
    except ArchsmithError as error:
        faults = [error.message.rstrip(".")]
    except Exception as error:  # noqa: BLE001  # whatever the constructor of a stranger raises
        announce(
            f"{cls.__name__} is saved, but nobody knows whether it loads: {cls.__name__}(config) fails with "
            f"{type(error).__name__}: {reason(error)}. Save a model that its configuration alone can build."
        )
        return
    named = "".join(f"\n  - {fault}" for fault in faults)
    if faults and is_given:
        raise ConfigError(
            f"{cls.__name__} cannot be saved with this state_dict, as no load would take it:{named}\nPass what the "
            "model's own state_dict() holds: whole tensors, under names without what a wrapper adds to them.",
            faults=tuple(faults),
        )
    if faults:
        raise ConfigError(
            f"{cls.__name__} cannot be saved: it is not the model that its configuration builds, so no load would take "
            f"it:{named}\nSet the configuration to what the model is (as num_labels, or the number of layers), or undo "
            "what has replaced or wrapped its parts. To keep the weights as they are use "
            "safetensors.torch.save_model(model, file).",
            faults=tuple(faults),
        )
    if changed := list(_differences(model, built)):
        more = f"; and {len(changed) - _TOLD} more" if len(changed) > _TOLD else ""
        announce(
            f"{cls.__name__} is saved, but what is loaded will not be the same: {'; '.join(changed[:_TOLD])}{more}. "
            "The configuration has changed since the model was built from it, or a part was replaced."
        )


def _differences(model: nn.Module, built: nn.Module) -> Iterator[str]:
    """Say which innermost modules are not as the configuration builds them, as far as they tell of themselves."""
    fresh = dict(built.named_modules())
    for path, module in model.named_modules():
        other = fresh.get(path)
        if path and isinstance(module, AnyModel) and isinstance(other, AnyModel):
            yield from _config_differences(path, module.config, other.config)
        if other is None or next(module.children(), None) or next(other.children(), None):
            continue
        is_so, would_be = (f"{type(each).__name__}({each.extra_repr()})" for each in (module, other))
        if is_so != would_be:
            yield f"{path!r} is {is_so}, but would be {would_be}"


def _config_differences(path: str, config: PreTrainedConfig, other: PreTrainedConfig) -> Iterator[str]:
    """Say which values a model inside goes by that the configuration of the whole does not give it."""
    held, built = config.to_dict(), other.to_dict()
    for name in sorted({*held, *built} - {*config.descriptive, "model_type"}):
        if held.get(name) != built.get(name):
            yield f"{name} of {path!r} is {shown(held.get(name))}, but would be {shown(built.get(name))}"


def original_tensors(model: nn.Module) -> dict[str, Tensor]:
    """Return every parameter and buffer that a file keeps, by its `original_names`."""
    names = original_names(model)
    return {names[name]: tensor for name, tensor in model.state_dict().items()}


def original_names(model: nn.Module) -> dict[str, str]:
    """Return name in the ``state_dict`` → name without what wrappers add that only rename, as ``torch.compile`` does.

    Example:
        >>> import torch
        >>> model = torch.nn.Sequential(torch.nn.DataParallel(torch.nn.Linear(2, 2)))
        >>> original_names(model)
        {'0.module.weight': '0.weight', '0.module.bias': '0.bias'}
    """
    wrapped = [
        f"{path}.{name}"
        for path, module in model.named_modules(remove_duplicate=False)
        for name in module._modules  # noqa: SLF001  # a wrapper may hide them from named_children
        if path and (name in _WRAPPED or isinstance(module, nn.DataParallel | nn.parallel.DistributedDataParallel))
    ]
    names = {name: name for name in model.state_dict()}
    for place in sorted(wrapped, key=len, reverse=True):  # the inner ones first
        for name, known in names.items():
            if known.startswith(f"{place}."):
                names[name] = place.rpartition(".")[0] + known[len(place) :]
    return names
