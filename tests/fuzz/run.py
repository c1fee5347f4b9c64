"""Damage checkpoints at random and load them, in child processes: ``make fuzz``, or ``run.py --seconds 60 --seed 7``.

A case is a number: with the same seed it is the same damage. A finding is a crash, a hang, a foreign exception or
warning, memory that runs away, or a model or tokenizer that loads as something else than what is in the files. Each is
printed with the folder that holds its files and the command that replays it; the exit status is then 1.
"""

import argparse
import json
import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import traceback
import warnings
from collections import Counter
from pathlib import Path

os.environ |= {"HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1", "TOKENIZERS_PARALLELISM": "false"}
ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(Path(__file__).parent), str(ROOT / "tests" / "corpus")]

#: Bytes that a worker may ask for beyond what it has at its start, and that it may grow by in one case.
MEMORY, RESIDENT = 3 * 2**30, 400 * 2**20


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=300, help="how long to go on")
    parser.add_argument("--cases", type=int, default=sys.maxsize, help="how many to try, if the time is enough")
    parser.add_argument("--seed", type=int, default=0, help="another seed gives other damage")
    parser.add_argument("--limit", type=int, default=10, help="seconds that one case may take")
    parser.add_argument("--most", type=int, default=20, help="findings after which it stops")
    parser.add_argument("--kind", help="one kind of checkpoint alone")
    parser.add_argument("--findings", type=Path, default=ROOT / "build" / "fuzz", help="where their files go")
    parser.add_argument("--case", type=int, help="replay this case in this process, and leave its files")
    parser.add_argument("--worker", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.case is not None:
        return replay(options)
    return work(options) if options.worker is not None else drive(options)


# ---- the driver ---------------------------------------------------------------------------------------------------


def drive(options: argparse.Namespace) -> int:
    """Run workers one after the other until the time is over; one that dies is a finding, and the next goes on."""
    deadline = time.monotonic() + options.seconds
    counts: Counter[str] = Counter()
    findings: dict[int, str] = {}
    case = 0
    while (left := deadline - time.monotonic()) > 0 and case < options.cases and len(findings) < options.most:
        command = [sys.executable, __file__, *arguments(options), f"--worker={case}", f"--seconds={left}"]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as worker:
            output, errors = worker.communicate()
        started = [json.loads(line) for line in output.splitlines() if line.startswith("{")]
        if not started:
            sys.exit(f"the worker does not start:\n{errors}")
        for line in started:
            case = line["case"] + 1
            if line["result"].startswith("finding"):
                findings[line["case"]] = line["result"]
            counts[line["result"].partition(":")[0]] += 1
        if worker.returncode:
            findings[case - 1] = (
                f"finding: the process ended by {ending(worker.returncode, options.limit)}\n{errors[-2000:]}"
            )
    report(options, counts, findings)
    return 1 if findings or not counts["loaded"] or not counts["refused"] else 0


def arguments(options: argparse.Namespace) -> list[str]:
    names = ("cases", "seed", "kind", "limit", "most", "findings")
    return [f"--{name}={value}" for name in names if (value := getattr(options, name)) is not None]


def ending(status: int, limit: int) -> str:
    if status == -signal.SIGALRM:
        return f"its time limit of {limit} seconds for one case"
    return signal.Signals(-status).name if status < 0 else f"exit status {status}"


def report(options: argparse.Namespace, counts: Counter[str], findings: dict[int, str]) -> None:
    total = sum(counts.values()) - counts["begun"]
    print(f"seed {options.seed}: {total} cases, {counts['loaded']} loaded right, {counts['refused']} refused")
    for case, finding in findings.items():
        folder = options.findings / f"{options.seed}-{case}"
        prepare(options, case, folder)
        command = f"{Path(sys.executable)} {Path(__file__)} {' '.join(arguments(options))} --case={case}"
        print(f"\n{finding}\n  files:  {folder}\n  replay: {command}")
    print("no findings" if not findings else f"{len(findings)} findings")


# ---- a worker -----------------------------------------------------------------------------------------------------


def work(options: argparse.Namespace) -> int:
    """Run cases in this process, and say before each that it begins and behind it how it went."""
    first = options.worker
    deadline = time.monotonic() + options.seconds
    prepare(options, first, None)
    limit = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize() + MEMORY
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / "case"
        case = first
        found = 0
        while case == first or (time.monotonic() < deadline and case < options.cases and found < options.most):
            say(case, "begun")
            signal.alarm(options.limit)
            result = judged(options, case, folder)
            signal.alarm(0)
            say(case, result)
            found += result.startswith("finding")
            case += 1
    return 0


def say(case: int, result: str) -> None:
    print(json.dumps({"case": case, "result": result}), flush=True)


def judged(options: argparse.Namespace, case: int, folder: Path) -> str:
    """Run one case and return ``"loaded"``, ``"refused"`` or a finding."""
    from archsmith.errors import ArchsmithError, ArchsmithWarning

    kind, which = prepare(options, case, folder)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.simplefilter("ignore", ArchsmithWarning)
        try:
            result = kind.check(which, folder)
        except ArchsmithError as error:
            result = "refused"
            if len(str(error)) > 20_000 or not str(error):
                result = f"finding: a message of {len(str(error))} characters"
        except BaseException:
            result = f"finding: {traceback.format_exc()}"
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 - before
    return f"finding: {grown:,} bytes of memory for a small file" if grown > RESIDENT else result


def prepare(options: argparse.Namespace, case: int, folder: Path | None) -> tuple:
    """Write the files of a case into a folder, and return its kind and which checkpoint it damages."""
    from kinds import KINDS

    rng = random.Random(f"{options.seed}/{options.kind}/{case}")
    kind = KINDS[options.kind or rng.choice(list(KINDS))]
    which, files = kind.draw(rng)
    files = kind.damage(rng, files)
    if folder is not None:
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        for name, content in files.items():
            (folder / name).parent.mkdir(exist_ok=True)
            place(folder / name, content)
    return kind, which


def place(path: Path, content: bytes | str | None) -> None:
    """Write a file; or, by a word, put in its place what nobody should wait for, or read to its end."""
    if isinstance(content, bytes):
        path.write_bytes(content)
    elif content == "pipe":
        os.mkfifo(path)
    elif content == "folder":
        path.mkdir()
    elif content is not None:
        path.symlink_to({"zeros": "/dev/zero", "loop": path.name, "nowhere": "nowhere"}[content])


def replay(options: argparse.Namespace) -> int:
    folder = options.findings / f"{options.seed}-{options.case}"
    kind, which = prepare(options, options.case, folder)
    print(f"{kind.name} {which} in {folder}")
    print(kind.check(which, folder))
    return 0


if __name__ == "__main__":
    sys.exit(main())
