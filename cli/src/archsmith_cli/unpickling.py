"""The program that reads one pickle of torch: tensors alone, within limits, into a safetensors file.

``python -m archsmith_cli.unpickling PICKLE OUT`` prints a JSON object, which has the key ``error`` if it fails.
"""

import contextlib
import json
import re
import sys
from pathlib import Path
from typing import Any

__all__ = ["main"]

#: Memory besides that of torch itself: so many times the file, and so many bytes.
_TIMES, _MORE = 4, 2**30
#: Under which key a program that trains may keep the weights.
_NESTED = ("state_dict", "model_state_dict", "model", "module")


def main() -> None:
    """Run the program."""
    try:
        note = _convert(Path(sys.argv[1]), Path(sys.argv[2]))
        said = {"note": note} if note else {}
    except MemoryError:
        said = {"error": f"it takes more than {_TIMES} times the memory of its size"}
    except Exception as error:  # noqa: BLE001  # whatever a pickle leads to
        said = {"error": _reason(error)}
    print(json.dumps(said))


def _reason(error: Exception) -> str:
    text = str(error)
    if "Weights only load failed" in text:
        named = re.search(r"GLOBAL:?\s+([\w.]+)", text)
        if named:
            return f"it is a pickle that holds more than tensors, and could run code: it names {named[1]}"
        text = text.partition("trusted source.")[2] or text
    if "memory" in text.lower() or "DefaultCPUAllocator" in text:
        return f"it takes more than {_TIMES} times the memory of its size"
    return f"{type(error).__name__}: {' '.join(text.split())[:300]}"


def _convert(source: Path, out: Path) -> str:
    """Convert the file; return what is to be announced."""
    import torch
    from safetensors.torch import save_file

    size = source.stat().st_size
    _limit_memory(_TIMES * size + _MORE)
    try:
        found = torch.load(source, map_location="cpu", weights_only=True, mmap=True)
    except RuntimeError as error:
        if "mmap" not in str(error):
            raise
        found = torch.load(source, map_location="cpu", weights_only=True)  # of before torch 1.6
    tensors, note = _tensors_in(found)
    save_file(_own(tensors, _TIMES * size + 2**20), out)
    return note


def _tensors_in(found: Any) -> tuple[dict[str, Any], str]:
    """Return the tensors of a model, and what was left out. Raises `ValueError`: the file holds something else."""
    import torch

    note = ""
    for key in _NESTED:
        if isinstance(found, dict) and isinstance(found.get(key), dict):
            left = ", ".join(str(each) for each in found if each != key)
            note = f"the weights under {key!r} are taken; left out: {left[:200] or 'nothing'}."
            found = found[key]
            break
    if not isinstance(found, dict) or not found:
        raise ValueError(f"it holds a {type(found).__name__}; expected a dictionary of names and tensors")
    for name, tensor in found.items():
        if not isinstance(name, str) or not isinstance(tensor, torch.Tensor):
            raise ValueError(f"{name!r} is a {type(tensor).__name__}; expected names and tensors alone")  # noqa: TRY004
        if tensor.layout != torch.strided or tensor.is_quantized or tensor.device.type != "cpu":
            raise ValueError(f"{name!r} is no dense tensor with values of its own")
    return found, note


def _own(tensors: dict[str, Any], most: int) -> dict[str, Any]:
    """Give each tensor memory of its own. Raises `ValueError`: they are far larger than the file."""
    if sum(tensor.nbytes for tensor in tensors.values()) > most:
        raise ValueError(f"its tensors are more than {_TIMES} times as large as the file")
    seen: set[int] = set()
    owned = {}
    for name, tensor in tensors.items():
        storage = tensor.untyped_storage().data_ptr()
        plain = tensor.detach().contiguous()
        owned[name] = plain.clone() if storage in seen else plain
        seen.add(storage)
    return owned


def _limit_memory(more: int) -> None:
    """Let this process take so many bytes more than now. Where the system has no such limit, time has to do."""
    with contextlib.suppress(ImportError, OSError, ValueError):
        import resource

        pages = int(Path("/proc/self/statm").read_text().split()[0])
        resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + more,) * 2)


if __name__ == "__main__":
    main()
