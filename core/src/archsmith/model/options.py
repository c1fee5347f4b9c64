"""The options of loading and building a model: each checked, and turned into what torch takes."""

import inspect
from collections.abc import Mapping, Sequence
from typing import Any

import torch

from archsmith.config.names import field_names
from archsmith.errors import OptionError, UnknownField
from archsmith.messages import announce, did_you_mean, shown
from archsmith.options import drop_inert

__all__ = ["attention_name", "check_options", "device_from", "dtype_from", "patterns_from", "split_options"]

ATTENTION = ("sdpa", "eager")
_DTYPES = {"float16": torch.float16, "bfloat16": torch.bfloat16, "float32": torch.float32, "float64": torch.float64}

_QUANTISE = "Quantise the loaded model with torchao"
_SPREAD = "Spread the loaded model with accelerate.dispatch_model, to the disk with accelerate.disk_offload"
_PARALLELISE = "Parallelise the loaded model with torch.distributed.tensor.parallel"
#: Options of loading that users know from elsewhere and that mean nothing here: name → harmless values, and what to do
#: in place of others. Weights are mapped from safetensors files without a copy, and no pickle is read.
_INERT: dict[str, tuple[tuple[Any, ...], str]] = {
    "gguf_file": ((None,), "Use the safetensors files of the same model"),
    "key_mapping": ((None,), "The model class translates keys in its rename_key"),
    "state_dict": ((None,), "Build the model with from_config and call load_state_dict"),
    "use_safetensors": ((True, None), "Leave it out: weights are always read from safetensors files"),
    "variant": ((None,), "Pass the subfolder that holds those weights under their usual name, or dtype"),
    **dict.fromkeys(["from_flax", "from_tf"], ((False, None), "Save the model as safetensors files where it was made")),
    **dict.fromkeys(["load_in_4bit", "load_in_8bit", "quantization_config"], ((False, None), _QUANTISE)),
    **dict.fromkeys(["max_memory", "offload_folder", "offload_state_dict"], ((False, None), _SPREAD)),
    **dict.fromkeys(["device_mesh", "tp_plan"], ((None,), _PARALLELISE)),
    **dict.fromkeys(["_fast_init", "low_cpu_mem_usage", "weights_only"], ((), "")),
}
#: Values of ``device_map`` that leave the choice to the library.
_ANY_DEVICE = ("auto", "balanced", "balanced_low_0", "sequential")


def dtype_from(dtype: str | torch.dtype | None) -> torch.dtype | None:
    """Return the type that floating-point weights are to have; None: the files' own."""
    if dtype is None or (isinstance(dtype, str) and dtype == "auto"):
        return None
    found = _DTYPES.get(str(dtype).removeprefix("torch."))
    if found is None:
        raise OptionError(f"dtype must be one of {', '.join(_DTYPES)} or auto, but is {dtype!r}.")
    return found


def device_from(device: str | torch.device | int | None, device_map: Any = None) -> torch.device:
    """Return a device that can hold values: ``device``, or the only one that ``device_map`` names."""
    if device_map is not None:
        device = _only_device(device, device_map)
    try:
        found = torch.device("cpu" if device is None else device)
        if found.type != "meta":
            torch.empty(0, device=found)
            return found
    except (RuntimeError, TypeError, AssertionError, ValueError) as error:
        reason = str(error).partition("\n")[0].partition(". ")[0]  # more is for those who build torch
        raise OptionError(
            f"device must be one that torch has here, as 'cpu' or 'cuda:0', but is {device!r}: {reason}"
        ) from error
    raise OptionError("device must be one that holds values, as 'cpu' or 'cuda:0', but is 'meta'.")


def _only_device(device: object, device_map: Any) -> Any:
    if device is not None:
        raise OptionError("device and device_map are one option; pass device.")
    if isinstance(device_map, str) and device_map in _ANY_DEVICE:
        accelerator = torch.accelerator.current_accelerator() if torch.accelerator.is_available() else None
        if accelerator is not None and torch.accelerator.device_count() > 1:
            announce(
                f"device_map={device_map!r} puts the whole model on {accelerator}: it is not spread over several. To "
                "spread it use accelerate.dispatch_model."
            )
        return accelerator
    places = [*device_map.values()] if isinstance(device_map, Mapping) else [device_map]
    if len({str(place) for place in places}) != 1:
        raise OptionError(
            f"device_map must name one device, as 'cpu', {{'': 'cuda:0'}} or 'auto', but is {shown(device_map)}. To "
            "spread a model over several load it, and use accelerate.dispatch_model."
        )
    return places[0]


def attention_name(name: str | None) -> str:
    """Return the name of the attention implementation; None: ``"sdpa"``."""
    name = ATTENTION[0] if name is None else name
    if name not in ATTENTION:
        hint = did_you_mean(str(name), ATTENTION)
        raise OptionError(f"attn_implementation must be one of {', '.join(ATTENTION)}, but is {name!r}.{hint}")
    return name


def patterns_from(name: str, patterns: Sequence[str]) -> tuple[str, ...]:
    """Return patterns as a tuple. A string alone is refused: each of its letters would be a pattern."""
    if not isinstance(patterns, list | tuple) or not all(isinstance(pattern, str) for pattern in patterns):
        raise OptionError(f"{name} must be a list of patterns, as ['classifier.*'], but is {patterns!r}.")
    return tuple(patterns)


def _model_options(model_class: type[Any]) -> list[str]:
    """Return the keyword arguments that a model's constructor takes beside its configuration."""
    parameters = list(inspect.signature(model_class.__init__).parameters.values())[2:]
    return [p.name for p in parameters if p.kind in (p.KEYWORD_ONLY, p.POSITIONAL_OR_KEYWORD)]


def check_options(model_class: type[Any], options: Mapping[str, Any], config: object) -> None:
    """Refuse options of ``from_config`` that the model's constructor does not take."""
    known = _model_options(model_class)
    for name in options.keys() - set(known):
        hint = " Change the configuration itself." if hasattr(config, name) else did_you_mean(name, known)
        raise OptionError(f"{model_class.__name__}.from_config has no option {name!r}.{hint}")


def split_options(model_class: type[Any], given: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Divide keyword arguments of ``from_pretrained``: options of the model's constructor, and fields to change.

    Args:
        model_class: The class that is loaded.
        given: What is left when the options of ``from_pretrained`` itself are taken away.

    Raises:
        UnknownField: One of them is neither.
    """
    own = _model_options(model_class)
    names = field_names(model_class.config_class)
    fields = [*names.fields, *names.others, "num_labels"]
    methods = [inspect.signature(method) for method in (model_class.from_pretrained, model_class.read)]
    options = [p.name for method in methods for p in method.parameters.values() if p.kind is p.KEYWORD_ONLY]
    known = [*options, *own, *fields]
    given = {name: value for name, value in given.items() if not names.is_inert(name, value)}
    drop_inert(given, {name: inert for name, inert in _INERT.items() if name not in (*own, *fields)})
    for name in given:
        if name not in (*own, *fields):
            hint = names.hint(name) if name in names.advice else did_you_mean(name, known)
            kind = model_class.config_class.__name__
            raise UnknownField(f"{name!r} is not a field of {kind}, nor an option of {model_class.__name__}.{hint}")
    taken = {name: value for name, value in given.items() if name in own}
    return taken, {name: value for name, value in given.items() if name not in own}
