"""The parameters of a model that have one row for each token of the vocabulary: which they are, and more or fewer."""

from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from archsmith.config.base import PreTrainedConfig
from archsmith.config.fields import Size, convert
from archsmith.config.names import field_names
from archsmith.config.nested import configs_inside
from archsmith.errors import InputError, OptionError
from archsmith.messages import shorten, shown
from archsmith.model.initial_values import initialise
from archsmith.model.loading import same_values
from archsmith.model.marker import AnyModel, adopt, changed_configs, put, whole_of

__all__ = ["adapted_ties", "input_path", "output_path", "replace_module", "resize_rows", "rows_for"]

#: New rows differ from the mean of the old ones by so much of the old ones' variance.
_VARIANCE = 1e-9


def input_path(model: AnyModel) -> str:
    """Return where a model holds its token embeddings.

    Raises:
        OptionError: It has none.
    """
    if not model.input_embeddings:
        raise OptionError(
            f"{type(model).__name__} has no token embeddings: it takes {model.main_input_name}. "
            "The author of a model of texts names them in the class attribute input_embeddings."
        )
    prefix = "" if model.base_model is model else f"{model.base_model_prefix}."
    return prefix + model.input_embeddings


def output_path(model: AnyModel) -> str | None:
    """Return where a model holds the layer that scores every token, which is the one that can be tied to the input."""
    rows = f"{input_path(model)}.weight" if model.input_embeddings else ""
    tied = model.tied_names(all_declared=True)
    paths = (name.rpartition(".")[0] for name, source in tied.items() if source == rows)
    return next((path for path in paths if not isinstance(model.get_submodule(path), nn.Embedding)), None)


