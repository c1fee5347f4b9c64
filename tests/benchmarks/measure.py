"""Timing: whole processes with their peak memory, and functions in one process, always in turn so that ratios hold."""

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

_T = TypeVar("_T")


def sized(full: _T, tiny: _T) -> _T:
    """Return the first of two sizes, or where ``--tiny`` asks only whether everything runs, the second."""
    return tiny if "--tiny" in sys.argv else full


@dataclass(frozen=True)
class Run:
    """One finished process: wall seconds and peak resident MiB."""

    seconds: float
    mebibytes: float


@dataclass(frozen=True)
class Figures:
    """The median of several runs."""

    seconds: float
    mebibytes: float = 0.0

    @classmethod
    def of(cls, runs: list[Run]) -> "Figures":
        return cls(statistics.median(run.seconds for run in runs), statistics.median(run.mebibytes for run in runs))


def run_process(command: list[str], environment: dict[str, str]) -> Run:
    """Run a process to its end; its peak memory is the system's own account of it."""
    start = time.perf_counter()
    process = subprocess.Popen(
        command, env=os.environ | environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    )
    errors = process.stderr.read()
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - start
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        sys.exit(f"{command} failed:\n{errors}")
    return Run(seconds, usage.ru_maxrss / 1024)


def processes_in_turn(
    commands: dict[str, list[str]], *, rounds: int, environment: dict[str, str] | None = None
) -> dict[str, Figures]:
    """Run several commands A B C, A B C, … after one warm-up of each."""
    runs: dict[str, list[Run]] = {name: [] for name in commands}
    for turn in range(sized(rounds, 1) + 1):
        for name, command in commands.items():
            run = run_process(command, environment or {})
            if turn:
                runs[name].append(run)
    return {name: Figures.of(found) for name, found in runs.items()}


def functions_in_turn(functions: dict[str, Callable[[], object]], *, rounds: int) -> dict[str, Figures]:
    """Call several functions A B C, A B C, … after one warm-up of each."""
    times: dict[str, list[float]] = {name: [] for name in functions}
    for turn in range(sized(rounds, 1) + 1):
        for name, function in functions.items():
            start = time.perf_counter()
            function()
            if turn:
                times[name].append(time.perf_counter() - start)
    return {name: Figures(statistics.median(found)) for name, found in times.items()}
