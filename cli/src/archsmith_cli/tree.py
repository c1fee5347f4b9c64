"""The tree of a model's modules, with the shapes of their tensors; built without values."""

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from archsmith.config import PreTrainedConfig
from archsmith.errors import ArchsmithError, ConfigError
from archsmith.messages import announce
from archsmith.registry import registry
from archsmith_cli import load_check
from archsmith_cli.render import Cell, Page, Report
from archsmith_cli.subjects import find_subject

if TYPE_CHECKING:
    from torch import Tensor, nn

__all__ = ["Node", "build_tree", "draw_tree", "report", "tree_data"]

#: The columns that shapes and what is between columns take at least.
_SHAPES = 30


@dataclass
class Node:
    """A module, and what it holds.

    Attributes:
        path: Its full name; empty for the model.
        name: The last part of it.
        kind: The name of its class.
        tensors: Those that it owns itself, by name, as `tree_data` returns them.
        children: The modules inside.
        same_as: The path under which the very same module stands before; its content is there.
    """

    path: str
    name: str
    kind: str
    tensors: dict[str, dict[str, Any]] = field(default_factory=dict)
    children: "list[Node]" = field(default_factory=list)
    same_as: str = ""

    @property
    def parameters(self) -> int:
        """How many numbers the parameters in it have, one that stands in several places counted in the first."""
        own = sum(each["numbers"] for each in self.tensors.values() if each["kind"] == "parameter")
        return int(own) + sum(child.parameters for child in self.children)

    @property
    def shape(self) -> tuple[Any, ...]:
        """What two modules have in common that can be shown as one."""
        tensors = [
            (name, *each["shape"], each["kind"], each["trainable"], bool(each["tied_to"]))
            for name, each in self.tensors.items()
        ]
        inner = [(child.name, child.shape) for child in self.children]
        return self.kind, bool(self.same_as), tuple(tensors), tuple(inner)

    def walk(self) -> "Iterator[Node]":
        """Yield it and every module in it."""
        yield self
        for child in self.children:
            yield from child.walk()


def report(
    name: str, values: Mapping[str, Any], *, task: str | None, depth: int | None, hub: bool, offline: bool
) -> Report:
    """Return the tree of what a name means, as `archsmith_cli.subjects` reads it.

    Args:
        name: An architecture, a preset, or a checkpoint, of which the configuration alone is read.
        values: Fields of the configuration to replace.
        task: The task of the model; None: that which the checkpoint was saved for, else ``base``.
        depth: How many levels are drawn; None: all.
        hub: A name is a hub id.
        offline: Ask the hub's cache alone.
    """
    subject = find_subject(name, option="NAME", hub=hub, offline=offline)
    config = subject.config(values)
    model_type, saved = config.model_type, subject.values()
    if task is None and saved is not None:
        task = load_check.saved_task(model_type, saved)
        if task is None and config.architectures:
            names = ", ".join(config.architectures)
            announce(f"no installed plugin provides {names}, which {name!r} was saved from. Name a task with --task.")
    task = task or _first_task(model_type)
    root = build_tree(model_type, task, config)
    data: dict[str, Any] = {
        "name": name,
        "kind": subject.kind,
        "model_type": model_type,
        "task": task,
        "class": root.kind,
    } | tree_data(root)

    def draw(page: Page) -> None:
        page.line(Cell(name, "bold"), "  ", Cell(subject.described, "dim"))
        page.line(f"{root.kind} (task {task}): {data['parameters']:,} parameters{_details(data)}")
        page.blank()
        draw_tree(page, root, depth=depth)

    return Report(data, draw)


def _first_task(model_type: str) -> str:
    tasks = registry.tasks(model_type)
    return next(iter(tasks)) if tasks and "base" not in tasks else "base"


def _details(data: Mapping[str, Any]) -> str:
    parts = []
    if data["trainable"] != data["parameters"]:
        parts.append(f"{data['parameters'] - data['trainable']:,} of them frozen")
    if data["tied"]:
        parts.append("those that are tied counted once")
    if data["buffers"]:
        parts.append(f"and {data['buffers']:,} numbers in buffers")
    return "".join(f", {part}" for part in parts)


def build_tree(model_type: str, task: str, config: PreTrainedConfig) -> Node:
    """Build a model on the meta device, where tensors have shapes and take no memory, and return its tree.

    Raises:
        UnknownTask, PluginError: There is no such model, or it cannot be used.
        ConfigError: It cannot be built from this configuration, or not without values.
    """
    import torch

    model_class = registry.load(model_type, f"models.{task}")
    for each in (config, getattr(config, "backbone_config", None)):
        if getattr(each, "use_pretrained_backbone", False):  # weights would be fetched, and shapes are all we want
            each.update(use_pretrained_backbone=False)  # type: ignore[union-attr]
    try:
        with torch.device("meta"):
            model = model_class.from_config(config)
    except ConfigError as error:
        raise ConfigError(f"{error} Fields are set with --set FIELD=VALUE.", faults=error.faults) from error
    except ArchsmithError:
        raise
    except Exception as error:
        said = f"{type(error).__name__}: {error}".rstrip(".")
        raise ConfigError(
            f"no {model_class.__name__} can be built from this configuration without values: {said}. If its "
            "constructor computes with values, write it with archsmith create, then: archsmith inspect --tensors"
        ) from error
    return _node(model, "", "", {}, {})


