"""Many inputs, fast: rows of about one length in each batch, and preparation ahead of the model on another thread.

Inputs are read in windows. The rows of a window are ordered by length and packed into batches of a budget, so that
almost no padding is computed; results come back in the order of the inputs. Memory is that of two windows, however long
the stream is.
"""

import queue
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, NamedTuple

import torch

from archsmith.errors import ArchsmithError, InputError
from archsmith.messages import said_by
from archsmith_tasks.steps import Example, TaskSteps

__all__ = ["Outcome", "answers"]

#: Inputs of the first window; each later one has four times as many, up to the window of the task.
_FIRST = 32
#: Inputs that are prepared at once where a window holds no more than so much: as many as there are threads.
_STEP = 8
#: Seconds that are waited for the reading thread to end what it is at.
_PATIENCE = 10
#: How many times as large batches are on an accelerator, which has more to do at once.
_ELSEWHERE = 16


class Outcome(NamedTuple):
    """An input and what came of it: a result, or what is wrong with the input."""

    value: Any
    found: Any


class _Row(NamedTuple):
    place: int  # of the input in its window
    number: int  # of the row in its input
    example: Example


class _Window(NamedTuple):
    values: list[Any]
    prepared: list[list[Example] | ArchsmithError]
    ended_by: list[Exception]  # what the inputs ended with; it is raised behind the results of those before it


def answers(steps: TaskSteps[Any], values: Iterable[Any], *, rows: int | None = None) -> Iterator[Outcome]:
    """Yield what comes of each input, in the order of the inputs.

    Args:
        steps: The task.
        values: The inputs; read once, a window ahead.
        rows: Rows of a batch; None: as many as the budget of the task holds.
    """
    for window in _read_ahead(steps, values):
        yield from _answered(steps, window, rows)
        for error in window.ended_by:
            raise error


def _windows(steps: TaskSteps[Any], values: Iterable[Any]) -> Iterator[_Window]:
    source, size = iter(values), min(_FIRST, steps.window)
    while (window := _window(steps, source, size)).values or window.ended_by:
        yield window
        if window.ended_by:
            return
        size = min(4 * size, steps.window)


def _window(steps: TaskSteps[Any], source: Iterator[Any], size: int) -> _Window:
    """Return the next inputs: so many, or fewer large ones, where the task says how much a window holds."""
    window, held = _Window([], [], []), 0
    step = size if steps.hold is None else _STEP
    while len(window.values) < size and (steps.hold is None or held < steps.hold):
        chunk: list[Any] = []
        try:
            chunk.extend(islice(source, min(step, size - len(window.values))))
        except Exception as error:  # noqa: BLE001  # whatever the caller's iterator raises
            window.ended_by.append(error)
        if not chunk:
            break
        prepared = _prepared(steps, chunk)
        held += sum(row.size for found in prepared if not isinstance(found, ArchsmithError) for row in found)
        window.values.extend(chunk)
        window.prepared.extend(prepared)
        if window.ended_by:
            break
    return window


def _prepared(steps: TaskSteps[Any], values: list[Any]) -> list[list[Example] | ArchsmithError]:
    """Return the rows of inputs; an error in the place of one, of whoever read it, stays."""
    good = [value for value in values if not isinstance(value, ArchsmithError)]
    found = iter(steps.prepare(good) if good else ())
    return [value if isinstance(value, ArchsmithError) else next(found) for value in values]


def _read_ahead(steps: TaskSteps[Any], values: Iterable[Any]) -> Iterator[_Window]:
    """Yield windows that another thread has prepared, one ahead. It ends when nobody asks any more."""
    if isinstance(values, Sequence) and len(values) <= 1:
        yield from _windows(steps, values)
        return
    ready: queue.Queue[Any] = queue.Queue(maxsize=1)
    stopped = threading.Event()

    def work() -> None:
        try:
            for window in _windows(steps, values):
                if not _put(ready, window, stopped):
                    return
            _put(ready, None, stopped)
        except BaseException as error:  # noqa: BLE001  # whatever it is, it is raised where it is waited for
            _put(ready, error, stopped)

    thread = threading.Thread(target=work, name="archsmith-tasks-reader", daemon=True)
    thread.start()
    try:
        while (window := ready.get()) is not None:
            if isinstance(window, BaseException):
                raise window
            yield window
    finally:
        stopped.set()
        thread.join(_PATIENCE)  # a thread at work while the interpreter ends would abort it


