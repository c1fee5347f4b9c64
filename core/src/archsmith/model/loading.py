"""Put tensors from files into a model that was built on the meta device, and give values to what no file holds."""

from collections.abc import Collection, Iterator

import torch
from torch import Tensor

from archsmith.config.base import PreTrainedConfig
from archsmith.config.nested import configs_inside
from archsmith.errors import PluginBroken, WeightsMismatch
from archsmith.files.names import CONFIG_FILE
from archsmith.files.weights import Weights
from archsmith.messages import shorten, shown
from archsmith.model.finite import first_not_finite
from archsmith.model.initial_values import initialise
from archsmith.model.linear import choose_kernels
from archsmith.model.marker import AnyModel, put_values
from archsmith.model.matching import COUNTER, Match

__all__ = ["load_tensors", "notices", "quantised", "same_values"]


def load_tensors(
    match: Match, *, dtype: torch.dtype | None, device: torch.device, mmap: bool, check_finite: bool
) -> None:
    """Put the tensors of the files in place of a model's meta ones, and give values to what the files do not hold.

    Raises:
        WeightsMismatch: A tensor holds NaN or infinity, or two tied ones differ.
        PluginBroken: The model has buffers that nothing gives values to.
    """
    model, weights = match.model, match.weights
    names = {info.name: name for name, info in match.found.items()}
    tensors = weights.load(names, mmap=mmap)
    tensors |= {key: _count(tensor) for key, tensor in tensors.items() if names[key].endswith(COUNTER)}
    if check_finite and (wrong := first_not_finite(tensors)) is not None:
        raise WeightsMismatch(
            f"{wrong!r} in {weights.tensors[wrong].file.name} of {weights.source!r} holds NaN or infinity. The file "
            "is damaged or training diverged; to load it all the same pass check_finite=False.",
            faults=(f"{wrong!r} is not finite",),
        )
    state = {
        names[key]: tensor.to(device=device, dtype=dtype if tensor.is_floating_point() else None)
        for key, tensor in tensors.items()
    }
    if check_finite and dtype is not None and (wrong := first_not_finite(state)) is not None:
        raise WeightsMismatch(
            f"{wrong!r} of {weights.source!r} holds numbers that {str(dtype).removeprefix('torch.')} cannot hold: they "
            "would become infinite. Pass a dtype of wider range, as 'bfloat16' or 'float32', or check_finite=False.",
            faults=(f"{wrong!r} is not finite in {dtype}",),
        )
    _share_tied(model, state, weights)
    floats = (tensor.dtype for tensor in state.values() if tensor.is_floating_point() and tensor.element_size() > 1)
    dtype = dtype or next(floats, torch.float32)
    modules = dict(model.named_modules(remove_duplicate=False))
    for name, tensor in state.items():  # as load_state_dict(assign=True), in a third of the time: all is checked by now
        path, _, attribute = name.rpartition(".")
        put_values(modules[path], attribute, tensor)
    if match.report.new:
        held = model.state_dict()  # what another library has computed has its values already
        empty = {name for name in match.report.new if held[name].is_meta}
        initialise(model, empty, held=held, dtype=dtype, device=device)
    model.tie_weights()
    _complete(model, state, dtype, device)
    if device.type != "cpu":
        model.to(device)  # buffers that the constructor computed itself
    choose_kernels(model)
    model.load_report = match.report


def _complete(model: AnyModel, loaded: Collection[str], dtype: torch.dtype, device: torch.device) -> None:
    """See to what no file holds: modules make their buffers; what another library has computed takes the files' type.

    Raises:
        PluginBroken: A tensor is left without values.
    """
    for path, module in model.named_modules():
        dot = f"{path}." if path else ""
        tensors = dict([*module.named_parameters(recurse=False), *module.named_buffers(recurse=False)])
        if hasattr(module, "init_buffers") and any(tensor.is_meta for tensor in tensors.values()):
            meta = {name: buffer for name, buffer in module.named_buffers(recurse=False) if buffer.is_meta}
            with torch.inference_mode(mode=False):  # else torch does not count what is done to a tensor
                given = {name: torch.zeros_like(buffer, device=device) for name, buffer in meta.items()}
            for name, buffer in given.items():
                setattr(module, name, buffer)
            with torch.device(device):
                module.init_buffers()
            for name, tensor in tensors.items():
                filled: Tensor = getattr(module, name)
                if not tensor.is_meta or (filled is given.get(name) and not filled._version):  # noqa: SLF001
                    setattr(module, name, tensor)  # it came from the files, or nothing has filled it
        for name, tensor in tensors.items():
            if dot + name in loaded:
                continue
            if tensor.is_meta and getattr(module, name).is_meta:
                raise PluginBroken(
                    f"{type(model).__name__}: {dot + name!r} has no values after loading. "
                    f"{type(module).__name__} must make it in a method init_buffers()."
                )
            if not tensor.is_meta and tensor.is_floating_point() and tensor.dtype != dtype:
                put_values(module, name, tensor.detach().to(dtype))


