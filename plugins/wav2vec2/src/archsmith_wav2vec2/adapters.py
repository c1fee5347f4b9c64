"""The file that holds the adapters of one language, read strictly."""

from collections.abc import Mapping

from torch import Tensor, nn

from archsmith.errors import OptionError, WeightsMismatch
from archsmith.files import Checkpoint, TensorInfo, read_weights

__all__ = ["load_adapter_file"]


def load_adapter_file(
    target_lang: str, checkpoint: Checkpoint, expected: Mapping[str, nn.Parameter]
) -> dict[str, Tensor]:
    """Return the tensors of ``adapter.<language>.safetensors``: exactly those that are expected.

    Args:
        target_lang: The language.
        checkpoint: Where the file is.
        expected: The model's own parameters; the head may have another number of rows.

    Raises:
        OptionError: The language is not a name.
        WeightsMismatch: A tensor is missing, left over, of another shape or type, or not finite.
        CheckpointNotFound, CheckpointCorrupt, HubError: The file cannot be had.
    """
    if not isinstance(target_lang, str) or not target_lang:  # type: ignore[redundant-expr]
        raise OptionError(f"target_lang must be the name of a language, as 'eng', but is {target_lang!r}.")
    weights = read_weights(checkpoint.path(f"adapter.{target_lang}.safetensors"), source=checkpoint.source)
    faults = [f"{name!r} is not in the file" for name in expected if name not in weights.tensors]
    faults += [f"{name!r} is in the file, but not in the model" for name in weights.tensors if name not in expected]
    faults += [
        f"{name!r} must be {list(parameter.shape)} float, but is {list(weights.tensors[name].shape)} "
        f"{weights.tensors[name].dtype}"
        for name, parameter in expected.items()
        if name in weights.tensors and not _fits(name, parameter, weights.tensors[name])
    ]
    heads = [weights.tensors[name].shape[:1] for name in ("lm_head.weight", "lm_head.bias") if name in weights.tensors]
    if len(set(heads)) > 1:
        faults.append(f"'lm_head.weight' has {heads[0][0]} rows and 'lm_head.bias' has {heads[1][0]}")
    tensors = {} if faults else weights.load(expected)
    faults += [f"{name!r} holds NaN or infinity" for name, tensor in tensors.items() if not tensor.isfinite().all()]
    if faults:
        listed = "".join(f"\n  - {fault}" for fault in faults)
        raise WeightsMismatch(
            f"{str(weights.files[0])!r} does not hold the adapters of this model:{listed}",
            faults=tuple(faults),
            source=str(weights.files[0]),
        )
    return tensors


def _fits(name: str, parameter: nn.Parameter, found: TensorInfo) -> bool:
    ignored = 1 if name.startswith("lm_head.") else 0  # rows: as many as the language has letters
    shapes = tuple(parameter.shape), found.shape
    return found.kind == "float" and len(shapes[0]) == len(shapes[1]) and shapes[0][ignored:] == shapes[1][ignored:]
