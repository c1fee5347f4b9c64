"""Write a model's files: the weights and config.json, in place of all that an earlier save wrote."""

import copy
import os
import re
import secrets
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import save_file
from torch import Tensor

from archsmith.config.nested import configs_inside
from archsmith.errors import ConfigError, InputError, OptionError, SaveFailed
from archsmith.files.commit import replacing, save_folder, step
from archsmith.files.names import CONFIG_FILE, INDEX_FILE, WEIGHTS_FILE
from archsmith.files.strictjson import encode_json
from archsmith.files.weights import encode_metadata
from archsmith.messages import announce, shown
from archsmith.model.finite import first_not_finite
from archsmith.model.loading import same_values
from archsmith.model.marker import AnyModel
from archsmith.model.save_check import original_names, original_tensors, refuse_unloadable

__all__ = ["save_model"]

_UNITS = {"": 1, "B": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12, "KIB": 2**10, "MIB": 2**20, "GIB": 2**30}

_SIZE = re.compile(r"(\d{1,20}(?:\.\d{1,20})?)\s*([A-Za-z]*)", re.ASCII)


def save_model(
    model: Any, save_directory: str | os.PathLike[str], *, max_shard_size: int | str, state_dict: Any
) -> tuple[str, ...]:
    """Write a `PreTrainedModel`, its config.json, and the files that it carries along into a folder.

    What an earlier save wrote there, and this one does not write anew, is deleted.

    Raises:
        SaveFailed: The system refused.
        OptionError: ``max_shard_size`` is no size, or a file cannot be carried along.
        ConfigError: The configuration is invalid, or no load would take the files.
        InputError: A tensor has no values, or a type that the files cannot hold.
    """
    from archsmith.registry.base import registry

    refuse_out_of_step(model)
    held, dtype = original_tensors(model), model.dtype
    if state_dict is not None:
        held = _given(model, state_dict)
        dtype = next((each.dtype for each in held.values() if each.is_floating_point()), dtype)
    changed = copy.deepcopy(model.config)
    changed.update(architectures=[type(model).__name__], dtype=str(dtype).removeprefix("torch."))
    config, contents = changed.to_file_dict(), model.side_contents()
    state = state_to_save(model, held)
    refuse_unloadable(model, state, config, held=held, is_given=state_dict is not None)
    if (wrong := first_not_finite(state)) is not None:
        announce(
            f"{type(model).__name__}: {wrong!r} holds NaN or infinity. It is saved as it is; to load it pass "
            "check_finite=False."
        )
    delete = model.superseded_files(save_directory)
    shards = _shards(state, parse_size(max_shard_size))
    folder = save_folder(save_directory)
    provenance = registry.provenance(type(model)) | {"save_id": secrets.token_hex(16)}
    if len(shards) > 1:
        total = sum(tensor.nbytes for tensors in shards.values() for tensor in tensors.values())
        weight_map = {key: name for name, tensors in shards.items() for key in tensors}
        contents[INDEX_FILE] = encode_json({"metadata": {"total_size": total}, "weight_map": weight_map})
    contents[CONFIG_FILE] = encode_json({**config, "archsmith": provenance})
    metadata = encode_metadata(provenance)
    with replacing(folder, [*shards, *contents], delete=delete) as staging:
        for name, tensors in shards.items():
            try:  # by a temporary file beside it: in the save's own folder
                step(save_file, tensors, staging / name, metadata=metadata)
            except (SafetensorError, RuntimeError, ValueError) as error:
                raise SaveFailed(f"{str(folder)!r}: the weights cannot be written: {error}.") from error
        for name, content in contents.items():
            step((staging / name).write_bytes, content)
    return tuple(str(folder / name) for name in [*shards, *contents])


def _given(model: AnyModel, state_dict: Any) -> dict[str, Tensor]:
    """Return the tensors to save in place of a model's own, by their `original_names`."""
    pairs: Any = state_dict.items() if isinstance(state_dict, Mapping) else [(None, state_dict)]
    for name, tensor in pairs:
        if not isinstance(name, str) or not isinstance(tensor, Tensor):
            raise InputError(f"state_dict must map names to tensors, but holds {shown(name)}: {shown(tensor)}.")
    names = original_names(model)
    return {names.get(name, name): tensor for name, tensor in pairs}


