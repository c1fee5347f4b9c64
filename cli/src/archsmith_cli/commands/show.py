"""``archsmith show``: an architecture, a preset, or preprocessing alone, from the manifest and the configuration class.

Free of torch, but for ``--tree``, which shows the modules of a model.
"""

import dataclasses
import re
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, get_type_hints

import typer

from archsmith.config import PreTrainedConfig, expected, to_json
from archsmith.plugin import COMPONENTS
from archsmith.registry import Kind, registry
from archsmith.tasks import auto_class_name
from archsmith_cli import completion, installed
from archsmith_cli.assignments import parse_assignments
from archsmith_cli.definitions import find_definition
from archsmith_cli.naming import Named, find_entry, resolve_name
from archsmith_cli.render import Cell, Page, Report, Span, clean, encode, shorten

#: Bounds that only keep a number within what the formats can hold are no news to a reader.
_ANY_SIZE = re.compile(r"from (\d+) to 2147483647")
_MISSING = "(must be given)"
#: What a preset's size is told by → the fields that may hold it.
_SIZES = (
    ("layers", ("num_hidden_layers", "depths")),
    ("hidden", ("hidden_size", "hidden_sizes", "embed_dim")),
    ("heads", ("num_attention_heads", "num_heads")),
    ("vocabulary", ("vocab_size",)),
)


def run(
    name: Annotated[
        str,
        typer.Argument(
            metavar="NAME",
            help="A model_type, the id of a preset, or preprocessing; with --tree a checkpoint as well.",
            show_default=False,
            autocompletion=completion.models,
        ),
    ],
    *,
    schema: Annotated[bool, typer.Option("--schema", help="Print the JSON Schema of config.json alone.")] = False,
    tree: Annotated[
        bool, typer.Option("--tree", help="Show the modules of the model, their sizes and shapes.")
    ] = False,
    task: Annotated[
        str | None,
        typer.Option(
            "--task",
            metavar="TASK",
            help="Which model; by default that of the checkpoint, else base.",
            autocompletion=completion.tasks,
        ),
    ] = None,
    depth: Annotated[
        int | None, typer.Option("--depth", metavar="N", min=0, help="How many levels of modules are shown.")
    ] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="FIELD=VALUE", help="Set a field of the configuration. May be repeated."),
    ] = None,
    hub: Annotated[bool, typer.Option("--hub", help="NAME is the id of a repository on the hub.")] = False,
    offline: Annotated[bool, typer.Option("--offline", help="Ask the hub's cache alone.")] = False,
) -> Report:
    """Explain an architecture or a preset.

    Shows fields, tasks, preprocessing and presets, and the file and line of each class; for a preset, its values; for
    preprocessing alone, its parts. Loads the manifest and the configuration class, not torch.

    With --tree, shows the modules of a model with their parameters and shapes, equal layers as one. It is built without
    values, so that no size is too large. NAME may be a folder, a config.json or ID@REVISION on the hub as well.

    Examples:
      archsmith show distilbert
      archsmith show gpt2 --tree --task causal-lm --depth 2
      archsmith show ./my-model --tree
    """
    if tree and schema:
        raise typer.BadParameter("it contradicts --schema", param_hint="--tree")
    if tree:
        from archsmith_cli.tree import report

        values = parse_assignments(settings or [])
        return report(name, values, task=task, depth=depth, hub=hub, offline=offline)
    only = {"--task": task, "--depth": depth, "--set": settings or None, "--hub": hub, "--offline": offline}
    for option, given in only.items():
        if given is not None and given is not False:
            raise typer.BadParameter("it is for --tree", param_hint=option)
    named = resolve_name(name)
    if named.kind is Kind.PROCESSOR and not schema:
        found = {"name": named.name, "preset": None, "summary": "", "tasks": [], "presets": {}} | _provided(named)
        return Report(found, lambda page: _draw(page, found))
    config_class: type[PreTrainedConfig] = registry.load(named.name, "config", kind=named.kind)
    if schema:
        content = config_class.json_schema()
        return Report(content, lambda page: page.verbatim(encode(content)))
    data = _data(named, config_class)
    return Report(data, lambda page: _draw(page, data))


