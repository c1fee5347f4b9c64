"""A whole and the models inside it: the configurations that they share change together."""

import copy
from collections.abc import Iterable, Mapping
from typing import Any

from archsmith.config.base import PreTrainedConfig
from archsmith.model.marker import AnyModel

__all__ = ["adopt", "changed_configs", "path_inside"]


def path_inside(whole: AnyModel, model: AnyModel) -> str:
    """Return what stands before the names of a model's parameters in the whole."""
    path = next(path for path, module in whole.named_modules() if module is model)
    return f"{path}." if path else ""


def changed_configs(whole: AnyModel, changes: Iterable[tuple[PreTrainedConfig, Mapping[str, Any]]]) -> dict[int, Any]:
    """Return copies with other values: a configuration may be that of other models too, which do not change.

    Args:
        whole: The model whose configuration, and all inside it, is copied.
        changes: Configuration, of the whole or of a model inside → fields to change.

    Returns:
        The ``id`` of an object → its copy.

    Raises:
        ConfigError: A value is wrong, or breaks a rule of a configuration around it.
    """
    changes, memo = list(changes), dict[int, Any]()
    copies = [copy.deepcopy(config, memo) for config in (whole.config, *(config for config, _ in changes))]
    for config, values in changes:
        memo[id(config)].update(**values)
    for copied in copies:
        copied.check()
    return memo


def adopt(whole: AnyModel, copies: Mapping[int, Any]) -> None:
    """Put changed configurations in the place of those that they are copies of, wherever a module holds one."""
    for module in whole.modules():
        held = module.__dict__.get("config")
        if isinstance(held, PreTrainedConfig) and id(held) in copies:
            module.config = copies[id(held)]
