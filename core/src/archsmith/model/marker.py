"""What marks a module as a model: what its class declares, and what the parts of this package need of it."""

import copy
import weakref
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, fields
from types import MethodType
from typing import Any, ClassVar, Self

from torch import Tensor, nn

from archsmith.config.base import PreTrainedConfig
from archsmith.errors import ConfigError, PluginBroken
from archsmith.messages import shorten
from archsmith.model.linear import choose_kernels

__all__ = [
    "AnyModel", "BuildRecord", "LoadReport", "adopt", "changed_configs", "link_parts", "put", "put_values",
    "refuse_unequal_ties", "whole_of",
]  # fmt: skip

_DRAWN = (nn.Linear, nn.Conv1d, nn.Conv2d, nn.Embedding)
_NORMALISING = (nn.LayerNorm, nn.GroupNorm)


@dataclass(frozen=True)
class LoadReport:
    """What `from_pretrained` did with each tensor.

    Attributes:
        loaded: Parameters whose values are those in the files.
        new: Parameters that the files do not hold; they start from random values.
        unused: Keys in the files that are not parameters of this model.
        ignored: Keys in the files that no model reads any more.
    """

    loaded: tuple[str, ...] = ()
    new: tuple[str, ...] = ()
    unused: tuple[str, ...] = ()
    ignored: tuple[str, ...] = ()

    def __repr__(self) -> str:
        named = ((each.name, getattr(self, each.name)) for each in fields(self))
        return "\n  ".join(["LoadReport", *(f"{name:8} {len(names):4}: {shorten(names)}" for name, names in named)])


@dataclass(frozen=True)
class BuildRecord:
    """What a model was when its constructor returned, to tell whether it has changed since.

    Attributes:
        options: What the constructor was given beside the configuration.
        config: The fields of the configuration as JSON values; None for a model that was built inside another.
        tensors: Parameter or buffer → shape and class of type; likewise.
    """

    options: Mapping[str, Any] = field(default_factory=dict)
    config: Mapping[str, Any] | None = None
    tensors: Mapping[str, tuple[tuple[int, ...], str]] | None = None


