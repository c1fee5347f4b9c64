"""timm's own weights: fetched from the hub as safetensors, and put into a model all together or not at all."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from archsmith.errors import CheckpointNotFound, ConfigError, WeightsMismatch
from archsmith.files import Checkpoint, find_weights, read_weights
from archsmith_timm.library import create_model, import_timm

__all__ = ["load_timm_weights"]

_SAFE = ".safetensors"
#: Batches that batch normalisation has seen: old weights lack their number, and nothing is computed with it.
_COUNTER = "num_batches_tracked"


def load_timm_weights(network: nn.Module, name: str, *, channels: int, owner: str) -> None:
    """Put the weights that timm has under a name into a model that gives features.

    timm converts them for the number of channels, and from older spellings, as it does in its own models.

    Args:
        network: The model, as timm built it under this name.
        name: timm's name, with or without the tag of the weights.
        channels: Channels of an image.
        owner: The field that holds the name, for messages.

    Raises:
        CheckpointNotFound: timm has no weights under this name, or not as safetensors.
        CheckpointCorrupt, HubError: The file is damaged, or cannot be had.
        WeightsMismatch: The file does not hold exactly the weights of this model, or numbers that are not finite.
    """
    path = _find(name)
    keys = read_weights(path, source=str(path)).tensors.keys()
    try:
        whole = create_model(
            name, owner=owner, pretrained=True, pretrained_cfg_overlay={"file": str(path)}, in_chans=channels
        )
    except ConfigError as error:
        raise _mismatch(name, path, [error.message]) from error
    state = whole.state_dict()
    missing = [key for key in state if key not in keys and not key.endswith(_COUNTER)]
    if missing and not keys - state.keys():  # where keys were renamed, timm itself is strict
        raise _mismatch(name, path, [f"{key!r} is not in the file" for key in missing])
    infinite = [key for key, tensor in state.items() if not bool(tensor.isfinite().all())]
    if infinite:
        raise _mismatch(name, path, [f"{key!r} holds NaN or infinity" for key in infinite])
    network.load_state_dict(_for_features(network.state_dict(), state), assign=True)


def _find(name: str) -> Path:
    """Return the file that holds the weights under a name, fetched from the hub if need be."""
    known: Any = import_timm().models.get_pretrained_cfg(name)
    if known is None or not known.hf_hub_id:
        choices = ", ".join(import_timm().list_models(f"{name.partition('.')[0]}.*", pretrained=True))
        raise CheckpointNotFound(
            f"timm has no weights for {name!r} on the hub. "
            + (f"Name some of {choices}" if choices else "Start from random ones: use_pretrained_backbone=False")
        )
    hub_id, _, revision = known.hf_hub_id.partition("@")
    checkpoint = Checkpoint.open(hub_id, revision=revision or None)
    file = known.hf_hub_filename
    if file is None:
        files = find_weights(checkpoint).files
        if len(files) > 1:
            raise CheckpointNotFound(f"{hub_id!r} holds its weights in {len(files)} files, but timm reads one.")
        return files[0]
    if not file.endswith(_SAFE):
        raise CheckpointNotFound(
            f"timm's weights for {name!r} are {file!r} in {hub_id!r}, a pickle, which can run code when it is read; "
            "archsmith does not read it."
        )
    return checkpoint.path(file)


def _for_features(wanted: Iterable[str], state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return the tensors of a whole model under the names that they have in the one that gives features.

    timm holds the whole model in ``model`` or ``body`` there, or joins the first two parts of a name.
    """
    joined = {key.replace(".", "_", 1): tensor for key, tensor in state.items()}
    found: dict[str, Tensor] = {}
    for name in wanted:
        places = ((state, name), (joined, name), (state, name.partition(".")[2]))
        found |= next(({name: tensors[key]} for tensors, key in places if key in tensors), {})
    return found


def _mismatch(name: str, path: Path, faults: list[str]) -> WeightsMismatch:
    listed = "".join(f"\n  - {fault}" for fault in faults[:20]) + ("\n  - …" if len(faults) > 20 else "")  # noqa: PLR2004
    return WeightsMismatch(
        f"timm's {name!r} cannot be loaded from {str(path)!r}:{listed}\n"
        "The file may be broken, or not that of this model: delete it from the hub's cache to fetch it again.",
        faults=tuple(faults),
        source=str(path),
    )
