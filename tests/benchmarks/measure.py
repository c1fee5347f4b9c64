"""Timing: whole processes with their peak memory, and functions in one process, always in turn so that ratios hold."""

import os
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

_T = TypeVar("_T")
#: What was measured, how long ours takes, that over the floor, that over the oracle, and the budget.
Row = tuple[str, str, str, str, str]


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


#: Runs a command and prints its seconds and the highest KiB of memory; a process of its own, because the system counts
#: what a parent held when it started a process to that process's memory.
_LAUNCH = """
import resource, subprocess, sys, time
start = time.perf_counter()
code = subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL).returncode
print(time.perf_counter() - start, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
sys.exit(code)
"""


def run_process(command: list[str], environment: dict[str, str]) -> Run:
    """Run a process to its end; its peak memory is the system's own account of it."""
    launch = [sys.executable, "-S", "-c", _LAUNCH, *command]
    done = subprocess.run(launch, env=os.environ | environment, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{command} failed:\n{done.stderr}")
    seconds, kibibytes = map(float, done.stdout.split())
    return Run(seconds, kibibytes / 1024)


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


def functions_in_turn(
    functions: dict[str, Callable[[], object]], *, rounds: int, warm: bool = True
) -> dict[str, Figures]:
    """Call several functions A B C, A B C, … after one warm-up of each, which very long ones do not need."""
    times: dict[str, list[float]] = {name: [] for name in functions}
    for turn in range(not warm, sized(rounds, 1) + 1):
        for name, function in functions.items():
            start = time.perf_counter()
            function()
            if turn:
                times[name].append(time.perf_counter() - start)
    return {name: Figures(statistics.median(found)) for name, found in times.items()}


def milliseconds(figures: Figures) -> str:
    return f"{1000 * figures.seconds:,.1f} ms" if figures.seconds < 10 else f"{figures.seconds:,.1f} s"


def ratio(ours: Figures, other: Figures) -> str:
    return f"{ours.seconds / other.seconds:.2f}"


def resident(process: int | str = "self") -> float:
    """Return the MiB that a process holds now; 0 where it has ended. Where there is no /proc, our own peak,
    whichever process is asked for."""
    if sys.platform != "linux":
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10
    try:
        return int(Path(f"/proc/{process}/statm").read_text().split()[1]) * resource.getpagesize() / 2**20
    except ProcessLookupError:
        return 0.0