class AnyModel(nn.Module):
    """Any model, as the parts of this package see it; `PreTrainedModel` says what each attribute means."""

    config_class: ClassVar[type[PreTrainedConfig]]
    base_model_prefix: ClassVar[str] = ""
    main_input_name: ClassVar[str] = "input_ids"
    input_embeddings: ClassVar[str] = ""
    attention_projections: ClassVar[tuple[str, ...]] = ()
    tied_weights: ClassVar[Mapping[str, str]] = {}
    ignored_keys: ClassVar[tuple[str, ...]] = ()
    optional_keys: ClassVar[tuple[str, ...]] = ()
    head_keys: tuple[str, ...] = ()

    config: PreTrainedConfig
    attn_implementation: str
    load_report: LoadReport | None = None
    name_or_path: str = ""
    build_record: BuildRecord = BuildRecord()
    built_into: "Callable[[], AnyModel | None] | None" = None

    def __getstate__(self) -> dict[str, Any]:
        """Leave out what a copy or a pickle is not built into."""
        return {name: value for name, value in self.__dict__.items() if name != "built_into"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Take what a copy or a pickle holds, and let the models inside know this one again."""
        super().__setstate__(state)  # type: ignore[no-untyped-call]
        link_parts(self)

    def _apply(self, *args: Any, **options: Any) -> Self:
        """Move or convert it, as ``to`` and the like do, and choose again what its layers compute with."""
        moved: Self = super()._apply(*args, **options)  # type: ignore[no-untyped-call]
        choose_kernels(moved)
        return moved

    @property
    def base_model(self) -> nn.Module:
        """The model without its head (itself if it has none)."""
        return getattr(self, self.base_model_prefix, self) if self.base_model_prefix else self

    def init_weights(self, module: nn.Module) -> None:
        """Give the parameters that one module owns itself their initial values, in place.

        Linear, convolution and embedding weights are drawn from a normal distribution of standard deviation
        ``config.initializer_range`` (0.02 if the configuration has none), biases and padding rows are zero,
        normalisation layers are the identity; what was frozen by the constructor keeps the values it has. Other modules
        have their ``reset_parameters`` called, if they have one. Override it for what is left, and call ``super()`` for
        these. A module comes after its children, so that what it sets for them lasts.
        """
        std = self.config.value_of("initializer_range", 0.02)
        weight, bias = _trained(module, "weight"), _trained(module, "bias")
        if isinstance(module, _DRAWN):
            if weight is not None:
                nn.init.normal_(weight, std=std)
                if isinstance(module, nn.Embedding) and module.padding_idx is not None:
                    nn.init.zeros_(weight[module.padding_idx])
        elif isinstance(module, _NORMALISING):
            if weight is not None:
                nn.init.ones_(weight)
        elif isinstance(reset := getattr(module, "reset_parameters", None), MethodType):
            reset()
        if bias is not None and isinstance(module, _DRAWN + _NORMALISING):
            nn.init.zeros_(bias)

    @staticmethod
    def rename_key(key: str) -> str:
        """Translate an old spelling of a key in a file to today's; it is tried where the key itself has no place."""
        if key.endswith(".gamma"):
            return key.removesuffix("gamma") + "weight"
        return key.removesuffix("beta") + "bias" if key.endswith(".beta") else key

    def tied_names(self, *, all_declared: bool = False) -> dict[str, str]:
        """Return the tied parameters of this model and of every model inside it, by their full names.

        Args:
            all_declared: Return those too that the configuration keeps apart.
        """
        tied: dict[str, str] = {}
        for path, module in self.named_modules():
            if isinstance(module, AnyModel) and (all_declared or module.config.tie_word_embeddings):
                dot = f"{path}." if path else ""
                tied |= {dot + name: dot + source for name, source in module.tied_weights.items()}
        return tied

    @property
    def _keys_to_ignore_on_save(self) -> list[str]:
        """What no file holds; `transformers.Trainer` asks for it when it resumes, and then calls `tie_weights`."""
        return [*self.tied_names()]

    def tie_weights(self) -> None:
        """Make every tied parameter one object with the parameter it is the same as. Raises `refuse_unequal_ties`."""
        refuse_unequal_ties(self)
        for name, source in self.tied_names().items():
            put(self, name, self.get_parameter(source))


def refuse_unequal_ties(model: AnyModel) -> None:
    """Refuse ties of parameters that cannot be one.

    Raises:
        ConfigError: Two of them differ in shape.
        PluginBroken: A tie names a parameter that the model does not have.
    """
    held = dict(model.named_parameters(remove_duplicate=False))
    for name, source in model.tied_names().items():
        if missing := [each for each in (name, source) if each not in held]:
            raise PluginBroken(
                f"{type(model).__name__} ties {name!r} to {source!r}, but has no parameter {missing[0]!r}. Its author "
                "must name parameters in tied_weights."
            )
        if (shape := tuple(held[name].shape)) != (wanted := tuple(held[source].shape)):
            raise ConfigError(
                f"{type(model).__name__} ties {name!r} to {source!r}, but they are {shape} and {wanted}. Make them of "
                "one size in the configuration, or keep them apart: tie_word_embeddings=False."
            )


def whole_of(model: AnyModel) -> AnyModel:
    """Return the outermost model around one; the model itself if there is none, or if it was taken out of it."""
    whole = model.built_into() if model.built_into is not None else None
    return model if whole is None or model not in set(whole.modules()) else whole


def link_parts(model: AnyModel) -> None:
    """Let the models inside one know it, so that its configuration follows when theirs change."""
    inside = set(model.modules())
    for part in inside - {model}:
        if isinstance(part, AnyModel) and (whole_of(part) is part or whole_of(part) in inside):
            part.built_into = weakref.ref(model)


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


def put(model: nn.Module, name: str, new: Tensor | nn.Module) -> None:
    """Put a parameter, a buffer or a module in the place that a full name says."""
    owner, _, attribute = name.rpartition(".")
    setattr(model.get_submodule(owner), attribute, new)


def put_values(module: nn.Module, name: str, values: Tensor) -> None:
    """Put other values in the place of a parameter or a buffer that a module holds; what is a parameter stays one."""
    old = getattr(module, name)
    setattr(module, name, nn.Parameter(values, old.requires_grad) if isinstance(old, nn.Parameter) else values)


def _trained(module: nn.Module, name: str) -> Tensor | None:
    tensor = getattr(module, name, None)
    return tensor if isinstance(tensor, Tensor) and tensor.requires_grad else None
