"""Installs plugins with one mistake each, and runs the conformance kit on them: a fork for each, torch imported once.

A job is a mapping: ``base`` (the plugin's folder), ``files`` (file → source), and perhaps ``only`` (the checks to run),
``known`` (checks that fail on the sound plugin too) and ``whole`` (run the slowest checks too). Its result holds an
entry for each check that was run. As a script it reads jobs.json in the folder that it is given, and writes 0.json,
1.json, … beside it.
"""

import importlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

HERE = Path(__file__).parent
#: Folder → package; the distribution is called like it.
PACKAGES = {
    "audio": "acme_listening",
    "composite": "acme_pairing",
    "decoder": "acme_decoder",
    "generating": "acme_generating",
    "processors": "acme_wording",
    "textual": "acme_textual",
    "vision": "acme_vision",
}
#: What every fork would import by itself: dynamo alone takes seconds.
SHARED = (
    "PIL.Image",
    "archsmith.image_processor",
    "archsmith.layers.attention",
    "archsmith.model",
    "archsmith.tokenizer",
    "archsmith_devkit.conformance",
    "archsmith_generation.mixin",
    "archsmith_wordpiece.tokenizers",
    "numpy.fft",
    "packaging.requirements",
    "tokenizers",
    "torch._dynamo",
    "torch.utils.checkpoint",
)
#: Checks that take long; they are run, in this order, until one fails that no other has.
SLOW = (
    "configuration_is_light",
    "manifest_is_light",
    "import_cost",
    "each_tensor_is_held_against_the_files",
    "gradient_checkpointing",
)
#: Checks of seconds, which hold one way of running a model against another: those alone that are sound run them.
SLOWEST = ("exports", "compiles", "other_processes")
#: Seconds for one plugin.
_LIMIT = 600


def run_jobs(jobs: Sequence[dict], *, processes: int = 2) -> list[list[dict]]:
    """Run each job in a fork of one clean process, and return what the checks found.

    Raises:
        RuntimeError: The process failed.
    """
    memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None  # where fsync is free
    with tempfile.TemporaryDirectory(dir=memory) as folder:
        path = Path(folder, "jobs.json")
        path.write_text(json.dumps([processes, jobs]), encoding="utf-8")
        environment = os.environ | {"OMP_NUM_THREADS": "1", "ARCHSMITH_CONFIG": os.devnull, "TMPDIR": folder}
        done = subprocess.run(
            [sys.executable, __file__, folder], env=environment, capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise RuntimeError(f"the runner of mistakes failed:\n{done.stdout}\n{done.stderr}")
        return [json.loads(Path(folder, f"{number}.json").read_text()) for number in range(len(jobs))]


def sources_of(base: str) -> dict[str, str]:
    """Return file → source of a sound plugin; one of them is what ``archsmith new`` writes."""
    if base == "generating":
        from archsmith_devkit.scaffold import project_files

        words = {"archsmith_sample_net": PACKAGES[base], "sample-net": base, "SampleNet": "Generating"}
        files = project_files("decoder", words)
        return {Path(name).name: text for name, text in files.items() if name.startswith("src/") and text}
    return {path.name: path.read_text(encoding="utf-8") for path in sorted((HERE / base).glob("*.py"))}


def install(site: Path, base: str, files: dict[str, str]) -> None:
    """Write a plugin into a folder like site-packages: the package, and the metadata of its distribution."""
    package = PACKAGES[base]
    (site / package).mkdir(parents=True)
    for name, source in files.items():
        (site / package / name).write_text(source, encoding="utf-8")
    info = site / f"{package}-1.0.dist-info"
    info.mkdir()
    metadata = ["Metadata-Version: 2.1", f"Name: {package}", "Version: 1.0", "Requires-Dist: archsmith>=0.2,<0.3"]
    (info / "METADATA").write_text("\n".join([*metadata, "", "A toy."]), encoding="utf-8")
    names = [line.split('"')[1] for line in files["plugin.py"].splitlines() if line.strip().startswith("model_type=")]
    points = "".join(f"{name} = {package}.plugin\n" for name in names)
    (info / "entry_points.txt").write_text(f"[archsmith.architectures]\n{points}", encoding="utf-8")


def outcomes_of(job: dict) -> Iterator[dict]:
    """Yield what each check of the installed plugin finds; the slow ones until something new was found."""
    from archsmith_devkit import State, checks_of

    checks = checks_of(PACKAGES[job["base"]])
    if not job.get("whole"):
        checks = [check for check in checks if check.name not in SLOWEST]
    checks.sort(key=lambda check: SLOW.index(check.name) if check.name in SLOW else -1)
    only, is_found = job.get("only"), False
    for each in checks:
        if job.get("onlynames") and each.name not in job["onlynames"]:
            continue
        if (only is not None and str(each) not in only) or (is_found and each.name in SLOW):
            continue
        outcome = each.run()
        failed = outcome.state is State.FAILED
        is_found = is_found or (failed and str(each) not in job.get("known", ()))
        yield {"check": str(each), "failed": failed, "message": str(outcome), "seconds": round(outcome.seconds, 3)}


def _child(folder: Path, number: int, job: dict) -> None:
    signal.alarm(_LIMIT)
    site = folder / f"site{number}"
    install(site, job["base"], job["files"])
    sys.path.append(str(site))
    os.environ["PYTHONPATH"] = str(site)
    results = []
    try:
        results.extend(outcomes_of(job))
    except Exception as error:  # what a plugin does to the kit is told like what the kit finds
        results += _refused(f"{type(error).__name__}: {error}")
    (folder / f"{number}.tmp").write_text(json.dumps(results), encoding="utf-8")
    (folder / f"{number}.tmp").rename(folder / f"{number}.json")
    shutil.rmtree(site)


def _refused(message: str) -> list[dict]:
    return [{"check": "kit", "failed": True, "message": message, "seconds": 0}]


def _main(folder: Path) -> None:
    for module in SHARED:
        importlib.import_module(module)
    processes, jobs = json.loads((folder / "jobs.json").read_text(encoding="utf-8"))
    waiting, running = list(enumerate(jobs)), {}
    while waiting or running:
        while waiting and len(running) < processes:
            number, job = waiting.pop(0)
            if not (child := os.fork()):
                _child(folder, number, job)
                os._exit(0)
            running[child] = number
        child, status = os.wait()
        number = running.pop(child)
        if not (folder / f"{number}.json").exists():
            (folder / f"{number}.json").write_text(
                json.dumps(_refused(f"the process ended with {status}")), encoding="utf-8"
            )


if __name__ == "__main__":
    _main(Path(sys.argv[1]))
