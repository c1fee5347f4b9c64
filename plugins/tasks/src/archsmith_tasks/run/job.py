"""One run: inputs go through a pipeline, and what comes of each is shown or written."""

import contextlib
import itertools
import json
import re
import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

from archsmith.errors import CheckpointCorrupt, InputError, OptionError, SaveFailed
from archsmith.messages import announce, clean, reason
from archsmith_cli.verb import Cell, Page, encode
from archsmith_tasks.pipelines import Pipeline, pipeline
from archsmith_tasks.results import Failure, Result
from archsmith_tasks.run.inputs import Inputs
from archsmith_tasks.run.reading import Item
from archsmith_tasks.run.record import Record, save_of, what_made
from archsmith_tasks.run.rows import Writer, row_of
from archsmith_tasks.run.table import Table, progress
from archsmith_tasks.run.writing import FORMATS, held
from archsmith_tasks.task import Task

__all__ = ["Job", "Loading"]

#: What takes the result of an input: its number, itself, what came of it.
_Sink = Callable[[int, Item, Result], None]


@dataclass(frozen=True, kw_only=True)
class Loading:
    """How the model is loaded: what `pipeline` takes.

    Attributes:
        source: A folder or a hub id.
        parts: Preprocessing → the folder that it is taken from, and not from the model's.
        options: Those of the task.
        hub: Where the model is: revision, subfolder, local_files_only.
    """

    source: str
    parts: Mapping[str, str]
    options: Mapping[str, Any]
    hub: Mapping[str, Any]
    batch_size: int | str
    dtype: str
    device: str | None

    def load(self, task: Task) -> tuple[Pipeline, dict[str, Any]]:
        """Return the pipeline, and what tells its save from others. Raises as `pipeline`."""
        save = save_of({"model": self.source, **self.parts}, self.hub)
        how: dict[str, Any] = {"batch_size": self.batch_size, "dtype": self.dtype, "device": self.device}
        pipe = pipeline(task.name, self.source, **how, **self.parts, **self.hub, **self.options)
        if save_of({"model": self.source, **self.parts}, self.hub) != save:
            raise CheckpointCorrupt(f"{self.source!r} was saved anew while it was loaded. Run it again.")
        return pipe, save


@dataclass
class _Tally:
    """How far a run has come: inputs, those that were bad, and the first of these."""

    rows: int = 0
    failed: int = 0
    first: str = ""


