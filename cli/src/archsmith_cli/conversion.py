"""Write what a format reads: the tensors one after another into shards, the configuration, the files of a tokenizer."""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from archsmith.errors import ArchsmithError, CheckpointCorrupt, PluginBroken, PluginError
from archsmith.files import INDEX_FILE, TensorInfo, encode_json, encode_metadata
from archsmith.messages import announce, said_by, shown

if TYPE_CHECKING:
    import torch

__all__ = ["write_tensors"]


def write_tensors(
    tensors: Iterable["tuple[str, torch.Tensor]"],
    folder: Path,
    *,
    max_bytes: int,
    dtype: str,
    written_by: Mapping[str, str],
) -> dict[str, Any]:
    """Write tensors into safetensors files, of which one at a time is in memory.

    Args:
        tensors: Names and tensors.
        folder: Where the files go.
        max_bytes: The most bytes of a file; a larger tensor has one of its own.
        dtype: The type for the tensors of floating point, by its name; ``"auto"``: each as it is.
        written_by: What the files say about who wrote them.

    Returns:
        ``files``, how many ``tensors`` and ``parameters``, their ``bytes``, and ``dtypes``: those of floating point.

    Raises:
        CheckpointCorrupt: A tensor has no place in such files, or its values none in the type.
    """
    from safetensors.torch import save_file

    shards: list[list[str]] = []
    report: dict[str, Any] = {"tensors": 0, "parameters": 0, "bytes": 0, "dtypes": {}}
    for number, group in enumerate(_grouped(_checked(tensors, dtype), max_bytes)):
        save_file(group, folder / f"shard-{number}", metadata=encode_metadata(written_by))
        shards.append(list(group))
        for tensor in group.values():
            report["tensors"] += 1
            report["parameters"] += tensor.numel()
            report["bytes"] += tensor.nbytes
            if tensor.is_floating_point():
                name = str(tensor.dtype).removeprefix("torch.")
                report["dtypes"][name] = report["dtypes"].get(name, 0) + tensor.numel()
    if not shards:
        raise CheckpointCorrupt("there is no tensor in the file, so there is no model to write.")
    names = [f"model-{i:05d}-of-{len(shards):05d}.safetensors" for i in range(1, len(shards) + 1)]
    names = names if len(shards) > 1 else ["model.safetensors"]
    for number, name in enumerate(names):
        (folder / f"shard-{number}").rename(folder / name)
    if len(shards) > 1:
        weight_map = {key: name for name, keys in zip(names, shards, strict=True) for key in keys}
        index = {"metadata": {"total_size": report["bytes"]}, "weight_map": weight_map}
        (folder / INDEX_FILE).write_bytes(encode_json(index))
        names = [*names, INDEX_FILE]
    return report | {"files": names}


def _grouped(tensors: Iterable["tuple[str, torch.Tensor]"], most: int) -> Iterator["dict[str, torch.Tensor]"]:
    group: dict[str, torch.Tensor] = {}
    filled = 0
    for name, tensor in tensors:
        if group and filled + tensor.nbytes > most:
            yield group
            group, filled = {}, 0
        group[name] = tensor
        filled += tensor.nbytes
    if group:
        yield group


def _checked(tensors: Iterable["tuple[str, torch.Tensor]"], dtype: str) -> Iterator["tuple[str, torch.Tensor]"]:
    """Yield tensors with memory of their own, in the type that is asked for."""
    import torch

    seen: set[str] = set()
    for pair in _unbroken(tensors):
        if not (isinstance(pair, tuple) and len(pair) == 2 and isinstance(pair[0], str)):  # noqa: PLR2004
            raise PluginError(f"a format must yield pairs of a name and a tensor, but yields {shown(pair)}.")
        name, tensor = pair
        if name in seen:
            raise CheckpointCorrupt(f"the tensor {name!r} comes twice.")
        seen.add(name)
        if not isinstance(tensor, torch.Tensor) or tensor.layout != torch.strided or tensor.is_meta:
            raise CheckpointCorrupt(f"{name!r} is {shown(type(tensor).__name__)}; expected a dense tensor with values.")
        if tensor.is_floating_point() and dtype != "auto":
            tensor = _cast(name, tensor, getattr(torch, dtype))
        if tensor.is_floating_point() and not tensor.isfinite().all():
            announce(f"{name!r} holds NaN or infinity. It is written as it is; to load it pass check_finite=False.")
        TensorInfo.of(name, tensor, Path(name))  # refuses a type that the files cannot hold
        yield name, tensor.detach().contiguous().clone() if tensor.requires_grad or _is_shared(tensor) else tensor


def _cast(name: str, tensor: "torch.Tensor", dtype: "torch.dtype") -> "torch.Tensor":
    cast = tensor.to(dtype)
    if (cast.isinf() & ~tensor.isinf()).any():
        largest = tensor[~tensor.isinf()].abs().max().item()
        raise CheckpointCorrupt(
            f"{name!r} has values up to {largest:.4g}, which {str(dtype).removeprefix('torch.')} cannot hold. "
            "Choose another --dtype: bfloat16 or float32."
        )
    return cast


def _is_shared(tensor: "torch.Tensor") -> bool:
    """Tell whether a tensor is not its whole memory in order, which is how files hold it."""
    return not tensor.is_contiguous() or tensor.untyped_storage().nbytes() != tensor.nbytes


def _unbroken(tensors: Iterable[Any]) -> Iterator[Any]:
    """Yield what a format yields; what goes wrong in it is told as its fault."""
    try:
        yield from tensors
    except ArchsmithError:
        raise
    except Exception as error:
        reason = f"the format fails on a tensor: {type(error).__name__}: {said_by(error)}."
        raise PluginBroken(f"{reason} Tell its author.", reason=reason, remedy="Tell its author") from error