def _node(module: "nn.Module", path: str, name: str, tensors: dict[int, str], modules: dict[int, str]) -> Node:
    node = Node(path, name, type(module).__name__)
    if id(module) in modules:
        node.same_as = modules[id(module)]
        return node
    modules[id(module)] = path
    dot = f"{path}." if path else ""
    for kind, held in (("parameter", module._parameters), ("buffer", module._buffers)):  # noqa: SLF001  # None included
        for own, tensor in held.items():
            if tensor is not None:
                node.tensors[own] = _tensor(tensor, kind, tensors.setdefault(id(tensor), dot + own), dot + own)
    for own, child in module._modules.items():  # noqa: SLF001  # named_children leaves out what stands twice
        if child is not None:
            node.children.append(_node(child, dot + own, own, tensors, modules))
    return node


def _tensor(tensor: "Tensor", kind: str, first: str, name: str) -> dict[str, Any]:
    return {
        "kind": kind,
        "shape": list(tensor.shape),
        "dtype": str(tensor.dtype).removeprefix("torch."),
        "numbers": tensor.numel() if first == name else 0,
        "trainable": tensor.requires_grad,
        "tied_to": first if first != name else None,
    }


def tree_data(root: Node) -> dict[str, Any]:
    """Return a tree as JSON: the sums, the tied parameters, and every module with the tensors that it owns itself."""
    nodes = list(root.walk())
    found = [(f"{node.path}.{name}".lstrip("."), each) for node in nodes for name, each in node.tensors.items()]

    def numbers(kind: str, *, trainable: bool = False) -> int:
        chosen = (each for _, each in found if each["kind"] == kind and (each["trainable"] or not trainable))
        return sum(each["numbers"] for each in chosen)

    return {
        "parameters": numbers("parameter"),
        "trainable": numbers("parameter", trainable=True),
        "buffers": numbers("buffer"),
        "tied": {name: each["tied_to"] for name, each in found if each["tied_to"]},
        "modules": [
            {
                "path": node.path,
                "class": node.kind,
                "parameters": node.parameters,
                "same_as": node.same_as or None,
                "tensors": {
                    name: {key: value for key, value in each.items() if key != "numbers"}
                    for name, each in node.tensors.items()
                },
            }
            for node in nodes
        ],
    }


def draw_tree(page: Page, root: Node, *, depth: int | None) -> None:
    """Write a tree, equal neighbours with numbers for names as one, down to a depth."""
    rows = list(_rows([root], 0, depth))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)][:3]
    if sum(widths) + _SHAPES > page.width:  # then modules below each other, as a tree is read
        for name, kind, count, shapes in rows:
            page.line(name, *(Cell(f"  {text}", "dim") for text in (kind, count, shapes) if text))
        return
    headers = ("MODULE", "CLASS", "PARAMETERS", "SHAPES")
    cells = [(name, Cell(kind, "dim"), count, shapes) for name, kind, count, shapes in rows]
    page.table(headers, cells, right=("PARAMETERS",), wrap="SHAPES")


def _rows(nodes: Sequence[Node], level: int, depth: int | None) -> Iterator[tuple[str, str, str, str]]:
    for alike in _folded(nodes):
        node, times = alike[0], len(alike)
        name = node.name if times == 1 else f"{node.name}-{alike[-1].name}  x{times}"
        parameters = node.parameters
        count = f"{parameters:,}" if times == 1 or not parameters else f"{times} x {parameters:,}"
        name = name or "(model)"
        yield f"{'  ' * level}{name}", node.kind, count if parameters else "", _shapes(node)
        if depth is None or level < depth:
            yield from _rows(node.children, level + 1, depth)


def _folded(nodes: Sequence[Node]) -> Iterator[list[Node]]:
    """Yield neighbours together that have numbers for names, one after the other, and are alike."""
    keyed = [(node.shape if node.name.isdecimal() else node.path, node) for node in nodes]
    for _, group in itertools.groupby(keyed, key=lambda pair: pair[0]):
        yield [node for _, node in group]


def _shapes(node: Node) -> str:
    if node.same_as:
        return f"the same as {node.same_as}"
    parts = []
    for name, each in node.tensors.items():
        sizes = "x".join(map(str, each["shape"])) or "scalar"
        buffer = " (buffer)" if each["kind"] == "buffer" else ""
        parts.append(f"{name} {sizes}{buffer}" + (f" = {each['tied_to']}" if each["tied_to"] else ""))
    return ", ".join(parts)