def _data(named: Named, config_class: type[PreTrainedConfig]) -> dict[str, Any]:
    return {
        "model_type": named.name,
        "preset": named.preset,
        "summary": _summary(config_class),
        "config_class": config_class.__name__,
        "config_module": config_class.__module__,
        **_place(f"{config_class.__module__}:{config_class.__name__}"),
        "fields": _fields(named, config_class),
        "other_names": dict(sorted(config_class.attribute_map.items())),
        "tasks": [
            {
                "task": task,
                "auto_class": auto_class_name(task),
                "class": export.reference.rpartition(":")[2],
                "reference": export.reference,
                "distribution": export.entry.distribution,
                **_place(export.reference),
            }
            for task, export in sorted(registry.tasks(named.name).items(), key=lambda item: _rank(item[0]))
        ],
        "presets": {preset: dict(values) for preset, values in registry.get(named.name).presets.items()},
        "preset_sizes": {
            preset: _sizes(config_class, values) for preset, values in registry.get(named.name).presets.items()
        },
        **_provided(named),
    }


def _provided(named: Named) -> dict[str, Any]:
    """Return what architectures and preprocessing without one have in common: whose it is, its pin, its parts."""
    entry, roles = find_entry(named), registry.roles(named.name, named.kind)
    parts = {part: roles[part] for part in COMPONENTS if part in roles}
    return {
        "distribution": entry.distribution,
        "version": entry.version,
        "pin": installed.pin_data(named.name),
        "preprocessing": {part: export.reference for part, export in parts.items()},
        "preprocessing_from": {part: export.entry.distribution for part, export in parts.items()},
        "preprocessing_places": {part: _place(export.reference) for part, export in parts.items()},
    }


def _place(reference: str) -> dict[str, Any]:
    """Return where a class is defined: file and line, and both for a reader; all of them None if no source says it."""
    found = find_definition(reference)
    return {
        "file": found and found.file,
        "line": found and found.line,
        "defined": str(found) if found else None,
    }


def _sizes(config_class: type[PreTrainedConfig], values: Mapping[str, Any]) -> dict[str, Any]:
    """Return what tells presets apart at a glance; a preset that is wrong has a fault instead of sizes."""
    try:
        config = config_class.from_dict(values)
    except Exception as error:  # noqa: BLE001  # of a stranger's rules; the other presets are shown all the same
        return {"fault": str(error)}
    found = {name: next(filter(None, (config.value_of(field) for field in fields)), None) for name, fields in _SIZES}
    return {name: to_json(size) for name, size in found.items() if size is not None}


def _rank(task: str) -> tuple[bool, str]:
    return task != "base", task


def _summary(config_class: type[PreTrainedConfig]) -> str:
    """Return the first line of the docstring; a dataclass without one has a made-up signature there."""
    text = (config_class.__dict__.get("__doc__") or "").strip()
    return "" if text.startswith(f"{config_class.__name__}(") else text.partition("\n")[0]


def _fields(named: Named, config_class: type[PreTrainedConfig]) -> list[dict[str, Any]]:
    """Return the fields as JSON: the architecture's own first, then those that every configuration has."""
    hints = get_type_hints(config_class, include_extras=True)
    preset = config_class.from_dict(named.values).to_dict() if named.preset else None
    rows = []
    for declared in dataclasses.fields(config_class):
        if declared.init:
            row: dict[str, Any] = {
                "name": declared.name,
                "type": expected(hints[declared.name]),
                "doc": declared.metadata.get("doc", ""),
                "common": declared is PreTrainedConfig.__dataclass_fields__.get(declared.name),
            }
            default = declared.default
            if declared.default_factory is not dataclasses.MISSING:
                default = declared.default_factory()
            row["required"] = default is dataclasses.MISSING
            if not row["required"]:
                row["default"] = to_json(default)
            if preset is not None:
                row["value"] = preset[declared.name]
            rows.append(row)
    return sorted(rows, key=lambda row: row["common"])