@dataclass(frozen=True, kw_only=True)
class Job:
    """What a command line asks for.

    Attributes:
        task: The task.
        loading: Its model.
        inputs: Its inputs.
        out: The file of answers; None: they are shown.
        lines: They are shown as JSON lines.
        as_json: They are shown, or the file is described, as one JSON object.
        pictures: The folder of drawings; None: there are none.
        strict: End at the first input that is bad.
        resume: Go on with the file.
        force: Replace it.
    """

    task: Task
    loading: Loading
    inputs: Inputs
    out: Path | None
    lines: bool
    as_json: bool
    pictures: Path | None
    strict: bool
    resume: bool
    force: bool

    def run(self, page: Page, stream: TextIO) -> int:
        """Do it, and return the exit code.

        Args:
            page: Where answers are shown.
            stream: The same as a stream.

        Raises:
            InputError: An input is bad, and ``strict`` is asked for.
            SaveFailed: There is a file already, or none can be written.
            OptionError: The file was made in another way.
            ArchsmithError: As `pipeline`.
        """
        for option, path in (("--out", self.out), ("--draw", self.pictures)):
            if path is not None and self.inputs.reads(path):
                raise OptionError(f"{option} is {str(path)!r}, which is among the inputs. Choose another place.")
        self._check_pictures()
        if self.out is None:
            return self._show(page, stream)
        writer = self._writer(self.out)
        with contextlib.ExitStack() as ends:
            with writer.refusing():
                ends.enter_context(held(self.out))
            return self._write(writer, page, stream)

    def _go(self, pipe: Pipeline, sink: _Sink, *, start: int, is_shown: bool) -> _Tally:
        """Answer the inputs from a number on, and hand on what comes of each."""
        tally = _Tally()
        total = self.inputs.size
        with progress(total, wanted=sys.stderr.isatty() and not is_shown) as step:
            items = itertools.islice(_counted(self.inputs, start, step), start, None)
            for index, (item, found) in enumerate(_answered(pipe, items), start):
                if isinstance(found, Failure):
                    where = f"input {index} ({item.id}): {found.error}"
                    if self.strict:
                        raise InputError(where)
                    tally.first = tally.first or where
                elif self.pictures is not None:
                    self._draw(pipe, index, item, found)
                tally.failed += isinstance(found, Failure)
                sink(index, item, found)
                step(1, item.size)
                tally.rows += 1
        return tally

    def _ended(self, rows: int, failed: int, first: str) -> int:
        """Say what has to be said at the end, and return the exit code."""
        if not rows:
            Page(sys.stderr).prose("there was no input.", label="note:")
        if failed:
            told = f" The first of this run: {first}" if first else ""
            Page(sys.stderr).prose(f"{failed} of {rows} inputs could not be answered.{told}", label="note:")
        return int(bool(failed))

    # ---- into a file ----------------------------------------------------------------------------------------------

    def _writer(self, out: Path) -> Writer:
        if out.suffix.lower() not in FORMATS:
            raise OptionError(f"--out is {str(out)!r}; expected a file that ends in {', '.join(FORMATS)}.")
        writer = FORMATS[out.suffix.lower()](out)
        if out.exists() and not out.is_file():
            raise SaveFailed(f"{str(out)!r} is not a regular file. Choose another.")
        if writer.is_there() and not (self.resume or self.force):
            raise SaveFailed(
                f"{str(out)!r} is there already. Pass --resume to go on with it, or --force to replace it."
            )
        return writer

    def _write(self, writer: Writer, page: Page, stream: TextIO) -> int:
        pipe, save = self.loading.load(self.task)
        writer.fields = pipe.steps.answer_fields()
        record = Record(writer.path, what_made(pipe, self.inputs, save))
        goes_on = self.resume and writer.is_there()
        if goes_on:
            record.check()
            if self.inputs.size is None:
                announce("standard input cannot be compared with that of the run before: it has to be the same.")
        with writer.refusing():
            writer.resume() if goes_on else writer.clear()
            record.write(rows=writer.rows, failed=writer.failed, finished=False)
            if not goes_on:
                writer.begin()
        before, is_finished = writer.rows, False
        if before and self.pictures is not None:
            announce(f"{before} rows are there already: their inputs are not drawn.")
        try:
            with writer.refusing():
                tally = self._go(pipe, _into(writer), start=before, is_shown=False)
            is_finished = True
        except KeyboardInterrupt:
            writer.close()
            said = f"{str(writer.path)!r} holds the answers of {writer.rows} inputs. Pass --resume to go on."
            Page(sys.stderr).prose(said, label="stopped:")
            raise
        finally:
            self._end(writer, record, is_finished=is_finished)
        told = {"task": self.task.name, "model": self.loading.source, "out": str(writer.path), "rows": writer.rows}
        if self.as_json:
            print(encode(told | {"failed": writer.failed, "resumed_from": before}), file=stream)
        else:
            new = f", {writer.rows - before} of them new" if goes_on else ""
            page.line("Wrote ", Cell(str(writer.path), "bold"), f": {writer.rows} rows{new}")
        return self._ended(writer.rows, writer.failed, tally.first)

    def _end(self, writer: Writer, record: Record, *, is_finished: bool) -> None:
        with contextlib.nullcontext() if is_finished else contextlib.suppress(SaveFailed):
            writer.close()
            record.write(rows=writer.rows, failed=writer.failed, finished=is_finished)

    # ---- to be looked at --------------------------------------------------------------------------------------------

    def _show(self, page: Page, stream: TextIO) -> int:
        pipe, _ = self.loading.load(self.task)
        said = getattr(pipe.steps, "stream", None) if getattr(pipe.steps, "streams", True) else None
        if said is not None and self.inputs.is_one and not (self.lines or self.as_json or self.pictures):
            for piece in said(next(iter(self.inputs)).value):
                stream.write(clean(piece, lines=True))
                stream.flush()
            stream.write("\n")
            return 0
        rows: list[dict[str, Any]] = []
        table = Table(page, is_terminal=stream.isatty())
        if self.as_json:
            tally = self._go(pipe, lambda *each: rows.append(_row(*each)), start=0, is_shown=False)
            told = {"task": self.task.name, "model": self.loading.source, "results": rows, "failed": tally.failed}
            print(encode(told), file=stream)
        elif self.lines:
            tally = self._go(pipe, lambda *each: _print_line(stream, _row(*each)), start=0, is_shown=False)
        else:
            table.heading()
            tally = self._go(pipe, table.row, start=0, is_shown=stream.isatty())
        return self._ended(tally.rows, tally.failed, tally.first)

    # ---- pictures ---------------------------------------------------------------------------------------------------

    def _check_pictures(self) -> None:
        """Make the folder of drawings. Raises `OptionError`, `SaveFailed`: there can be none."""
        if self.pictures is None:
            return
        if self.task.draw is None:
            raise OptionError(f"{self.task.name} has nothing to draw. Leave out --draw.")
        try:
            self.pictures.mkdir(parents=True, exist_ok=True)
            is_empty = not any(self.pictures.iterdir())
        except OSError as error:
            raise SaveFailed(f"the folder {str(self.pictures)!r} cannot be made: {reason(error)}.") from error
        if not (is_empty or self.resume or self.force):
            raise SaveFailed(f"{str(self.pictures)!r} is not empty. Choose another folder, or pass --force.")

    def _draw(self, pipe: Pipeline, index: int, item: Item, found: Result) -> None:
        from archsmith_tasks.drawing import draw_result

        assert self.pictures is not None  # for the type checker
        stem = item.value.stem if isinstance(item.value, Path) else item.id
        name = re.sub(r"[^\w.-]+", "-", stem).strip("-.")[-60:]
        draw_result(self.task, pipe.steps, item.value, found, self.pictures / f"{index:06d}-{name}.png")


def _counted(items: Iterable[Item], start: int, step: Callable[[int, int], None]) -> Iterator[Item]:
    """Count the inputs that were done before."""
    for number, item in enumerate(items):
        if number < start:
            step(0, item.size)
        yield item


def _answered(pipe: Pipeline, items: Iterable[Item]) -> Iterator[tuple[Item, Any]]:
    """Yield each input and what came of it, in their order."""
    waiting = deque[Item]()

    def values() -> Iterator[Any]:
        for item in items:
            waiting.append(item)
            yield item.value

    for found in pipe(values(), errors="keep"):
        yield waiting.popleft(), found


def _row(index: int, item: Item, found: Result) -> dict[str, Any]:
    return row_of(index, item.id, found)


def _print_line(stream: TextIO, row: Mapping[str, Any]) -> None:
    stream.write(f"{json.dumps(row)}\n")
    stream.flush()


def _into(writer: Writer) -> _Sink:
    def add(index: int, item: Item, found: Result) -> None:
        try:
            writer.add(row_of(index, item.id, found), found)
        except InputError as error:  # the format cannot hold the answer
            failure = Failure(str(error))
            writer.add(row_of(index, item.id, failure), failure)

    return add