def _put(ready: "queue.Queue[Any]", item: Any, stopped: threading.Event) -> bool:
    """Wait until there is room; return False if nobody asks any more."""
    while not stopped.is_set():
        try:
            ready.put(item, timeout=0.1)
        except queue.Full:
            continue
        return True
    return False


def _answered(steps: TaskSteps[Any], window: _Window, rows: int | None) -> Iterator[Outcome]:
    outputs: list[Any] = [
        found if isinstance(found, ArchsmithError) else [None] * len(found) for found in window.prepared
    ]
    missing = [0 if isinstance(found, ArchsmithError) else len(found) for found in window.prepared]
    waiting = 0
    budget = steps.budget * (1 if steps.model.device.type == "cpu" else _ELSEWHERE)
    for batch in _batches(window, budget, rows):
        for row, output in zip(batch, _forward(steps, [row.example for row in batch]), strict=True):
            missing[row.place] -= 1
            if isinstance(output, ArchsmithError):
                outputs[row.place] = output
            elif not isinstance(outputs[row.place], ArchsmithError):
                outputs[row.place][row.number] = output
        while waiting < len(missing) and not missing[waiting]:
            yield _finished(steps, window, waiting, outputs)
            waiting += 1
    while waiting < len(missing):
        yield _finished(steps, window, waiting, outputs)
        waiting += 1


def _finished(steps: TaskSteps[Any], window: _Window, place: int, outputs: list[Any]) -> Outcome:
    value, examples, found = window.values[place], window.prepared[place], outputs[place]
    window.values[place] = window.prepared[place] = outputs[place] = None  # type: ignore[call-overload]  # memory
    if isinstance(examples, ArchsmithError) or isinstance(found, ArchsmithError):
        return Outcome(value, found)
    try:
        return Outcome(value, steps.answer(list(zip(examples, found, strict=True))))
    except ArchsmithError as error:
        return Outcome(value, error)


def _batches(window: _Window, budget: int, rows: int | None) -> Iterator[list[_Row]]:
    """Yield batches of rows of about one length, the longest first, so that memory is at its highest at once."""
    found = [
        _Row(place, number, example)
        for place, examples in enumerate(window.prepared)
        if not isinstance(examples, ArchsmithError)
        for number, example in enumerate(examples)
    ]
    found.sort(key=lambda row: -row.example.size)
    begin = 0
    while begin < len(found):
        most = rows or max(1, budget // max(1, found[begin].example.size))
        yield found[begin : begin + most]
        begin += most


def _forward(steps: TaskSteps[Any], examples: list[Example]) -> Sequence[Any]:
    """Ask the model about a batch; if it fails at that, about each row, so that one bad row spoils no other."""
    try:
        with torch.inference_mode():
            return [_finite(output) for output in steps.forward(examples)]
    except Exception as error:  # noqa: BLE001  # a stranger's model, or no memory for so many rows
        if len(examples) > 1:
            return [found for example in examples for found in _forward(steps, [example])]
        if isinstance(error, ArchsmithError):
            return [error]
        found = InputError(f"{type(steps.model).__name__} fails on it: {type(error).__name__}: {said_by(error)}.")
        found.__cause__ = error
        return [found]


def _finite(output: Any) -> Any:
    """Return what the model says of a row, or an error, where that holds NaN or infinity and so means nothing."""
    held = output.values() if isinstance(output, Mapping) else output if isinstance(output, tuple | list) else [output]
    for tensor in held:
        if isinstance(tensor, torch.Tensor) and bool((tensor.isnan() | (tensor == float("inf"))).any()):
            return InputError(
                "the model's numbers for it are NaN or infinite. Check its weights, or take another dtype."
            )
    return output
