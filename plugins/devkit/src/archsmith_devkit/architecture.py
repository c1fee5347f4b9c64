"""The checks of an architecture as a whole, of an extension, of a command and of a format."""

from typing import ClassVar

from archsmith.errors import PluginError
from archsmith.model import PreTrainedModel
from archsmith.registry import Entry, Kind, registry
from archsmith_cli.verb import load_verb
from archsmith_devkit.audio import AudioChecks
from archsmith_devkit.backbones import BackboneChecks
from archsmith_devkit.beginnings import BeginningChecks
from archsmith_devkit.buffers import BufferChecks
from archsmith_devkit.composites import CompositeChecks
from archsmith_devkit.configurations import ConfigurationChecks
from archsmith_devkit.decoder_generation import DecoderGenerationChecks
from archsmith_devkit.decoder_states import DecoderStateChecks
from archsmith_devkit.evaluation import EvaluationChecks
from archsmith_devkit.fields import FieldChecks
from archsmith_devkit.files import FileChecks
from archsmith_devkit.fit import FitChecks
from archsmith_devkit.forward_arguments import ArgumentChecks
from archsmith_devkit.half_precision import HalfPrecisionChecks
from archsmith_devkit.harness import refusal
from archsmith_devkit.imports import ImportChecks
from archsmith_devkit.initial_values import InitialValueChecks
from archsmith_devkit.manifest import DeclarationChecks
from archsmith_devkit.module_calls import ModuleCallChecks
from archsmith_devkit.numerics import NumericsChecks
from archsmith_devkit.outputs import OutputChecks
from archsmith_devkit.problem_types import ProblemTypeChecks
from archsmith_devkit.replay import ReferenceChecks
from archsmith_devkit.surgery import SurgeryChecks
from archsmith_devkit.training import TrainingChecks
from archsmith_devkit.vision import VisionChecks

__all__ = ["ArchitectureConformance", "CommandConformance", "EntryChecks", "ExtensionConformance", "FormatConformance"]


class ArchitectureConformance(
    DeclarationChecks,
    ImportChecks,
    ConfigurationChecks,
    FieldChecks,
    FileChecks,
    BeginningChecks,
    InitialValueChecks,
    TrainingChecks,
    ModuleCallChecks,
    ProblemTypeChecks,
    SurgeryChecks,
    NumericsChecks,
    EvaluationChecks,
    AudioChecks,
    ArgumentChecks,
    HalfPrecisionChecks,
    BufferChecks,
    DecoderStateChecks,
    DecoderGenerationChecks,
    FitChecks,
    OutputChecks,
    VisionChecks,
    BackboneChecks,
    CompositeChecks,
    ReferenceChecks,
):
    """The checks for one architecture. Subclass it, and name the architecture.

    Attributes:
        model_type: The architecture.
        tiny: Configuration values that make a model small enough for a test; None: those that the manifest names.
    """


class ExtensionConformance(
    ImportChecks,
    FileChecks,
    BeginningChecks,
    InitialValueChecks,
    TrainingChecks,
    ModuleCallChecks,
    ProblemTypeChecks,
    SurgeryChecks,
    NumericsChecks,
    EvaluationChecks,
    AudioChecks,
    ArgumentChecks,
    HalfPrecisionChecks,
    BufferChecks,
    DecoderStateChecks,
    ReferenceChecks,
):
    """The checks for the models that an extension adds to somebody else's architecture.

    Attributes:
        model_type: The architecture.
        extension: What follows the dot in the name of the entry point.
        tiny: As for an architecture; None: the values that the owner's manifest names.
    """

    extension: ClassVar[str]

    def models(self) -> dict[str, type[PreTrainedModel]]:
        """Return the model classes of the extension, by task."""
        own = self.entry()
        tasks = registry.tasks(self.model_type)
        mine = [task for task, export in tasks.items() if (export.entry.key, export.entry.name) == (own.key, own.name)]
        return self.chosen(mine)

    def entry(self) -> Entry:
        """Return the entry point of the extension."""
        name = f"{self.model_type}.{self.extension}"
        return next(entry for entry in registry.entries(Kind.EXTENSION) if entry.name == name)

    def test_references_resolve(self) -> None:
        """A reference is a string; a misspelt one would show only when somebody asks for that class.

        Fix: correct the reference in the manifest, or build the class on the owner's.
        """
        models = self.models()
        assert models, f"the extension {self.extension!r} adds no task that {self.model_type!r} has not got already"
        for task, cls in models.items():
            assert issubclass(cls, PreTrainedModel), f"models.{task} is {cls.__name__}, which is not a PreTrainedModel"
        self.assert_models_fit()


class EntryChecks:
    """The check of one entry point of any kind: that it can be used at all."""

    def __init__(self, entry: Entry) -> None:
        self.entry = entry

    def test_usable(self) -> None:
        """An installed plugin that cannot be used is worse than none: it looks as if it were there.

        Fix: as the message says. A conflict ends when one of the two is uninstalled or the name is pinned.
        """
        said = refusal(PluginError, use, self.entry)
        assert said is None, said


class CommandConformance:
    """The checks of a verb that a plugin adds to the command line.

    Attributes:
        verb: The verb.
    """

    verb: ClassVar[str]

    def test_is_a_command(self) -> None:
        """The command line hands its arguments to a typer app, or to a function that becomes one.

        Fix: let the entry point name a typer.Typer, or a function whose arguments have types that typer knows.
        """
        said = refusal(PluginError, load_verb, self.verb)
        assert said is None, said


class FormatConformance:
    """The checks of a format that a plugin adds to ``archsmith convert``.

    Attributes:
        format: Its name.
    """

    format: ClassVar[str]

    def test_is_a_format(self) -> None:
        """Each file that is to be converted is shown to every format, and none may stumble over another one's.

        Fix: let the class have the functions knows(name, start) and read(path, scratch), and let knows return False
        for whatever is not its own, an empty file included.
        """
        found = registry.command(self.format, Kind.FORMAT)
        missing = [name for name in ("knows", "read") if not callable(getattr(found, name, None))]
        assert not missing, f"{found!r} has no function {' and '.join(missing)}"
        for name, start in (("", b""), ("model", bytes(4096)), ("notes.txt", b"words"), ("a.json", b"{}")):
            try:
                answer = found.knows(name, start)
            except Exception as error:
                raise AssertionError(f"knows({name!r}, {start[:8]!r}) fails: {error!r}") from error
            said = f"knows({name!r}, {start[:8]!r}) returns {answer!r}; expected False for other files"
            assert answer is False, said


def use(entry: Entry) -> None:
    """Load what stands behind an entry point. Raises `PluginError` if it cannot be used."""
    if entry.kind.is_alone:
        registry.command(entry.name, entry.kind)
    elif entry.kind is Kind.ARCHITECTURE:
        registry.get(entry.name)
    else:
        registry.exports(entry)
