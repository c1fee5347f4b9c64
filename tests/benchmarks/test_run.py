"""Every benchmark runs: once, at a size that tells nothing of time."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

RUN = Path(__file__).with_name("run.py")


@pytest.mark.long
def test_every_benchmark_runs():
    done = subprocess.run([sys.executable, RUN, "--tiny"], env=os.environ, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("│") > 100, done.stdout
