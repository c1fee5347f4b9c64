"""The rows of answers, and what a file of them can do, whatever its format."""

import contextlib
import os
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from archsmith.errors import CheckpointCorrupt, PluginError, SaveFailed
from archsmith.messages import reason
from archsmith_tasks.results import Failure, Result

__all__ = ["BEFORE", "ERROR", "Writer", "flush", "row_of"]

#: What every row has, in this order, with the fields of the answer before the last.
BEFORE, ERROR = ("index", "id"), "error"


def row_of(index: int, identity: str, found: Result) -> dict[str, Any]:
    """Return the row of an input: its number from 0 on, its id, the fields of its answer, and what is wrong with it.

    Raises:
        PluginError: An answer has a field of such a name.
    """
    if isinstance(found, Failure):
        return {"index": index, "id": identity, ERROR: found.error}
    fields = found.to_dict()
    if taken := {*BEFORE, ERROR} & fields.keys():
        raise PluginError(f"{type(found).__name__} has a field {min(taken)!r}, which every row of a file has already.")
    return {"index": index, "id": identity, **fields, ERROR: None}


class Writer(ABC):
    """A file of rows, which come in the order of the inputs.

    Args:
        path: Where it is, or will be.

    Attributes:
        fields: Those of an answer, for a table that gets none; empty where they are not known.
        rows: How many it holds.
        failed: How many of these are errors.
    """

    fields: tuple[str, ...] = ()

    def __init__(self, path: Path) -> None:
        self.path, self.rows, self.failed = path, 0, 0

    @property
    def kept(self) -> int:
        """How many rows stay, if nothing can be written any more."""
        return self.rows

    @abstractmethod
    def is_there(self) -> bool:
        """Return whether an earlier run has left something."""

    @abstractmethod
    def clear(self) -> None:
        """Delete what is there."""

    @abstractmethod
    def begin(self) -> None:
        """Make an empty file."""

    @abstractmethod
    def resume(self) -> None:
        """Go on behind the last whole row that is there. Raises `CheckpointCorrupt`: these are not rows of a run."""

    @abstractmethod
    def add(self, row: Mapping[str, Any], found: Result) -> None:
        """Write a row."""

    @abstractmethod
    def close(self) -> None:
        """Leave a file that holds all rows, each of them whole. May be called after anything."""

    @contextlib.contextmanager
    def refusing(self) -> Iterator[None]:
        """Say in words what the system refuses. Raises `SaveFailed`."""
        try:
            yield
        except SaveFailed:
            raise
        except OSError as error:
            left = f" {self.kept} rows are kept; make room, and go on with --resume." if self.kept else ""
            raise SaveFailed(f"{str(self.path)!r} cannot be written: {reason(error)}.{left}") from error

    def no_row(self, number: int) -> CheckpointCorrupt:
        """Return the error for what is not the row of that number."""
        return CheckpointCorrupt(
            f"{str(self.path)!r}: where the row of input {number} belongs stands another thing, so the run cannot go "
            "on. Restore the file, or begin anew with --force."
        )


def flush(path: Path) -> None:
    """Bring a file to the disk, so that a loss of power takes nothing of it. Raises `OSError`."""
    with path.open("r+b") as file:
        os.fsync(file.fileno())