def state_to_save(model: AnyModel, held: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return what goes to the files: each tied tensor once, each tensor contiguous with memory of its own.

    Raises:
        InputError: A tensor has no values, or is not plain numbers.
        ConfigError: Two parameters that the configuration calls one differ.
    """
    names = original_names(model)
    tied = {names.get(name, name): names.get(source, source) for name, source in model.tied_names().items()}
    state: dict[str, Tensor] = {}
    seen: set[tuple[int, int]] = set()
    for name, tensor in held.items():
        layout = getattr(tensor, "layout", None)  # a module may keep what is no tensor (get_extra_state)
        if layout != torch.strided or hasattr(tensor, "__tensor_flatten__"):  # torch makes it up of others
            kind = f"a tensor of layout {layout}" if layout not in (None, torch.strided) else type(tensor).__name__
            raise InputError(
                f"{name!r} is {kind}, but safetensors files hold dense tensors. Take it out or convert it."
            )
        if tensor.is_meta:
            raise InputError(f"{name!r} is on the meta device: there are no values to save.")
    for name, tensor in held.items():
        if name in tied and tied[name] in held:
            if not same_values(tensor, held[tied[name]]):
                raise ConfigError(
                    f"{type(model).__name__} cannot be saved: its configuration ties {name!r} to {tied[name]!r}, but "
                    "they are two parameters now and differ. To keep both set tie_word_embeddings=False in the "
                    "configuration; to make them one again call tie_weights()."
                )
            continue
        storage = (tensor.untyped_storage().data_ptr(), tensor.device.index or 0)
        state[name] = tensor.contiguous().clone() if storage in seen else tensor.contiguous()
        seen.add(storage)
    return state


def refuse_out_of_step(model: AnyModel) -> None:
    """Refuse a model whose configuration says something else of a model inside than that one's own.

    Raises:
        ConfigError: It does: the weights of the model inside would not fit what is written.
    """
    inside = list(configs_inside(model.config))
    for path, part in model.named_modules():
        said = [_sizes(config) for config in inside if isinstance(part, AnyModel) and type(config) is type(part.config)]
        if said and (own := _sizes(part.config)) not in said:
            raise ConfigError(
                f"{type(model).__name__} cannot be saved: of {path!r} inside its configuration says {said[0]}, but "
                f"that model's own says {own}. Put the model's own into the configuration."
            )


def _sizes(config: Any) -> str:
    return f"vocab_size {config.value_of('vocab_size')} and pruned_heads {config.pruned_heads}"


def parse_size(size: int | str) -> int:
    """Return a number of bytes from an integer or a string such as ``"5GB"`` or ``"200MiB"``.

    Raises:
        OptionError: It is neither, or not positive.

    Example:
        >>> parse_size("1.5KB")
        1500
    """
    if isinstance(size, int) and not isinstance(size, bool) and 0 < size < 2**63:
        return size
    match = _SIZE.fullmatch(size.strip()) if isinstance(size, str) else None
    unit = _UNITS.get(match[2].upper()) if match else None
    found = int(Decimal(match[1]) * unit) if match and unit else 0
    if not 0 < found < 2**63:
        raise OptionError(f"max_shard_size must be a number of bytes or a string such as '5GB', but is {size!r}.")
    return found


def _shards(state: dict[str, Tensor], limit: int) -> dict[str, dict[str, Tensor]]:
    """Divide tensors into files of at most ``limit`` bytes (a larger tensor has a file of its own)."""
    groups: list[dict[str, Tensor]] = [{}]
    filled = 0
    for name, tensor in state.items():
        if groups[-1] and filled + tensor.nbytes > limit:
            groups.append({})
            filled = 0
        groups[-1][name] = tensor
        filled += tensor.nbytes
    if len(groups) == 1:
        return {WEIGHTS_FILE: groups[0]}
    return {f"model-{i:05d}-of-{len(groups):05d}.safetensors": group for i, group in enumerate(groups, 1)}