def _draw(page: Page, data: dict[str, Any]) -> None:
    origin = Cell(f"{data['distribution']} {data['version']}", "dim")
    if data["preset"]:
        page.line(Cell(data["preset"], "bold"), "  preset of ", Cell(data["model_type"], "bold"), "  ", origin)
    else:
        page.line(Cell(data.get("model_type") or data["name"], "bold"), "  ", origin)
    if data["pin"]:
        page.prose(clean(f"pinned to {data['pin']['distribution']} by {data['pin']['source']}"))
    if data["summary"]:
        page.prose(clean(data["summary"]))
    if "config_class" in data:
        _draw_fields(page, data)
    _draw_parts(page, data)


def _draw_fields(page: Page, data: dict[str, Any]) -> None:
    for title, common in ((f"Fields of {data['config_class']}", False), ("Fields of every configuration", True)):
        fields = [row for row in data["fields"] if row["common"] is common]
        if fields:
            page.blank()
            page.heading(title)
            value = "VALUE" if data["preset"] else "DEFAULT"
            page.table(("FIELD", value, "MEANING"), [_field_cells(row) for row in fields], wrap="MEANING")
        if not common and data["other_names"]:
            page.blank()
            names = ", ".join(f"{other} for {own}" for other, own in data["other_names"].items())
            page.prose(clean(f"{names}."), label="Other names:")


def _field_cells(row: dict[str, Any]) -> tuple[Span, ...]:
    meaning = _ANY_SIZE.sub(r"of at least \1", row["type"])
    shown = row.get("value", row.get("default", _MISSING))
    style = ""
    if "value" in row and row["value"] != row.get("default", _MISSING):
        style = "bold"
        meaning += f"; default {shorten(row['default'], 24)}" if "default" in row else ""
    doc = " ".join(str(row["doc"]).split())
    return row["name"], Cell(shorten(shown, 24), style), (*([doc] if doc else ()), Cell(meaning, "dim"))


def _draw_parts(page: Page, data: dict[str, Any]) -> None:
    if "model_type" in data:
        page.blank()
        page.heading("Tasks")
        rows = [(row["task"], row["auto_class"], row["class"], row["distribution"]) for row in data["tasks"]]
        _draw_classes(page, ("TASK", "AUTO CLASS", "CLASS"), rows, data["distribution"])
    sources, places = data["preprocessing_from"], data["preprocessing_places"]
    names = {part: reference.rpartition(":")[2] for part, reference in data["preprocessing"].items()}
    if names:
        page.blank()
        page.heading("Preprocessing")
        _draw_classes(
            page, ("PART", "CLASS"), [(part, name, sources[part]) for part, name in names.items()], data["distribution"]
        )
    page.blank()
    page.heading("Defined in")
    defined = [(data["config_class"], data["defined"])] if "config_class" in data else []
    defined += [(row["class"], row["defined"]) for row in data["tasks"]]
    defined += [(name, places[part]["defined"]) for part, name in names.items()]
    page.table(("", ""), [(name, where or Cell("(no source found)", "dim")) for name, where in dict(defined).items()])
    if data["presets"] and not data["preset"]:
        page.blank()
        page.heading("Presets")
        page.table(
            ("", ""), [(preset, Cell(_in_words(data["preset_sizes"][preset]), "dim")) for preset in data["presets"]]
        )


def _in_words(sizes: Mapping[str, Any]) -> str:
    """Return ``"12 layers, 768 hidden"``, or ``"layers [2, 2, 6, 2]"`` where each stage has its own."""
    words = (
        f"{size:,} {name}" if isinstance(size, int) else f"{name} {shorten(size, 30)}" for name, size in sizes.items()
    )
    return ", ".join(words)


def _draw_classes(page: Page, headers: tuple[str, ...], rows: Sequence[tuple[str, ...]], owner: str) -> None:
    """Write a table of classes; the last cell of a row, whose it is, only if one is another distribution's."""
    foreign = any(row[-1] != owner for row in rows)
    if rows:
        page.table((*headers, "FROM") if foreign else headers, rows if foreign else [row[:-1] for row in rows])
    else:
        page.line("none")
