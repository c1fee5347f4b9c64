"""The checks of an architecture against the numbers that its plugin ships, and what a report says of them."""

import importlib
import importlib.resources
import importlib.util
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

import archsmith
from archsmith.auto import AutoConfig
from archsmith.errors import ArchsmithError
from archsmith.messages import shorten
from archsmith.model import PreTrainedModel
from archsmith.registry import Entry, Kind, registry
from archsmith.tasks import auto_class_name
from archsmith_devkit.harness import Harness, load_silently
from archsmith_devkit.recording import gradient_norms
from archsmith_devkit.reference import Recording, flatten

if TYPE_CHECKING:
    from archsmith_devkit.report import Outcome

__all__ = ["ReferenceChecks", "told_numbers"]

_FOLDER = "reference"


class ReferenceChecks(Harness):
    """What a plugin computes must be what the original computes: the recordings that its package ships say it."""

    def recordings(self) -> list[Recording]:
        """Return the recordings in ``reference/<model_type>/`` of the plugin's import package."""
        return [_tried(folder, Recording.read, folder) for folder in _folders(self.entry(), self.model_type)]

    def test_reference_files(self) -> None:
        """A recording that is not found, or that is read in part, would say that numbers agree which nobody compared.

        Fix: write recordings with archsmith_devkit.record into reference/<model_type>/ of the import package, and
        let the model's parameters have the names of the original's checkpoint.
        """
        entry = self.entry()
        kinds = (Kind.ARCHITECTURE, Kind.EXTENSION)
        own = {each.model_type for kind in kinds for each in registry.entries(kind) if each.key == entry.key}
        for root in _roots(entry):
            strange = [path.name for path in _visible(root, "*") if path.name not in own or not path.is_dir()]
            has = f"which is no folder of an architecture of the plugin; it has {shorten(sorted(own))}"
            assert not strange, f"{str(root)!r} holds {shorten(strange)}, {has}"
        for recording in self.recordings():
            report = self._loaded(recording).load_report
            assert report is not None
            for what, names in (("has no values for", report.new), ("has values without a place,", report.unused)):
                assert not names, f"the checkpoint {str(recording.folder)!r} {what} {shorten(names)}"

    def test_reference_preprocessing(self) -> None:
        """A model sees what the preprocessing makes: a mean, a filter or a token that is off makes it worse unseen.

        Fix: hold what the part returns against the original step by step; settings are read from its files.
        """
        for recording in self.recordings():
            for part in recording.description.preprocessing:
                auto = getattr(archsmith, f"Auto{part.title().replace('_', '')}")
                loaded = _tried(recording.folder, load_silently, auto, recording.folder)
                made = _tried(recording.folder, loaded, **recording.arguments(part), return_tensors="pt")
                recording.assert_same(type(loaded).__name__, part, _tensors(made))

    def test_reference_numbers(self) -> None:
        """A port that is slightly off runs, learns and passes every other check; only the original's numbers tell.

        Fix: ask both for hidden states, and look where the first one deviates: an epsilon, an activation, a mask, the
        order of normalisation and addition.
        """
        for recording in self.recordings():
            model = self._loaded(recording)
            with torch.no_grad():
                made = _tensors(_tried(recording.folder, model, **recording.inputs))
            wanted = {_first(name) for name in recording.expected("outputs")}
            found = {name: value for name, value in made.items() if _first(name) in wanted}
            recording.assert_same(type(model).__name__, "outputs", found)
            if named := recording.expected("gradients"):
                own = _tried(recording.folder, gradient_norms, model, recording.inputs)
                spelt = {name if name in own else model.rename_key(name): name for name in named}
                found = {spelt.get(name, name): norm for name, norm in own.items()}
                recording.assert_same(type(model).__name__, "gradients", found)

    def _loaded(self, recording: Recording) -> PreTrainedModel:
        """Return the model of a recording, through its Auto class."""
        folder, task = recording.folder, recording.description.task
        found = _tried(folder, load_silently, AutoConfig, folder).model_type
        assert found == self.model_type, f"{str(folder)!r} holds a recording of {found!r}, not of {self.model_type!r}"
        tasks = registry.tasks(self.model_type)
        assert task in tasks, f"{str(folder)!r} is of the task {task!r}; {self.model_type!r} has {shorten(tasks)}"
        model: PreTrainedModel = _tried(folder, load_silently, getattr(archsmith, auto_class_name(task)), folder)
        return model


def told_numbers(outcomes: "Iterable[Outcome]") -> list[dict[str, Any]]:
    """Return for each architecture and extension whose numbers were checked what they were held against.

    Each has the keys plugin, part, held (whether they agree with a reference), sources, and text, a line to show.
    """
    return [_told(outcome) for outcome in outcomes if outcome.check.name == "reference_numbers"]


def _told(outcome: "Outcome") -> dict[str, Any]:
    kind, _, name = outcome.check.subject.partition(" ")
    entries = registry.entries(Kind(kind))
    entry = next(each for each in entries if (each.name, str(each)) == (name, outcome.check.plugin))
    try:
        read = [Recording.read(folder).description.source for folder in _folders(entry, entry.model_type)]
    except (ArchsmithError, AssertionError):
        read = []
    sources, held = sorted(set(read)), outcome.state == "passed" and bool(read)
    text = f"held against a reference ({', '.join(sources)})" if held else "not held against any reference"
    if outcome.state != "passed":
        text = f"do not agree with the reference ({', '.join(sources) or 'which cannot be read'})"
    told = {"plugin": outcome.check.plugin, "part": outcome.check.subject}
    return {**told, "held": held, "sources": sources, "text": f"numbers: {text}"}


def _roots(entry: Entry) -> list[Path]:
    """Return the folder ``reference`` of the nearest package around a manifest that has one."""
    spec = importlib.util.find_spec(entry.module)
    package = "" if spec is None else spec.parent or ""
    while package:
        root = importlib.resources.files(package) / _FOLDER
        # A folder without __init__.py may belong to several distributions.
        if isinstance(root, Path) and root.is_dir() and (root.parent / "__init__.py").is_file():
            return [root]
        package = package.rpartition(".")[0]
    return []


def _folders(entry: Entry, model_type: str) -> list[Path]:
    """Return the folders that hold files in the recordings of an architecture."""
    files = [path for root in _roots(entry) for path in _visible(root, f"{model_type}/**/*") if path.is_file()]
    return sorted({path.parent for path in files})


def _visible(root: Path, pattern: str) -> list[Path]:
    """Return what lies in a folder, but for what systems and interpreters leave there."""
    found = sorted(root.glob(pattern))
    return [
        path for path in found if not any(part[0] == "." or part[:2] == "__" for part in path.relative_to(root).parts)
    ]


def _tensors(output: Any) -> dict[str, Tensor]:
    return {name: value for name, value in flatten(output) if isinstance(value, Tensor)}


def _first(name: str) -> str:
    return name.partition("[")[0].partition(".")[0]


def _tried(folder: Path, call: Callable[..., Any], /, *arguments: Any, **options: Any) -> Any:
    """Return what a call gives. What the library refuses is a failed check, which names the recording."""
    try:
        return call(*arguments, **options)
    except ArchsmithError as error:
        raise AssertionError(f"the recording {str(folder)!r}: {error}") from error
