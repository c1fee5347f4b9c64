"""The library timm: imported when one of its models is wanted, and told to build one."""

import importlib
import sys
import threading
import warnings
from typing import Any

import torch
from torch import nn

from archsmith.errors import ConfigError, MissingDependency
from archsmith.messages import did_you_mean, shown
from archsmith.model import TooLarge

__all__ = ["create_model", "import_timm", "pretrained_cfg", "reason"]

_lock = threading.Lock()
_declared: list[torch.library.Library] = []  # torch forgets the operators with it


def import_timm() -> Any:
    """Import timm, and torchvision before it, which stops beside a torch without CUDA unless it is helped.

    Raises:
        MissingDependency: One of them is not installed, or does not work beside this torch.
    """
    with _lock, warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of what they import, for their authors to read
        for name in ("torchvision", "timm"):
            try:
                _import(name)
            except Exception as error:  # a damaged library, or a file of its name, fails in any way
                raise MissingDependency(
                    f"timm's models need the library {name}, which cannot be imported ({reason(error)}). "
                    f"Run: pip install {name}",
                    library=name,
                ) from error
            if not hasattr(sys.modules[name], "__version__"):
                file = repr(getattr(sys.modules[name], "__file__", None))
                message = (
                    f"timm's models need the library {name}, but {name!r} was imported from {file}, which is not it."
                )
                raise MissingDependency(f"{message} Rename that file, or run: pip install {name}", library=name)
        return sys.modules["timm"]


def _import(name: str) -> None:
    """Import a library; torchvision with its operators declared, if its compiled part does not fit this torch."""
    try:
        importlib.import_module(name)
    except RuntimeError as error:
        if "torchvision::nms does not exist" not in str(error) or _declared:
            raise
        operators = torch.library.Library("torchvision", "DEF")  # type: ignore[no-untyped-call]
        for operator in ("nms", "qnms"):
            signature = f"{operator}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor"
            operators.define(signature)  # type: ignore[no-untyped-call]
        _declared.append(operators)
        for half in [module for module in sys.modules if module.partition(".")[0] == "torchvision"]:
            del sys.modules[half]
        importlib.import_module(name)


def create_model(name: str | None, *, owner: str, **arguments: Any) -> nn.Module:
    """Build a model of timm with random weights; nothing is fetched.

    Args:
        name: timm's name of it, with or without a tag.
        owner: The field that holds the name, for messages.
        **arguments: As ``timm.create_model`` takes them.

    Raises:
        ConfigError: timm has no such model, or cannot build it so.
        MissingDependency: As `import_timm`.
    """
    timm = import_timm()
    _check_name(timm, name, owner)
    try:
        model: nn.Module = timm.create_model(name, **arguments)
    except TooLarge:
        raise
    except Exception as error:  # timm's models let through what they stumble over
        asked = ", ".join(f"{key}={value!r}" for key, value in arguments.items() if value is not None)
        raise ConfigError(f"timm {timm.__version__} cannot build {name!r} with {asked}: {reason(error)}.") from error
    return model


def pretrained_cfg(name: str) -> dict[str, Any] | None:
    """Return what timm knows of the weights of a model, or None if it knows no such model."""
    timm = import_timm()
    known = timm.models.get_pretrained_cfg(name) if timm.is_model(name) else None
    found: dict[str, Any] | None = None if known is None else known.to_dict()
    return found


def reason(error: Exception) -> str:
    """Return what an exception of another library says, on one line."""
    return f"{type(error).__name__}: {' '.join(str(error).split())}".rstrip(": .")


def _check_name(timm: Any, name: str | None, owner: str) -> None:
    """Refuse what is not a name of a model: timm itself would take it for an address, and fetch."""
    if name is None:
        raise ConfigError(f"{owner} names no model of timm: give one, as 'resnet50'.")
    if not timm.is_model(name):
        hint = did_you_mean(name, timm.list_models()) or " timm.list_models() has all names."
        raise ConfigError(f"{owner} is {shown(name)}, but timm {timm.__version__} has no such model.{hint}")
    architecture, _, tag = name.partition(".")
    known = timm.list_models(f"{architecture}.*", pretrained=True) if tag else []
    if tag and name not in known and timm.models.get_arch_pretrained_cfgs(architecture).get(name) is None:
        hint = did_you_mean(name, known) or f" It has {', '.join(known) or 'none'}."
        raise ConfigError(f"{owner} is {shown(name)}, but timm {timm.__version__} has no such weights.{hint}")
