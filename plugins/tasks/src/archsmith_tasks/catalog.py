"""The tasks that are installed, found by their entry points; each is imported when it is asked for. Free of torch."""

import importlib
from collections import defaultdict
from typing import Any

import importlib_metadata

from archsmith.errors import OptionError, PluginBroken, PluginConflict
from archsmith.messages import announce, did_you_mean, said_by, shorten, shown
from archsmith.registry import registry
from archsmith_tasks.task import PARTS, Task

__all__ = ["GROUP", "all_tasks", "find_task", "import_part", "near_task", "owner_of", "task_for_class", "task_names"]

GROUP = "archsmith_tasks.tasks"
#: Names that users know from elsewhere.
_ELSEWHERE = {"sentiment-analysis": "text-classification", "ner": "token-classification"}


def _points() -> dict[str, list[Any]]:
    """Return the entry points by the task's name; one distribution seen twice counts once."""
    found: dict[str, dict[str, Any]] = defaultdict(dict)
    for point in importlib_metadata.entry_points(group=GROUP):
        found[point.name].setdefault(point.dist.name.lower(), point)
    return {name: list(points.values()) for name, points in sorted(found.items())}


def task_names() -> list[str]:
    """Return the names of the tasks that are installed; none of them is imported."""
    return list(_points())


def all_tasks() -> list[Task]:
    """Return all tasks that are installed. One that cannot be used is announced and left out."""
    found = []
    for name in task_names():
        try:
            found.append(find_task(name))
        except (PluginBroken, PluginConflict) as error:
            announce(str(error))
    return found


def near_task(name: str) -> str:
    """Return `` Did you mean …?``, or nothing: the task for a kind of model of that name, or one spelt alike."""
    meant = [task.name for task in all_tasks() if _ELSEWHERE.get(name, name) in (task.name, *task.models)]
    return f" Did you mean {meant[0]!r}?" if meant else did_you_mean(name, task_names())


def find_task(name: str) -> Task:
    """Return a task by its name.

    Raises:
        OptionError: There is none of that name.
        PluginConflict: Two distributions bring it.
        PluginBroken: Its declaration cannot be imported, or is not one.
    """
    points = _points()
    if name not in points:
        raise OptionError(f"there is no task {shown(name)}; there are: {shorten(points, 20)}.{near_task(str(name))}")
    if len(points[name]) > 1:
        owners = " and ".join(f"{each.dist.name} {each.dist.version}" for each in points[name])
        reason = f"the task {name!r} is provided by {owners}."
        remedy = "Uninstall all but one"
        raise PluginConflict(f"{reason} {remedy}.", reason=reason, remedy=remedy)
    (point,) = points[name]
    try:
        declared: list[Task] = [each for each in point.load()() if getattr(each, "name", None) == name]
        faults = [] if len(declared) == 1 else [f"it declares the task {len(declared)} times; expected once"]
        faults += [fault for each in declared for fault in each.faults()]
    except Exception as error:
        raise _broken(point, f"{type(error).__name__}: {said_by(error)}") from error
    if faults:
        raise _broken(point, "; ".join(faults))
    return declared[0]


def owner_of(task: Task) -> tuple[str, str]:
    """Return the name and the version of the distribution that brings a task."""
    distribution = _points()[task.name][0].dist
    return distribution.name, distribution.version


def _broken(point: Any, cause: str) -> PluginBroken:
    reason = f"{point.dist.name} {point.dist.version}: its task {point.name!r} cannot be used: {cause}."
    remedy = f"Run: pip install --upgrade {point.dist.name}"
    return PluginBroken(f"{reason} {remedy}", reason=reason, remedy=remedy)


def import_part(task: Task, name: str) -> Any:
    """Import what a task names as its ``steps`` or its ``draw``.

    Raises:
        PluginBroken: There is no such thing.
    """
    module, _, attribute = getattr(task, name).partition(":")
    try:
        return getattr(importlib.import_module(module), attribute)
    except (ImportError, AttributeError) as error:
        raise _broken(_points()[task.name][0], f"its {name} {getattr(task, name)!r}: {said_by(error)}") from error


def task_for_class(model_type: str, class_name: str) -> Task:
    """Return the task that a model class is for.

    Args:
        model_type: Its architecture.
        class_name: Its name, as config.json's ``architectures`` has it.

    Raises:
        OptionError: None is, or several are.
        PluginError: No usable plugin provides the architecture.
    """
    keys = {key for key, export in registry.tasks(model_type).items() if export.class_name == class_name}
    parts = {role.removesuffix("_fast") for role in registry.roles(model_type) if not role.startswith("models.")}
    fitting = {
        task.name: task
        for task in all_tasks()
        if keys & set(task.models) and (parts & set(task.parts) or not parts & set(PARTS))
    }
    if len(fitting) != 1:
        told = f"is for {shorten(fitting)}" if fitting else "is for none of them"
        raise OptionError(f"name the task, one of {shorten(task_names(), 20)}: {class_name} {told}.")
    return next(iter(fitting.values()))
