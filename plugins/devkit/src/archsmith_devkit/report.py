"""What a check is, what comes of it, and the report of many."""

import inspect
import re
import time
import traceback
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

from archsmith_devkit.offline import network_refused

__all__ = ["Check", "Outcome", "Report", "State", "checks_in"]

#: What a check's name begins with as a method.
PREFIX = "test_"
_FIX = re.compile(r"\n\s*Fix:\s*")


class State(StrEnum):
    """What came of a check."""

    PASSED = "passed"
    FAILED = "failed"
    WAIVED = "waived"


@dataclass(frozen=True)
class Check:
    """One check of one part of a plugin.

    Attributes:
        plugin: The distribution and its version.
        subject: The part, such as ``"architecture vit"`` or ``"tokenizer of bert"``.
        name: The check, such as ``"save_and_load"``.
        why: Why it is there.
        fix: What to do when it fails.
        waiver: Why it need not pass; empty if it must.
    """

    plugin: str
    subject: str
    name: str
    why: str
    fix: str
    action: Callable[[], None] = field(repr=False, compare=False)
    waiver: str = ""

    def __str__(self) -> str:
        return f"{self.subject}: {self.name}"

    def run(self) -> "Outcome":
        """Run it. Nothing is raised but `KeyboardInterrupt`: what goes wrong is in the outcome."""
        start = time.monotonic()
        found = self._found()
        state = State.FAILED if found else State.PASSED
        if self.waiver:
            # A waiver that is no longer needed would hide the next fault.
            state, found = (State.WAIVED, found) if found else (State.FAILED, "it passes: delete its waiver.")
        return Outcome(self, state, found, time.monotonic() - start)

    def _found(self) -> str:
        try:
            with network_refused(), warnings.catch_warnings(record=True):
                warnings.simplefilter("default")  # whatever the caller makes of warnings
                self.action()
        except KeyboardInterrupt:
            raise
        except AssertionError as error:
            return str(error) or _place(error)
        except BaseException as error:  # noqa: BLE001  # a plugin's code may raise anything
            return f"{type(error).__name__}: {error} ({_place(error)})"
        return ""


@dataclass(frozen=True)
class Outcome:
    """What came of one check.

    Attributes:
        check: The check.
        state: Passed, failed or waived.
        found: What was wrong; empty if it passed.
        seconds: How long it took.
    """

    check: Check
    state: State
    found: str
    seconds: float

    def __str__(self) -> str:
        lines = [f"{self.check.plugin}, {self.check.subject}: {self.check.name} {self.state}: {self.found}"]
        if self.state is State.WAIVED:
            lines.append(f"  waived: {self.check.waiver}")
        if self.state is State.FAILED:
            lines += [f"  why: {self.check.why}", f"  fix: {self.check.fix}"]
        return "\n".join(lines)


@dataclass(frozen=True)
class Report:
    """The outcomes of several checks, in the order in which they ran."""

    outcomes: Sequence[Outcome]

    def of(self, state: State) -> list[Outcome]:
        """Return the outcomes of one state."""
        return [outcome for outcome in self.outcomes if outcome.state is state]

    @property
    def passed(self) -> bool:
        """Whether there were checks and none failed."""
        return bool(self.outcomes) and not self.of(State.FAILED)

    def __str__(self) -> str:
        counts = ", ".join(f"{len(self.of(state))} {state}" for state in State)
        told = [str(outcome) for outcome in (*self.of(State.FAILED), *self.of(State.WAIVED))]
        return "\n".join([f"{len(self.outcomes)} checks: {counts}.", *told])


def checks_in(subject: Any) -> Iterator[tuple[str, str, str, Callable[[], None]]]:
    """Yield name, why, how to fix, and the bound method, for each check of a subject."""
    for attribute in sorted(name for name in dir(subject) if name.startswith(PREFIX)):
        method = getattr(subject, attribute)
        why, *fix = _FIX.split(inspect.getdoc(method) or "", maxsplit=1)
        remedy = _line(" ".join(fix))
        yield attribute.removeprefix(PREFIX), _line(why), remedy[:1].upper() + remedy[1:], method


def _line(text: str) -> str:
    return " ".join(text.split())


def _place(error: BaseException) -> str:
    """Return where an error was raised: the last line that is not torch's."""
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if "torch" not in Path(frame.filename).parts] or frames
    return f"{own[-1].filename}:{own[-1].lineno}" if own else "no traceback"