def rows_for(count: Any, multiple: Any, present: int) -> int:
    """Return how many rows are asked for: ``count``, or as many as there are, up to the next multiple.

    Raises:
        OptionError: A number is not a positive integer.
    """
    count, wrong = convert("new_num_tokens", present if count is None else count, Size)
    multiple, also_wrong = convert("pad_to_multiple_of", 1 if multiple is None else multiple, Size)
    if faults := [*wrong, *also_wrong]:
        raise OptionError(f"{'; '.join(faults)}.")
    return int(-(-count // multiple) * multiple)


def resize_rows(part: AnyModel, count: int, *, from_mean: bool) -> None:
    """Give every parameter that has a row for each token ``count`` rows; those that stay keep their values.

    These are the weights of the token embeddings and all parameters of the layer that scores tokens, each with those
    that it is or could be tied to, in the models around this one too. The configurations that count the tokens follow.

    Raises:
        OptionError: The row of the padding token would go, or no configuration is known to count the tokens.
        ConfigError: One of them does not allow that size.
    """
    embeddings: Any = part.get_submodule(input_path(part))
    model, padding = whole_of(part), embeddings.padding_idx
    names = _row_names(model, part)
    counting = {id(config): config for name in names for config in _counting(model, name, embeddings.num_embeddings)}
    changes = [
        (config, {"vocab_size": count}) for config in counting.values() or [_only(model, embeddings.num_embeddings)]
    ]
    changed = changed_configs(model, changes)
    if padding is not None and padding >= count:
        raise OptionError(
            f"the padding token is {padding}, so {count} tokens are too few: expected at least {padding + 1}."
        )
    for name, source in model.tied_names().items():
        one, other = model.get_parameter(name), model.get_parameter(source)
        if not one.is_meta and same_values(one, other):  # torch has made two objects of one
            put(model, name, other)
    first_names = {_memory_of(model.get_parameter(name)): name for name in reversed(names)}
    new = {place: _resized(model, name, count, from_mean=from_mean) for place, name in first_names.items()}
    for name in _replace(model, new):  # what was one stays one
        module = model.get_submodule(name.rpartition(".")[0])
        for size in ("num_embeddings", "out_features"):
            if hasattr(module, size):
                setattr(module, size, count)
    adopt(model, changed)


def adapted_ties(model: AnyModel) -> Iterator[str]:
    """Say which layers have been given parameters of their own, as by PEFT, though their weight is another's too."""
    ties = model.tied_names()
    modules = dict(model.named_modules()) if ties else {}
    for one, other in [*ties.items(), *((source, name) for name, source in ties.items())]:
        path, _, attribute = one.rpartition(".")
        inside = modules[path].named_parameters() if attribute == "weight" and path in modules else ()
        if added := [name for name, parameter in inside if "." in name and parameter.requires_grad]:
            yield (
                f"{type(model).__name__}: {path!r} was adapted ({shorten(added, 2)}), but its weight is tied to "
                f"{other!r}: merged, the adapter changes both. Leave the layer out, as by exclude_modules of PEFT, or "
                "load the model with tie_word_embeddings=False."
            )


def replace_module(model: AnyModel, path: str, module: Any, *, kind: type[nn.Module]) -> None:
    """Put a module in the place of another; what is one with the old one's parameters becomes one with the new one's.

    Raises:
        InputError: It is of another kind, or its parameters have other names or shapes.
    """
    old = model.get_submodule(path)
    wanted = _shapes(old)
    found = f"{type(module).__name__} with {_shapes(module)}" if isinstance(module, nn.Module) else shown(module)
    if not isinstance(module, kind) or _shapes(module) != wanted:
        raise InputError(
            f"{path!r} of {type(model).__name__} must be an nn.{kind.__name__} with {wanted}, but got {found}. "
            "For another number of tokens call resize_token_embeddings first."
        )
    new = {_memory_of(parameter): module.get_parameter(name) for name, parameter in old.named_parameters()}
    put(model, path, module)
    _replace(model, new)


def _replace(model: AnyModel, new: Mapping[Any, nn.Parameter]) -> list[str]:
    """Put parameters in the place of those that are at a place in memory; return all names of these."""
    places = {name: _memory_of(each) for name, each in model.named_parameters(remove_duplicate=False)}
    names = [name for name, place in places.items() if place in new]
    for name in names:
        put(model, name, new[places[name]])
    return names


def _memory_of(tensor: Tensor) -> tuple[Any, ...]:
    """Return what two tensors have in common if they are the same numbers in memory, as one parameter under two names.

    A tensor without numbers has no place, so that only the object itself is the same.
    """
    if tensor.is_meta or not tensor.numel():
        return (id(tensor),)
    return tensor.device, tensor.data_ptr(), tensor.dtype, tensor.shape, tensor.stride()


def _shapes(module: nn.Module) -> dict[str, list[int]]:
    return {name: list(parameter.shape) for name, parameter in module.named_parameters()}


def _row_names(whole: AnyModel, part: AnyModel) -> list[str]:
    """Return the full names of the parameters that have a row for each token of a part."""
    dot = next(f"{path}." if path else "" for path, module in whole.named_modules() if module is part)
    paths = [f"{dot}{path}" for path in (input_path(part), output_path(part)) if path is not None]
    names = [f"{path}.{name}" for path in paths for name, _ in whole.get_submodule(path).named_parameters()]
    tied = whole.tied_names()
    for pair in [*tied.items(), *whole.tied_names(all_declared=True).items()]:
        for name in pair if any(name in names for name in pair) else ():
            path = name.rpartition(".")[0]
            owner = whole.get_submodule(path)
            others = [f"{path}.{each}" for each, _ in owner.named_parameters()] if type(owner) is nn.Linear else []
            if pair[0] in tied or not isinstance(owner, nn.Embedding):  # else it is another vocabulary
                names += [each for each in (name, *others) if each not in names]
    return names


def _counting(whole: AnyModel, name: str, rows: int) -> list[PreTrainedConfig]:
    """Return the configurations around a parameter that count the tokens: the innermost, and others that agree."""
    found: list[PreTrainedConfig] = []
    path = name
    while path:
        path = path.rpartition(".")[0]
        config = whole.get_submodule(path).__dict__.get("config")
        if isinstance(config, PreTrainedConfig) and field_names(type(config)).knows("vocab_size"):
            found += [config] if not found or config.vocab_size == rows else []
    return found


def _only(model: AnyModel, rows: int) -> PreTrainedConfig:
    """Return the only configuration inside that of a model whose ``vocab_size`` is the number of its rows."""
    found = [config for config in configs_inside(model.config) if config.value_of("vocab_size") == rows]
    if len(found) == 1:
        return found[0]  # type: ignore[no-any-return]
    raise OptionError(
        f"{type(model).__name__} has {rows} token embeddings, but {len(found) or 'no'} configurations inside its own "
        "have this vocab_size, so the right one cannot follow. The module that holds the embeddings must hold its "
        "configuration in the attribute config."
    )


def _resized(model: AnyModel, name: str, count: int, *, from_mean: bool) -> nn.Parameter:
    old = model.get_parameter(name)
    kept = min(count, len(old))
    new = torch.empty((count, *old.shape[1:]), dtype=old.dtype, device=old.device)
    with torch.no_grad():
        if from_mean:
            new[kept:] = _near_mean(old, count - kept)
        elif not old.is_meta and count > kept:
            new[kept:] = _initial(model, name, count)[kept:]
        new[:kept] = old[:kept]
    return nn.Parameter(new, requires_grad=old.requires_grad)


def _near_mean(old: Tensor, count: int) -> Tensor:
    """Return new rows with the mean of the old ones, and a small part of their covariance.

    That keeps new tokens from being likelier or unlikelier than the old ones before anything was learned about them
    (Hewitt, "Initializing New Word Embeddings for Pretrained Language Models", 2021). A random multiple of the
    deviation of a random row has the wanted covariance, whatever its rank.
    """
    rows = old.to(torch.promote_types(old.dtype, torch.float32))
    mean = rows.mean(0)
    drawn = torch.randint(len(rows), (count,), device=rows.device)
    factors = torch.randn(count, *[1] * (rows.ndim - 1), dtype=rows.dtype, device=rows.device)
    new: Tensor = mean + _VARIANCE**0.5 * factors * (rows[drawn] - mean)  # (count, …)
    return new


def _initial(model: AnyModel, name: str, count: int) -> Tensor:
    """Return ``count`` rows as the model starts with them; it is left as it was."""
    old = model.get_parameter(name)
    try:
        put(model, name, nn.Parameter(torch.empty((count, *old.shape[1:]), device="meta")))
        initialise(model, {name}, held=model.state_dict(), dtype=old.dtype, device=old.device)
        return model.get_parameter(name)
    finally:
        put(model, name, old)
