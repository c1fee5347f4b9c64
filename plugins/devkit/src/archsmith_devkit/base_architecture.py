"""The architecture that an extension adds a task to: its classes, and what its base model takes and returns."""

import importlib
import inspect
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING, Any

from archsmith.errors import OptionError
from archsmith.registry import registry

if TYPE_CHECKING:
    from torch import Tensor

    from archsmith.model import PreTrainedModel

__all__ = ["BaseArchitecture", "find_base"]

#: Arguments that a base model may lack → the word by which the lines of the template are known that need it.
_OPTIONAL = {
    "attention_mask": "attention_mask",
    "output_attentions": "attentions",
    "output_hidden_states": "hidden_states",
}
_IMPORT = re.compile(r"^from (\S+) import (?:\([^)]*\)|.*)$", re.MULTILINE)
_SEQUENCE, _GRID = 3, 4  # axes of hidden states: (batch, places, width) and (batch, width, rows, columns)


@dataclass(frozen=True)
class BaseArchitecture:
    """What the template of an extension, which is written for DistilBERT, needs to know of another architecture.

    Attributes:
        model_type: The architecture.
        base: The class of its model without a head.
        shared: The class that all its models derive from.
        width: Where the configuration tells the width of the hidden states: ``config.…``.
        is_grid: Whether the hidden states are ``(batch, width, rows, columns)``, not ``(batch, places, width)``.
    """

    model_type: str
    base: "type[PreTrainedModel]"
    shared: "type[PreTrainedModel]"
    width: str
    is_grid: bool

    @property
    def prefix(self) -> str:
        """What the names of its classes begin with."""
        return self.base.__name__.removesuffix("Model")

    def words(self) -> dict[str, str]:
        """Return the words of the template that this architecture replaces."""
        entry = registry.provider(self.base.config_class)
        assert entry is not None  # `registry.load` has found the class by it
        version = entry.version.partition("+")[0]  # a range names no local version
        main = next(iter(self._arguments()))
        optional = self._arguments()[main].default is None
        hidden = "encoded.last_hidden_state"
        return {
            "archsmith-distilbert>=0.2,<0.3": f"{entry.distribution}>={version}",
            "archsmith-distilbert": entry.distribution,
            "self.distilbert": f"self.{self.base.base_model_prefix}",
            "distilbert": self.model_type,
            "DistilBertConfig": self.base.config_class.__name__,
            "DistilBertModel": self.base.__name__,
            "DistilBertPreTrainedModel": self.shared.__name__,
            "DistilBert": self.prefix,
            "input_ids: Tensor | None = None": f"{main}: Tensor | None = None" if optional else f"{main}: Tensor",
            "input_ids": main,
            "config.hidden_size": self.width,
            hidden: f"{hidden}.flatten(2).mT" if self.is_grid else hidden,
        }

    def adapt(self, source: str) -> str:
        """Return the module of the template, its words replaced, with imports and arguments that fit."""
        for argument, word in _OPTIONAL.items():
            if argument not in self._arguments():
                source = "".join(line for line in source.splitlines(keepends=True) if word not in line)
        paragraphs = source.split("\n\n")
        place = next(i for i, paragraph in enumerate(paragraphs) if "archsmith.outputs" in paragraph)
        others = [each[0] for each in _IMPORT.finditer(paragraphs[place]) if self.base.__name__ not in each[0]]
        statements = [*others, *_imports([self.base.config_class, self.base, self.shared])]
        paragraphs[place] = "\n".join(sorted(statements, key=lambda statement: statement.split()[1].lower()))
        return "\n\n".join(paragraphs)

    def _arguments(self) -> Mapping[str, inspect.Parameter]:
        arguments = dict(inspect.signature(self.base.forward).parameters)
        arguments.pop("self")
        return arguments


def find_base(model_type: str) -> BaseArchitecture:
    """Return what an extension needs to know of an architecture. Its base model is built once, small, and asked.

    Raises:
        OptionError: No extension can be written for it; the message says why.
        PluginError: It is not installed, cannot be used, or has no base model.
    """
    from archsmith.backbone import Backbone
    from archsmith.model import PreTrainedModel

    base: type[PreTrainedModel] = registry.load(model_type, "models.base")
    shared = next((cls for cls in base.__mro__[1:] if issubclass(cls, PreTrainedModel)), None)
    if shared in (None, PreTrainedModel, Backbone) or not base.base_model_prefix:
        raise _refusal(model_type, f"{base.__name__} has no class above it that all its models share, with a prefix")
    config, hidden = _tried(model_type, base)
    if hidden is None or hidden.ndim not in (_SEQUENCE, _GRID):
        raise _refusal(model_type, f"{base.__name__} returns no last_hidden_state of 3 or 4 axes")
    is_grid = hidden.ndim == _GRID
    width = hidden.shape[1 if is_grid else -1]
    names = [config.attribute_map.get("hidden_size", "hidden_size"), "hidden_sizes[-1]"]
    fitting = [name for name in names if _value(config, name) == width]
    if not fitting:
        raise _refusal(model_type, f"no hidden_size of {type(config).__name__} tells how wide its hidden states are")
    return BaseArchitecture(model_type, base, shared, f"config.{fitting[0]}", is_grid)


def _tried(model_type: str, base: "type[PreTrainedModel]") -> "tuple[Any, Tensor | None]":
    """Return a small configuration, as the conformance kit has it, and the hidden states of its base model."""
    import torch

    from archsmith_devkit.architecture import ArchitectureConformance

    try:
        config = type("Kit", (ArchitectureConformance,), {"model_type": model_type})().config()
        model = base(config).eval()
        with torch.no_grad():
            output = model(**model.dummy_inputs)
    except Exception as error:  # a stranger's code
        what = f"{type(error).__name__}: {error}".rstrip(".")
        raise _refusal(model_type, f"a small {base.__name__} does not run: {what}") from error
    return config, getattr(output, "last_hidden_state", None)


def _value(config: Any, name: str) -> int | None:
    """Return the value of a field, or the last of one that holds several."""
    field, several, _ = name.partition("[")
    value = getattr(config, field, None)
    return value[-1] if several and value else value


def _imports(classes: Iterable[type[Any]]) -> list[str]:
    """Return the statements that import classes, from their package if it exports them."""
    homes = sorted((_home(cls), cls.__name__) for cls in classes)
    grouped = groupby(homes, key=lambda pair: pair[0])
    return [f"from {home} import (\n" + "".join(f"    {name},\n" for _, name in pairs) + ")" for home, pairs in grouped]


def _home(cls: type[Any]) -> str:
    package = cls.__module__.partition(".")[0]
    exported = getattr(importlib.import_module(package), cls.__name__, None)
    return package if exported is cls else cls.__module__


def _refusal(model_type: str, reason: str) -> OptionError:
    return OptionError(
        f"no extension can be written for {model_type!r}: {reason}. Choose another --base; archsmith list shows which "
        "there are."
    )
