"""``archsmith show``: one architecture or preset, from its manifest and its configuration class. Free of torch."""

import dataclasses
import re
from typing import Annotated, Any, get_type_hints

import typer

from archsmith.config import PreTrainedConfig, expected, to_json
from archsmith.plugin import COMPONENTS
from archsmith.registry import registry
from archsmith.tasks import auto_class_name
from archsmith_cli import installed
from archsmith_cli.naming import Named, find_entry, resolve_name
from archsmith_cli.render import Cell, Page, Report, Span, clean, encode, shorten

#: Bounds that only keep a number within what the formats can hold are no news to a reader.
_ANY_SIZE = re.compile(r"from (\d+) to 2147483647")
_MISSING = "(must be given)"


def run(
    name: Annotated[
        str, typer.Argument(metavar="NAME", help="A model_type, or the id of a preset.", show_default=False)
    ],
    schema: Annotated[bool, typer.Option("--schema", help="Print the JSON Schema of config.json alone.")] = False,
) -> Report:
    """Explain an architecture or a preset.

    Shows fields, tasks, preprocessing and presets; for a preset, its values. Loads the manifest and the configuration
    class, not torch.
    """
    named = resolve_name(name)
    config_class: type[PreTrainedConfig] = registry.load(named.model_type, "config")
    if schema:
        content = config_class.json_schema()
        return Report(content, lambda page: page.verbatim(encode(content)))
    data = _data(named, config_class)
    return Report(data, lambda page: _draw(page, data))


def _data(named: Named, config_class: type[PreTrainedConfig]) -> dict[str, Any]:
    record, entry = registry.get(named.model_type), find_entry(named.model_type)
    return {
        "model_type": named.model_type,
        "preset": named.preset,
        "distribution": entry.distribution,
        "version": entry.version,
        "pin": installed.pin_data(named.model_type),
        "summary": _summary(config_class),
        "config_class": config_class.__name__,
        "config_module": config_class.__module__,
        "fields": _fields(named, config_class),
        "other_names": dict(sorted(config_class.attribute_map.items())),
        "tasks": [
            {
                "task": task,
                "auto_class": auto_class_name(task),
                "class": export.reference.rpartition(":")[2],
                "reference": export.reference,
                "distribution": export.entry.distribution,
            }
            for task, export in sorted(registry.tasks(named.model_type).items(), key=lambda item: _rank(item[0]))
        ],
        "preprocessing": {part: reference for part in COMPONENTS if (reference := getattr(record, part))},
        "presets": {preset: dict(values) for preset, values in record.presets.items()},
    }


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
        page.line(Cell(data["model_type"], "bold"), "  ", origin)
    if data["pin"]:
        page.prose(clean(f"pinned to {data['pin']['distribution']} by {data['pin']['source']}"))
    if data["summary"]:
        page.prose(clean(data["summary"]))
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
    _draw_parts(page, data)


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
    page.blank()
    page.heading("Tasks")
    foreign = any(row["distribution"] != data["distribution"] for row in data["tasks"])
    rows = [
        (row["task"], row["auto_class"], row["class"], *([row["distribution"]] if foreign else []))
        for row in data["tasks"]
    ]
    if rows:
        page.table(("TASK", "AUTO CLASS", "CLASS", *(["FROM"] if foreign else [])), rows)
    else:
        page.line("none")
    if data["preprocessing"]:
        page.blank()
        page.heading("Preprocessing")
        page.table(("PART", "CLASS"), [(part, ref.rpartition(":")[2]) for part, ref in data["preprocessing"].items()])
    if data["presets"] and not data["preset"]:
        page.blank()
        page.heading("Presets")
        for preset in data["presets"]:
            page.line(preset)
