"""A short run of the fuzzer finds nothing; and one over a loader that is broken on purpose does."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.long

RUN = Path(__file__).parent / "run.py"

#: What is broken in the loader. The last deed comes twice: the process ends by itself, and then not at all.
BROKEN = """
import itertools, os, pathlib, time
import archsmith.model.loading, archsmith.files.weights

def last():
    marker = pathlib.Path(__file__).with_name("marker")
    if marker.exists():
        time.sleep(9)
    marker.touch()
    os.abort()

put = archsmith.model.loading.put_values
archsmith.model.loading.put_values = lambda module, name, tensor: put(module, name, tensor + 1)
deeds = itertools.cycle([lambda: {}["deed"], lambda: None, last])
archsmith.files.weights._corrupt = lambda *args: next(deeds)()
"""
#: What the findings then say.
SAID = ("is not what the files hold", "KeyError: 'deed'", "exceptions must derive", "by SIGABRT", "limit of 1 seconds")


def run(*arguments, **environment) -> subprocess.CompletedProcess:
    environment = {**os.environ, **environment}
    return subprocess.run([sys.executable, RUN, *arguments], env=environment, capture_output=True, text=True)


def test_a_short_run_finds_nothing():
    done = run("--cases", "150")
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.endswith("no findings\n")
    assert int(done.stdout.split()[2]) == 150


def test_it_finds_what_is_broken(tmp_path):
    (tmp_path / "sitecustomize.py").write_text(BROKEN)
    options = {"--seconds": "60", "--limit": "1", "--most": "30", "--kind": "model", "--findings": tmp_path}
    done = run(*(part for option in options.items() for part in option), PYTHONPATH=str(tmp_path))
    assert done.returncode == 1, done.stdout + done.stderr
    assert not [said for said in SAID if said not in done.stdout], done.stdout
    replays = re.findall(r"files:  (.*)\n  replay: (.*)", done.stdout)
    assert done.stdout.endswith(f"{len(replays)} findings\n")
    for folder, command in replays:
        assert Path(folder) == tmp_path / f"0-{command.rpartition('=')[2]}"
        assert list(Path(folder).iterdir())
    again = subprocess.run(replays[0][1].split(), capture_output=True, text=True)
    assert again.stdout.startswith("model "), again.stderr
