"""The steps of a task: what an input becomes for the model, what the model says, and what that means."""

import dataclasses
import os
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, is_dataclass
from functools import cached_property
from typing import Any, ClassVar, Generic, TypeVar, get_type_hints

from torch import Tensor

from archsmith.config import CheckedFields
from archsmith.errors import ArchsmithError, InputError, OptionError
from archsmith.files import Checkpoint
from archsmith.messages import reason, shorten, shown
from archsmith_tasks.results import Result

__all__ = ["Example", "Options", "Parts", "TaskSteps"]


class Options(CheckedFields):
    """The options of a task: a subclass declares each as a field with its type and default, and they are checked.

    Raises:
        OptionError: A value is wrong, two contradict each other, or there is no such option.
    """

    noun = "option"

    def __init__(self, **values: Any) -> None:
        try:
            self._fill(values, unknown_allowed=False)
        except OptionError:
            raise
        except ArchsmithError as error:
            raise OptionError(str(error)) from error

    def to_dict(self) -> dict[str, Any]:
        """Return them as JSON values."""
        return {each.name: getattr(self, each.name) for each in dataclasses.fields(self)}


@dataclass(frozen=True)
class Parts:
    """The preprocessing of a model, as a task asks for it; None where the task does not name it.

    Attributes:
        checkpoint: The files that the model was loaded from, for tasks that other files say more about; None for a
            model that was passed as an object.
    """

    tokenizer: Any = None
    image_processor: Any = None
    feature_extractor: Any = None
    checkpoint: Checkpoint | None = None


@dataclass
class Example:
    """One row of a batch: an input, or a part of one, as a long text has several.

    Attributes:
        inputs: Name → what the row holds, without padding: arguments of the model's ``forward``.
        size: How long it is, in what `TaskSteps.budget` counts: tokens, samples, or 1 for what is always as large.
        notes: What `TaskSteps.answer` needs to know of it, as the offsets of its tokens.
    """

    inputs: Mapping[str, Any]
    size: int
    notes: dict[str, Any] = field(default_factory=dict)


_Options = TypeVar("_Options", bound=Options)


class TaskSteps(ABC, Generic[_Options]):
    """What one task does with inputs. A subclass says how, for one model, its preprocessing and a set of options.

    ``prepare`` runs ahead of the model on another thread; ``forward`` gets rows of about one length, of several inputs;
    ``answer`` gets what belongs to one input, whatever batches it was in.

    Attributes:
        options_class: Declares the options.
        budget: What a batch holds at most on a CPU: rows times the size of the longest one. Elsewhere 16 times that.
        window: Inputs that are read ahead and ordered by length.
        hold: What they hold at most, in what the budget counts, give or take a few inputs; None: there is no limit.
        model: The model, in eval mode.
        parts: Its preprocessing.
        options: The options of this call.
    """

    options_class: ClassVar[type[Options]] = Options
    budget: ClassVar[int]
    window: ClassVar[int] = 1024
    hold: ClassVar[int | None] = None

    def __init__(self, model: Any, parts: Parts, options: _Options) -> None:
        self.model, self.parts, self.options = model, parts, options
        self.check()

    def check(self) -> None:
        """Refuse options that do not fit the model. Raises `OptionError`."""

    @classmethod
    def is_input(cls, value: Any) -> bool:  # noqa: ARG003
        """Return whether a list is one input, and not several. Here: no list is."""
        return False

    @classmethod
    def answer_fields(cls) -> tuple[str, ...]:
        """Return the names that answers have in a table, if the declared type of `answer` tells; else none."""
        try:
            kind = get_type_hints(cls.answer).get("return")
        except Exception:  # noqa: BLE001  # a stranger's types, which may be there for a type checker alone
            return ()
        is_known = isinstance(kind, type) and issubclass(kind, Result) and kind.to_dict is Result.to_dict
        return tuple(each.name for each in dataclasses.fields(kind)) if is_known and is_dataclass(kind) else ()

    # ---- the three steps ------------------------------------------------------------------------------------

    @abstractmethod
    def prepare_one(self, value: Any) -> list[Example]:
        """Return the rows of one input.

        Raises:
            ArchsmithError: The input is bad.
        """

    def prepare(self, values: Sequence[Any]) -> list[list[Example] | ArchsmithError]:
        """Return for each of several inputs its rows, or what is wrong with it.

        Unless a subclass has a faster way, it asks `prepare_one` on several threads, as images and audio are decoded.
        """
        if len(values) == 1:
            return [self._prepared(values[0])]
        return list(self._pool.map(self._prepared, values))

    @cached_property
    def _pool(self) -> ThreadPoolExecutor:
        return ThreadPoolExecutor(min(8, os.cpu_count() or 1), thread_name_prefix="archsmith-tasks")

    def _prepared(self, value: Any) -> list[Example] | ArchsmithError:
        try:
            return self.prepare_one(value)
        except ArchsmithError as error:
            return error
        except OSError as error:
            return InputError(f"{shown(value)} cannot be read: {reason(error)}.")

    @abstractmethod
    def forward(self, examples: Sequence[Example]) -> Sequence[Any]:
        """Return what the model says of each row of a batch, on the CPU and without padding. No gradients are kept."""

    @abstractmethod
    def answer(self, rows: Sequence[tuple[Example, Any]]) -> Result:
        """Return the result of one input.

        Args:
            rows: Its rows, and for each what `forward` returned.
        """

    # ---- what several tasks share ---------------------------------------------------------------------------

    @property
    def labels(self) -> Mapping[int, str]:
        """Class index → label, of the model's configuration. Raises `OptionError`: it leaves classes out."""
        labels: Mapping[int, str] = self.model.config.id2label
        if sorted(labels) != [*range(len(labels))]:
            raise OptionError(
                f"id2label of the configuration names the classes {shorten(map(str, labels))}; expected 0 to "
                f"{len(labels) - 1}. Set model.config.id2label, or mend config.json."
            )
        return labels

    def to_model(self, batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Return tensors where the model is; floats in its type."""
        device, dtype = self.model.device, self.model.dtype
        return {
            name: value.to(device, dtype if value.is_floating_point() else None, non_blocking=True)
            for name, value in batch.items()
        }
