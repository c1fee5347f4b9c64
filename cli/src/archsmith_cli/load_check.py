"""Whether a checkpoint would load: with which plugin, as which class, and what would be new or left over."""

from collections.abc import Mapping
from typing import Any

from archsmith.errors import ArchsmithError, UnknownTask
from archsmith.files import CONFIG_FILE, Checkpoint
from archsmith.registry import Kind, State, model_type_of, registry
from archsmith_cli.render import STATE_STYLES, Cell, Page

__all__ = ["draw", "draw_plugin", "judge", "plugin", "saved_task"]

_SHOWN = 8


def plugin(config: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """Return the plugin that would load a checkpoint: model_type, distribution, version, state and what is wrong."""
    if config is None:
        return None
    reason: str | None = None
    model_type: Any = config.get("model_type")
    try:
        model_type = model_type_of(config, source=CONFIG_FILE)
    except ArchsmithError as error:
        reason = str(error)
    found = {"model_type": model_type, "distribution": None, "version": None, "state": "missing", "reason": reason}
    claims = [entry for entry in registry.entries(Kind.ARCHITECTURE) if entry.name == model_type]
    for entry in sorted(claims, key=lambda claim: claim.state is not State.OK)[:1]:
        found |= {"distribution": entry.distribution, "version": entry.version, "state": entry.state.value}
        found["reason"] = reason or " ".join(filter(None, (entry.reason, entry.remedy))) or None
    return found


def judge(opened: Checkpoint, config: Mapping[str, Any], task: str | None) -> dict[str, Any]:
    """Match the headers with the model class; imports torch, and reads no weights.

    Args:
        opened: The checkpoint.
        config: The content of its config.json.
        task: The task whose model is tried; None: the class that the checkpoint was saved from.

    Returns:
        ``loads`` (None if there is no class to try), class, task, why not, and the names by what becomes of them.
    """
    result: dict[str, Any] = {"loads": None, "class": None, "task": task, "error": None}
    try:
        model_type = model_type_of(config, source=CONFIG_FILE)
        tasks = registry.tasks(model_type)
    except ArchsmithError:
        return result
    if task is None:
        task = saved_task(model_type, config)
        if task is None:
            return result | {"error": "No class that it was saved from is installed. Name a task: --task base"}
    elif task not in tasks:
        registry.load(model_type, f"models.{task}")  # refuses, and says which tasks there are
        raise UnknownTask(f"{model_type!r} has no model for the task {task!r}.")
    result |= {"task": task, "class": tasks[task].reference.rpartition(":")[2]}
    try:
        report = registry.load(model_type, f"models.{task}").match_pretrained(opened.source, **_options(opened))
    except ArchsmithError as error:
        return result | {"loads": False, "error": str(error), "faults": list(getattr(error, "faults", ()))}
    sets = {name: list(getattr(report, name)) for name in ("loaded", "new", "unused", "ignored")}
    return result | {"loads": True} | sets


def draw_plugin(page: Page, found: Mapping[str, Any] | None) -> None:
    """Write which plugin would load it, and what is wrong with that one."""
    if found is None:
        return
    state = Cell(found["state"], STATE_STYLES.get(found["state"], "yellow"))
    name = f"{found['distribution']} {found['version']}  " if found["distribution"] else ""
    page.line("  plugin        ", name, state)
    if found["reason"]:
        page.prose(found["reason"], indent=16)


def draw(page: Page, result: Mapping[str, Any] | None) -> None:
    """Write whether it would load, and with what."""
    if result is None or (result["loads"] is None and not result["error"]):
        return
    page.blank()
    name = f"{result['class']} (task {result['task']})"
    if result["loads"] is None:
        page.prose(result["error"])
    elif not result["loads"]:
        page.line(Cell(f"Does not load as {name}", "bold red"))
        page.prose(result["error"], indent=2)
    else:
        page.line(Cell("Loads as ", "bold"), Cell(name, "bold"))
        meanings = {
            "loaded": "from the files",
            "new": "not in the files: start from random values",
            "unused": "in the files, but of no use to this model",
            "ignored": "in the files, but nothing reads them any more",
        }
        for kind, meaning in meanings.items():
            names = result[kind]
            listed = names if kind != "loaded" else []
            page.prose(f"{len(names):,} {meaning if names else ''}".rstrip(), label=f"{kind:8}", indent=2)
            for each in listed[:_SHOWN]:
                page.line(" " * 12, each)
            if len(listed) > _SHOWN:
                page.line(" " * 12, f"and {len(listed) - _SHOWN:,} more; --json lists them all")


def saved_task(model_type: str, config: Mapping[str, Any]) -> str | None:
    """Return the task whose class config.json says the weights were saved from; older names count."""
    saved_from = config.get("architectures")
    aliases = registry.get(model_type).aliases
    named = saved_from if isinstance(saved_from, list) else []
    wanted = [aliases.get(name, name) for name in named if isinstance(name, str)]
    for task, export in registry.tasks(model_type).items():
        if export.reference.rpartition(":")[2] in wanted:
            return task
    return None


def _options(opened: Checkpoint) -> dict[str, Any]:
    return {
        "subfolder": opened.subfolder,
        "revision": opened.revision,
        "local_files_only": opened.local_files_only,
    }
