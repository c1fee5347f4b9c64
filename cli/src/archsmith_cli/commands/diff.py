"""``archsmith diff``: what two checkpoints, configurations, presets or architectures differ in."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from archsmith.errors import CheckpointNotFound
from archsmith_cli import completion
from archsmith_cli.comparison.drawing import draw
from archsmith_cli.comparison.fields import compare_configurations
from archsmith_cli.comparison.files import compare_files
from archsmith_cli.render import Report
from archsmith_cli.subjects import Subject, find_subject

if TYPE_CHECKING:
    from archsmith.files import Weights

_WHAT = "A folder, a file, a model_type or a preset, else ID or ID@REVISION on the hub."
#: What ``diff`` ends with that could not compare.
_TROUBLE = 2


def run(
    a: Annotated[str, typer.Argument(metavar="A", help=_WHAT, autocompletion=completion.models)],
    b: Annotated[str, typer.Argument(metavar="B", help=_WHAT, autocompletion=completion.models)],
    *,
    every: Annotated[bool, typer.Option("--all", help="List every tensor, equal ones too, each in its line.")] = False,
    hub: Annotated[bool, typer.Option("--hub", help="A name is an id on the hub, be it a preset's as well.")] = False,
    offline: Annotated[bool, typer.Option("--offline", help="Ask the hub's cache alone.")] = False,
) -> Report:
    """Compare two checkpoints or configurations.

    Shows the fields, the files of preprocessing and the tensors that differ, and how far values are apart: norms,
    largest and relative difference. Tensors are read one after the other, whatever the size of the checkpoint. Who
    wrote a file is not compared. Ends with code 0 if nothing differs, 1 if something does, 2 if it cannot compare.

    Examples:
      archsmith diff ./before ./after
      archsmith diff ./mine acme/model@main --hub --all
      archsmith diff bert distilbert
    """
    try:
        data = _compare(
            *(find_subject(text, option=name, hub=hub, offline=offline) for text, name in ((a, "A"), (b, "B")))
        )
    except Exception as error:
        error.exit_code = _TROUBLE  # type: ignore[attr-defined]  # whatever went wrong: 1 says that they differ
        raise
    return Report(data, lambda page: draw(page, data, every=every), exit_code=int(not data["equal"]))


def _compare(one: Subject, other: Subject) -> dict[str, Any]:
    configuration = compare_configurations(one, other)
    files = _files(one, other)
    weights = _weights(one, other)
    if not (configuration["compared"] or weights["compared"]):
        said = f"nothing of them can be compared: {configuration['reason']}, and {weights['reason']}"
        raise CheckpointNotFound(f"{said}. Pass two checkpoints, two configurations, or two files of weights.")
    return {
        "a": {"name": one.text, "kind": one.kind, "described": one.described},
        "b": {"name": other.text, "kind": other.kind, "described": other.described},
        "equal": configuration["equal"] and not (files and files["different"]) and weights["equal"],
        "configuration": configuration,
        "files": files,
        "weights": weights,
    }


def _files(one: Subject, other: Subject) -> dict[str, Any] | None:
    """Compare the other files of two checkpoints; None if one is none, or is a file alone."""
    folders = [each.checkpoint for each in (one, other) if each.kind in ("folder", "hub") and each.checkpoint]
    return compare_files(*folders) if len(folders) == len((one, other)) else None


def _weights(one: Subject, other: Subject) -> dict[str, Any]:
    """Compare the tensors. What has no weights by nature is no difference; a checkpoint without them is one."""
    without = [subject for subject in (one, other) if not subject.has_weights_by_nature]
    if without:
        what = " and ".join(f"{subject.text!r} ({subject.described})" for subject in without)
        return {
            "compared": False,
            "equal": True,
            "reason": f"{what} {'has' if len(without) == 1 else 'have'} no weights",
        }
    read: list[Weights] = []
    missing = []
    for subject in (one, other):
        try:
            read.append(subject.weights())
        except CheckpointNotFound as error:
            # Weights of a kind that nothing here reads, as a pickle; or a folder of something else.
            if " It has " in str(error) or subject.values() is None:
                raise
            missing.append(str(error))
    if missing:
        return {"compared": False, "equal": not read, "reason": " ".join(missing).rstrip(".")}
    from archsmith_cli.comparison.tensors import compare_weights

    found = compare_weights(*read)
    differs = any(found[kind] for kind in ("different", "only_a", "only_b", "prefixes"))  # a name is a part of a file
    return found | {"compared": True, "equal": not differs}
