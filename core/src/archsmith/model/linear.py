"""Linear layers on CPUs that are not Intel's: float32 is multiplied by oneDNN there, which is about twice as fast.

Torch multiplies float32 matrices by Intel's MKL, which uses half of what other makers' CPUs can do, and one core alone
for a single token. Its oneDNN, which it takes for bfloat16 and for convolutions, uses all. Where gradients are wanted,
and wherever something else watches or changes what torch computes, a layer does what it always does.
"""

import functools
import platform
import weakref
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812  # the field's own abbreviation
from torch import Tensor, nn
from torch.autograd import forward_ad

__all__ = ["choose_kernels"]

_PLAIN = (Tensor, nn.Parameter)
#: Numbers in a weight from which on it pays; a call costs some 10 µs more.
_LEAST = 2**16


def choose_kernels(model: nn.Module) -> None:
    """Let the large linear layers of a model that lie on the CPU in float32 compute by `_Multiply`, and others not."""
    if not _is_worth_it():
        return
    for module in model.modules():
        if type(module) is not nn.Linear:
            continue
        forward, weight = vars(module).get("forward"), module.weight
        if weight.device.type == "cpu" and weight.dtype is torch.float32 and weight.numel() >= _LEAST:
            if forward is None:
                module.forward = _Multiply(module)  # type: ignore[method-assign]
        elif isinstance(forward, _Multiply):
            del module.forward


@functools.cache
def _is_worth_it() -> bool:
    """Return whether this is a CPU that MKL does not know, and torch has both libraries."""
    if not (torch._C.has_mkl and torch._C._has_mkldnn):  # noqa: SLF001
        return False
    told = Path("/proc/cpuinfo")
    maker = told.read_text(errors="replace")[:4096] if told.is_file() else platform.processor()
    return "AuthenticAMD" in maker or "HygonGenuine" in maker


class _Multiply:
    """The ``forward`` of a layer, which it does not keep alive: a model that nobody needs is gone at once."""

    def __init__(self, layer: nn.Linear) -> None:
        self._layer = weakref.ref(layer)

    def __call__(self, input: Tensor) -> Tensor:  # noqa: A002  # the name that nn.Linear has
        layer: Any = self._layer()
        if layer is None:
            raise ReferenceError("the layer that this computes for is gone; copy a layer with copy.deepcopy.")
        weight, bias = layer.weight, layer.bias
        if torch.compiler.is_compiling() or torch.is_grad_enabled() or not _is_plain(input, weight, bias):
            return F.linear(input, weight, bias)
        found: Tensor = torch.ops.mkldnn._linear_pointwise(input, weight, bias, "none", [], "")  # noqa: SLF001
        return found

    def __deepcopy__(self, memo: dict[int, Any]) -> "_Multiply":
        layer: Any = self._layer()
        return _Multiply(memo.get(id(layer), layer))  # the copy, which is being made

    def __reduce__(self) -> tuple[Any, ...]:
        return _Multiply, (self._layer(),)


def _is_plain(input: Tensor, weight: Any, bias: Any) -> bool:  # noqa: A002
    """Return whether these are float32 matrices on the CPU and nobody looks at what is computed with them."""
    return bool(
        not _is_watched()
        and type(input) in _PLAIN
        and type(weight) in _PLAIN
        and (bias is None or (type(bias) in _PLAIN and bias.dtype is torch.float32 and bias.device.type == "cpu"))
        and input.dtype is weight.dtype is torch.float32
        and input.device.type == weight.device.type == "cpu"
        and input.layout is weight.layout is torch.strided
        and input.ndim > 1
        and input.numel() > 0
        and input.shape[-1] == weight.shape[-1]
        and weight.is_contiguous()
        and torch._C._get_mkldnn_enabled()  # noqa: SLF001
        and not torch.is_autocast_enabled("cpu")
    )


def _is_watched() -> bool:
    """Return whether modes, transforms or a tracer see each operation, and know those of nn.Linear."""
    return bool(
        torch._C._len_torch_dispatch_stack()  # noqa: SLF001
        or torch._C._len_torch_function_stack()  # noqa: SLF001
        or torch._C._functorch.peek_interpreter_stack() is not None  # noqa: SLF001
        or torch.jit.is_tracing()  # type: ignore[attr-defined, no-untyped-call]
        or forward_ad._current_level >= 0  # noqa: SLF001
    )
