"""The names of a new distribution, and what speaks against them: others have them, or Python cannot take them."""

import ast
import importlib.util
import keyword
import re
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import chain

import importlib_metadata
import typer

import archsmith
from archsmith.errors import PluginError
from archsmith.registry import KNOWN_PLUGINS, Kind, State, normal_name, registry, squash

__all__ = ["ProjectNames", "find_names", "refuse_taken_classes"]

_NAME = re.compile(r"[a-z][a-z0-9]*([-_][a-z0-9]+)*")
_DISTRIBUTION = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?")
#: A longer name makes lines that the settings of the new project refuse.
_LONGEST = 29
_CLASS_PREFIX = re.compile(rf"[A-Z][A-Za-z0-9]{{0,{_LONGEST - 1}}}")


@dataclass(frozen=True)
class ProjectNames:
    """The names that follow from one NAME.

    Attributes:
        name: The model_type, the task or the verb.
        distribution: What pip installs.
        class_prefix: What the names of its classes begin with; None: the words of the name, each with a capital.
    """

    name: str
    distribution: str
    class_prefix: str | None = None

    @property
    def package(self) -> str:
        """What Python imports."""
        return f"archsmith_{self.name.replace('-', '_')}"

    @property
    def prefix(self) -> str:
        """What the names of its classes begin with."""
        return self.class_prefix or "".join(word.capitalize() for word in re.split("[-_]", self.name))

    def words(self) -> dict[str, str]:
        """Return the words of the templates that these names replace."""
        return {
            "archsmith-sample-net": self.distribution,
            "archsmith_sample_net": self.package,
            "sample-net": self.name,
            "SampleNet": self.prefix,
        }


def find_names(name: str, distribution: str | None, class_prefix: str | None = None) -> ProjectNames:
    """Return the names of a new distribution.

    Raises:
        BadParameter: One of them is impossible or taken; the message says by whom, and what to do.
    """
    names = ProjectNames(name, f"archsmith-{name}" if distribution is None else distribution, class_prefix)
    for fault in chain(_spelling_faults(name), _taken_faults(names)):
        raise typer.BadParameter(fault, param_hint="NAME")
    for fault in _distribution_faults(names.distribution):
        raise typer.BadParameter(fault, param_hint="NAME" if distribution is None else "--distribution")
    if class_prefix is not None and not _CLASS_PREFIX.fullmatch(class_prefix):
        fault = f"{class_prefix!r} must be a capital and up to {_LONGEST - 1} letters and digits after it, such as GPT2"
        raise typer.BadParameter(f"{fault}.", param_hint="--class-prefix")
    return names


def refuse_taken_classes(names: ProjectNames, files: Mapping[str, str]) -> None:
    """Refuse a name whose classes would have the names of others: ``from archsmith import X`` must mean one class.

    Raises:
        BadParameter: There is such a class, or one that the new modules themselves import.
    """
    nodes = [node for path, text in files.items() if path.endswith(".py") for node in ast.parse(text).body]
    taken = {
        alias.name: str(node.module)
        for node in nodes
        if isinstance(node, ast.ImportFrom) and node.module and not node.module.startswith(names.package)
        for alias in node.names
    }
    taken |= dict.fromkeys(archsmith.__all__, "archsmith itself")
    for entry in registry.entries():
        if not entry.kind.is_alone and entry.state is State.OK:
            try:
                taken |= dict.fromkeys(registry.exports(entry), str(entry))
            except PluginError:
                continue
    for node in nodes:
        if isinstance(node, ast.ClassDef) and node.name in taken:
            owner = taken[node.name]
            fault = f"{names.name!r} would bring a class {node.name}, which {owner} has already"
            remedy = _other(names.name) if names.class_prefix is None else "Choose another --class-prefix."
            hint = "NAME" if names.class_prefix is None else "--class-prefix"
            raise typer.BadParameter(f"{fault}. {remedy}", param_hint=hint)


def _spelling_faults(name: str) -> Iterator[str]:
    if not _NAME.fullmatch(name):
        near = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "-", name).lower()
        near = re.sub(r"[^a-z0-9]+", "-", near).strip("-")
        near = f"my-{near}" if near[:1].isdigit() else near
        yield (
            f"{name!r} must be lower-case letters and digits, beginning with a letter, with single '-' or '_' between "
            f"them, because it becomes the name of a package and of classes."
            + (f" Did you mean {near!r}?" if len(near) > 1 and _NAME.fullmatch(near) else "")
        )
    elif len(name) > _LONGEST:
        yield f"{name!r} has {len(name)} characters, but must have {_LONGEST} at most. Choose a shorter one."
    elif keyword.iskeyword(name):
        yield f"{name!r} is a keyword of Python. {_other(name)}"
    elif name.replace("-", "_") in sys.stdlib_module_names:
        yield f"{name!r} is a module of Python's standard library. {_other(name)}"


def _taken_faults(names: ProjectNames) -> Iterator[str]:
    name = names.name
    owners = dict(KNOWN_PLUGINS)
    owners.update((entry.name, str(entry)) for entry in registry.entries(Kind.ARCHITECTURE))
    for model_type, owner in owners.items():
        if squash(model_type) == squash(name):
            whose = "" if model_type == name else f", whose model_type {model_type!r} differs in '-' and '_' alone"
            yield f"{name!r} is taken by {owner}{whose}. {_other(name)}"
    for package in (name.replace("-", "_"), names.package):
        if _is_importable(package):
            yield f"{name!r} is taken by the installed package {package}. {_other(name)}"


def _distribution_faults(distribution: str) -> Iterator[str]:
    if not _DISTRIBUTION.fullmatch(distribution):
        yield f"{distribution!r} must be letters and digits, with '-', '_' and '.' between them, as pip takes them."
        return
    installed = {normal_name(each.metadata["Name"] or "") for each in importlib_metadata.distributions()}
    ours = {"archsmith", "archsmith-cli", "archsmith-wordpiece", *KNOWN_PLUGINS.values()}
    if normal_name(distribution) in installed | ours:
        yield f"{distribution!r} is a distribution already. Choose another name for it with --distribution."


def _is_importable(package: str) -> bool:
    """Tell whether there is such a package; a folder without modules, as the new project itself, is none."""
    spec = importlib.util.find_spec(package)
    return spec is not None and spec.origin is not None


def _other(name: str) -> str:
    return f"Choose another name, such as 'my-{name}'."