def notices(match: Match, *, dtype: torch.dtype | None) -> Iterator[str]:
    """Yield what the user has to know: what started anew, what was left over, and what does not compute together.

    Args:
        match: What the model has taken of the files.
        dtype: The type that all was converted to; None: each has that of the files.
    """
    weights, model = match.weights, type(match.model).__name__
    absent = [name for name in match.report.new if name not in match.misfits]
    new = [name for name in absent if not name.endswith(COUNTER)]
    owners = {name.rpartition(".")[0] for name in new}
    counters = [name for name in absent if name not in new and name.rpartition(".")[0] not in owners]
    if match.misfits:
        told = [
            f"{name} ({[*info.shape]} {info.dtype} there, {[*match.wanted[name][0]]} here)"
            for name, info in match.misfits.items()
        ]
        yield (
            f"{model}: of another shape or type in {weights.source!r}, so they start from random values: "
            f"{shorten(told)}. Train them before you rely on the output."
        )
    if new:
        yield (
            f"{model}: not in {weights.source!r}, so they start from random values: {shorten(new)}. "
            "Train them before you rely on the output."
        )
    if counters:
        yield f"{model}: not in {weights.source!r}, so these counters start from zero: {shorten(counters)}."
    if cast := [name for name, info in match.found.items() if name.endswith(COUNTER) and info.kind == "float"]:
        yield f"{model}: counters that {weights.source!r} holds as rounded numbers: {shorten(cast)}."
    if match.unused:
        yield f"{model}: in {weights.source!r}, but not used by this model: {shorten(sorted(match.unused))}."
    if dtype is None:
        yield from _type_notices(model, match)
        yield from quantised(match.model.config)


def _type_notices(model: str, match: Match) -> Iterator[str]:
    """Say which types torch cannot compute with, alone or together, rather than leave it to the first call."""
    by_type: dict[str, list[str]] = {}
    for name, info in match.found.items():
        if info.kind == "float" and not name.endswith(COUNTER):
            by_type.setdefault(info.dtype, []).append(name)
    if len(by_type) > 1:
        by_count = sorted(by_type.items(), key=lambda pair: -len(pair[1]))
        named = "; ".join(f"{dtype} ({len(names)}: {shorten(names, 2)})" for dtype, names in by_count)
        yield (
            f"{model}: the weights in {match.weights.source!r} are of several types, which seldom compute together: "
            f"{named}. To have one type pass dtype='float32', or another."
        )
    elif by_type and (small := next(iter(by_type))).startswith("F8"):
        yield (
            f"{model}: the weights in {match.weights.source!r} are of type {small}, which torch does not compute with. "
            "Pass dtype='float32' or dtype='bfloat16'."
        )


def quantised(config: PreTrainedConfig) -> Iterator[str]:
    """Say that a configuration calls the weights quantised, if it does."""
    for part in configs_inside(config):
        if not (said := part.extra.get("quantization_config")):
            continue
        method = said.get("quant_method", said) if isinstance(said, dict) else said
        yield (
            f"{CONFIG_FILE} says that the weights are quantised ({shown(method)}), which archsmith does not undo: it "
            "takes the numbers as they stand in the files. Use a checkpoint that is not quantised, or pass "
            "dtype='float32' if its weights are plain numbers after all."
        )


def _count(tensor: Tensor) -> Tensor:
    """Return a counter as an integer, whatever type a file keeps it in; beyond what that type holds it is zero."""
    return tensor.double().nan_to_num(0.0, 0.0, 0.0).long() if tensor.is_floating_point() else tensor


def _share_tied(model: AnyModel, state: dict[str, Tensor], weights: Weights) -> None:
    """Give both names of a tied pair the tensor that the files hold under one of them, or equal under both."""
    for name, source in model.tied_names().items():
        if name in state and source in state and not same_values(state[name], state[source]):
            raise WeightsMismatch(
                f"{type(model).__name__} ties {name!r} to {source!r}, but {weights.source!r} holds different values "
                "for them. To keep both pass tie_word_embeddings=False.",
                faults=(f"{name!r} and {source!r} differ",),
            )
        shared = state.get(source, state.get(name))
        if shared is not None:
            state[source] = state[name] = shared


def same_values(one: Tensor, other: Tensor) -> bool:
    """Return whether two tensors hold the same numbers, NaN in the same places included."""
    if (one.shape, one.dtype) != (other.shape, other.dtype):
        return False
    other = other.to(one.device)
    return torch.equal(one, other) or bool(((one == other) | (one.isnan() & other.isnan())).all())
